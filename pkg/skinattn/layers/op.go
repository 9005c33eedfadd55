package layers

import "fmt"

// Op is what a layer computes. Implementations are plain structs that hold the layer's hyperparameters under Keras's
// names.
type Op interface {
	// Shape is the output's shape for inputs of the given shapes, or an error that says why they do not fit.
	Shape(inputs ...Shape) (Shape, error)
	// Variables lists what the layer learns or keeps, in Keras's order.
	Variables(inputs ...Shape) []Variable
	// Build adds the computation to the graph of its inputs, which have a batch axis before their shapes. It panics on
	// errors, as GoMLX's graph building does.
	Build(b *Builder, layer *Layer, inputs ...*Node) *Node
}

// noVariables is embedded in operations that learn and keep nothing.
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

// unary is embedded in operations with one input that keep its shape and learn nothing.
type unary struct{ noVariables }

func (unary) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 1 {
		return nil, fmt.Errorf("needs one input, got %v", inputs)
	}
	return inputs[0], nil
}

// sameShape is the shape that all inputs have in common.
func sameShape(inputs []Shape) (Shape, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("needs an input")
	}
	for _, in := range inputs[1:] {
		if in.String() != inputs[0].String() {
			return nil, fmt.Errorf("inputs of different shapes: %v", inputs)
		}
	}
	return inputs[0], nil
}
