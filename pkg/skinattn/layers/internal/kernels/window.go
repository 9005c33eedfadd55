package kernels

import (
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Window slides over the rows and columns of a padded map. The positions within it are the kernel offsets, counted row by
// row.
type Window struct {
	Size   [2]int
	Stride int // in both directions
	Pad    Padding
}

// Out is the number of windows along the rows and columns of a map of size in.
func (w Window) Out(in [2]int) (out [2]int) {
	for axis := range out {
		out[axis] = (in[axis]+w.Pad[axis][0]+w.Pad[axis][1]-w.Size[axis])/w.Stride + 1
	}
	return out
}

// offsets is the number of kernel offsets.
func (w Window) offsets() int { return w.Size[0] * w.Size[1] }

// at is the row and column of a kernel offset.
func (w Window) at(offset int) [2]int { return [2]int{offset / w.Size[1], offset % w.Size[1]} }

// seen is the window view of a kernel offset on a padded map [B H W C] with out windows, [B H' W' C].
func (w Window) seen(padded *Node, offset int, out [2]int) *Node {
	if w.Stride == 1 && out == [2]int(padded.Shape().Dimensions[1:3]) {
		return padded
	}
	at := w.at(offset)
	return graph.Slice(padded, graph.AxisRange(), steps(at[0], out[0], w.Stride), steps(at[1], out[1], w.Stride))
}

// steps are n places of an axis, at start, start+stride, ...
func steps(start, n, stride int) graph.SliceAxisSpec {
	return graph.AxisRange(start, start+extent(n, stride)).Stride(stride)
}

// extent returns the span, in rows or columns, of n positions that are stride apart.
func extent(n, stride int) int { return (n-1)*stride + 1 }

// view gives a part of the padded map [B H W C]; start counts rows and columns from a kernel offset.
type view func(start, size [4]int) *Node

// perOffset computes result, of the given shape, from the view of each kernel offset and a cotangent, and returns the
// results along a new first axis. Where the engine has loops, all offsets share one piece of code and its memory:
// unrolled, the 49 offsets of a 7x7 window take seconds to compile, and XLA keeps all their views in memory at once.
func (w Window) perOffset(padded, cotangent *Node, shape []int, result func(seen view, cotangent *Node) *Node) *Node {
	if !hasLoops(padded.Graph()) {
		var results []*Node
		for offset := range w.offsets() {
			at := w.at(offset)
			results = append(results, result(func(start, size [4]int) *Node {
				start[1], start[2] = start[1]+at[0], start[2]+at[1]
				return slice(padded, start, size)
			}, cotangent))
		}
		return graph.Stack(results, 0)
	}
	results := graph.Zeros(padded.Graph(), like(cotangent, append([]int{w.offsets()}, shape...)...))
	return loop(w.offsets(), 1, []*Node{padded, cotangent}, []*Node{results}, func(offset *Node, fixed, state []*Node) []*Node {
		g := offset.Graph()
		zero, width := number(g, 0), number(g, w.Size[1])
		origin := []*Node{zero, graph.Div(offset, width), graph.Mod(offset, width), zero}
		y := result(func(start, size [4]int) *Node {
			at := slices.Clone(origin)
			for axis, n := range start {
				if n != 0 {
					at[axis] = graph.Add(at[axis], number(g, n))
				}
			}
			return graph.DynamicSlice(fixed[0], at, size[:])
		}, fixed[1])
		return []*Node{graph.DynamicUpdateSlice(state[0], graph.ExpandAxes(y, 0), atFirst(offset, state[0].Rank()))}
	})[0]
}

// shift gives, on one axis, the window u+distance that sees the map's position u*stride+phase at the kernel offset; lies
// is false if no window does. The distance depends only on the position's remainder by the stride, its stride phase.
func (w Window) shift(axis, phase, offset int) (distance int, lies bool) {
	d := phase + w.Pad[axis][0] - offset
	return d / w.Stride, d%w.Stride == 0
}

// byPhases goes back from windows y [B H' W' C] to a map [B H W C] of size in: the value at a position is the sum, over
// the windows and kernel offsets that see it, of term(offset, value of the window in y). Each stride phase is computed by
// itself over a dense part of y, and the phases are interleaved: dilating y would take stride² times as many terms.
func (w Window) byPhases(y *Node, in [2]int, term func(offset int, at *Node) *Node) *Node {
	dims := y.Shape().Dimensions
	batch, channels := dims[0], dims[3]
	var units, first [2]int // number of positions of a phase; lowest distance
	var margin Padding
	for axis := range units {
		units[axis] = (in[axis] + w.Stride - 1) / w.Stride
		last := 0
		for phase := range w.Stride {
			for offset := range w.Size[axis] {
				if distance, lies := w.shift(axis, phase, offset); lies {
					first[axis], last = min(first[axis], distance), max(last, distance)
				}
			}
		}
		margin[axis] = [2]int{-first[axis], max(0, units[axis]+last-dims[1+axis])}
	}
	padded := padMap(y, margin, 1)
	phase := func(a, b int) *Node {
		var sum *Node
		for offset := range w.offsets() {
			at := w.at(offset)
			r, rowLies := w.shift(0, a, at[0])
			c, colLies := w.shift(1, b, at[1])
			if !rowLies || !colLies {
				continue
			}
			values := slice(padded, [4]int{0, r - first[0], c - first[1], 0}, [4]int{batch, units[0], units[1], channels})
			sum = plus(sum, term(offset, values))
		}
		if sum == nil { // a stride longer than the window
			sum = graph.Zeros(y.Graph(), like(y, batch, units[0], units[1], channels))
		}
		return sum
	}
	var rows []*Node
	for a := range w.Stride {
		var columns []*Node
		for b := range w.Stride {
			columns = append(columns, graph.ExpandAxes(phase(a, b), 3))
		}
		rows = append(rows, graph.Reshape(graph.Concatenate(columns, 3), batch, units[0], 1, units[1]*w.Stride, channels))
	}
	interleaved := graph.Reshape(graph.Concatenate(rows, 2), batch, units[0]*w.Stride, units[1]*w.Stride, channels)
	return slice(interleaved, [4]int{}, [4]int{batch, in[0], in[1], channels})
}

// slice is the part of x [B H W C] from start on, of the given size.
func slice(x *Node, start, size [4]int) *Node {
	spec := make([]graph.SliceAxisSpec, len(start))
	for axis := range spec {
		spec[axis] = graph.AxisRange(start[axis], start[axis]+size[axis])
	}
	return graph.Slice(x, spec...)
}

// subsample keeps every stride-th row and column of x [B H W C].
func subsample(x *Node, stride int) *Node {
	if stride == 1 {
		return x
	}
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange().Stride(stride), graph.AxisRange().Stride(stride))
}

// plus is sum + x, or x if sum is nil.
func plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return graph.Add(sum, x)
}

// largestDivisor is the largest divisor of n that is at most limit, both at least 1.
func largestDivisor(n, limit int) int {
	d := min(n, limit)
	for n%d != 0 {
		d--
	}
	return d
}

// like is a shape with x's data type.
func like(x *Node, dims ...int) shapes.Shape { return shapes.Make(x.DType(), dims...) }
