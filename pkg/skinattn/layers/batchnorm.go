package layers

import (
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

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

// Build implements Op. The statistics are written as mean and mean of squares
// for automatic differentiation: less work, less memory and better gradients
// than XLA's batch-norm operation on the CPU.
func (n BatchNormalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	g := x.Graph()
	movingMean, movingVariance := b.find(layer, "moving_mean"), b.find(layer, "moving_variance")
	mean, variance := movingMean.NodeValue(g), movingVariance.NodeValue(g)
	if b.Training && !b.Frozen[layer.Name] {
		oldMean, oldVariance := mean, variance
		batch := b.batchMoments(layer.Inputs[0])
		mean = batch.mean
		variance = graph.Sub(batch.square, graph.Square(mean))
		variance = graph.MaxScalar(variance, 0) // rounding can leave it just below
		unbias := 1.0
		if count := float64(x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1]); x.Rank() == 4 && count > 1 {
			unbias = count / (count - 1)
		}
		move := func(old, new *Node) *Node {
			return graph.Add(graph.MulScalar(old, n.Momentum), graph.MulScalar(graph.StopGradient(new), 1-n.Momentum))
		}
		movingMean.SetNodeValue(move(oldMean, mean))
		movingVariance.SetNodeValue(move(oldVariance, graph.MulScalar(variance, unbias)))
	}
	scale := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, n.Epsilon))) // Rsqrt has no gradient in GoMLX
	if !n.NoScale {
		scale = graph.Mul(scale, b.variable(layer, "gamma", g))
	}
	shift := graph.Sub(b.variable(layer, "beta", g), graph.Mul(mean, scale))
	return graph.Add(
		graph.Mul(x, graph.ExpandLeftToRank(scale, x.Rank())),
		graph.ExpandLeftToRank(shift, x.Rank()))
}

// channelMoments are the means of a layer's channels and of their squares, over all
// other axes.
type channelMoments struct{ mean, square *Node }

// batchMoments are those of a layer's output, computed once for all batch norms
// that look at it. A concatenation has those of its parts, if any of them is
// known: the batch norms of a DenseNet block need not go over all channels of the
// block each.
func (b *Builder) batchMoments(name string) channelMoments {
	if m, ok := b.moments[name]; ok {
		return m
	}
	var m channelMoments
	if parts := b.parts(b.net.Layer(name)); slices.ContainsFunc(parts, func(part string) bool { _, known := b.moments[part]; return known }) {
		var means, squares []*Node
		for _, part := range parts {
			of := b.batchMoments(part)
			means, squares = append(means, of.mean), append(squares, of.square)
		}
		m = channelMoments{graph.Concatenate(means, 0), graph.Concatenate(squares, 0)}
	} else {
		x := b.outputs[name]
		axes := make([]int, x.Rank()-1)
		for i := range axes {
			axes[i] = i
		}
		m = channelMoments{graph.ReduceMean(x, axes...), graph.ReduceMean(graph.Square(x), axes...)}
	}
	b.moments[name] = m
	return m
}
