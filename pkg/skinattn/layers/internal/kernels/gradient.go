package kernels

import "github.com/gomlx/gomlx/core/graph"

// withGradient gives a computation a hand-written gradient.
//
// value computes the result from the inputs; automatic differentiation does not see it. gradient takes the cotangent of
// the result and returns the cotangents of the inputs, each of its input's shape.
//
// GoMLX can attach a gradient only to an identity with one input (IdentityWithCustomGradient). One such identity on the
// result receives the result's cotangent; one on each input hands out the input's share. The reverse sweep has to get
// from the result to the inputs: so the result is a choice, by a constant, between the value and one element of each
// input, which XLA folds away.
func withGradient(value func(inputs ...*Node) *Node, gradient func(cotangent *Node) []*Node, inputs ...*Node) *Node {
	var shares []*Node
	stopped := make([]*Node, len(inputs))
	g := inputs[0].Graph()
	carrier := graph.ScalarZero(g, inputs[0].DType())
	for i, input := range inputs {
		stopped[i] = graph.StopGradient(input)
		hook := graph.IdentityWithCustomGradient(input, func(*Node, *Node) *Node { return shares[i] })
		carrier = graph.Add(carrier, firstElement(hook))
	}
	result := graph.StopGradient(value(stopped...))
	never := graph.Const(g, false)
	never = graph.BroadcastToDims(never, result.Shape().Dimensions...)
	result = graph.Where(never, graph.BroadcastToDims(carrier, result.Shape().Dimensions...), result)
	return graph.IdentityWithCustomGradient(result, func(_, cotangent *Node) *Node {
		shares = gradient(cotangent)
		return cotangent
	})
}

// firstElement is x[0, 0, ...] as a scalar.
func firstElement(x *Node) *Node {
	spec := make([]graph.SliceAxisSpec, x.Rank())
	for i := range spec {
		spec[i] = graph.AxisElem(0)
	}
	return graph.Reshape(graph.Slice(x, spec...))
}
