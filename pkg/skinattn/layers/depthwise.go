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
	kernel := b.variable(layer, "depthwise_kernel", x.Graph())
	if e, ok := b.expansionBefore(layer, pad); ok {
		return e.depthwise(b, kernel, d.Stride)
	}
	return b.depthwise(x, kernel, d.Stride, pad)
}

// depthwise correlates each channel of x [B H W C] with its own window of
// kernel [kh kw C 1].
func (b *Builder) depthwise(x, kernel *Node, stride int, pad Padding) *Node {
	dims, window := x.Shape().Dimensions, kernel.Shape().Dimensions
	out := [2]int{windowOut(dims[1], window[0], stride, pad[0]), windowOut(dims[2], window[1], stride, pad[1])}
	return withGradient(
		func(in ...*Node) *Node { return correlate(padMap(in[0], pad, 1), in[1], out, stride, false) },
		func(cotangent *Node) []*Node {
			d := depthwiseGradient{in: dims, out: cotangent.Shape().Dimensions, window: [2]int(window[:2]), stride: stride, pad: pad}
			kernel := graph.StopGradient(kernel)
			if images, ok := b.wide(dims); ok {
				return d.inGroups(images, b.recipe(x), b.recipe(cotangent), kernel)
			}
			// Both gradients look at one padded cotangent: for the kernel's alone
			// XLA would make it, and write it to memory, a second time.
			seen, wide := padMap(graph.StopGradient(x), pad, 1), padMap(cotangent, d.spread(), 1)
			return []*Node{d.toInput(wide, kernel), d.toKernel(seen, wide)}
		}, x, kernel)
}

// correlate sums, over the taps of the window, the slice of the padded map
// that the tap sees times the tap's channel vector. With flip, the window is
// turned by 180 degrees.
func correlate(padded, kernel *Node, out [2]int, stride int, flip bool) *Node {
	window := kernel.Shape().Dimensions
	taps := window[0] * window[1]
	vectors := tapVectors(kernel)
	var sum *Node
	for r := range window[0] {
		for c := range window[1] {
			tap := r*window[1] + c
			if flip {
				tap = taps - 1 - tap
			}
			vector := graph.Slice(vectors, graph.AxisRange(tap, tap+1))
			sum = plus(sum, graph.Mul(tapSlice(padded, r, c, out, stride), vector))
		}
	}
	return sum
}

// tapSlice is what the window's tap (r, c) sees at all out positions.
func tapSlice(padded *Node, r, c int, out [2]int, stride int) *Node {
	rows, cols := reach(out[0], stride), reach(out[1], stride)
	if dims := padded.Shape().Dimensions; stride == 1 && rows == dims[1] && cols == dims[2] {
		return padded
	}
	return graph.Slice(padded, graph.AxisRange(),
		graph.AxisRange(r, r+rows).Stride(stride), graph.AxisRange(c, c+cols).Stride(stride), graph.AxisRange())
}

// depthwiseInputGradient is the cotangent of the input, of shape in [B H W C],
// for a stride above 1: phase by phase.
func depthwiseInputGradient(cotangent, kernel *Node, in []int, stride int, pad Padding) *Node {
	window, out := [2]int(kernel.Shape().Dimensions[:2]), cotangent.Shape().Dimensions
	vectors := tapVectors(kernel)
	slide := slider{in: [2]int(in[1:3]), out: [2]int(out[1:3]), window: window, stride: stride, pad: pad}
	return slide.back(cotangent, func(tap int, at *Node) *Node {
		return graph.Mul(at, graph.Slice(vectors, graph.AxisRange(tap, tap+1)))
	})
}

// tapVectors is kernel [kh kw C 1] as [taps 1 1 C].
func tapVectors(kernel *Node) *Node {
	dims := kernel.Shape().Dimensions
	return graph.Reshape(kernel, dims[0]*dims[1], 1, 1, dims[2])
}

// spreadPadding pads an output's cotangent of shape out [B H' W' C], after the
// stride has spread it, such that the turned window, moved by one, leads back
// to an input of shape in [B H W C] that had been padded by pad.
func spreadPadding(in, out []int, window [2]int, stride int, pad Padding) Padding {
	var spread Padding
	for axis, k := range window {
		before := k - 1 - pad[axis][0]
		length := reach(out[axis+1], stride)
		spread[axis] = [2]int{before, in[axis+1] + k - 1 - before - length}
	}
	return spread
}

// plus is sum + x, or x to begin with.
func plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return graph.Add(sum, x)
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
	return padInside(x, pad, stride, graph.ScalarZero(x.Graph(), x.DType()))
}

// padWith pads the two spatial axes of x with a value of its type.
func padWith(x *Node, pad Padding, value any) *Node {
	return padInside(x, pad, 1, graph.Const(x.Graph(), value))
}

func padInside(x *Node, pad Padding, stride int, fill *Node) *Node {
	var grow, crop Padding
	for axis := range pad {
		for side, n := range pad[axis] {
			grow[axis][side], crop[axis][side] = max(n, 0), max(-n, 0)
		}
	}
	if grow != (Padding{}) || stride != 1 {
		x = graph.Pad(x, fill,
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
