package kernels

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// MicroBatches computes arrays of a batch size images at a time, in a loop of the engine, so that the maps in between
// stay in the processor's cache. build gets at, which gives the micro-batch of each of maps [B ...] and the constants
// themselves, and returns its part [size ...] of every result; it can use no other nodes. results are the dimensions of
// one image in each result.
func MicroBatches(size int, maps, constants []*Node, results [][]int, build func(at func(*Node) *Node) []*Node) []*Node {
	state := make([]*Node, len(results))
	for i, image := range results {
		state[i] = graph.Zeros(maps[0].Graph(), like(maps[0], append([]int{maps[0].Shape().Dimensions[0]}, image...)...))
	}
	return microBatches(size, maps, constants, state, func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node {
		next := make([]*Node, len(state))
		for i, part := range build(at) {
			next[i] = put(state[i], part)
		}
		return next
	})
}

// MicroBatch is how many images of x [B ...] a micro-batch has, at most limit; ok is false if that is the whole batch or
// the engine gains nothing from micro-batches.
func MicroBatch(x *Node, limit int) (images int, ok bool) {
	batch := x.Shape().Dimensions[0]
	images = largestDivisor(batch, limit)
	return images, images != batch && HasCache(x.Graph())
}

// microBatches is MicroBatches for results that are not only put together: step also gets what it returned for the
// micro-batch before (state for the first), and put, which writes a part [size ...] to its place in an array [B ...].
func microBatches(size int, maps, constants, state []*Node, step func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node) []*Node {
	images := maps[0].Shape().Dimensions[0]
	outside := slices.Concat(maps, constants)
	return loop(images, size, outside, state, func(first *Node, fixed, state []*Node) []*Node {
		inside := map[*Node]*Node{}
		for i, x := range fixed {
			if i < len(maps) {
				x = graph.DynamicSlice(x, atFirst(first, x.Rank()), append([]int{size}, x.Shape().Dimensions[1:]...))
			}
			inside[outside[i]] = x
		}
		put := func(all, part *Node) *Node { return graph.DynamicUpdateSlice(all, part, atFirst(first, all.Rank())) }
		return step(func(x *Node) *Node { return inside[x] }, state, put)
	})
}

// loop calls body for at = 0, step, 2*step, ... below limit, in a loop of the engine, with the values of fixed and of
// state; body returns the next state. The last state is the result. body can use no other nodes.
func loop(limit, step int, fixed, state []*Node, body func(at *Node, fixed, state []*Node) []*Node) []*Node {
	g := fixed[0].Graph()
	initial := slices.Concat([]*Node{number(g, 0)}, fixed, state)
	parameters := func(g *graph.Graph) []*Node {
		p := make([]*Node, len(initial))
		for i, node := range initial {
			p[i] = graph.Parameter(g, fmt.Sprint("state", i), node.Shape())
		}
		return p
	}
	more := newClosure(g, func(g *graph.Graph) []*Node {
		return []*Node{graph.LessThan(parameters(g)[0], number(g, limit))}
	})
	once := newClosure(g, func(g *graph.Graph) []*Node {
		p := parameters(g)
		at, kept, changing := p[0], p[1:1+len(fixed)], p[1+len(fixed):]
		return slices.Concat([]*Node{graph.Add(at, number(g, step))}, kept, body(at, kept, changing))
	})
	return graph.While(more, once, initial...)[1+len(fixed):]
}

// number is an int32 in the function that is being built.
func number(g *graph.Graph, n int) *Node { return graph.Const(g, int32(n)) }

// atFirst is the place in an array that has first on the first axis and 0 on the others.
func atFirst(first *Node, rank int) []*Node {
	at := []*Node{first}
	for range rank - 1 {
		at = append(at, number(first.Graph(), 0))
	}
	return at
}
