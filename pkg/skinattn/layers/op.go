package layers

import (
	"fmt"
	"slices"
)

// Op is a layer's operation. Its implementations are structs that hold hyperparameters under Keras's names.
type Op interface {
	// Shape is the output's shape, or an error that says why the inputs' shapes do not fit.
	Shape(inputs ...Shape) (Shape, error)
	// Variables lists the layer's variables, trained or not, in Keras's order.
	Variables(inputs ...Shape) []Variable
	// Build adds the computation to the graph of its inputs, which have a batch axis first. Errors are panics that carry
	// an error, as in GoMLX's graph building.
	Build(b *Builder, layer *Layer, inputs ...*Node) *Node
}

// noVariables is embedded in operations without variables.
type noVariables struct{}

func (noVariables) Variables(...Shape) []Variable { return nil }

// Shape is the shape of a layer's output without the batch axis: [H W C] for feature maps, [features] for vectors.
type Shape []int

// Size is the number of elements of one example.
func (s Shape) Size() int {
	size := 1
	for _, dim := range s {
		size *= dim
	}
	return size
}

// String writes a shape as [7 7 960].
func (s Shape) String() string { return fmt.Sprint([]int(s)) }

// oneMap is the shape of the only input, which must be a feature map.
func oneMap(inputs []Shape) (Shape, error) {
	if len(inputs) != 1 || len(inputs[0]) != 3 {
		return nil, fmt.Errorf("needs one feature map [H W C], got %v", inputs)
	}
	return inputs[0], nil
}

// unary is embedded in operations without variables that keep the shape of their only input.
type unary struct{ noVariables }

func (unary) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 1 {
		return nil, fmt.Errorf("needs one input, got %v", inputs)
	}
	return inputs[0], nil
}

// sameShape is the common shape of all inputs.
func sameShape(inputs []Shape) (Shape, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("needs an input")
	}
	for _, in := range inputs[1:] {
		if !slices.Equal(in, inputs[0]) {
			return nil, fmt.Errorf("inputs of different shapes: %v", inputs)
		}
	}
	return inputs[0], nil
}
