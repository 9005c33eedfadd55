package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// ZeroPadding2D is keras.layers.ZeroPadding2D: it adds rows and columns of zeros.
type ZeroPadding2D struct {
	noVariables
	Pad Padding
}

func (z ZeroPadding2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	return Shape{in[0] + z.Pad[0][0] + z.Pad[0][1], in[1] + z.Pad[1][0] + z.Pad[1][1], in[2]}, nil
}

func (z ZeroPadding2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return kernels.Pad(inputs[0], z.Pad)
}

// Cropping2D is keras.layers.Cropping2D: it removes rows and columns.
type Cropping2D struct {
	noVariables
	Crop Padding
}

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

func (c Cropping2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	dims := inputs[0].Shape().Dimensions
	return graph.Slice(inputs[0], graph.AxisRange(),
		graph.AxisRange(c.Crop[0][0], dims[1]-c.Crop[0][1]), graph.AxisRange(c.Crop[1][0], dims[2]-c.Crop[1][1]))
}

// Concatenate is keras.layers.Concatenate on the last axis.
type Concatenate struct{ noVariables }

func (Concatenate) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("nothing to concatenate")
	}
	last := len(inputs[0]) - 1
	out := slices.Clone(inputs[0])
	for _, in := range inputs[1:] {
		if len(in) != len(out) || !slices.Equal(in[:last], out[:last]) {
			return nil, fmt.Errorf("shapes %v can't be concatenated", inputs)
		}
		out[last] += in[last]
	}
	return out, nil
}

// Build implements Op. In training, the concatenations of a DenseNet block share a buffer on XLA's CPU client; elsewhere a
// concatenation of concatenations joins their parts directly: the gradients of a part are then summed by themselves, not
// in maps as large as all parts together. Otherwise the chain stays, so that explanations find the whole gradient at a
// layer of the chain.
func (Concatenate) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	if maps, ok := b.collect(layer); ok {
		return maps.Maps()
	}
	if b.Training {
		inputs = b.values(b.parts(layer))
	}
	return graph.Concatenate(inputs, -1)
}

// Flatten is keras.layers.Flatten: the same values, row by row, as one vector.
type Flatten struct{ noVariables }

func (Flatten) Shape(inputs ...Shape) (Shape, error) { return Shape{inputs[0].Size()}, nil }

func (Flatten) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Reshape(inputs[0], inputs[0].Shape().Dimensions[0], -1)
}

// Reshape is keras.layers.Reshape: the same values, row by row, as Dims.
type Reshape struct {
	noVariables
	Dims Shape
}

func (r Reshape) Shape(inputs ...Shape) (Shape, error) {
	in, err := unary{}.Shape(inputs...)
	if err != nil {
		return nil, err
	}
	if in.Size() != r.Dims.Size() {
		return nil, fmt.Errorf("%v has %d values and can't be reshaped to %v", in, in.Size(), r.Dims)
	}
	return r.Dims, nil
}

func (r Reshape) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Reshape(inputs[0], append(Shape{inputs[0].Shape().Dimensions[0]}, r.Dims...)...)
}
