package layers

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// recipe says how a map is made from other maps [B H W C], position by position,
// and from vectors. A loop over groups of images can make its own part of the map
// by it, in the cache, where the map itself would come from memory.
type recipe struct {
	maps, vectors []*Node
	// make gives the map, or a group's part of it: at is what stands for each of
	// maps and vectors.
	make func(at func(*Node) *Node) *Node
}

// recipe of a map that is one's own, if none is known.
func (b *Builder) recipe(x *Node) recipe {
	if r, ok := b.recipes[x]; ok {
		return r
	}
	x = graph.StopGradient(x)
	return recipe{maps: []*Node{x}, make: func(at func(*Node) *Node) *Node { return at(x) }}
}

// with is a recipe that makes something else of what r makes, and of more maps and
// vectors.
func (r recipe) with(maps, vectors []*Node, then func(made *Node, at func(*Node) *Node) *Node) recipe {
	return recipe{
		maps: union(r.maps, maps), vectors: union(r.vectors, vectors),
		make: func(at func(*Node) *Node) *Node { return then(r.make(at), at) },
	}
}

// follow makes the map of a recipe, and remembers how.
func (b *Builder) follow(r recipe) *Node {
	made := r.make(func(x *Node) *Node { return x })
	b.recipes[made] = r
	return made
}

// union of lists of nodes, each once.
func union(lists ...[]*Node) []*Node {
	var all []*Node
	for _, x := range slices.Concat(lists...) {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// held is x, written to memory where XLA would compute it anew for each that looks
// at it. It forgets barriers around one value.
func held(x, with *Node) *Node { return graph.OptimizationBarriers(x, with)[0] }
