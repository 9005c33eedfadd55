package layers

import (
	"fmt"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Input is a place where values enter the network, without the batch axis.
type Input struct{ Dims Shape }

// Shape implements Op.
func (in Input) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 0 {
		return nil, fmt.Errorf("an input layer has no inputs, got %d", len(inputs))
	}
	return in.Dims, nil
}

// Variables implements Op.
func (Input) Variables(...Shape) []Variable { return nil }

// Build implements Op; the Builder sets inputs itself.
func (Input) Build(_ *Builder, layer *Layer, _ ...*Node) *Node {
	panic(fmt.Errorf("input layer %q is not built", layer.Name))
}

// ReLU is keras.layers.ReLU: max(x, 0), and min(., Max) where Max > 0.
type ReLU struct{ Max float64 }

// Shape implements Op.
func (ReLU) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables implements Op.
func (ReLU) Variables(...Shape) []Variable { return nil }

// Build implements Op. As in TensorFlow, the gradient is 0 at the bounds.
func (r ReLU) Build(b *Builder, _ *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	from, known := b.recipes[x]
	if !known {
		return relu(x, r.Max)
	}
	y := withGradient(
		func(in ...*Node) *Node { return clip(in[0], r.Max) },
		func(cotangent *Node) []*Node {
			cotangent = held(cotangent, from.maps[0])
			return []*Node{b.follow(from.with([]*Node{cotangent}, nil, func(x *Node, at func(*Node) *Node) *Node {
				return reluGradient(x, at(cotangent), r.Max)
			}))}
		}, x)
	b.recipes[y] = from.with(nil, nil, func(x *Node, _ func(*Node) *Node) *Node { return clip(x, r.Max) })
	return y
}

// relu clips x to [0, limit], or to [0, inf) if limit is 0. Written as choices
// rather than with Min and Max, whose gradient in GoMLX is shared at a tie.
func relu(x *Node, limit float64) *Node {
	zero := graph.ZerosLike(x)
	y := graph.Where(graph.GreaterThan(x, zero), x, zero)
	if limit > 0 {
		top := graph.AddScalar(zero, limit)
		y = graph.Where(graph.LessThan(x, top), y, top)
	}
	return y
}

// clip is relu where no gradient is taken: two instructions.
func clip(x *Node, limit float64) *Node {
	zero := graph.ZerosLike(x)
	x = graph.Where(graph.LessThan(x, zero), zero, x)
	if limit > 0 {
		top := graph.AddScalar(zero, limit)
		x = graph.Where(graph.GreaterThan(x, top), top, x)
	}
	return x
}

// reluGradient is the cotangent of relu's input, given that or its output y.
func reluGradient(y, cotangent *Node, limit float64) *Node {
	zero := graph.ZerosLike(y)
	active := graph.GreaterThan(y, zero)
	if limit > 0 {
		active = graph.LogicalAnd(active, graph.LessThan(y, graph.AddScalar(zero, limit)))
	}
	return graph.Where(active, cotangent, zero)
}

// Dropout is keras.layers.Dropout: in training it drops each value with
// probability Rate and scales the rest by 1/(1-Rate).
type Dropout struct{ Rate float64 }

// Shape implements Op.
func (Dropout) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables implements Op.
func (Dropout) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (d Dropout) Build(b *Builder, _ *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	if !b.Training || d.Rate == 0 {
		return x
	}
	var draw *Node
	b.RNG, draw = graph.RandomUniform(b.RNG, x.Shape())
	keep := graph.GreaterOrEqual(draw, graph.Scalar(x.Graph(), x.DType(), d.Rate))
	return graph.Where(keep, graph.MulScalar(x, 1/(1-d.Rate)), graph.ZerosLike(x))
}

// Dense is keras.layers.Dense on vectors. Kernel [in Units].
type Dense struct {
	Units      int
	Activation string // "", "relu" or "softmax"
}

// Shape implements Op.
func (d Dense) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 1 || len(inputs[0]) != 1 {
		return nil, fmt.Errorf("needs one vector, got %v", inputs)
	}
	return Shape{d.Units}, nil
}

// Variables implements Op.
func (d Dense) Variables(inputs ...Shape) []Variable {
	return []Variable{
		{Name: "kernel", Shape: Shape{inputs[0][0], d.Units}, Trainable: true, Init: GlorotUniform},
		{Name: "bias", Shape: Shape{d.Units}, Trainable: true, Init: Zeros},
	}
}

// Build implements Op. The values before a softmax are kept as "name:logits".
func (d Dense) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	y := addBias(graph.Dot(x, b.variable(layer, "kernel", x.Graph())).MatMul(), b.variable(layer, "bias", x.Graph()))
	switch d.Activation {
	case "":
		return y
	case "relu":
		return relu(y, 0)
	case "softmax":
		b.emit(LogitsOf(layer.Name), y)
		return graph.Softmax(y, -1)
	}
	panic(fmt.Errorf("activation %q is unknown", d.Activation))
}

// LogitsOf names the output before the softmax of a Dense or Softmax layer.
func LogitsOf(layer string) string { return layer + ":logits" }

// Softmax is keras.layers.Softmax on the last axis. The values before it are
// kept as "name:logits", as Dense does.
type Softmax struct{}

// Shape implements Op.
func (Softmax) Shape(inputs ...Shape) (Shape, error) { return oneInput(inputs) }

// Variables implements Op.
func (Softmax) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (Softmax) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	b.emit(LogitsOf(layer.Name), inputs[0])
	return graph.Softmax(inputs[0], -1)
}

// Normalization is keras.layers.Normalization(axis=None) after adapt: (x-mean)/sqrt(variance),
// one scalar for all. Its three scalars are not trained; Keras counts them as
// parameters.
type Normalization struct{}

// Shape implements Op.
func (Normalization) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables implements Op. Keras keeps count as an int64; it is never used.
func (Normalization) Variables(...Shape) []Variable {
	return []Variable{
		{Name: "mean", Shape: Shape{}, Init: Zeros},
		{Name: "variance", Shape: Shape{}, Init: Ones},
		{Name: "count", Shape: Shape{}, Init: Zeros},
	}
}

// Build implements Op. Keras guards the root with its epsilon, 1e-7.
func (Normalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	mean, variance := b.variable(layer, "mean", x.Graph()), b.variable(layer, "variance", x.Graph())
	return graph.Div(graph.Sub(x, mean), graph.MaxScalar(graph.Sqrt(variance), 1e-7))
}

// String writes a shape as [7 7 960].
func (s Shape) String() string { return fmt.Sprint([]int(s)) }

// oneInput is the shape of the only input.
func oneInput(inputs []Shape) (Shape, error) {
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

// graphShape is a GoMLX shape of x's type.
func graphShape(x *Node, dims ...int) shapes.Shape { return shapes.Make(x.DType(), dims...) }
