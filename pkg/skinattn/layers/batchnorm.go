package layers

import "github.com/gomlx/gomlx/core/graph"

// BatchNormalization is keras.layers.BatchNormalization on the last axis, with
// a gradient in every mode. In training it normalises with the biased variance
// of the batch and moves its averages by new = old*Momentum + batch*(1-Momentum);
// the moving variance takes the unbiased one for feature maps, as TensorFlow's
// fused kernel does, and the biased one for vectors.
type BatchNormalization struct {
	Epsilon, Momentum float64
	NoScale           bool // no gamma (InceptionResNetV2)
}

// Shape implements Op.
func (BatchNormalization) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables implements Op.
func (n BatchNormalization) Variables(inputs ...Shape) []Variable {
	channels := Shape{inputs[0][len(inputs[0])-1]}
	var vars []Variable
	if !n.NoScale {
		vars = append(vars, Variable{Name: "gamma", Shape: channels, Trainable: true, Init: Ones})
	}
	return append(vars,
		Variable{Name: "beta", Shape: channels, Trainable: true, Init: Zeros},
		Variable{Name: "moving_mean", Shape: channels, Init: Zeros},
		Variable{Name: "moving_variance", Shape: channels, Init: Ones})
}

// Build implements Op. The statistics are written as mean and mean of squares:
// less work, less memory and better gradients than XLA's batch-norm operation on
// the CPU. After a convolution that widens, the scale goes into the kernel: the
// convolution's own output is never made.
func (n BatchNormalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x, input := inputs[0], layer.Inputs[0]
	if b.Training && !b.Frozen[layer.Name] && b.net.Consumers()[input] == 1 {
		if wide, ok := b.widening(input); ok {
			scale, shift := n.vectors(b, layer)
			kernel := graph.Mul(wide.kernel, graph.ExpandLeftToRank(scale, 4))
			return addBias(convolve(wide.seen, kernel, 1, Padding{}), shift)
		}
		if hasCache(b.graph) && x.Rank() == 4 && b.parts(b.net.Layer(input)) == nil {
			return n.normalized(b, layer, x)
		}
	}
	scale, shift := n.vectors(b, layer)
	return addBias(scaleBy(x, scale), shift)
}

// scaleOf and shiftOf name what a batch norm's vectors are kept under in
// Builder.values.
func scaleOf(layer *Layer) string { return layer.Name + ":scale" }
func shiftOf(layer *Layer) string { return layer.Name + ":shift" }

// vectors are what the batch norm multiplies its input by and adds, [C] each.
func (n BatchNormalization) vectors(b *Builder, layer *Layer) (scale, shift *Node) {
	if b.values[scaleOf(layer)] == nil {
		b.values[scaleOf(layer)], b.values[shiftOf(layer)] = n.newVectors(b, layer)
	}
	return b.values[scaleOf(layer)], b.values[shiftOf(layer)]
}

// newVectors computes them. In training it moves the averages.
func (n BatchNormalization) newVectors(b *Builder, layer *Layer) (scale, shift *Node) {
	g := b.graph
	movingMean, movingVariance := b.find(layer, "moving_mean"), b.find(layer, "moving_variance")
	mean, variance := movingMean.NodeValue(g), movingVariance.NodeValue(g)
	if b.Training && !b.Frozen[layer.Name] {
		oldMean, oldVariance := mean, variance
		batch := b.batchMoments(layer.Inputs[0])
		mean, variance = batch.mean, batch.variance
		unbias := 1.0
		x := b.outputs[layer.Inputs[0]]
		if count := float64(x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1]); x.Rank() == 4 && count > 1 {
			unbias = count / (count - 1)
		}
		move := func(old, new *Node) *Node {
			return graph.Add(graph.MulScalar(old, n.Momentum), graph.MulScalar(graph.StopGradient(new), 1-n.Momentum))
		}
		movingMean.SetNodeValue(move(oldMean, mean))
		movingVariance.SetNodeValue(move(oldVariance, graph.MulScalar(variance, unbias)))
	}
	scale = graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, n.Epsilon))) // Rsqrt has no gradient in GoMLX
	if !n.NoScale {
		scale = graph.Mul(scale, b.variable(layer, "gamma", g))
	}
	return scale, graph.Sub(b.variable(layer, "beta", g), graph.Mul(mean, scale))
}

// normalized is the batch norm in training of a map x that nothing else looks at,
// with its gradient written out. Automatic differentiation gives an expression that
// XLA goes over the maps more often for, with the vectors of channels that it has in
// it computed at every position.
func (n BatchNormalization) normalized(b *Builder, layer *Layer, x *Node) *Node {
	z := held(graph.StopGradient(x), b.variable(layer, "beta", x.Graph()))
	batch := momentsOf(z)
	b.moments[layer.Inputs[0]] = batch
	scale, shift := n.vectors(b, layer)
	vectors := graph.OptimizationBarriers(graph.StopGradient(scale), graph.StopGradient(shift))
	from := recipe{maps: []*Node{z}, vectors: vectors, make: func(at func(*Node) *Node) *Node {
		return addBias(scaleBy(at(z), at(vectors[0])), at(vectors[1]))
	}}
	y := withGradient(
		func(...*Node) *Node { return b.follow(from) },
		func(cotangent *Node) []*Node {
			if _, known := b.recipes[cotangent]; !known {
				cotangent = held(cotangent, z)
			}
			// The cotangents of shift and scale.
			sum, products := channelSums(cotangent, z)
			// That of z: by itself, and by the variance and the mean that move with it.
			scale := vectors[0]
			byVariance := graph.Mul(scale, graph.Sub(products, graph.Mul(batch.mean, sum)))
			byVariance = graph.Div(byVariance, graph.AddScalar(batch.variance, n.Epsilon))
			positions := float64(x.Shape().Size() / x.Shape().Dimensions[3])
			byVariance = graph.DivScalar(byVariance, -positions)
			byMean := graph.Add(graph.DivScalar(graph.Mul(scale, sum), positions), graph.Mul(byVariance, batch.mean))
			moved := graph.OptimizationBarriers(byVariance, graph.Neg(byMean))
			back := b.recipe(cotangent).with([]*Node{z}, []*Node{scale, moved[0], moved[1]},
				func(cotangent *Node, at func(*Node) *Node) *Node {
					return graph.Add(scaleBy(cotangent, at(scale)), addBias(scaleBy(at(z), at(moved[0])), at(moved[1])))
				})
			return []*Node{b.follow(back), products, sum}
		}, x, scale, shift)
	b.recipes[y] = from
	return y
}

// scaleBy multiplies the channels of x [... C] by a vector [C].
func scaleBy(x, vector *Node) *Node { return graph.Mul(x, graph.ExpandLeftToRank(vector, x.Rank())) }
