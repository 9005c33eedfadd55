package layers

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// channelMoments are the means of a layer's channels and their biased variances,
// over all other axes.
type channelMoments struct{ mean, variance *Node }

// batchMoments are those of a layer's output, computed once for all batch norms
// that look at it. A concatenation has those of its parts, if any of them is
// known: the batch norms of a DenseNet block need not go over all channels of the
// block each.
func (b *Builder) batchMoments(name string) channelMoments {
	if m, ok := b.moments[name]; ok {
		return m
	}
	var m channelMoments
	if parts := b.parts(b.net.Layer(name)); slices.ContainsFunc(parts, func(part string) bool { _, known := b.moments[part]; return known }) {
		var means, variances []*Node
		for _, part := range parts {
			of := b.batchMoments(part)
			means, variances = append(means, of.mean), append(variances, of.variance)
		}
		m = channelMoments{graph.Concatenate(means, 0), graph.Concatenate(variances, 0)}
	} else if wide, ok := b.widening(name); ok {
		m = wide.moments()
	} else {
		m = momentsOf(b.outputs[name])
	}
	b.moments[name] = m
	return m
}

// widened is a 1x1 convolution that makes more channels than it sees. The
// moments of its output follow from those of its input, which is smaller.
type widened struct{ seen, kernel *Node } // [B H W Cin], [1 1 Cin Cout]

// widening says whether a layer is one that is worth it on this engine.
func (b *Builder) widening(name string) (widened, bool) {
	layer := b.net.Layer(name)
	conv, ok := layer.Op.(Conv2D)
	if !ok || conv.Kernel != [2]int{1, 1} || conv.Bias {
		return widened{}, false
	}
	x := b.outputs[layer.Inputs[0]]
	if conv.Filters < 2*x.Shape().Dimensions[3] || platformOf(x.Graph().Backend()) != xlaCPU {
		return widened{}, false
	}
	return widened{tapSlice(x, 0, 0, [2]int(layer.Out[:2]), conv.Stride), b.variable(layer, "kernel", x.Graph())}, true
}

// moments of the output: the mean is the kernel's of the input's mean, the
// variance of a channel w'Cw, with the channel's weights w and the covariance C
// of the input.
func (w widened) moments() channelMoments {
	channels := w.seen.Shape().Dimensions[3]
	x := graph.Reshape(w.seen, -1, channels)
	count := float64(x.Shape().Dimensions[0])
	kernel := graph.Reshape(w.kernel, channels, -1)
	mean := graph.ReduceMean(x, 0)
	square := graph.DivScalar(graph.DotGeneral(x, []int{0}, nil, x, []int{0}, nil), count)
	covariance := graph.Sub(square, graph.Mul(graph.ExpandAxes(mean, 1), graph.ExpandAxes(mean, 0)))
	variance := graph.ReduceSum(graph.Mul(kernel, graph.Dot(covariance, kernel).MatMul()), 0)
	return channelMoments{
		mean:     graph.Reshape(graph.Dot(graph.ExpandAxes(mean, 0), kernel).MatMul(), -1),
		variance: graph.MaxScalar(variance, 0), // rounding can leave it just below
	}
}

// momentsOf the channels of x.
func momentsOf(x *Node) channelMoments {
	positions := float64(x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1])
	sum, squares := channelSums(x, x)
	mean := graph.DivScalar(sum, positions)
	variance := graph.Sub(graph.DivScalar(squares, positions), graph.Square(mean))
	return channelMoments{mean, graph.MaxScalar(variance, 0)} // rounding can leave it just below
}

// pairBytes is from where on a map's two sums are made at once: a smaller one is in
// the cache when it is looked at again.
const pairBytes = 4 << 20

// channelSums are the sums over positions of x [... C] and of its products with y.
func channelSums(x, y *Node) (sum, products *Node) {
	if x.Rank() == 4 && 4*x.Shape().Size() >= pairBytes && hasCache(x.Graph()) {
		return pairOfSums(x, y)
	}
	axes := make([]int, x.Rank()-1)
	for i := range axes {
		axes[i] = i
	}
	return graph.ReduceSum(x, axes...), graph.ReduceSum(graph.Mul(x, y), axes...)
}

// pairOfSums is channelSums for maps [B H W C], gone through once: XLA goes over
// them for each of two reductions, and writes out a product before it is reduced.
// Columns of a row are summed as additions, with x and its product with y side by
// side, and the rest is a reduction. Without the barrier, the reduction would take
// the additions to itself and have every term written out. X can be an expression
// that is not in memory.
func pairOfSums(x, y *Node) (sum, products *Node) {
	pair := graphShape(x, slices.Insert(slices.Clone(x.Shape().Dimensions), 3, 2)...) // [B H W 2 C]
	twice := func(x *Node) *Node { return graph.BroadcastToDims(graph.ExpandAxes(x, 3), pair.Dimensions...) }
	isProduct := graph.GreaterThan(graph.Iota(x.Graph(), pair, 3), graph.ScalarZero(x.Graph(), x.DType()))
	factor := twice(y)
	sums := addColumns(nil, graph.Mul(twice(x), graph.Where(isProduct, factor, graph.OnesLike(factor))))
	sums = graph.ReduceSum(held(sums, y), 0, 1, 2)
	row := func(i int) *Node { return graph.Reshape(graph.Slice(sums, graph.AxisElem(i)), -1) }
	return row(0), row(1)
}
