package kernels

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// MaxPool is the largest value of each window of x [B H W C]: [B H' W' C]. Padding never wins. The gradient goes to the
// first largest value of each window, row by row, as in TensorFlow on the CPU. GoMLX's gradient (XLA's
// select-and-scatter) is 100 times slower than the forward pass.
func MaxPool(x *Node, w Window) *Node {
	in := [2]int(x.Shape().Dimensions[1:3])
	var y *Node
	return withGradient(
		func(x ...*Node) *Node {
			y = graph.MaxPool(x[0]).WindowPerAxis(w.Size[:]...).Strides(w.Stride).PaddingPerDim(w.Pad[:]).Done()
			return y
		},
		func(cotangent *Node) []*Node {
			stopped := graph.StopGradient(x)
			padded := padWith(stopped, w.Pad, 1, graph.Const(x.Graph(), x.DType().LowestValue()))
			winner := w.firstLargest(padded, y)
			pad := w.dilationPadding(in, w.Out(in))
			shares, winners := padMap(cotangent, pad, w.Stride), padMap(winner, pad, w.Stride)
			dense := Window{Size: w.Size, Stride: 1}
			var sum *Node
			for offset := range w.offsets() {
				rotated := w.offsets() - 1 - offset
				share := dense.seen(shares, rotated, in)
				won := graph.Equal(dense.seen(winners, rotated, in), graph.Scalar(x.Graph(), winner.DType(), offset))
				sum = plus(sum, graph.Where(won, share, graph.ZerosLike(share)))
			}
			return []*Node{sum}
		}, x)
}

// firstLargest is, for each window, the first kernel offset at the window's largest value y.
func (w Window) firstLargest(padded, y *Node) *Node {
	out := [2]int(y.Shape().Dimensions[1:3])
	number := func(offset int) *Node {
		return graph.BroadcastToDims(graph.Scalar(y.Graph(), dtypes.Int32, offset), y.Shape().Dimensions...)
	}
	winner := number(w.offsets() - 1)
	for offset := w.offsets() - 2; offset >= 0; offset-- {
		winner = graph.Where(graph.Equal(w.seen(padded, offset, out), y), number(offset), winner)
	}
	return winner
}

// AveragePool is the mean of each window of x [B H W C], without the padding: [B H' W' C]. It is a sum of strided slices,
// which XLA fuses into one loop, and so is its gradient.
func AveragePool(x *Node, w Window) *Node {
	in := [2]int(x.Shape().Dimensions[1:3])
	out := w.Out(in)
	share := graph.ConvertDType(graph.ConstTensor(x.Graph(), w.inverseCounts(in, out)), x.DType())
	return withGradient(
		func(x ...*Node) *Node { return graph.Mul(w.sum(padMap(x[0], w.Pad, 1), out), share) },
		func(cotangent *Node) []*Node {
			shared := graph.Mul(cotangent, share)
			if w.Stride > 1 {
				return []*Node{w.byPhases(shared, in, func(_ int, at *Node) *Node { return at })}
			}
			return []*Node{w.sum(padMap(shared, w.dilationPadding(in, out), 1), in)}
		}, x)
}

// sum adds up each of out windows on a padded map.
func (w Window) sum(padded *Node, out [2]int) *Node {
	var sum *Node
	for offset := range w.offsets() {
		sum = plus(sum, w.seen(padded, offset, out))
	}
	return sum
}

// inverseCounts [1 H' W' 1] has, for each window, one over the number of positions that the window covers, without padding.
func (w Window) inverseCounts(in, out [2]int) *tensors.Tensor {
	covered := func(axis, position int) int {
		start := position*w.Stride - w.Pad[axis][0]
		return min(start+w.Size[axis], in[axis]) - max(start, 0)
	}
	counts := make([]float32, 0, out[0]*out[1])
	for r := range out[0] {
		for c := range out[1] {
			counts = append(counts, 1/float32(covered(0, r)*covered(1, c)))
		}
	}
	return tensors.FromFlatDataAndDimensions(counts, 1, out[0], out[1], 1)
}
