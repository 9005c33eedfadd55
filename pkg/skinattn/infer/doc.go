// Package infer computes predictions of a network on the processor's own vector instructions (internal/simd), without an
// engine: nothing is compiled, so that the first answer takes as long as the second, and nothing but Go is needed.
//
// [Compile] lowers the layers of a graph to a [Plan]: nodes (node.go, lower.go) that are joined where one loop does the work
// of several layers (fuse.go), steps that compute them (step*.go), and places for their maps in one block of memory, which
// maps share that are not needed at the same time (place.go). What the layers mean is said in package layers; docs/kernels.md
// says what is joined and why.
//
// The values of an image depend on the image and the weights alone: not on the other images of a batch, the number of cores,
// or the instructions that the processor has. Every sum has one order (see internal/simd).
package infer
