package layers

import "github.com/gomlx/gomlx/core/graph"

// depthwiseGradient is what the gradients of a depthwise convolution follow from.
type depthwiseGradient struct {
	in, out []int // shapes of the map and of the output, [B H W C]
	window  [2]int
	stride  int
	pad     Padding // of the map
}

// inGroups gives the cotangents of the map and of the kernel, for some images at a
// time. The padded map and the padded cotangent are never written to memory.
func (d depthwiseGradient) inGroups(images int, seen, cotangent recipe, kernel *Node) []*Node {
	like := seen.maps[0]
	back := graph.Zeros(like.Graph(), graphShape(like, d.in...))
	d.in, d.out = append([]int{images}, d.in[1:]...), append([]int{images}, d.out[1:]...)
	state := []*Node{back, d.noSums(like)}
	state = eachGroup(images, union(seen.maps, cotangent.maps), union(seen.vectors, cotangent.vectors, []*Node{kernel}), state,
		func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
			made := graph.OptimizationBarriers(padMap(seen.make(at), d.pad, 1), padMap(cotangent.make(at), d.spread(), 1))
			seen, wide := made[0], made[1]
			return []*Node{put(state[0], d.toInput(wide, at(kernel))), d.addTaps(state[1], seen, wide)}
		})
	return []*Node{state[0], d.total(state[1])}
}

// spread pads the output's cotangent, for stride 1: both gradients look at it so.
func (d depthwiseGradient) spread() Padding {
	if d.stride > 1 {
		return Padding{}
	}
	return spreadPadding(d.in, d.out, d.window, 1, d.pad)
}

// toInput is the cotangent of the map, given the output's, spread.
func (d depthwiseGradient) toInput(wide, kernel *Node) *Node {
	if d.stride > 1 {
		return depthwiseInputGradient(wide, kernel, d.in, d.stride, d.pad)
	}
	return correlate(wide, kernel, [2]int(d.in[1:3]), 1, true)
}

// toKernel is the cotangent of the kernel [kh kw C 1], given the padded map and
// the output's cotangent, spread: for each tap the product of what it sees with the
// cotangent, summed over positions.
func (d depthwiseGradient) toKernel(padded, wide *Node) *Node {
	if !hasCache(wide.Graph()) {
		return d.byTap(padded, wide)
	}
	made := graph.OptimizationBarriers(padded, wide)
	return d.total(held(d.addTaps(nil, made[0], made[1]), padded))
}

// noSums are sums for addTaps to begin with, of the type of like.
func (d depthwiseGradient) noSums(like *Node) *Node {
	dims := d.out
	return graph.Zeros(like.Graph(), graphShape(like, dims[0], dims[1], columnsLeft(dims[2]), d.window[0]*d.window[1], dims[3]))
}

// addTaps adds to sums [B H' W" taps C] the products of what each tap sees with the
// cotangent, some columns of a row together. XLA does not fuse a product into a
// reduction: it would write out each product, as large as the map. So much of the
// sum is additions, which it does fuse. The taps' views of the map are gathered: a
// position of all taps is then one piece of code, and the maps are gone through once.
func (d depthwiseGradient) addTaps(sums, padded, wide *Node) *Node {
	g := padded.Graph()
	starts := make([][]int32, d.window[0]*d.window[1])
	for tap := range starts {
		starts[tap] = []int32{int32(tap / d.window[1]), int32(tap % d.window[1])}
	}
	reached := []int{reach(d.out[1], d.stride), reach(d.out[2], d.stride)}
	seen := graph.GatherSlices(padded, []int{1, 2}, graph.Const(g, starts), reached, false) // [taps B H W C]
	if d.stride > 1 {
		every := graph.AxisRange().Stride(d.stride)
		seen = graph.Slice(seen, graph.AxisRange(), graph.AxisRange(), every, every, graph.AxisRange())
	}
	spread := d.spread()
	wide = part(wide, [4]int{0, spread[0][0], spread[1][0], 0}, [4]int(d.out))
	products := graph.Mul(seen, graph.BroadcastPrefix(wide, len(starts)))
	return addColumns(sums, graph.TransposeAllAxes(products, 1, 2, 3, 0, 4))
}

// total is what addTaps' sums come to, as the kernel's cotangent [kh kw C 1].
func (d depthwiseGradient) total(sums *Node) *Node {
	return graph.Reshape(graph.ReduceSum(sums, 0, 1, 2), d.window[0], d.window[1], d.out[3], 1)
}

// byTap goes over the maps once for each tap. Up to eight blocks of them are
// summed as additions; the rest is a product with a row of ones (twice as fast
// as a reduction).
func (d depthwiseGradient) byTap(padded, wide *Node) *Node {
	size := [4]int(d.out)
	axis, blocks := 0, largestDivisor(size[0], 8)
	if byRow := largestDivisor(size[1], 8); byRow > blocks { // an odd batch
		axis, blocks = 1, byRow
	}
	size[axis] /= blocks
	positions, channels := size[0]*size[1]*size[2], size[3]
	spread := d.spread()
	results := eachTap(d.window, padded, wide, []int{1, channels}, func(seen view, wide *Node) *Node {
		var sum *Node
		for block := range blocks {
			var start [4]int
			start[axis] = block * size[axis]
			from := [4]int{start[0], start[1] * d.stride, start[2] * d.stride, start[3]}
			reached := [4]int{size[0], reach(size[1], d.stride), reach(size[2], d.stride), size[3]}
			start[1], start[2] = start[1]+spread[0][0], start[2]+spread[1][0]
			sum = plus(sum, graph.Mul(thin(seen(from, reached), d.stride), part(wide, start, size)))
		}
		ones := graph.Ones(sum.Graph(), graphShape(sum, 1, positions))
		return graph.Dot(ones, graph.Reshape(sum, positions, channels)).MatMul()
	})
	return graph.Reshape(results, d.window[0], d.window[1], channels, 1)
}

// columnsLeft is how many columns are left of n where addColumns has added others.
func columnsLeft(n int) int { return n / largestDivisor(n, mostColumns) }

// mostColumns is how many columns of a row addColumns adds up: XLA writes out a
// value that more than 15 places of a computation look at.
const mostColumns = 14

// addColumns adds x [B H W k C], up to 14 columns of a row together, to sums
// [B H W' k C]; nil is none yet.
func addColumns(sums, x *Node) *Node {
	width := x.Shape().Dimensions[2]
	left := columnsLeft(width)
	for column := 0; column < width; column += left {
		sums = plus(sums, graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(column, column+left)))
	}
	return sums
}
