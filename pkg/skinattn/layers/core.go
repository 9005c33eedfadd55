package layers

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// Input is an input of the network.
type Input struct {
	noVariables
	Dims Shape // without the batch axis
}

func (in Input) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 0 {
		return nil, fmt.Errorf("an input layer has no inputs, got %d", len(inputs))
	}
	return in.Dims, nil
}

// Build panics: Builder.Build gets the values of inputs from its caller.
func (Input) Build(_ *Builder, layer *Layer, _ ...*Node) *Node {
	panic(fmt.Errorf("input layer %q is not built", layer.Name))
}

// ReLU is keras.layers.ReLU: max(x, 0), and min(., Max) where Max > 0. As in TensorFlow, the gradient is 0 at the bounds.
type ReLU struct {
	unary
	Max float64
}

func (r ReLU) Build(b *Builder, _ *Layer, inputs ...*Node) *Node {
	return b.kernels.ReLU(inputs[0], r.Max)
}

// Softmax is keras.layers.Softmax on the last axis. The values before it are kept as LogitsOf the layer.
type Softmax struct{ unary }

func (Softmax) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	b.emit(LogitsOf(layer.Name), inputs[0])
	return graph.Softmax(inputs[0], -1)
}

// LogitsOf names the output before the softmax of a Dense or Softmax layer.
func LogitsOf(layer string) string { return layer + ":logits" }

// Dense is keras.layers.Dense on vectors. Input [in], output [Units], kernel [in Units], bias [Units].
type Dense struct {
	Units      int
	Activation string // "", "relu" or "softmax"
}

func (d Dense) Shape(inputs ...Shape) (Shape, error) {
	if len(inputs) != 1 || len(inputs[0]) != 1 {
		return nil, fmt.Errorf("needs one vector, got %v", inputs)
	}
	return Shape{d.Units}, nil
}

func (d Dense) Variables(inputs ...Shape) []Variable {
	return []Variable{trained("kernel", nil, inputs[0][0], d.Units), trained("bias", Zeros, d.Units)}
}

// Build implements Op. The values before a softmax are kept as LogitsOf the layer; they are float32 whatever the
// precision.
func (d Dense) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	multiply := kernels.MatMul
	if d.Activation == "softmax" {
		multiply = func(x, matrix *Node) *Node { return graph.Dot(x, matrix).MatMul() }
	}
	y := kernels.AddChannels(multiply(inputs[0], b.variable(layer, "kernel")), b.variable(layer, "bias"))
	switch d.Activation {
	case "":
		return y
	case "relu":
		return kernels.ReLU(y, 0)
	case "softmax":
		return Softmax{}.Build(b, layer, y)
	}
	panic(fmt.Errorf("activation %q is unknown", d.Activation))
}

// Dropout is keras.layers.Dropout: in training it drops each value with probability Rate and scales the others by
// 1/(1-Rate); otherwise it does nothing.
type Dropout struct {
	unary
	Rate float64
}

// Build implements Op. It draws from Builder.RNG and moves it on. Every device draws for the whole batch, so that an image
// gets the same draw on any number of devices.
func (d Dropout) Build(b *Builder, _ *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	if !b.Training || d.Rate == 0 {
		return x
	}
	var draw *Node
	whole := x.Shape().Clone()
	whole.Dimensions[0] *= kernels.Devices(b.graph)
	b.RNG, draw = graph.RandomUniform(b.RNG, whole)
	draw = kernels.PartOfBatch(draw, b.Device)
	keep := graph.GreaterOrEqual(draw, graph.Scalar(x.Graph(), x.DType(), d.Rate))
	return graph.Where(keep, graph.MulScalar(x, 1/(1-d.Rate)), graph.ZerosLike(x))
}
