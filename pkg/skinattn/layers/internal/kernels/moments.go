package kernels

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// Moments are the means and the biased variances of channels, [C] each.
type Moments struct{ Mean, Variance *Node }

// MomentsOf computes the moments of x [... C], over the images of all devices.
func MomentsOf(x *Node) Moments {
	positions := float64(Positions(x))
	// A variance is the mean of squares less the square of the mean: of values far from zero it would be the small difference of large numbers.
	// Values less the mean of a few of them are near zero. All devices take the same.
	pivot := SumOverDevices(rowMean(x))[0]
	if devices := Devices(x.Graph()); devices > 1 {
		pivot = graph.DivScalar(pivot, float64(devices))
	}
	x = AddChannels(x, graph.Neg(pivot))
	sums := sharedSums(settled(channelSums(x, x, pivot)))
	mean := graph.DivScalar(sums[0], positions)
	variance := graph.Sub(graph.DivScalar(sums[1], positions), graph.Square(mean))
	return Moments{graph.Add(mean, pivot), graph.MaxScalar(variance, 0)} // rounding can leave it just below
}

// rowMean is the mean [C] of the middle row of the first of maps x [B H W C], or of all x [N C], without a gradient.
func rowMean(x *Node) *Node {
	x = graph.StopGradient(x)
	if x.Rank() == 4 {
		x = graph.Slice(x, graph.AxisElem(0), graph.AxisElem(x.Shape().Dimensions[1]/2))
		x = graph.Reshape(x, x.Shape().Dimensions[2:]...)
	}
	return graph.ReduceMean(x, 0)
}

// settled are two vectors of which the gradient is computed once: many layers may use the moments of a DenseNet block's map, and XLA would add up their cotangents
// at every position of the map.
func settled(a, b *Node) (*Node, *Node) {
	once := func(v *Node) *Node {
		return withGradient(
			func(in ...*Node) *Node { return in[0] },
			func(cotangent *Node) []*Node { return []*Node{materialize(cotangent, graph.StopGradient(v))} }, v)
	}
	return once(a), once(b)
}

// Positions is the number of positions of x [... C], counting the images of all devices.
func Positions(x *Node) int {
	return x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1] * Devices(x.Graph())
}

// ConcatMoments joins the moments of maps that are concatenated along the channels.
func ConcatMoments(parts []Moments) Moments {
	var means, variances []*Node
	for _, m := range parts {
		means, variances = append(means, m.Mean), append(variances, m.Variance)
	}
	return Moments{graph.Concatenate(means, 0), graph.Concatenate(variances, 0)}
}

// Pointwise is a 1x1 convolution with stride 1 that at least doubles the channels. It has no output node: its moments and
// the batch norm behind it are computed from its input, which is smaller.
type Pointwise struct{ In, Kernel *Node } // [B H W Cin], [1 1 Cin Cout]

// NewPointwise is the convolution of x [B H W Cin] with a kernel [1 1 Cin Cout] and a stride. ok is false where it is
// quicker to compute the output first.
func NewPointwise(x, kernel *Node, stride int) (p Pointwise, ok bool) {
	if size := kernel.Shape().Dimensions; size[3] < 2*size[2] || platformOf(x.Graph().Backend()) != xlaCPU {
		return p, false
	}
	w := Window{Size: [2]int{1, 1}, Stride: stride}
	return Pointwise{w.seen(x, 0, w.Out([2]int(x.Shape().Dimensions[1:3]))), kernel}, true
}

// Scaled is the output times scale plus shift, [Cout] each: [B H W Cout]. The scale goes into the kernel.
func (p Pointwise) Scaled(scale, shift *Node) *Node {
	kernel := graph.Mul(p.Kernel, graph.ExpandLeftToRank(scale, 4))
	return AddChannels(Conv2D(p.In, kernel, 1, Padding{}), shift)
}

// Moments of an output channel with the weights w follow from the mean m and the covariance C of the input: the mean is
// w'm, the variance w'Cw.
func (p Pointwise) Moments() Moments {
	channels := p.In.Shape().Dimensions[3]
	x := graph.Reshape(p.In, -1, channels)
	kernel := graph.Reshape(p.Kernel, channels, -1)
	mean := graph.ReduceMean(x, 0)
	square := graph.DivScalar(graph.DotGeneral(x, []int{0}, nil, x, []int{0}, nil), float64(Positions(x)))
	if devices := Devices(x.Graph()); devices > 1 {
		shared := sharedSums(graph.DivScalar(mean, float64(devices)), square)
		mean, square = shared[0], shared[1]
	}
	covariance := graph.Sub(square, graph.Mul(graph.ExpandAxes(mean, 1), graph.ExpandAxes(mean, 0)))
	variance := graph.ReduceSum(graph.Mul(kernel, graph.Dot(covariance, kernel).MatMul()), 0)
	return Moments{
		Mean:     graph.Reshape(graph.Dot(graph.ExpandAxes(mean, 0), kernel).MatMul(), -1),
		Variance: graph.MaxScalar(variance, 0), // rounding can leave it just below
	}
}

// pairBytes is the size from which a map's two sums are computed in one pass. A smaller map stays in the cache between two.
const pairBytes = 4 << 20

// channelSums are the sums over positions of x [... C] and of its products with y. Neither need be in memory; anchor is, and materialize explains it.
func channelSums(x, y, anchor *Node) (sum, products *Node) {
	if x.Rank() == 4 && 4*x.Shape().Size() >= pairBytes && HasCache(x.Graph()) {
		return pairedSums(x, y, anchor)
	}
	axes := []int{0, 1, 2}[:x.Rank()-1]
	return graph.ReduceSum(x, axes...), graph.ReduceSum(graph.Mul(x, y), axes...)
}

// pairedSums is channelSums for maps [B H W C], in one pass. XLA would pass over the maps once
// for each of two reductions, and write out a product before reducing it. So x and the product stand side by side,
// additions fold the columns of a row, and a reduction sums the rest. Without the barrier in materialize the reduction
// would absorb the additions and XLA would write out every term.
func pairedSums(x, y, anchor *Node) (sum, products *Node) {
	pair := like(x, slices.Insert(slices.Clone(x.Shape().Dimensions), 3, 2)...) // [B H W 2 C]
	twice := func(x *Node) *Node { return graph.BroadcastToDims(graph.ExpandAxes(x, 3), pair.Dimensions...) }
	isProduct := graph.GreaterThan(graph.Iota(x.Graph(), pair, 3), graph.ScalarZero(x.Graph(), x.DType()))
	factor := twice(y)
	sums := foldColumns(nil, graph.Mul(twice(x), graph.Where(isProduct, factor, graph.OnesLike(factor))))
	sums = graph.ReduceSum(materialize(sums, anchor), 0, 1, 2)
	row := func(i int) *Node { return graph.Reshape(graph.Slice(sums, graph.AxisElem(i)), -1) }
	return row(0), row(1)
}
