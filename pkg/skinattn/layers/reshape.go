package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// ZeroPadding2D is keras.layers.ZeroPadding2D.
type ZeroPadding2D struct{ Pad Padding }

// Shape implements Op.
func (z ZeroPadding2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	return Shape{in[0] + z.Pad[0][0] + z.Pad[0][1], in[1] + z.Pad[1][0] + z.Pad[1][1], in[2]}, nil
}

// Variables implements Op.
func (ZeroPadding2D) Variables(...Shape) []Variable { return nil }

// Build implements Op. GoMLX's Pad has no gradient: it is the crop.
func (z ZeroPadding2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return withGradient(
		func(in ...*Node) *Node { return padMap(in[0], z.Pad, 1) },
		func(cotangent *Node) []*Node { return []*Node{padMap(cotangent, z.Pad.negated(), 1)} },
		inputs[0])
}

// Cropping2D is keras.layers.Cropping2D: it drops Crop rows and columns.
type Cropping2D struct{ Crop Padding }

// Shape implements Op.
func (c Cropping2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	out := Shape{in[0] - c.Crop[0][0] - c.Crop[0][1], in[1] - c.Crop[1][0] - c.Crop[1][1], in[2]}
	for axis, crop := range c.Crop {
		if crop[0] < 0 || crop[1] < 0 || out[axis] < 1 {
			return nil, fmt.Errorf("a map of %dx%d can't be cropped by %v", in[0], in[1], c.Crop)
		}
	}
	return out, nil
}

// Variables implements Op.
func (Cropping2D) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (c Cropping2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	dims := inputs[0].Shape().Dimensions
	return graph.Slice(inputs[0], graph.AxisRange(),
		graph.AxisRange(c.Crop[0][0], dims[1]-c.Crop[0][1]),
		graph.AxisRange(c.Crop[1][0], dims[2]-c.Crop[1][1]), graph.AxisRange())
}

// Concatenate is keras.layers.Concatenate on the last axis.
type Concatenate struct{}

// Shape implements Op.
func (Concatenate) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("nothing to concatenate")
	}
	last := len(inputs[0]) - 1
	out := append(Shape{}, inputs[0]...)
	for _, in := range inputs[1:] {
		if len(in) != len(out) || Shape(in[:last]).String() != Shape(out[:last]).String() {
			return nil, fmt.Errorf("shapes %v can't be concatenated", inputs)
		}
		out[last] += in[last]
	}
	return out, nil
}

// Variables implements Op.
func (Concatenate) Variables(...Shape) []Variable { return nil }

// Build implements Op. In training, what is joined already is joined anew from
// its parts: each takes the sum of its gradients at once, where a chain of
// concatenations adds them up in maps as large as all parts together. Otherwise
// the chain stays, so that a gradient for a layer in it is whole.
func (Concatenate) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	if b.Training {
		inputs = nil
		for _, name := range b.parts(layer) {
			inputs = append(inputs, b.outputs[name])
		}
	}
	return graph.Concatenate(inputs, -1)
}

// parts names the layers that a concatenation joins, itself or through others;
// another layer has none.
func (b *Builder) parts(layer *Layer) []string {
	if _, ok := layer.Op.(Concatenate); !ok {
		return nil
	}
	var names []string
	for _, name := range layer.Inputs {
		if parts := b.parts(b.net.Layer(name)); parts != nil {
			names = append(names, parts...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// Flatten is keras.layers.Flatten.
type Flatten struct{}

// Shape implements Op.
func (Flatten) Shape(inputs ...Shape) (Shape, error) { return Shape{inputs[0].Size()}, nil }

// Variables implements Op.
func (Flatten) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (Flatten) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Reshape(inputs[0], inputs[0].Shape().Dimensions[0], -1)
}

// Reshape is keras.layers.Reshape: the same values, row by row, as Dims.
type Reshape struct{ Dims Shape }

// Shape implements Op.
func (r Reshape) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneInput(inputs)
	if err != nil {
		return nil, err
	}
	if in.Size() != r.Dims.Size() {
		return nil, fmt.Errorf("%v has %d values and can't be reshaped to %v", in, in.Size(), r.Dims)
	}
	return r.Dims, nil
}

// Variables implements Op.
func (Reshape) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (r Reshape) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Reshape(inputs[0], append(Shape{inputs[0].Shape().Dimensions[0]}, r.Dims...)...)
}
