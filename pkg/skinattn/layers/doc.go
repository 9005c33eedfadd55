// Package layers is a small vocabulary of neural-network layers with the exact
// semantics of Keras 2 on TensorFlow, built on GoMLX.
//
// A network is data: a Graph of named Layers, each with an Op (Conv2D,
// BatchNormalization, SoftAttention, ...) and the names of its inputs, in the
// order and with the names that Keras gives them. From that one description
// come the shapes, the list of variables (named as in Keras weight files), the
// parameter totals, the cut at a layer, and the computation graph that an
// engine runs.
//
// Images are NHWC float32. Where an operation is slow on XLA's CPU client or
// lacks a usable gradient in GoMLX, the Op says so and brings its own.
package layers
