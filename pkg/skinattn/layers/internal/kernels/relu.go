package kernels

import "github.com/gomlx/gomlx/core/graph"

// ReLU is max(x, 0), and min(., limit) where limit > 0. As in TensorFlow, the gradient is 0 at the bounds. Where x is a
// lazy expression, so are the result and its gradient.
func (s *State) ReLU(x *Node, limit float64) *Node {
	from, lazy := s.lazy[x]
	if !lazy && s.training && HasCache(x.Graph()) {
		var y *Node
		y = withGradient(
			func(in ...*Node) *Node { return ReLU(in[0], limit) },
			func(cotangent *Node) []*Node {
				seen := graph.StopGradient(x)
				if stored := s.stored[y]; stored != nil {
					seen = stored // so that x need not be kept, too
				}
				return []*Node{reluGradient(seen, cotangent, limit)}
			}, x)
		return y
	}
	if !lazy {
		return ReLU(x, limit)
	}
	y := withGradient(
		func(in ...*Node) *Node { return clip(in[0], limit) },
		func(cotangent *Node) []*Node {
			cotangent = materialize(cotangent, from.maps[0])
			return []*Node{s.compute(from.then([]*Node{cotangent}, nil, func(x *Node, at func(*Node) *Node) *Node {
				return reluGradient(x, at(cotangent), limit)
			}))}
		}, x)
	s.lazy[y] = from.then(nil, nil, func(x *Node, _ func(*Node) *Node) *Node { return clip(x, limit) })
	return y
}

// ReLU is State.ReLU with GoMLX's automatic gradient. It uses Where, since at a tie GoMLX splits the gradients of Min and
// Max between both operands.
func ReLU(x *Node, limit float64) *Node {
	zero := graph.ZerosLike(x)
	y := graph.Where(graph.GreaterThan(x, zero), x, zero)
	if limit > 0 {
		top := graph.AddScalar(zero, limit)
		y = graph.Where(graph.LessThan(x, top), y, top)
	}
	return y
}

// clip is ReLU without a gradient: two instructions.
func clip(x *Node, limit float64) *Node {
	zero := graph.ZerosLike(x)
	x = graph.Where(graph.LessThan(x, zero), zero, x)
	if limit > 0 {
		top := graph.AddScalar(zero, limit)
		x = graph.Where(graph.GreaterThan(x, top), top, x)
	}
	return x
}

// reluGradient is the cotangent of ReLU's input, given the input or the output y.
func reluGradient(y, cotangent *Node, limit float64) *Node {
	zero := graph.ZerosLike(y)
	active := graph.GreaterThan(y, zero)
	if limit > 0 {
		active = graph.LogicalAnd(active, graph.LessThan(y, graph.AddScalar(zero, limit)))
	}
	return graph.Where(active, cotangent, zero)
}
