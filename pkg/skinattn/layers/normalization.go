package layers

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// BatchNormalization is keras.layers.BatchNormalization on the last axis, with a gradient in every mode (Ioffe and
// Szegedy 2015, arXiv:1502.03167):
//
//	y = gamma * (x - mean) / sqrt(variance + Epsilon) + beta
//
// In training mean and biased variance are the batch's, and the moving averages become old*Momentum + batch*(1-Momentum);
// the moving variance takes the unbiased variance for feature maps, as TensorFlow's fused kernel does, and the biased one
// for vectors. Otherwise mean and variance are the moving averages.
type BatchNormalization struct {
	Epsilon  float64 // Keras's default is 1e-3
	Momentum float64 // Keras's default is .99; PyTorch's momentum is 1 minus this
	NoScale  bool    // no gamma (InceptionResNetV2)
}

func (BatchNormalization) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables are gamma, beta and the two moving averages, [C] each. The averages are kept, not trained.
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

// Build implements Op: y = x*scale + shift. In training, a batch norm that is the only user of its input has two other
// forms. Behind a 1x1 convolution that widens, the scale goes into the convolution's kernel. Behind another layer than a
// concatenation, whose parts share their statistics, the gradient is a hand-written one.
func (n BatchNormalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x, input := inputs[0], layer.Inputs[0]
	if b.Training && !b.Frozen[layer.Name] && b.net.Consumers()[input] == 1 {
		if wide, ok := b.widening(input); ok {
			v := n.vectors(b, layer)
			return wide.Scaled(v.scale, v.shift)
		}
		if kernels.HasCache(b.graph) && x.Rank() == 4 && b.parts(b.net.Layer(input)) == nil {
			norm := b.kernels.BatchNorm(x, b.variable(layer, "beta", x.Graph()))
			b.moments[input] = norm.Moments
			v := n.vectors(b, layer)
			return norm.Normalize(v.scale, v.shift, n.Epsilon)
		}
	}
	v := n.vectors(b, layer)
	return kernels.AddChannels(kernels.ScaleChannels(x, v.scale), v.shift)
}

// vectors are what a batch norm multiplies its input by, and what it adds, [C] each.
type vectors struct{ scale, shift *Node }

// vectors computes the batch norm's vectors once.
func (n BatchNormalization) vectors(b *Builder, layer *Layer) vectors {
	if _, ok := b.vectors[layer.Name]; !ok {
		b.vectors[layer.Name] = n.newVectors(b, layer)
	}
	return b.vectors[layer.Name]
}

// newVectors computes the vectors from the batch's statistics or the moving averages. In training it moves the averages.
// The variance is the mean of squares minus the square of the mean: less work and memory, and better gradients, than
// XLA's batch-norm operation has on the CPU.
func (n BatchNormalization) newVectors(b *Builder, layer *Layer) vectors {
	g := b.graph
	movingMean, movingVariance := b.find(layer, "moving_mean"), b.find(layer, "moving_variance")
	mean, variance := movingMean.NodeValue(g), movingVariance.NodeValue(g)
	if b.Training && !b.Frozen[layer.Name] {
		batch := b.momentsOf(layer.Inputs[0])
		unbias, x := 1.0, b.outputs[layer.Inputs[0]]
		if count := float64(x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1]); x.Rank() == 4 && count > 1 {
			unbias = count / (count - 1)
		}
		move := func(old, new *Node) *Node {
			return graph.Add(graph.MulScalar(old, n.Momentum), graph.MulScalar(graph.StopGradient(new), 1-n.Momentum))
		}
		movingMean.SetNodeValue(move(mean, batch.Mean))
		movingVariance.SetNodeValue(move(variance, graph.MulScalar(batch.Variance, unbias)))
		mean, variance = batch.Mean, batch.Variance
	}
	scale := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, n.Epsilon))) // Rsqrt has no gradient in GoMLX
	if !n.NoScale {
		scale = graph.Mul(scale, b.variable(layer, "gamma", g))
	}
	return vectors{scale, graph.Sub(b.variable(layer, "beta", g), graph.Mul(mean, scale))}
}

// Normalization is keras.layers.Normalization(axis=None) after adapt: (x-mean)/sqrt(variance), one scalar of each for all
// values.
type Normalization struct{}

func (Normalization) Shape(inputs ...Shape) (Shape, error) { return sameShape(inputs) }

// Variables are three scalars, which are set from the training data, not trained; Keras counts them as parameters. Keras
// keeps count as an int64; it is never used.
func (Normalization) Variables(...Shape) []Variable {
	return []Variable{
		{Name: "mean", Shape: Shape{}, Init: Zeros},
		{Name: "variance", Shape: Shape{}, Init: Ones},
		{Name: "count", Shape: Shape{}, Init: Zeros},
	}
}

// Build implements Op. Keras guards the root with its epsilon, 1e-7.
func (Normalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	mean, variance := b.variable(layer, "mean", x.Graph()), b.variable(layer, "variance", x.Graph())
	return graph.Div(graph.Sub(x, mean), graph.MaxScalar(graph.Sqrt(variance), 1e-7))
}
