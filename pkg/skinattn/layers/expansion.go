package layers

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// expansion is the wide part of an inverted bottleneck (MobileNetV2): a 1x1
// convolution that makes more channels, its batch norm and its ReLU, which only a
// depthwise convolution looks at.
//
// The wide map can be much larger than the processor's cache, and the gradient
// looks at it and at its cotangent, which is as large, over and over. So it makes
// both anew, some images at a time: they stay in the cache.
type expansion struct {
	seen   *Node   // [B H W Cin]
	kernel *Node   // [Cin C], with the batch norm's scale
	shift  *Node   // the batch norm's, [C]
	limit  float64 // of the ReLU
	pad    Padding // of the depthwise convolution
	images int     // of a group
}

// largestBorder is up to how many times as many positions a wide map may have
// with its border.
const largestBorder = 1.16

// expansionBefore is what a depthwise convolution with the given padding looks
// at, if it is one that is worth it.
func (b *Builder) expansionBefore(layer *Layer, pad Padding) (e expansion, ok bool) {
	consumers := b.net.Consumers()
	// back goes to the layer before; it gives nil if others look at that one, too.
	back := func() Op {
		layer = b.net.Layer(layer.Inputs[0])
		if consumers[layer.Name] != 1 {
			return nil
		}
		return layer.Op
	}
	op := back()
	if border, is := op.(ZeroPadding2D); is && pad == (Padding{}) {
		pad, op = border.Pad, back()
	}
	activation, is := op.(ReLU)
	if !is {
		return e, false
	}
	norm, is := back().(BatchNormalization)
	if !is {
		return e, false
	}
	normLayer := layer
	if back() == nil {
		return e, false
	}
	wide, ok := b.widening(layer.Name)
	if !ok {
		return e, false
	}
	dims := wide.seen.Shape().Dimensions
	rows, cols := dims[1]+pad[0][0]+pad[0][1], dims[2]+pad[1][0]+pad[1][1]
	images, ok := b.wide(append([]int{dims[0]}, layer.Out...))
	if !ok || float64(rows*cols) > largestBorder*float64(dims[1]*dims[2]) {
		return e, false
	}
	scale, shift := norm.vectors(b, normLayer)
	kernel := graph.Mul(graph.Reshape(wide.kernel, dims[3], -1), graph.ExpandAxes(scale, 0))
	return expansion{seen: wide.seen, kernel: kernel, shift: shift, limit: activation.Max, pad: pad, images: images}, true
}

// depthwise correlates each channel of the wide map with its own window of
// kernel [kh kw C 1].
func (e expansion) depthwise(b *Builder, kernel *Node, stride int) *Node {
	var inputs []*Node // hidden from automatic differentiation
	return withGradient(
		func(in ...*Node) *Node {
			inputs = in
			return e.forward(in, stride)
		},
		func(cotangent *Node) []*Node { return e.gradient(inputs, b.recipe(cotangent), stride) },
		e.seen, e.kernel, e.shift, kernel)
}

// forward computes the depthwise convolution [B H' W' C] from the map that is
// seen, the 1x1 kernel, the shift and the depthwise kernel.
func (e expansion) forward(inputs []*Node, stride int) *Node {
	wide := mixChannels(e.withOnes(inputs[0]), e.withShift(inputs[1], inputs[2]), false)
	dims, window := wide.Shape().Dimensions, inputs[3].Shape().Dimensions
	out := [2]int{windowOut(dims[1], window[0], stride, [2]int{}), windowOut(dims[2], window[1], stride, [2]int{})}
	return correlate(clip(wide, e.limit), inputs[3], out, stride, false)
}

// gradient gives the cotangents of the forward pass's inputs.
func (e expansion) gradient(inputs []*Node, cotangent recipe, stride int) []*Node {
	seen, narrow, kernel := inputs[0], inputs[1], inputs[3]
	matrix := e.withShift(narrow, inputs[2])
	in, out, window := seen.Shape().Dimensions, cotangent.maps[0].Shape().Dimensions, kernel.Shape().Dimensions
	d := depthwiseGradient{
		in:  []int{e.images, in[1] + e.pad[0][0] + e.pad[0][1], in[2] + e.pad[1][0] + e.pad[1][1], out[3]},
		out: append([]int{e.images}, out[1:]...), window: [2]int(window[:2]), stride: stride,
	}
	state := []*Node{graph.ZerosLike(seen), graph.ZerosLike(matrix), d.noSums(seen)}
	state = eachGroup(e.images, union(cotangent.maps, []*Node{seen}), union(cotangent.vectors, []*Node{matrix, narrow, kernel}), state,
		func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
			seen := e.withOnes(at(seen))
			// The barriers are around what is looked at several times.
			made := graph.OptimizationBarriers(clip(mixChannels(seen, at(matrix), false), e.limit), padMap(cotangent.make(at), d.spread(), 1))
			wide, cotangent := made[0], made[1]
			made = graph.OptimizationBarriers(reluGradient(wide, d.toInput(cotangent, at(kernel)), e.limit), seen)
			back, seen := made[0], made[1]
			return []*Node{
				put(state[0], padMap(mixChannels(back, at(narrow), true), e.pad.negated(), 1)),
				graph.Add(state[1], sumOfProducts(seen, back)),
				d.addTaps(state[2], wide, cotangent),
			}
		})
	return []*Node{
		state[0],
		graph.Slice(state[1], graph.AxisRange(0, in[3])),
		graph.Reshape(graph.Slice(state[1], graph.AxisRange(in[3], in[3]+1)), -1),
		d.total(state[2]),
	}
}

// withOnes gives a map [b H W Cin] the border of the wide one, of zeros, and a
// channel of ones, which adds the shift within the product with withShift's matrix
// and gathers the shift's gradient with the kernel's. At the border it is zero,
// too, so that the wide map is. Channels of zeros make their number a multiple of
// four, which XLA's product takes at a time.
func (e expansion) withOnes(x *Node) *Node {
	dims := slices.Clone(x.Shape().Dimensions)
	dims[3] = 1
	x = graph.Concatenate([]*Node{x, graph.Ones(x.Graph(), graphShape(x, dims...))}, -1)
	return padMap(padEnd(x, 3, e.zeros()), e.pad, 1)
}

// withShift is the matrix [Cin C] with the shift [C] as another row, and with rows
// of zeros for withOnes' channels.
func (e expansion) withShift(matrix, shift *Node) *Node {
	return padEnd(graph.Concatenate([]*Node{matrix, graph.ExpandAxes(shift, 0)}, 0), 0, e.zeros())
}

// zeros is how many channels are missing to a multiple of four, with that of ones.
func (e expansion) zeros() int { return 3 - e.seen.Shape().Dimensions[3]%4 }

// padEnd appends n zeros on an axis.
func padEnd(x *Node, axis, n int) *Node {
	pads := make([]compute.PadAxis, x.Rank())
	pads[axis].End = n
	return graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()), pads...)
}
