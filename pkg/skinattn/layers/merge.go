package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Add is keras.layers.Add: the sum of inputs of one shape.
type Add struct{ noVariables }

// Shape is the inputs'.
func (Add) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Build implements Op.
func (Add) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	sum := inputs[0]
	for _, x := range inputs[1:] {
		sum = graph.Add(sum, x)
	}
	return sum
}

// ScaledAdd is the residual connection of Keras's InceptionResNetV2 (its CustomScaleLayer): the first
// input plus Scale times the second.
type ScaledAdd struct {
	noVariables
	Scale float64
}

// Shape is the two inputs'.
func (ScaledAdd) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 2 {
		return nil, fmt.Errorf("needs two inputs, got %v", inputs)
	}
	return sameShape(inputs)
}

// Build implements Op.
func (s ScaledAdd) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Add(inputs[0], graph.MulScalar(inputs[1], s.Scale))
}

// Multiply is keras.layers.Multiply: the product of inputs of equal rank, where an axis of size 1 meets
// any size ([1 1 C] scales the channels of [H W C]).
type Multiply struct{ noVariables }

// Shape has the larger size of each axis.
func (Multiply) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) < 2 {
		return nil, fmt.Errorf("needs two inputs or more, got %v", inputs)
	}
	out := append(Shape{}, inputs[0]...)
	for _, in := range inputs[1:] {
		if len(in) != len(out) {
			return nil, fmt.Errorf("inputs of different ranks: %v", inputs)
		}
		for axis, dim := range in {
			switch {
			case out[axis] == 1:
				out[axis] = dim
			case dim != 1 && dim != out[axis]:
				return nil, fmt.Errorf("shapes %v can't be broadcast to one", inputs)
			}
		}
	}
	return out, nil
}

// Build implements Op.
func (Multiply) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	product := inputs[0]
	for _, x := range inputs[1:] {
		product = graph.Mul(product, x)
	}
	return product
}

// Concatenate is keras.layers.Concatenate on the last axis.
type Concatenate struct{ noVariables }

// Shape is the inputs' with the sum of their last axes.
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

// Build implements Op. In training, a concatenation of concatenations is made from their parts: each
// part takes the sum of its gradients at once, where a chain of concatenations adds them up in maps as
// large as all parts together. Otherwise the chain stays, so that the gradient for a layer in it is
// whole.
func (Concatenate) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	if b.Training {
		inputs = nil
		for _, name := range b.parts(layer) {
			inputs = append(inputs, b.outputs[name])
		}
	}
	return graph.Concatenate(inputs, -1)
}
