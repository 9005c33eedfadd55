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
	// Cache, by default 24 MB: training recomputes a larger map of a batch in micro-batches.
	Cache int
	// Stage, by default 6 MB, is what a micro-batch of predictions may take in the largest layer of a stage, with its
	// inputs: a share of the processor's cache, since other maps are near.
	Stage int
}

// State is what the kernels of one graph know of each other.
type State struct {
	training bool
	limits   Limits
	// lazy has the values that other kernels may recompute from other values. BatchNorm.Normalize, ReLU and their
	// gradients write it; ReLU and the gradients of BatchNorm.Normalize, ReLU and DepthwiseConv2D read it.
	lazy map[*Node]expression
}

// NewState is the state of another graph.
func NewState(training bool, limits Limits) *State {
	return &State{training, limits, map[*Node]expression{}}
}

// expression is a lazy expression: how a map follows from other maps [B H W C], position by position, and from vectors. A
// loop over micro-batches evaluates it for its own images, in the cache, where the map itself would come from memory.
type expression struct {
	maps, vectors []*Node
	// eval gives the map, or a micro-batch of it; at gives what stands for each of maps and vectors.
	eval func(at func(*Node) *Node) *Node
}

// expressionOf is the expression of x, or x itself if none is known.
func (s *State) expressionOf(x *Node) expression {
	if e, ok := s.lazy[x]; ok {
		return e
	}
	x = graph.StopGradient(x)
	return expression{maps: []*Node{x}, eval: func(at func(*Node) *Node) *Node { return at(x) }}
}

// then is the expression that applies next to the value of e and to further maps and vectors.
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

// materialize makes XLA store x once; it would otherwise recompute x for every user. XLA drops an optimization barrier
// around a single value, hence anchor, any other value.
func materialize(x, anchor *Node) *Node { return graph.OptimizationBarriers(x, anchor)[0] }

// TooWide reports whether training should recompute a map of the given shape [B H W C] in micro-batches, and of how many
// images each: a micro-batch of every map that the gradient looks at then fits into the processor's cache.
func (s *State) TooWide(g *graph.Graph, dims []int) (images int, ok bool) {
	limit, image := cmp.Or(s.limits.Cache, 24<<20), 4*dims[1]*dims[2]*dims[3]
	if !s.training || !HasCache(g) || dims[0]*image <= limit {
		return 0, false
	}
	return largestDivisor(dims[0], max(1, limit/12/image)), true
}

// StageImages is how many images a micro-batch of a stage may have whose largest layer takes bytes for one image.
func (l Limits) StageImages(bytes int) int { return max(1, cmp.Or(l.Stage, 6<<20)/bytes) }

// platform is a kind of engine as far as the choice of kernels goes.
type platform int

const xlaCPU, xlaCUDA, pureGo platform = 0, 1, 2

// platformOf tells which kind a GoMLX backend is.
func platformOf(backend compute.Backend) platform {
	xla, isXLA := backend.(interface{ IsCUDA() bool })
	if !isXLA {
		return pureGo
	} else if xla.IsCUDA() {
		return xlaCUDA
	}
	return xlaCPU
}

// hasLoops reports whether the engine has loops and slices at computed places, and g is not inside of a loop already:
// go-xla can't nest loops.
func hasLoops(g *graph.Graph) bool {
	can := g.Backend().Capabilities()
	return can.Functions && can.Operations[compute.OpTypeDynamicSlice] && g.IsMainFunc()
}

// HasCache reports whether kernels for the processor's cache pay: on XLA's CPU client, where a batch is much larger than
// the cache, outside of loops.
func HasCache(g *graph.Graph) bool { return hasLoops(g) && platformOf(g.Backend()) == xlaCPU }
