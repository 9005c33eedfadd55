package layers

import (
	"cmp"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// MaxPooling2D is keras.layers.MaxPooling2D with a square window. Input [H W C], output [H' W' C]. Padding never wins; the
// first of equal values takes the gradient.
type MaxPooling2D struct {
	noVariables
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

func (m MaxPooling2D) window() window {
	return window{[2]int{m.Window, m.Window}, cmp.Or(m.Stride, m.Window), m.Padding}
}

func (m MaxPooling2D) Shape(inputs ...Shape) (Shape, error) { return m.window().shape(inputs, 0) }

func (m MaxPooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return kernels.MaxPool(inputs[0], m.window().over(inputs[0]))
}

// AveragePooling2D is keras.layers.AveragePooling2D with a square window. Input [H W C], output [H' W' C]. Padding does not
// count: the means of 1..6 under a window of 3 are 1.5, 2, 3, 4, 5, 5.5.
type AveragePooling2D struct {
	noVariables
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

func (a AveragePooling2D) window() window { return MaxPooling2D(a).window() }

func (a AveragePooling2D) Shape(inputs ...Shape) (Shape, error) { return a.window().shape(inputs, 0) }

func (a AveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return kernels.AveragePool(inputs[0], a.window().over(inputs[0]))
}

// GlobalAveragePooling2D is keras.layers.GlobalAveragePooling2D: the mean over all positions.
type GlobalAveragePooling2D struct {
	noVariables
	KeepDims bool // [1 1 C] in place of [C]
}

func (p GlobalAveragePooling2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	if p.KeepDims {
		return Shape{1, 1, in[2]}, nil
	}
	return in[2:], nil
}

func (p GlobalAveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	if p.KeepDims {
		return graph.ReduceAndKeep(inputs[0], graph.ReduceMean, 1, 2)
	}
	return graph.ReduceMean(inputs[0], 1, 2)
}
