package layers

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// mixChannels of x [... K] by a matrix [K C], or its transpose: [... C].
func mixChannels(x, matrix *Node, transposed bool) *Node {
	from, to := 0, 1
	if transposed {
		from, to = 1, 0
	}
	dims := slices.Clone(x.Shape().Dimensions)
	dims[len(dims)-1] = matrix.Shape().Dimensions[to]
	rows := inHalves(x)
	var y *Node
	if rows.Rank() == 2 {
		y = graph.DotGeneral(rows, []int{1}, nil, matrix, []int{from}, nil)
	} else {
		y = graph.DotGeneral(rows, []int{2}, []int{0}, graph.BroadcastPrefix(matrix, 2), []int{1 + from}, []int{0})
	}
	return graph.Reshape(y, dims...)
}

// longSum is from how many positions on products are made in two halves.
const longSum = 4096

// inHalves is x [... C] as a matrix of positions and channels, or two of them
// where there are many positions. All products that look at a map take it in this
// form: XLA computes it anew for each form that is asked for.
func inHalves(x *Node) *Node {
	channels := x.Shape().Dimensions[x.Rank()-1]
	if positions := x.Shape().Size() / channels; positions%2 != 0 || positions < longSum {
		return graph.Reshape(x, -1, channels)
	}
	return graph.Reshape(x, 2, -1, channels)
}

// sumOfProducts of what positions see [... K] with their cotangents [... C], over
// all positions: [K C]. XLA's product gathers the first side value by value: it is
// the one with fewer channels, and long sums are made in two halves since XLA
// orders the sides of a single product by itself.
func sumOfProducts(seen, cotangent *Node) *Node {
	a, b := inHalves(seen), inHalves(cotangent)
	if a.Rank() == 2 {
		return graph.DotGeneral(a, []int{0}, nil, b, []int{0}, nil)
	}
	product := func(a, b *Node) *Node {
		return graph.ReduceSum(graph.DotGeneral(a, []int{1}, []int{0}, b, []int{1}, []int{0}), 0)
	}
	if a.Shape().Dimensions[2] > b.Shape().Dimensions[2] {
		return graph.Transpose(product(b, a), 0, 1)
	}
	return product(a, b)
}
