package layers

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// DepthwiseConv2D is keras.layers.DepthwiseConv2D with depth multiplier 1 and
// no bias. Input [H W C], output [H' W' C], kernel [kh kw C 1].
//
// XLA's grouped convolution is 10 to 50 times slower on a CPU than what is
// built here, and GoMLX's gradient for it splits the graph by channel. The
// forward pass is a sum over the window's taps of a strided slice times the
// tap's channel vector, which XLA fuses into one loop; the gradients are of
// the same form.
type DepthwiseConv2D struct {
	Kernel  [2]int
	Stride  int
	Padding string
}

// Shape implements Op.
func (d DepthwiseConv2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	pad, err := resolvePadding(d.Padding, in[0], in[1], d.Kernel, d.Stride)
	if err != nil {
		return nil, err
	}
	return mapShape(in, d.Kernel, d.Stride, pad, in[2])
}

// Variables implements Op.
func (d DepthwiseConv2D) Variables(inputs ...Shape) []Variable {
	return []Variable{{Name: "depthwise_kernel", Shape: Shape{d.Kernel[0], d.Kernel[1], inputs[0][2], 1},
		Trainable: true, Init: GlorotUniform}}
}

// Build implements Op.
func (d DepthwiseConv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	dims := x.Shape().Dimensions
	pad, err := resolvePadding(d.Padding, dims[1], dims[2], d.Kernel, d.Stride)
	if err != nil {
		panic(err)
	}
	return depthwise(x, b.variable(layer, "depthwise_kernel", x.Graph()), d.Stride, pad)
}

// depthwise correlates each channel of x [B H W C] with its own window of
// kernel [kh kw C 1].
func depthwise(x, kernel *Node, stride int, pad Padding) *Node {
	dims, window := x.Shape().Dimensions, kernel.Shape().Dimensions
	out := [2]int{windowOut(dims[1], window[0], stride, pad[0]), windowOut(dims[2], window[1], stride, pad[1])}
	return withGradient(
		func(in ...*Node) *Node {
			return correlate(padMap(in[0], pad, 1), in[1], out, stride, false)
		},
		func(cotangent *Node) []*Node {
			return []*Node{
				depthwiseInputGradient(cotangent, graph.StopGradient(kernel), dims, stride, pad),
				depthwiseKernelGradient(padMap(graph.StopGradient(x), pad, 1), cotangent, window, stride),
			}
		}, x, kernel)
}

// correlate sums, over the taps of the window, the slice of the padded map
// that the tap sees times the tap's channel vector. With flip, the window is
// turned by 180 degrees.
func correlate(padded, kernel *Node, out [2]int, stride int, flip bool) *Node {
	window := kernel.Shape().Dimensions
	var sum *Node
	for r := range window[0] {
		for c := range window[1] {
			kr, kc := r, c
			if flip {
				kr, kc = window[0]-1-r, window[1]-1-c
			}
			term := graph.Mul(tapSlice(padded, r, c, out, stride), tapVector(kernel, kr, kc))
			if sum == nil {
				sum = term
			} else {
				sum = graph.Add(sum, term)
			}
		}
	}
	return sum
}

// tapSlice is what the window's tap (r, c) sees at all out positions.
func tapSlice(padded *Node, r, c int, out [2]int, stride int) *Node {
	return graph.Slice(padded, graph.AxisRange(),
		graph.AxisRange(r, r+(out[0]-1)*stride+1).Stride(stride),
		graph.AxisRange(c, c+(out[1]-1)*stride+1).Stride(stride), graph.AxisRange())
}

// tapVector is kernel[r, c, :, 0], shaped to multiply a map.
func tapVector(kernel *Node, r, c int) *Node {
	v := graph.Slice(kernel, graph.AxisElem(r), graph.AxisElem(c), graph.AxisRange(), graph.AxisRange())
	return graph.Reshape(v, 1, 1, 1, kernel.Shape().Dimensions[2])
}

// depthwiseInputGradient is the cotangent of the input: the cotangent of the
// output, spread by the stride, correlated with the turned window. in is the
// input's shape [B H W C].
func depthwiseInputGradient(cotangent, kernel *Node, in []int, stride int, pad Padding) *Node {
	window := kernel.Shape().Dimensions
	spread := spreadPadding(in, cotangent.Shape().Dimensions, [2]int(window[:2]), stride, pad)
	return correlate(padMap(cotangent, spread, stride), kernel, [2]int{in[1], in[2]}, 1, true)
}

// spreadPadding pads an output's cotangent of shape out [B H' W' C], after the
// stride has spread it, such that the turned window, moved by one, leads back
// to an input of shape in [B H W C] that had been padded by pad.
func spreadPadding(in, out []int, window [2]int, stride int, pad Padding) Padding {
	var spread Padding
	for axis, k := range window {
		before := k - 1 - pad[axis][0]
		length := (out[axis+1]-1)*stride + 1
		spread[axis] = [2]int{before, in[axis+1] + k - 1 - before - length}
	}
	return spread
}

// depthwiseKernelGradient is the cotangent of the kernel [kh kw C 1]: for each
// tap the product of what it sees with the output's cotangent, summed over
// positions. The sum is split so that XLA vectorises it: first over blocks of
// the batch, then as a product with a row of ones (twice as fast as one
// reduction).
func depthwiseKernelGradient(padded, cotangent *Node, window []int, stride int) *Node {
	dims := cotangent.Shape().Dimensions
	batch, channels := dims[0], dims[3]
	blocks := largestDivisor(batch, 8)
	rows := batch / blocks * dims[1] * dims[2]
	ones := graph.Ones(cotangent.Graph(), graphShape(cotangent, 1, rows))
	var taps []*Node
	for r := range window[0] {
		for c := range window[1] {
			product := graph.Mul(tapSlice(padded, r, c, [2]int{dims[1], dims[2]}, stride), cotangent)
			partial := graph.ReduceSum(graph.Reshape(product, blocks, rows, channels), 0)
			taps = append(taps, graph.Dot(ones, partial).MatMul())
		}
	}
	return graph.Reshape(graph.Concatenate(taps, 0), window[0], window[1], channels, 1)
}

// largestDivisor of n that is at most limit.
func largestDivisor(n, limit int) int {
	for d := min(n, limit); d > 1; d-- {
		if n%d == 0 {
			return d
		}
	}
	return 1
}

// padMap pads the two spatial axes of x [B H W C] with zeros, and puts
// stride-1 zeros between neighbours. Negative pads crop; they are done by a
// slice, since the pure Go backend's Pad does not know them.
func padMap(x *Node, pad Padding, stride int) *Node {
	var grow, crop Padding
	for axis := range pad {
		for side, n := range pad[axis] {
			grow[axis][side], crop[axis][side] = max(n, 0), max(-n, 0)
		}
	}
	if grow != (Padding{}) || stride != 1 {
		x = graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()),
			compute.PadAxis{},
			compute.PadAxis{Start: grow[0][0], End: grow[0][1], Interior: stride - 1},
			compute.PadAxis{Start: grow[1][0], End: grow[1][1], Interior: stride - 1},
			compute.PadAxis{})
	}
	if crop != (Padding{}) {
		dims := x.Shape().Dimensions
		x = graph.Slice(x, graph.AxisRange(),
			graph.AxisRange(crop[0][0], dims[1]-crop[0][1]), graph.AxisRange(crop[1][0], dims[2]-crop[1][1]), graph.AxisRange())
	}
	return x
}
