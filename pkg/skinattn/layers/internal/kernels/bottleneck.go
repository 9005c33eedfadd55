package kernels

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// Bottleneck is the wide part of an inverted bottleneck (MobileNetV2): a 1x1 convolution that widens, its batch norm and
// its ReLU, whose output only a depthwise convolution uses. The wide map can be much larger than the processor's cache,
// and the gradient reads the map and its cotangent again and again. So the gradient rematerializes both in micro-batches,
// which stay in the cache.
type Bottleneck struct {
	Images int     // of a micro-batch
	in     *Node   // of the 1x1 convolution, [B H W Cin]
	kernel *Node   // of the 1x1 convolution, times the batch norm's scale, [Cin C]
	shift  *Node   // of the batch norm, [C]
	limit  float64 // of the ReLU
	pad    Padding // of the depthwise convolution
}

// maxBorder limits the positions of a wide map with its border, relative to the positions without it.
const maxBorder = 1.16

// Bottleneck takes the 1x1 convolution, the batch norm, which multiplies the channels by scale and adds shift, [C] each,
// the limit of the ReLU, and the padding of the depthwise convolution. ok is false where rematerializing the wide map
// would not save time.
func (s *State) Bottleneck(wide Pointwise, scale, shift *Node, limit float64, pad Padding) (e Bottleneck, ok bool) {
	dims := slices.Clone(wide.In.Shape().Dimensions)
	dims[3] = wide.Kernel.Shape().Dimensions[3]
	rows, cols := dims[1]+pad[0][0]+pad[0][1], dims[2]+pad[1][0]+pad[1][1]
	images, ok := s.TooWide(wide.In.Graph(), dims)
	if !ok || float64(rows*cols) > maxBorder*float64(dims[1]*dims[2]) {
		return e, false
	}
	kernel := graph.Mul(graph.Reshape(wide.Kernel, -1, dims[3]), graph.ExpandAxes(scale, 0))
	return Bottleneck{images, wide.In, kernel, shift, limit, pad}, true
}

// BottleneckDepthwise is DepthwiseConv2D of e's wide map.
func (s *State) BottleneckDepthwise(e Bottleneck, kernel *Node, stride int) *Node {
	var inputs []*Node // without gradients
	return withGradient(
		func(in ...*Node) *Node {
			inputs = in
			return e.forward(in, stride)
		},
		func(cotangent *Node) []*Node { return e.gradient(inputs, s.expressionOf(cotangent), stride) },
		e.in, e.kernel, e.shift, kernel)
}

// forward computes the depthwise convolution [B H' W' C] from the 1x1 convolution's input, the 1x1 kernel, the shift and
// the depthwise kernel.
func (e Bottleneck) forward(inputs []*Node, stride int) *Node {
	wide := pointwise(e.withOnes(inputs[0]), e.withShift(inputs[1], inputs[2]), false)
	w := Window{Size: [2]int(inputs[3].Shape().Dimensions[:2]), Stride: stride} // withOnes has added the border
	return w.correlate(clip(wide, e.limit), inputs[3], w.Out([2]int(wide.Shape().Dimensions[1:3])), false)
}

// gradient gives the cotangents of forward's inputs.
func (e Bottleneck) gradient(inputs []*Node, cotangent expression, stride int) []*Node {
	narrow, matrix, kernel := inputs[0], inputs[1], inputs[3]
	shifted := e.withShift(matrix, inputs[2])
	in, out := narrow.Shape().Dimensions, cotangent.maps[0].Shape().Dimensions
	d := depthwiseGradient{
		in:     []int{e.Images, in[1] + e.pad[0][0] + e.pad[0][1], in[2] + e.pad[1][0] + e.pad[1][1], out[3]},
		out:    append([]int{e.Images}, out[1:]...),
		Window: Window{Size: [2]int(kernel.Shape().Dimensions[:2]), Stride: stride},
	}
	state := []*Node{graph.ZerosLike(narrow), graph.ZerosLike(shifted), d.zeroSums(narrow)}
	maps, constants := union(cotangent.maps, []*Node{narrow}), union(cotangent.vectors, []*Node{shifted, matrix, kernel})
	state = microBatches(e.Images, maps, constants, state,
		func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
			narrow := e.withOnes(at(narrow))
			// The barriers keep XLA from computing a value again for each of its users.
			both := graph.OptimizationBarriers(clip(pointwise(narrow, at(shifted), false), e.limit),
				padMap(cotangent.eval(at), d.cotangentPadding(), 1))
			wide, cotangent := both[0], both[1]
			both = graph.OptimizationBarriers(reluGradient(wide, d.toInput(cotangent, at(kernel)), e.limit), narrow)
			back, narrow := both[0], both[1]
			return []*Node{
				put(state[0], padMap(pointwise(back, at(matrix), true), e.pad.negated(), 1)),
				graph.Add(state[1], contractPositions(narrow, back)),
				d.addOffsets(state[2], wide, cotangent),
			}
		})
	return []*Node{
		state[0],
		graph.Slice(state[1], graph.AxisRange(0, in[3])),
		graph.Reshape(graph.Slice(state[1], graph.AxisElem(in[3])), -1),
		d.total(state[2]),
	}
}

// withOnes appends a channel of ones to a map [b H W Cin], then channels of zeros up to a multiple of four, the block size
// of XLA's GEMM, and puts the border of the wide map around it. In the GEMM with the matrix of withShift, the channel of
// ones adds the shift, except at the border, where the channel and so the wide map are zero. The gradient of the shift
// comes out of the same GEMM as the gradient of the kernel.
func (e Bottleneck) withOnes(x *Node) *Node {
	dims := x.Shape().Dimensions
	x = graph.Concatenate([]*Node{x, graph.Ones(x.Graph(), like(x, dims[0], dims[1], dims[2], 1))}, -1)
	return padMap(padEnd(x, 3, e.missing()), e.pad, 1)
}

// withShift is the matrix [Cin C] with the shift [C] as another row, and with rows of zeros as withOnes has channels.
func (e Bottleneck) withShift(matrix, shift *Node) *Node {
	return padEnd(graph.Concatenate([]*Node{matrix, graph.ExpandAxes(shift, 0)}, 0), 0, e.missing())
}

// missing is the number of channels of zeros that make Cin+1 a multiple of four.
func (e Bottleneck) missing() int { return 3 - e.in.Shape().Dimensions[3]%4 }
