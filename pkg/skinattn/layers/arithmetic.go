package layers

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// Add is keras.layers.Add: the sum of inputs of one shape.
type Add struct{ noVariables }

func (Add) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

func (Add) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node { return fold(graph.Add, inputs) }

// fold joins the inputs from left to right.
func fold(join func(a, b *Node) *Node, inputs []*Node) *Node {
	result := inputs[0]
	for _, x := range inputs[1:] {
		result = join(result, x)
	}
	return result
}

// ScaledAdd is the residual connection of Keras's InceptionResNetV2 (its CustomScaleLayer): the first input plus Scale
// times the second.
type ScaledAdd struct {
	noVariables
	Scale float64
}

func (ScaledAdd) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 2 {
		return nil, fmt.Errorf("needs two inputs, got %v", inputs)
	}
	return sameShape(inputs)
}

func (s ScaledAdd) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Add(inputs[0], graph.MulScalar(inputs[1], s.Scale))
}

// Multiply is keras.layers.Multiply: the product of inputs of equal rank. An axis of size 1 is repeated as needed: [1 1 C]
// scales the channels of [H W C].
type Multiply struct{ noVariables }

func (Multiply) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) < 2 {
		return nil, fmt.Errorf("needs two inputs or more, got %v", inputs)
	}
	out := slices.Clone(inputs[0])
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

func (Multiply) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node { return fold(graph.Mul, inputs) }

// AddScalar adds Value: Keras's layer for x + Value.
type AddScalar struct {
	unary
	Value float64
}

func (a AddScalar) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.AddScalar(inputs[0], a.Value)
}

// MulScalar multiplies by Value: Keras's layer for x * Value.
type MulScalar struct {
	unary
	Value float64
}

func (m MulScalar) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.MulScalar(inputs[0], m.Value)
}

// Rescaling is keras.layers.Rescaling: x*Scale + Offset.
type Rescaling struct {
	unary
	Scale, Offset float64
}

func (r Rescaling) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.AddScalar(graph.MulScalar(inputs[0], r.Scale), r.Offset)
}
