// Package layers is a vocabulary of neural-network layers with the exact semantics of Keras 2 on TensorFlow, built on
// GoMLX.
//
// A network is data: a Graph of named Layers, each with an Op (Conv2D, BatchNormalization, SoftAttention, ...) and the
// names of its inputs, in the order and with the names that Keras gives them. From that one description come the shapes,
// the list of variables (named as in Keras weight files), the parameter totals, the cut at a layer, and the computation
// graph that an engine runs.
//
// Feature maps are NHWC float32, [batch rows columns channels]; shapes leave the batch out.
//
// # Layers and kernels
//
// This package defines each operation. Package internal/kernels computes it fast, and has its gradient where GoMLX's is
// missing, wrong or slow; that package knows nodes and windows but no layers. fusion.go recognizes groups of layers that
// one kernel computes together; microbatch.go splits a network into stages, which predictions compute in micro-batches.
//
// # Adding an operation
//
// Write a struct with Keras's hyperparameters and the three methods of Op; arithmetic.go has short examples, conv.go
// examples with variables. Embed noVariables if the operation learns nothing, or unary if it also keeps the shape of its
// only input. List variables with trained. Build reads them with Builder.variable and computes the output with GoMLX's
// operations or functions of package kernels; Builder.emit adds a second output. Build must not write the fields of the
// Builder; only BatchNormalization (known, moments) and Dropout (RNG) do. Builder.stages has to exclude an operation that
// draws random numbers or mixes the images of a batch. A test compares the operation with loops over float64: see trial
// in helpers_test.go.
package layers
