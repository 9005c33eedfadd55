package layers

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/gomlx/gomlx/core/graph"
)

// eachGroup calls step for groups of size images in turn, in a loop of the
// engine. Maps that are larger than the processor's cache are then gone through
// once, however often step looks at its group.
//
// step gets at, which gives the group of each of maps [B ...] and the constants,
// what it returned the last time (state to begin with), and put, which writes a
// group's part [size ...] of an array [B ...] to its place. It can use no other
// nodes.
func eachGroup(size int, maps, constants, state []*Node, step func(at func(*Node) *Node, state []*Node, put func(all, part *Node) *Node) []*Node) []*Node {
	images := maps[0].Shape().Dimensions[0]
	outside := slices.Concat(maps, constants)
	return loop(images, size, outside, state, func(first *Node, fixed, state []*Node) []*Node {
		inside := map[*Node]*Node{}
		for i, x := range fixed {
			if i < len(maps) {
				x = graph.DynamicSlice(x, beginning(first, x.Rank()), append([]int{size}, x.Shape().Dimensions[1:]...))
			}
			inside[outside[i]] = x
		}
		put := func(all, part *Node) *Node { return graph.DynamicUpdateSlice(all, part, beginning(first, all.Rank())) }
		return step(func(x *Node) *Node { return inside[x] }, state, put)
	})
}

// cacheBytes is from where on a map of a batch is gone through in groups of images.
const cacheBytes = 24 << 20

// wide says whether a map [B H W C] is, in training, better gone through in groups,
// and of how many images: so that what is made of a group stays in the cache.
func (b *Builder) wide(dims []int) (images int, ok bool) {
	limit, image := cmp.Or(b.wideBytes, cacheBytes), 4*dims[1]*dims[2]*dims[3]
	if !b.Training || !hasCache(b.graph) || dims[0]*image <= limit {
		return 0, false
	}
	return largestDivisor(dims[0], max(1, limit/12/image)), true
}

// loop calls body for at = 0, step, 2*step, ... below limit, in a loop of the
// engine: with the values of fixed, and of state, which it gives anew. It
// returns the last state. Body can use no other nodes.
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
	more := closure(g, func(g *graph.Graph) []*Node {
		return []*Node{graph.LessThan(parameters(g)[0], number(g, limit))}
	})
	once := closure(g, func(g *graph.Graph) []*Node {
		p := parameters(g)
		at, kept, changing := p[0], p[1:1+len(fixed)], p[1+len(fixed):]
		return slices.Concat([]*Node{graph.Add(at, number(g, step))}, kept, body(at, kept, changing))
	})
	return graph.While(more, once, initial...)[1+len(fixed):]
}

// number is an int32 for use in the function that is being built.
func number(g *graph.Graph, n int) *Node { return graph.Const(g, int32(n)) }

// beginning is the place of what begins at first on the first axis of an array.
func beginning(first *Node, rank int) []*Node {
	at := []*Node{first}
	for range rank - 1 {
		at = append(at, number(first.Graph(), 0))
	}
	return at
}

// closure is graph.NewClosure, with the scalars and reductions that define
// makes kept out of the other functions of the graph. GoMLX and go-xla keep
// them for use anywhere in the graph, but what one function has made can't be
// used in another.
func closure(g *graph.Graph, define func(g *graph.Graph) []*Node) *graph.Function {
	inGraph := reflect.ValueOf(g).Elem()
	inBuilder := inGraph.FieldByName("builder").Elem().Elem()
	for _, kept := range []reflect.Value{inGraph.FieldByName("scalars"), inBuilder.FieldByName("cacheReductions")} {
		field := reflect.NewAt(kept.Type(), unsafe.Pointer(kept.UnsafeAddr())).Elem()
		outside := reflect.ValueOf(field.Interface())
		field.Set(reflect.MakeMap(kept.Type()))
		defer field.Set(outside)
	}
	return graph.NewClosure(g, define)
}
