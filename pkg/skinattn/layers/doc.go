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
// # Two floors
//
// This package says what each operation is. How it is computed fast, and its gradient where GoMLX has none that is
// usable, is package internal/kernels' part, which knows nodes and windows but no layers. Where several layers together
// have a kernel of their own, fusion.go recognizes the layers and calls the kernel; microbatch.go splits a network into
// the parts that predictions compute some images at a time.
//
// # Adding an operation
//
// Write a struct with Keras's hyperparameters and the three methods of Op; embed noVariables if it learns nothing. Build
// gets the values of its inputs, reads its variables with Builder.variable, and returns a value made of GoMLX's
// operations or of kernels' functions. It needs nothing else of the Builder, and must not write its fields: two
// operations do, BatchNormalization (vectors, moments) and Dropout (RNG). An operation that draws random numbers or looks
// at the whole batch is to be listed in Builder.stages.
package layers
