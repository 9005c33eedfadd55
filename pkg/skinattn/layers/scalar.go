package layers

import "github.com/gomlx/gomlx/core/graph"

// AddScalar adds Value to everything: the layer that Keras makes of x + Value.
type AddScalar struct {
	unary
	Value float64
}

// Build implements Op.
func (a AddScalar) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.AddScalar(inputs[0], a.Value)
}

// MulScalar multiplies everything by Value: the layer that Keras makes of x * Value.
type MulScalar struct {
	unary
	Value float64
}

// Build implements Op.
func (m MulScalar) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.MulScalar(inputs[0], m.Value)
}

// Rescaling is keras.layers.Rescaling: x*Scale + Offset.
type Rescaling struct {
	unary
	Scale, Offset float64
}

// Build implements Op.
func (r Rescaling) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	return graph.AddScalar(graph.MulScalar(inputs[0], r.Scale), r.Offset)
}

// Normalization is keras.layers.Normalization(axis=None) after adapt: (x-mean)/sqrt(variance), one
// scalar of each for all values.
type Normalization struct{}

// Shape is the input's.
func (Normalization) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables are three scalars, which are set from the training data, not trained; Keras counts them as
// parameters. Keras keeps count as an int64; it is never used.
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
