package layers

import (
	"cmp"
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
	seen   *Node // [B H W Cin]
	kernel *Node // [Cin C], with the batch norm's scale
	shift  *Node // the batch norm's, [C]
	limit  float64
	pad    Padding // of the depthwise convolution
	input  int     // Cin
	images int     // of a group
}

// largestBorder is up to how many times as many positions a wide map may have
// with its border.
const largestBorder = 1.16

// expansionBefore is what a depthwise convolution with the given padding looks
// at, if it is one that is worth it.
func (b *Builder) expansionBefore(layer *Layer, pad Padding) (e expansion, ok bool) {
	consumers := b.net.Consumers()
	chain := []*Layer{layer}
	// back goes to the layer before, if only the last one looks at it.
	back := func() Op {
		before := b.net.Layer(chain[len(chain)-1].Inputs[0])
		if consumers[before.Name] != 1 {
			return nil
		}
		chain = append(chain, before)
		return before.Op
	}
	op := back()
	if border, is := op.(ZeroPadding2D); is && pad == (Padding{}) {
		pad, op = border.Pad, back()
	}
	activation, isReLU := op.(ReLU)
	if !b.Training || !isReLU || !hasCache(b.graph) {
		return e, false
	}
	norm, isNorm := back().(BatchNormalization)
	if !isNorm {
		return e, false
	}
	normLayer := chain[len(chain)-1]
	if _, isConv := back().(Conv2D); !isConv {
		return e, false
	}
	conv := chain[len(chain)-1]
	wide, ok := b.widening(conv.Name)
	if !ok {
		return e, false
	}
	dims := wide.seen.Shape().Dimensions
	rows, cols := dims[1]+pad[0][0]+pad[0][1], dims[2]+pad[1][0]+pad[1][1]
	limit, image := cmp.Or(b.wideBytes, cacheBytes), 4*conv.Out.Size()
	if dims[0]*image <= limit || float64(rows*cols) > largestBorder*float64(dims[1]*dims[2]) {
		return e, false
	}
	scale, shift := norm.vectors(b, normLayer)
	kernel := graph.Mul(graph.Reshape(wide.kernel, dims[3], -1), graph.ExpandAxes(scale, 0))
	// The group's other maps and the sums of the depthwise kernel's gradient are in
	// the cache with the wide map.
	images := largestDivisor(dims[0], max(1, limit/12/image))
	return expansion{seen: wide.seen, kernel: kernel, shift: shift, limit: activation.Max, pad: pad, input: dims[3], images: images}, true
}

// depthwise correlates each channel of the wide map with its own window of
// kernel [kh kw C 1].
func (e expansion) depthwise(kernel *Node, stride int) *Node {
	dims, window := e.seen.Shape().Dimensions, kernel.Shape().Dimensions
	wide := [4]int{e.images, dims[1] + e.pad[0][0] + e.pad[0][1], dims[2] + e.pad[1][0] + e.pad[1][1], window[2]}
	d := expandedDepthwise{expansion: e, wide: wide, window: [2]int(window[:2]), stride: stride,
		out: [2]int{windowOut(wide[1], window[0], stride, [2]int{}), windowOut(wide[2], window[1], stride, [2]int{})}}
	inputs := []*Node{e.seen, e.kernel, e.shift, kernel}
	return withGradient(
		func(inputs ...*Node) *Node { return d.forward(inputs) },
		func(cotangent *Node) []*Node {
			stopped := make([]*Node, len(inputs))
			for i, input := range inputs {
				stopped[i] = graph.StopGradient(input)
			}
			return d.gradient(stopped, cotangent)
		}, inputs...)
}

// expandedDepthwise is an expansion and the depthwise convolution behind it.
type expandedDepthwise struct {
	expansion
	wide   [4]int // of a group's wide map with its border
	window [2]int
	out    [2]int // rows and columns
	stride int
}

// forward computes the depthwise convolution [B H' W' C] from the map that is
// seen, the 1x1 kernel, the shift and the depthwise kernel.
func (d expandedDepthwise) forward(inputs []*Node) *Node {
	wide := mixChannels(d.withOnes(inputs[0]), d.withShift(inputs[1], inputs[2]), false)
	return correlate(relu(wide, d.limit), inputs[3], d.out, d.stride, false)
}

// gradient gives the cotangents of the forward pass's inputs.
func (d expandedDepthwise) gradient(inputs []*Node, cotangent *Node) []*Node {
	seen, kernel := inputs[0], inputs[3]
	matrix := d.withShift(inputs[1], inputs[2])
	window := kernel.Shape().Dimensions
	taps := kernelGradient{size: [4]int{d.wide[0], d.out[0], d.out[1], d.wide[3]}, window: d.window, stride: d.stride}
	// How the output's cotangent is padded to lead back to the wide map, for stride 1.
	var spread Padding
	if d.stride == 1 {
		spread = spreadPadding(d.wide[:], taps.size[:], d.window, 1, Padding{})
		taps.first = [2]int{spread[0][0], spread[1][0]}
	}
	var crop Padding
	for axis, p := range d.pad {
		crop[axis] = [2]int{-p[0], -p[1]}
	}
	state := append([]*Node{graph.ZerosLike(seen), graph.ZerosLike(matrix)}, taps.zeros(seen)...)
	state = eachGroup(d.wide[0], []*Node{seen, cotangent}, []*Node{matrix, inputs[1], kernel}, state,
		func(group, constants, state []*Node, put func(all, part *Node) *Node) []*Node {
			matrix, narrow, kernel := constants[0], constants[1], constants[2]
			seen := d.withOnes(group[0])
			// The barriers are around what is looked at several times: XLA would
			// compute it anew each time. It forgets those around one value.
			made := graph.OptimizationBarriers(relu(mixChannels(seen, matrix, false), d.limit), padMap(group[1], spread, 1))
			wide, cotangent := made[0], made[1]
			var back *Node // to the wide map
			if d.stride == 1 {
				back = correlate(cotangent, kernel, [2]int(d.wide[1:3]), 1, true)
			} else {
				back = depthwiseInputGradient(cotangent, kernel, d.wide[:], d.stride, Padding{})
			}
			made = graph.OptimizationBarriers(reluGradient(wide, back, d.limit), seen)
			back, seen = made[0], made[1]
			return append([]*Node{
				put(state[0], padMap(mixChannels(back, narrow, true), crop, 1)),
				graph.Add(state[1], sumOfProducts(seen, back)),
			}, taps.addTaps(state[2:], wide, cotangent)...)
		})
	return []*Node{
		state[0],
		graph.Slice(state[1], graph.AxisRange(0, d.input)),
		graph.Reshape(graph.Slice(state[1], graph.AxisRange(d.input, d.input+1)), -1),
		graph.Reshape(total(state[2:]), window...),
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
func (e expansion) zeros() int { return 3 - e.input%4 }

// padEnd appends n zeros on an axis.
func padEnd(x *Node, axis, n int) *Node {
	pads := make([]compute.PadAxis, x.Rank())
	pads[axis].End = n
	return graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()), pads...)
}
