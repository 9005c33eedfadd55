package kernels

import "github.com/gomlx/gomlx/core/graph"

// BatchNorm is the batch norm, in training, of a map without other users, with a hand-written gradient: for the gradient
// of automatic differentiation XLA passes over the maps more often and computes the channel vectors at every position.
type BatchNorm struct {
	Moments // of the batch

	state *State
	x, z  *Node // the map, and the map as it is stored, without a gradient
}

// BatchNorm stores x [B H W C] and computes its moments; materialize explains anchor.
func (s *State) BatchNorm(x, anchor *Node) BatchNorm {
	z := materialize(graph.StopGradient(x), anchor)
	s.stored[x] = z
	return BatchNorm{Moments: MomentsOf(z), state: s, x: x, z: z}
}

// Normalize is x*scale + shift, where scale = gamma / sqrt(variance + epsilon) and shift = beta - mean*scale, [C] each,
// follow from the batch's moments.
func (n BatchNorm) Normalize(scale, shift *Node, epsilon float64) *Node {
	s, x, z := n.state, n.x, n.z
	vectors := graph.OptimizationBarriers(graph.StopGradient(scale), graph.StopGradient(shift))
	scaled := expression{maps: []*Node{z}, vectors: vectors, eval: func(at func(*Node) *Node) *Node {
		return AddChannels(ScaleChannels(at(z), at(vectors[0])), at(vectors[1]))
	}}
	y := withGradient(
		func(...*Node) *Node { return s.compute(scaled) },
		func(cotangent *Node) []*Node {
			if _, lazy := s.lazy[cotangent]; !lazy {
				cotangent = materialize(cotangent, z)
			}
			// The cotangents of shift and scale.
			sum, products := channelSums(cotangent, z, z)
			total := sharedSums(sum, products) // mean and variance are those of all devices
			// The gradient of z is the direct term plus the terms through the batch's variance and mean.
			scale := vectors[0]
			byVariance := graph.Mul(scale, graph.Sub(total[1], graph.Mul(n.Mean, total[0])))
			byVariance = graph.Div(byVariance, graph.AddScalar(n.Variance, epsilon))
			positions := float64(Positions(x))
			byVariance = graph.DivScalar(byVariance, -positions)
			byMean := graph.Add(graph.DivScalar(graph.Mul(scale, total[0]), positions), graph.Mul(byVariance, n.Mean))
			moved := graph.OptimizationBarriers(byVariance, graph.Neg(byMean))
			back := s.expressionOf(cotangent).then([]*Node{z}, []*Node{scale, moved[0], moved[1]},
				func(cotangent *Node, at func(*Node) *Node) *Node {
					return graph.Add(ScaleChannels(cotangent, at(scale)), AddChannels(ScaleChannels(at(z), at(moved[0])), at(moved[1])))
				})
			return []*Node{s.compute(back), products, sum}
		}, x, scale, shift)
	s.lazy[y] = scaled
	return y
}

// AddChannels adds vector [C] to the channels of x [... C].
func AddChannels(x, vector *Node) *Node {
	return graph.Add(x, graph.ExpandLeftToRank(vector, x.Rank()))
}

// ScaleChannels multiplies the channels of x [... C] by vector [C].
func ScaleChannels(x, vector *Node) *Node {
	return graph.Mul(x, graph.ExpandLeftToRank(vector, x.Rank()))
}
