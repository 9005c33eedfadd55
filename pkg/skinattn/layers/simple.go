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
func (r ReLU) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node { return relu(inputs[0], r.Max) }

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
	var crop Padding
	for axis, pad := range z.Pad {
		crop[axis] = [2]int{-pad[0], -pad[1]}
	}
	return withGradient(
		func(in ...*Node) *Node { return padMap(in[0], z.Pad, 1) },
		func(cotangent *Node) []*Node { return []*Node{padMap(cotangent, crop, 1)} },
		inputs[0])
}

// Add is keras.layers.Add.
type Add struct{}

// Shape implements Op.
func (Add) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables implements Op.
func (Add) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (Add) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	sum := inputs[0]
	for _, x := range inputs[1:] {
		sum = graph.Add(sum, x)
	}
	return sum
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

// Build implements Op.
func (Concatenate) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.Concatenate(inputs, -1)
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

// MaxPooling2D is keras.layers.MaxPooling2D with the stride of its window.
type MaxPooling2D struct {
	Window  int
	Padding string
}

// Shape implements Op.
func (m MaxPooling2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	window := [2]int{m.Window, m.Window}
	pad, err := resolvePadding(m.Padding, in[0], in[1], window, m.Window)
	if err != nil {
		return nil, err
	}
	return mapShape(in, window, m.Window, pad, in[2])
}

// Variables implements Op.
func (MaxPooling2D) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (m MaxPooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	dims := inputs[0].Shape().Dimensions
	pad, err := resolvePadding(m.Padding, dims[1], dims[2], [2]int{m.Window, m.Window}, m.Window)
	if err != nil {
		panic(err)
	}
	return graph.MaxPool(inputs[0]).Window(m.Window).Strides(m.Window).PaddingPerDim(pad[:]).Done()
}

// GlobalAveragePooling2D is keras.layers.GlobalAveragePooling2D.
type GlobalAveragePooling2D struct{}

// Shape implements Op.
func (GlobalAveragePooling2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	return in[2:], nil
}

// Variables implements Op.
func (GlobalAveragePooling2D) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (GlobalAveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.ReduceMean(inputs[0], 1, 2)
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

// LogitsOf names the output before the softmax of a Dense layer.
func LogitsOf(layer string) string { return layer + ":logits" }

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
