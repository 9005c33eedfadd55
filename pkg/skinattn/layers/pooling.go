package layers

import (
	"cmp"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// MaxPooling2D is keras.layers.MaxPooling2D with a square window. Input [H W C], output [H' W' C]. SAME
// padding never wins; of equal values the first takes the gradient.
type MaxPooling2D struct {
	noVariables
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

func (m MaxPooling2D) window() window { return poolingWindow(m.Window, m.Stride, m.Padding) }

// Shape is [H' W' C].
func (m MaxPooling2D) Shape(inputs ...Shape) (Shape, error) { return poolingShape(m.window(), inputs) }

// Build implements Op.
func (m MaxPooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return kernels.MaxPool(inputs[0], m.window().over(inputs[0]))
}

// AveragePooling2D is keras.layers.AveragePooling2D with a square window. Input [H W C], output [H' W'
// C]. SAME padding is left out of the count: the mean of 1..6 under a window of 3 is 1.5, 2, 3, 4, 5,
// 5.5.
type AveragePooling2D struct {
	noVariables
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

func (a AveragePooling2D) window() window { return poolingWindow(a.Window, a.Stride, a.Padding) }

// Shape is [H' W' C].
func (a AveragePooling2D) Shape(inputs ...Shape) (Shape, error) {
	return poolingShape(a.window(), inputs)
}

// Build implements Op.
func (a AveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return kernels.AveragePool(inputs[0], a.window().over(inputs[0]))
}

func poolingWindow(size, stride int, padding string) window {
	return window{[2]int{size, size}, cmp.Or(stride, size), padding}
}

func poolingShape(w window, inputs []Shape) (Shape, error) {
	if w.size[0] < 1 || w.stride < 1 {
		return nil, fmt.Errorf("a pooling window of %d with stride %d makes no sense", w.size[0], w.stride)
	}
	return w.shape(inputs, 0)
}

// GlobalAveragePooling2D is keras.layers.GlobalAveragePooling2D: the mean over all positions.
type GlobalAveragePooling2D struct {
	noVariables
	KeepDims bool // [1 1 C] in place of [C]
}

// Shape is [C], or [1 1 C] with KeepDims.
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

// Build implements Op.
func (p GlobalAveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	if p.KeepDims {
		return graph.ReduceAndKeep(inputs[0], graph.ReduceMean, 1, 2)
	}
	return graph.ReduceMean(inputs[0], 1, 2)
}
