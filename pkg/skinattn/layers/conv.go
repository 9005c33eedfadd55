package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Conv2D is keras.layers.Conv2D. Input [H W Cin], output [H' W' Filters],
// kernel [kh kw Cin Filters].
type Conv2D struct {
	Filters int
	Kernel  [2]int
	Stride  int    // in both directions
	Padding string // Same or Valid
	Bias    bool
	Init    Initializer // of the kernel; nil means GlorotUniform
}

// Shape implements Op.
func (c Conv2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	pad, err := resolvePadding(c.Padding, in[0], in[1], c.Kernel, c.Stride)
	if err != nil {
		return nil, err
	}
	return mapShape(in, c.Kernel, c.Stride, pad, c.Filters)
}

// Variables implements Op.
func (c Conv2D) Variables(inputs ...Shape) []Variable {
	init := c.Init
	if init == nil {
		init = GlorotUniform
	}
	vars := []Variable{{Name: "kernel", Shape: Shape{c.Kernel[0], c.Kernel[1], inputs[0][2], c.Filters},
		Trainable: true, Init: init}}
	if c.Bias {
		vars = append(vars, Variable{Name: "bias", Shape: Shape{c.Filters}, Trainable: true, Init: Zeros})
	}
	return vars
}

// Build implements Op.
func (c Conv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	dims := x.Shape().Dimensions
	pad, err := resolvePadding(c.Padding, dims[1], dims[2], c.Kernel, c.Stride)
	if err != nil {
		panic(err)
	}
	y := convolve(x, b.variable(layer, "kernel", x.Graph()), c.Stride, pad)
	if c.Bias {
		y = addBias(y, b.variable(layer, "bias", x.Graph()))
	}
	return y
}

// addBias adds bias [C] along the last axis.
func addBias(x, bias *Node) *Node {
	return graph.Add(x, graph.ExpandLeftToRank(bias, x.Rank()))
}

// oneMap checks that there is one input and that it is a feature map.
func oneMap(inputs []Shape) (Shape, error) {
	if len(inputs) != 1 || len(inputs[0]) != 3 {
		return nil, fmt.Errorf("needs one feature map [H W C], got %v", inputs)
	}
	return inputs[0], nil
}

// mapShape is the output of a window operation with the given channels.
func mapShape(in Shape, kernel [2]int, stride int, pad Padding, channels int) (Shape, error) {
	out := Shape{windowOut(in[0], kernel[0], stride, pad[0]), windowOut(in[1], kernel[1], stride, pad[1]), channels}
	if in[0]+pad[0][0]+pad[0][1] < kernel[0] || in[1]+pad[1][0]+pad[1][1] < kernel[1] {
		return nil, fmt.Errorf("a window of %dx%d does not fit into a map of %dx%d: the image is too small for this network",
			kernel[0], kernel[1], in[0], in[1])
	}
	return out, nil
}
