package kernels

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// Node is a GoMLX graph node.
type Node = graph.Node

// Limits are the sizes in bytes at which kernels change over. Zero values stand for the defaults; tests and benchmarks
// set others.
type Limits struct {
	// Cache is the size of a batch's map above which training recomputes the map in micro-batches; default 24 MB.
	Cache int
	// Stage limits the inputs and the output of a stage's largest layer in a micro-batch of predictions; default 6 MB, a
	// share of the processor's cache, which also holds other maps.
	Stage int
}

// State is shared by the kernels of one graph.
type State struct {
	training bool
	limits   Limits
	// lazy has the values that kernels may recompute from other values. BatchNorm.Normalize, ReLU and their gradients
	// write it; ReLU and the gradients of BatchNorm.Normalize, ReLU and DepthwiseConv2D read it.
	lazy map[*Node]expression
	// stored has the form in which a batch norm keeps its input for its gradient.
	stored map[*Node]*Node
}

// NewState is the state of another graph.
func NewState(training bool, limits Limits) *State {
	return &State{training, limits, map[*Node]expression{}, map[*Node]*Node{}}
}

// expression is a lazy expression: a map as a function of other maps [B H W C], position by position, and of vectors. A
// loop over micro-batches evaluates it in the cache, for its own images, in place of reading the map from memory.
type expression struct {
	maps, vectors []*Node
	// eval gives the map, or a micro-batch of the map; at replaces each of maps and vectors by a value.
	eval func(at func(*Node) *Node) *Node
}

// expressionOf is the expression of x; without one, x itself.
func (s *State) expressionOf(x *Node) expression {
	if e, ok := s.lazy[x]; ok {
		return e
	}
	x = graph.StopGradient(x)
	return expression{maps: []*Node{x}, eval: func(at func(*Node) *Node) *Node { return at(x) }}
}

// then applies next to the value of e, with further maps and vectors.
func (e expression) then(maps, vectors []*Node, next func(value *Node, at func(*Node) *Node) *Node) expression {
	return expression{
		maps: union(e.maps, maps), vectors: union(e.vectors, vectors),
		eval: func(at func(*Node) *Node) *Node { return next(e.eval(at), at) },
	}
}

// compute evaluates e for the whole batch and remembers it as the result's expression.
func (s *State) compute(e expression) *Node {
	value := e.eval(func(x *Node) *Node { return x })
	s.lazy[value] = e
	return value
}

// again evaluates e for the whole batch a second time, once after is known. The barrier keeps XLA from using the first
// value, which would then stay in memory in between, and from computing the second before.
func (e expression) again(after *Node) *Node {
	maps := graph.OptimizationBarriers(append(slices.Clone(e.maps), after)...)
	value := e.eval(func(x *Node) *Node {
		if i := slices.Index(e.maps, x); i >= 0 {
			return maps[i]
		}
		return x
	})
	return materialize(value, after)
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

// materialize makes XLA store x once in place of recomputing it for every user. anchor is any other value that is stored anyway, since the barrier has XLA
// store it, too, and keep it until then: XLA drops an optimization barrier around a single value.
func materialize(x, anchor *Node) *Node { return graph.OptimizationBarriers(x, anchor)[0] }

// TooWide reports whether training should recompute a map of the given shape [B H W C] in micro-batches, and their number
// of images: micro-batches of all maps that the gradient reads then fit into the processor's cache.
func (s *State) TooWide(g *graph.Graph, dims []int) (images int, ok bool) {
	limit, image := cmp.Or(s.limits.Cache, 24<<20), 4*dims[1]*dims[2]*dims[3]
	if !s.training || !HasCache(g) || dims[0]*image <= limit {
		return 0, false
	}
	return largestDivisor(dims[0], max(1, limit/12/image)), true
}

// StageImages is the largest micro-batch of a stage whose largest layer takes bytes for one image.
func (l Limits) StageImages(bytes int) int { return max(1, cmp.Or(l.Stage, 6<<20)/bytes) }

// platform is a kind of engine; it decides about kernels.
type platform int

const xlaCPU, xlaCUDA, pureGo platform = 0, 1, 2

func platformOf(backend compute.Backend) platform {
	xla, isXLA := backend.(interface{ IsCUDA() bool })
	if !isXLA {
		return pureGo
	} else if xla.IsCUDA() {
		return xlaCUDA
	}
	return xlaCPU
}

// hasLoops reports whether the engine has loops and dynamic slices, and g is not the body of a loop: go-xla can't nest
// loops.
func hasLoops(g *graph.Graph) bool {
	can := g.Backend().Capabilities()
	return can.Functions && can.Operations[compute.OpTypeDynamicSlice] && g.IsMainFunc()
}

// HasCache reports whether kernels for the processor's cache pay: on XLA's CPU client, where a batch is much larger than
// the cache, outside of loops.
func HasCache(g *graph.Graph) bool { return hasLoops(g) && platformOf(g.Backend()) == xlaCPU }
