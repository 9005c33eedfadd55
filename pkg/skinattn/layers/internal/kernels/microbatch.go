package kernels

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// MicroBatches computes a batch in micro-batches of size images, in a loop of the engine, so that the maps in between stay
// in the processor's cache. build returns the micro-batch [size ...] of every result; at gives it the micro-batch of each
// of maps [B ...] and the value of each constant, and build can use no other nodes. results are the dimensions of the
// results without the batch axis.
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

// MicroBatch is the number of images, at most limit, in a micro-batch of x [B ...]; ok is false if a micro-batch is the
// whole batch or the engine gains nothing from micro-batches.
func MicroBatch(x *Node, limit int) (images int, ok bool) {
	batch := x.Shape().Dimensions[0]
	images = largestDivisor(batch, limit)
	return images, images != batch && HasCache(x.Graph())
}

// microBatchStep computes the state after a micro-batch. at is as in MicroBatches; put writes the micro-batch's part
// [size ...] of an array [B ...] to its place there.
type microBatchStep func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node

// microBatches is MicroBatches for results that are not only put together: every micro-batch changes a state, which at
// the end is the result.
func microBatches(size int, maps, constants, state []*Node, step microBatchStep) []*Node {
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

// loop calls body for at = 0, step, 2*step, ... below limit, in a loop of the engine, with the values of fixed and state;
// body returns the next state and can use no other nodes. The result is the last state.
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

func number(g *graph.Graph, n int) *Node { return graph.Const(g, int32(n)) }

// atFirst is the place [first 0 0 ...] in an array.
func atFirst(first *Node, rank int) []*Node {
	at := []*Node{first}
	for range rank - 1 {
		at = append(at, number(first.Graph(), 0))
	}
	return at
}
