package kernels

import "github.com/gomlx/gomlx/core/graph"

// DepthwiseConv2D correlates each channel of x [B H W C] with its own window of kernel [kh kw C 1]: [B H' W' C].
//
// XLA's grouped convolution is 10 to 50 times slower on a CPU, and GoMLX's gradient for it splits the graph by channel.
// Here the forward pass and the gradient of x are sums over kernel offsets of a strided slice times the offset's channel
// vector, which XLA fuses into one loop.
func (s *State) DepthwiseConv2D(x, kernel *Node, stride int, pad Padding) *Node {
	dims := x.Shape().Dimensions
	w := Window{Size: [2]int(kernel.Shape().Dimensions[:2]), Stride: stride, Pad: pad}
	out := w.Out([2]int(dims[1:3]))
	return withGradient(
		func(in ...*Node) *Node { return w.correlate(padMap(in[0], pad, 1), in[1], out, false) },
		func(cotangent *Node) []*Node {
			d := depthwiseGradient{in: dims, out: cotangent.Shape().Dimensions, Window: w}
			kernel := graph.StopGradient(kernel)
			if images, ok := s.TooWide(x.Graph(), dims); ok {
				return d.inMicroBatches(images, s.expressionOf(x), s.expressionOf(cotangent), kernel)
			}
			// Both gradients use the same padded cotangent, so that XLA computes it, and writes it to memory, only once.
			seen, padded := padMap(graph.StopGradient(x), pad, 1), padMap(cotangent, d.cotangentPadding(), 1)
			return []*Node{d.toInput(padded, kernel), d.toKernel(seen, padded)}
		}, x, kernel)
}

// correlate sums, over kernel offsets, the offset's window view of the padded map times the offset's channel vector. With
// flip, the kernel is rotated by 180 degrees.
func (w Window) correlate(padded, kernel *Node, out [2]int, flip bool) *Node {
	vectors := channelVectors(kernel)
	var sum *Node
	for offset := range w.offsets() {
		of := offset
		if flip {
			of = w.offsets() - 1 - offset
		}
		vector := graph.Slice(vectors, graph.AxisElem(of))
		sum = plus(sum, graph.Mul(w.seen(padded, offset, out), vector))
	}
	return sum
}

// channelVectors is kernel [kh kw C 1] as [offsets 1 1 C].
func channelVectors(kernel *Node) *Node {
	dims := kernel.Shape().Dimensions
	return graph.Reshape(kernel, dims[0]*dims[1], 1, 1, dims[2])
}

// depthwiseGradient is the geometry of a depthwise convolution's gradients.
type depthwiseGradient struct {
	in, out []int // shapes of the map and of the output, [B H W C]
	Window
}

// inMicroBatches gives the cotangents of the map and of the kernel. The padded map and the padded cotangent of a
// micro-batch stay in the cache.
func (d depthwiseGradient) inMicroBatches(images int, seen, cotangent expression, kernel *Node) []*Node {
	anyMap := seen.maps[0]
	back := graph.Zeros(anyMap.Graph(), like(anyMap, d.in...))
	d.in, d.out = append([]int{images}, d.in[1:]...), append([]int{images}, d.out[1:]...)
	state := []*Node{back, d.zeroSums(anyMap)}
	state = microBatches(images, union(seen.maps, cotangent.maps), union(seen.vectors, cotangent.vectors, []*Node{kernel}), state,
		func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
			both := graph.OptimizationBarriers(padMap(seen.eval(at), d.Pad, 1), padMap(cotangent.eval(at), d.cotangentPadding(), 1))
			seen, padded := both[0], both[1]
			return []*Node{put(state[0], d.toInput(padded, at(kernel))), d.addOffsets(state[1], seen, padded)}
		})
	return []*Node{state[0], d.total(state[1])}
}

// cotangentPadding is the padding of the output's cotangent in both gradients: with stride 1, dilationPadding; else none.
func (d depthwiseGradient) cotangentPadding() Padding {
	if d.Stride > 1 {
		return Padding{}
	}
	return d.dilationPadding([2]int(d.in[1:3]), [2]int(d.out[1:3]))
}

// toInput is the cotangent of the map, given the output's padded cotangent.
func (d depthwiseGradient) toInput(padded, kernel *Node) *Node {
	in := [2]int(d.in[1:3])
	if d.Stride == 1 {
		return d.correlate(padded, kernel, in, true)
	}
	vectors := channelVectors(kernel)
	return d.byPhases(padded, in, func(offset int, at *Node) *Node {
		return graph.Mul(at, graph.Slice(vectors, graph.AxisElem(offset)))
	})
}

// toKernel is the cotangent of the kernel [kh kw C 1], given the padded map and the output's padded cotangent: for each
// kernel offset, its window view times the cotangent, summed over positions.
func (d depthwiseGradient) toKernel(seen, padded *Node) *Node {
	if !HasCache(padded.Graph()) {
		return d.offsetByOffset(seen, padded)
	}
	both := graph.OptimizationBarriers(seen, padded)
	return d.total(materialize(d.addOffsets(nil, both[0], both[1]), seen))
}

// zeroSums returns the initial accumulator for addOffsets, in x's graph and dtype.
func (d depthwiseGradient) zeroSums(x *Node) *Node {
	return graph.Zeros(x.Graph(), like(x, d.out[0], d.out[1], foldedWidth(d.out[2]), d.offsets(), d.out[3]))
}

// addOffsets adds to sums [B H' W" offsets C] the products of each kernel offset's window view with the cotangent, with
// the columns of a row folded. XLA does not fuse a product into a reduction: it would write out each product, as large as
// the map. XLA does fuse a product into additions, so additions make most of the sum. The window views of all offsets are
// gathered into one array, so that XLA reads the maps once.
func (d depthwiseGradient) addOffsets(sums, seen, padded *Node) *Node {
	g := seen.Graph()
	starts := make([][]int32, d.offsets())
	for offset := range starts {
		at := d.at(offset)
		starts[offset] = []int32{int32(at[0]), int32(at[1])}
	}
	span := []int{extent(d.out[1], d.Stride), extent(d.out[2], d.Stride)}
	views := graph.GatherSlices(seen, []int{1, 2}, graph.Const(g, starts), span, false) // [offsets B H W C]
	if d.Stride > 1 {
		every := graph.AxisRange().Stride(d.Stride)
		views = graph.Slice(views, graph.AxisRange(), graph.AxisRange(), every, every)
	}
	pad := d.cotangentPadding()
	cotangent := slice(padded, [4]int{0, pad[0][0], pad[1][0], 0}, [4]int(d.out))
	products := graph.Mul(views, graph.BroadcastPrefix(cotangent, len(starts)))
	return foldColumns(sums, graph.TransposeAllAxes(products, 1, 2, 3, 0, 4))
}

// total reduces the sums of addOffsets to the kernel's cotangent [kh kw C 1].
func (d depthwiseGradient) total(sums *Node) *Node {
	return graph.Reshape(graph.ReduceSum(sums, 0, 1, 2), d.Size[0], d.Size[1], d.out[3], 1)
}

// offsetByOffset is toKernel for engines other than XLA on the CPU: it reads the maps once for each kernel offset. Up to
// eight blocks of a map are summed by additions; a product with a row of ones, twice as fast as a reduction, sums the rest.
func (d depthwiseGradient) offsetByOffset(seen, padded *Node) *Node {
	size := [4]int(d.out)
	axis, blocks := 0, largestDivisor(size[0], 8)
	if byRow := largestDivisor(size[1], 8); byRow > blocks { // for example an odd batch
		axis, blocks = 1, byRow
	}
	size[axis] /= blocks
	positions, channels := size[0]*size[1]*size[2], size[3]
	pad := d.cotangentPadding()
	results := d.perOffset(seen, padded, []int{1, channels}, func(seen view, padded *Node) *Node {
		var sum *Node
		for block := range blocks {
			var start [4]int
			start[axis] = block * size[axis]
			from := [4]int{start[0], start[1] * d.Stride, start[2] * d.Stride, start[3]}
			span := [4]int{size[0], extent(size[1], d.Stride), extent(size[2], d.Stride), size[3]}
			start[1], start[2] = start[1]+pad[0][0], start[2]+pad[1][0]
			sum = plus(sum, graph.Mul(subsample(seen(from, span), d.Stride), slice(padded, start, size)))
		}
		ones := graph.Ones(sum.Graph(), like(sum, 1, positions))
		return graph.Dot(ones, graph.Reshape(sum, positions, channels)).MatMul()
	})
	return graph.Reshape(results, d.Size[0], d.Size[1], channels, 1)
}

// maxFold is the largest number of columns that foldColumns adds up: XLA writes out a value with more than 15 users.
const maxFold = 14

// foldedWidth is the number of columns that foldColumns leaves of n.
func foldedWidth(n int) int { return n / largestDivisor(n, maxFold) }

// foldColumns adds x [B H W k C] to sums [B H W' k C], or to nothing if sums is nil: up to maxFold columns of a row are
// added to each other.
func foldColumns(sums, x *Node) *Node {
	width := x.Shape().Dimensions[2]
	folded := foldedWidth(width)
	for column := 0; column < width; column += folded {
		sums = plus(sums, graph.SliceAxis(x, 2, graph.AxisRange(column, column+folded)))
	}
	return sums
}
