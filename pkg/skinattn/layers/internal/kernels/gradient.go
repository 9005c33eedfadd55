package kernels

import "github.com/gomlx/gomlx/core/graph"

// withGradient gives a computation a hand-written gradient: value computes the result from the inputs, unseen by automatic
// differentiation; gradient takes the cotangent of the result and returns the cotangents of the inputs.
//
// GoMLX can attach a gradient only to an identity with one input (IdentityWithCustomGradient). An identity on the result
// receives the result's cotangent; an identity on each input passes on the input's cotangent. Automatic differentiation
// must also find a path from the result to the inputs: hence the result is a choice, by a constant, between the value and
// the first elements of the inputs, which XLA folds away.
func withGradient(value func(inputs ...*Node) *Node, gradient func(cotangent *Node) []*Node, inputs ...*Node) *Node {
	var shares, stopped []*Node
	g := inputs[0].Graph()
	carrier := graph.ScalarZero(g, inputs[0].DType())
	for i, input := range inputs {
		stopped = append(stopped, graph.StopGradient(input))
		hook := graph.IdentityWithCustomGradient(input, func(*Node, *Node) *Node { return shares[i] })
		carrier = graph.Add(carrier, graph.Reshape(graph.Slice(hook, graph.AxisElem(0).Spacer())))
	}
	result := graph.StopGradient(value(stopped...))
	dims := result.Shape().Dimensions
	never := graph.BroadcastToDims(graph.Const(g, false), dims...)
	result = graph.Where(never, graph.BroadcastToDims(carrier, dims...), result)
	return graph.IdentityWithCustomGradient(result, func(_, cotangent *Node) *Node {
		shares = gradient(cotangent)
		return cotangent
	})
}
