package kernels

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/convolve"
)

// pointwise is a 1x1 convolution as a GEMM: it multiplies the channels of x [... K] by a matrix [K C], or by the transpose
// of a matrix [C K], to [... C].
func pointwise(x, matrix *Node, transposed bool) *Node {
	from, to := 0, 1
	if transposed {
		from, to = 1, 0
	}
	dims := slices.Clone(x.Shape().Dimensions)
	dims[len(dims)-1] = matrix.Shape().Dimensions[to]
	c := pointwiseConvolution(x, matrix.Shape().Dimensions[to])
	kind := convolve.Forward
	if transposed {
		kind = convolve.InputGradient
	}
	if calls(x.Graph()) && c.asCall(kind).Pays() {
		flat := graph.Reshape(x, 1, c.in[0], 1, c.channels[0])
		axes := imageAxes
		axes.KernelInputChannels, axes.KernelOutputChannels = 2+from, 2+to
		kernel := graph.Reshape(matrix, 1, 1, matrix.Shape().Dimensions[0], matrix.Shape().Dimensions[1])
		return graph.Reshape(graph.ConvGeneral(flat, kernel, axes, nil, nil, nil, nil, 1, 1), dims...)
	}
	rows := asMatrix(x)
	var y *Node
	if rows.Rank() == 2 {
		y = dotGeneral(rows, []int{1}, nil, matrix, []int{from}, nil)
	} else {
		y = dotGeneral(rows, []int{2}, []int{0}, graph.BroadcastPrefix(matrix, 2), []int{1 + from}, []int{0})
	}
	return graph.Reshape(y, dims...)
}

// pointwiseConvolution is a 1x1 convolution of x [... K] to so many channels, with all positions in one row.
func pointwiseConvolution(x *Node, channels int) convolution {
	from := x.Shape().Dimensions[x.Rank()-1]
	side := [2]int{x.Shape().Size() / from, 1}
	return convolution{batch: 1, in: side, out: side, channels: [2]int{from, channels}, Window: Window{Size: [2]int{1, 1}, Stride: 1}}
}

// asCall is the geometry of the convolution with its kernel as it lies for a kind.
func (c convolution) asCall(kind convolve.Kind) convolve.Geometry {
	if kind == convolve.InputGradient {
		c.channels[0], c.channels[1] = c.channels[1], c.channels[0]
	}
	return c.geometry(kind)
}

// halvedPositions is the number of positions from which a GEMM is computed in two halves; see contractPositions.
const halvedPositions = 4096

// asMatrix is x [... C] as a matrix of positions and channels, or as a batch of two such matrices where there are many
// positions. Every GEMM takes a map in this form, since XLA would compute the map again for every other form.
func asMatrix(x *Node) *Node {
	channels := x.Shape().Dimensions[x.Rank()-1]
	if positions := x.Shape().Size() / channels; positions%2 != 0 || positions < halvedPositions {
		return graph.Reshape(x, -1, channels)
	}
	return graph.Reshape(x, 2, -1, channels)
}

// contractPositions sums, over all positions, the products of seen [... K] with cotangent [... C]: [K C]. XLA's GEMM
// gathers the values of its first operand one by one, so the operand with fewer channels comes first. XLA may swap the
// operands of a single GEMM, but not the operands of a batch of two: hence the halves.
func contractPositions(seen, cotangent *Node) *Node {
	channels := cotangent.Shape().Dimensions[cotangent.Rank()-1]
	if c := pointwiseConvolution(seen, channels); calls(seen.Graph()) && c.geometry(convolve.KernelGradient).Pays() {
		y := graph.Reshape(cotangent, 1, c.in[0], 1, channels)
		return graph.Reshape(c.nativeKernelGradient(graph.Reshape(seen, 1, c.in[0], 1, c.channels[0]), y), c.channels[0], channels)
	}
	a, b := asMatrix(seen), asMatrix(cotangent)
	if a.Rank() == 2 {
		return dotGeneral(a, []int{0}, nil, b, []int{0}, nil)
	}
	product := func(a, b *Node) *Node {
		return graph.ReduceSum(dotGeneral(a, []int{1}, []int{0}, b, []int{1}, []int{0}), 0)
	}
	if a.Shape().Dimensions[2] > b.Shape().Dimensions[2] {
		return graph.Transpose(product(b, a), 0, 1)
	}
	return product(a, b)
}
