package layers

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// eachGroup calls step for groups of size images in turn, in a loop of the
// engine. Maps that are larger than the processor's cache are then gone through
// once, however often step looks at its group.
//
// step gets the group of each of maps [B ...], the constants, what it returned
// the last time (state to begin with), and put, which writes a group's part
// [size ...] of an array [B ...] to its place. It can use no other nodes.
func eachGroup(size int, maps, constants, state []*Node, step func(group, constants, state []*Node, put func(all, part *Node) *Node) []*Node) []*Node {
	g := maps[0].Graph()
	images := maps[0].Shape().Dimensions[0]
	number := func(g *graph.Graph, n int) *Node { return graph.Const(g, int32(n)) }
	initial := append([]*Node{number(g, 0)}, maps...)
	initial = append(initial, constants...)
	fixed := len(initial)
	initial = append(initial, state...)
	shape := make([]shapes.Shape, len(initial))
	for i, node := range initial {
		shape[i] = node.Shape()
	}
	parameters := func(g *graph.Graph) []*Node {
		p := make([]*Node, len(shape))
		for i := range p {
			p[i] = graph.Parameter(g, fmt.Sprint("state", i), shape[i])
		}
		return p
	}
	more := closure(g, func(g *graph.Graph) []*Node {
		return []*Node{graph.LessThan(parameters(g)[0], number(g, images))}
	})
	body := closure(g, func(g *graph.Graph) []*Node {
		p := parameters(g)
		place := func(rank int) []*Node {
			at := []*Node{p[0]}
			for range rank - 1 {
				at = append(at, number(g, 0))
			}
			return at
		}
		group := make([]*Node, len(maps))
		for i, all := range p[1 : 1+len(maps)] {
			dims := append([]int{size}, all.Shape().Dimensions[1:]...)
			group[i] = graph.DynamicSlice(all, place(all.Rank()), dims)
		}
		put := func(all, part *Node) *Node { return graph.DynamicUpdateSlice(all, part, place(all.Rank())) }
		next := append([]*Node{graph.Add(p[0], number(g, size))}, p[1:fixed]...)
		return append(next, step(group, p[1+len(maps):fixed], p[fixed:], put)...)
	})
	return graph.While(more, body, initial...)[fixed:]
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
