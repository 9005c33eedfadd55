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
		return e.depthwise(kernel, d.Stride)
	}
	return depthwise(x, kernel, d.Stride, pad)
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
			seen, weights := padMap(graph.StopGradient(x), pad, 1), graph.StopGradient(kernel)
			if stride > 1 {
				return []*Node{
					depthwiseInputGradient(cotangent, weights, dims, stride, pad),
					depthwiseKernelGradient(seen, cotangent, [2]int{}, out, window, stride),
				}
			}
			// Both gradients look at one padded cotangent: for the kernel's alone
			// XLA would make it, and write it to memory, a second time.
			spread := spreadPadding(dims, cotangent.Shape().Dimensions, [2]int(window[:2]), 1, pad)
			wide := padMap(cotangent, spread, 1)
			return []*Node{
				correlate(wide, weights, [2]int(dims[1:3]), 1, true),
				depthwiseKernelGradient(seen, wide, [2]int{spread[0][0], spread[1][0]}, out, window, 1),
			}
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

// cacheBytes is what two maps may take together so that going over them once
// for each tap of a window still finds most of them in the processor's cache.
const cacheBytes = 24 << 20

// depthwiseKernelGradient is the cotangent of the kernel [kh kw C 1]: for each
// tap the product of what it sees with the output's cotangent, summed over
// positions. The cotangent, with out rows and columns, begins in wide at the
// row and column first. XLA does not fuse a product into a reduction: it would
// write out each product, as large as the map. So a part of the sum is written
// as additions, which it does fuse.
func depthwiseKernelGradient(padded, wide *Node, first, out [2]int, window []int, stride int) *Node {
	dims := wide.Shape().Dimensions
	size := [4]int{dims[0], out[0], out[1], dims[3]}
	g := kernelGradient{padded: padded, wide: wide, first: first, size: size, window: [2]int(window[:2]), stride: stride}
	taps := g.window[0] * g.window[1]
	bytes := 4 * (padded.Shape().Size() + wide.Shape().Size())
	var sums *Node
	if bytes > cacheBytes && taps <= 9 && hasCache(wide.Graph()) {
		sums = g.byImage(max(1, size[0]*cacheBytes/3/bytes))
	} else {
		sums = g.byTap()
	}
	return graph.Reshape(sums, g.window[0], g.window[1], dims[3], 1)
}

// kernelGradient is what the ways to compute a depthwise kernel's gradient are told.
type kernelGradient struct {
	padded, wide *Node
	first        [2]int
	size         [4]int // of the cotangent in wide
	window       [2]int
	stride       int
}

// product is that of what a tap sees, given that tap's view of the map, with
// the cotangent in a box of positions.
func (k kernelGradient) product(seen view, wide *Node, start, size [4]int) *Node {
	from := [4]int{start[0], start[1] * k.stride, start[2] * k.stride, start[3]}
	reached := [4]int{size[0], reach(size[1], k.stride), reach(size[2], k.stride), size[3]}
	start[1], start[2] = start[1]+k.first[0], start[2]+k.first[1]
	return graph.Mul(thin(seen(from, reached), k.stride), part(wide, start, size))
}

// byTap goes over the maps once for each tap. Up to eight blocks of them are
// summed as additions; the rest is a product with a row of ones (twice as fast
// as a reduction).
func (k kernelGradient) byTap() *Node {
	axis, blocks := 0, largestDivisor(k.size[0], 8)
	if byRow := largestDivisor(k.size[1], 8); byRow > blocks { // an odd batch
		axis, blocks = 1, byRow
	}
	size := k.size
	size[axis] /= blocks
	positions := size[0] * size[1] * size[2]
	return eachTap(k.window, k.padded, k.wide, []int{1, size[3]}, func(seen view, wide *Node) *Node {
		var sum *Node
		for block := range blocks {
			var start [4]int
			start[axis] = block * size[axis]
			sum = plus(sum, k.product(seen, wide, start, size))
		}
		ones := graph.Ones(sum.Graph(), graphShape(sum, 1, positions))
		return graph.Dot(ones, graph.Reshape(sum, positions, size[3])).MatMul()
	})
}

// byImage goes over the maps once, some images at a time, with all taps over
// them while they are in the cache: 2.5 times as fast for large maps. Up to 14
// columns of a row are summed as additions: they lie side by side in memory.
func (k kernelGradient) byImage(images int) *Node {
	k.size[0] = largestDivisor(k.size[0], images)
	return total(eachGroup(k.size[0], []*Node{k.padded, k.wide}, nil, k.zeros(k.wide),
		func(group, _, sums []*Node, _ func(all, part *Node) *Node) []*Node {
			// Without the barrier XLA would look for the group's place anew at every position.
			group = graph.OptimizationBarriers(group...)
			return k.addTaps(sums, group[0], group[1])
		}))
}

// columns of a map that addTaps adds up side by side.
func (k kernelGradient) columns() [4]int {
	size := k.size
	size[2] /= largestDivisor(size[2], 14)
	return size
}

// zeros are sums for addTaps to begin with, of the type of like.
func (k kernelGradient) zeros(like *Node) []*Node {
	size := k.columns()
	sums := make([]*Node, k.window[0]*k.window[1])
	for tap := range sums {
		sums[tap] = graph.Zeros(like.Graph(), graphShape(like, size[:]...))
	}
	return sums
}

// addTaps adds to each tap's sums the products of a group of images.
func (k kernelGradient) addTaps(sums []*Node, padded, wide *Node) []*Node {
	size := k.columns()
	next := make([]*Node, len(sums))
	for tap, sum := range sums {
		seen := func(start, size [4]int) *Node {
			start[1], start[2] = start[1]+tap/k.window[1], start[2]+tap%k.window[1]
			return part(padded, start, size)
		}
		for column := 0; column < k.size[2]; column += size[2] {
			sum = graph.Add(sum, k.product(seen, wide, [4]int{2: column}, size))
		}
		next[tap] = sum
	}
	return next
}

// total is what each tap's sums come to: [taps C].
func total(sums []*Node) *Node {
	all := make([]*Node, len(sums))
	for tap, sum := range sums {
		all[tap] = graph.ExpandAxes(graph.ReduceSum(sum, 0, 1, 2), 0)
	}
	return graph.Concatenate(all, 0)
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
