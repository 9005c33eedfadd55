package layers

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// view gives the part of a tap's map [B H W C] from start on, of the given
// size. The tap's map is the padded map without the rows and columns before
// the tap.
type view func(start, size [4]int) *Node

// eachTap computes one of the padded map and a cotangent for each tap of a
// window, and returns the results, each of the shape result, along a new first
// axis. Where the engine has loops the taps share one piece of code and
// its memory: written out, the 49 taps of a 7x7 window take seconds to
// compile, and XLA keeps what they all see in memory at once.
func eachTap(window [2]int, padded, cotangent *Node, result []int, one func(seen view, cotangent *Node) *Node) *Node {
	if !hasLoops(padded.Graph()) {
		var results []*Node
		for tap := range window[0] * window[1] {
			of := one(func(start, size [4]int) *Node {
				start[1], start[2] = start[1]+tap/window[1], start[2]+tap%window[1]
				return part(padded, start, size)
			}, cotangent)
			results = append(results, graph.ExpandAxes(of, 0))
		}
		return graph.Concatenate(results, 0)
	}
	taps := window[0] * window[1]
	results := graph.Zeros(padded.Graph(), graphShape(cotangent, append([]int{taps}, result...)...))
	return loop(taps, 1, []*Node{padded, cotangent}, []*Node{results}, func(tap *Node, fixed, state []*Node) []*Node {
		g := tap.Graph()
		zero, width := number(g, 0), number(g, window[1])
		offset := []*Node{zero, graph.Div(tap, width), graph.Mod(tap, width), zero}
		of := one(func(start, size [4]int) *Node {
			at := slices.Clone(offset)
			for axis, n := range start {
				if n != 0 {
					at[axis] = graph.Add(at[axis], number(g, n))
				}
			}
			return graph.DynamicSlice(fixed[0], at, size[:])
		}, fixed[1])
		return []*Node{graph.DynamicUpdateSlice(state[0], graph.ExpandAxes(of, 0), beginning(tap, state[0].Rank()))}
	})[0]
}

// hasLoops says whether an engine knows loops and slices at computed places, and
// this is not in a loop already: go-xla can't nest them.
func hasLoops(g *graph.Graph) bool {
	can := g.Backend().Capabilities()
	return can.Functions && can.Operations[compute.OpTypeDynamicSlice] && g.IsMainFunc()
}

// hasCache says whether the engine has loops and computes on a processor, whose
// cache holds a small part of a batch.
func hasCache(g *graph.Graph) bool { return hasLoops(g) && platformOf(g.Backend()) == xlaCPU }

// part of x [B H W C] from start on, of the given size.
func part(x *Node, start, size [4]int) *Node {
	spec := make([]graph.SliceAxisSpec, len(start))
	for axis := range spec {
		spec[axis] = graph.AxisRange(start[axis], start[axis]+size[axis])
	}
	return graph.Slice(x, spec...)
}

// thin keeps every stride-th row and column of x [B H W C].
func thin(x *Node, stride int) *Node {
	if stride == 1 {
		return x
	}
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange().Stride(stride), graph.AxisRange().Stride(stride), graph.AxisRange())
}

// reach is how many rows or columns of a map n positions of a window's tap see.
func reach(n, stride int) int { return (n-1)*stride + 1 }
