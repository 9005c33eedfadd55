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

func (BatchNormalization) Shape(inputs ...Shape) (Shape, error) { return unary{}.Shape(inputs...) }

// Variables are gamma, beta and the two moving averages, [C] each.
func (n BatchNormalization) Variables(inputs ...Shape) []Variable {
	channels := Shape{inputs[0][len(inputs[0])-1]}
	var vars []Variable
	if !n.NoScale {
		vars = append(vars, trained("gamma", Ones, channels...))
	}
	return append(vars, trained("beta", Zeros, channels...),
		Variable{Name: "moving_mean", Shape: channels, Init: Zeros},
		Variable{Name: "moving_variance", Shape: channels, Init: Ones})
}

// Build implements Op: y = x*scale + shift. A batch norm in training that is the only user of its input has other forms:
// behind a 1x1 convolution that widens, the scale goes into the convolution's kernel; behind other layers the gradient is
// hand-written, except behind a concatenation, whose parts share their moments with other batch norms.
func (n BatchNormalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x, input := inputs[0], layer.Inputs[0]
	if b.Training && !b.Frozen[layer.Name] && b.net.Consumers()[input] == 1 {
		if wide, ok := b.widening(input); ok {
			return wide.Scaled(n.vectors(b, layer))
		}
		if kernels.HasCache(b.graph) && x.Rank() == 4 && b.parts(b.net.Layer(input)) == nil {
			norm := b.kernels.BatchNorm(x, b.variable(layer, "beta"))
			b.moments[input] = norm.Moments
			scale, shift := n.vectors(b, layer)
			return norm.Normalize(scale, shift, n.Epsilon)
		}
	}
	scale, shift := n.vectors(b, layer)
	return kernels.AddChannels(kernels.ScaleChannels(x, scale), shift)
}

// vectors are what the batch norm multiplies its input by and what it adds, [C] each, from the batch's statistics or from
// the moving averages. They are computed once, and training then moves the averages. The variance is the mean of squares
// minus the square of the mean: less work and memory, and better gradients, than XLA's batch-norm operation has on the CPU.
func (n BatchNormalization) vectors(b *Builder, layer *Layer) (scale, shift *Node) {
	scaleName, shiftName := layer.Name+"/scale", layer.Name+"/shift"
	if scale := b.known[scaleName]; scale != nil {
		return scale, b.known[shiftName]
	}
	movingMean, movingVariance := b.find(layer, "moving_mean"), b.find(layer, "moving_variance")
	mean, variance := movingMean.NodeValue(b.graph), movingVariance.NodeValue(b.graph)
	if b.Training && !b.Frozen[layer.Name] {
		batch := b.momentsOf(layer.Inputs[0])
		unbias, x := 1.0, b.outputs[layer.Inputs[0]]
		if count := float64(kernels.Positions(x)); x.Rank() == 4 && count > 1 {
			unbias = count / (count - 1)
		}
		move := func(old, new *Node) *Node {
			return graph.Add(graph.MulScalar(old, n.Momentum), graph.MulScalar(graph.StopGradient(new), 1-n.Momentum))
		}
		movingMean.SetNodeValue(move(mean, batch.Mean))
		movingVariance.SetNodeValue(move(variance, graph.MulScalar(batch.Variance, unbias)))
		mean, variance = batch.Mean, batch.Variance
	}
	scale = graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, n.Epsilon))) // Rsqrt has no gradient in GoMLX
	if !n.NoScale {
		scale = graph.Mul(scale, b.variable(layer, "gamma"))
	}
	shift = graph.Sub(b.variable(layer, "beta"), graph.Mul(mean, scale))
	b.known[scaleName], b.known[shiftName] = scale, shift
	return scale, shift
}

// Normalization is keras.layers.Normalization(axis=None) after adapt: (x-mean)/sqrt(variance) with scalars.
type Normalization struct{}

func (Normalization) Shape(inputs ...Shape) (Shape, error) { return unary{}.Shape(inputs...) }

// Variables are three scalars, set from the training data; Keras counts them as parameters. Keras keeps count, which
// nothing uses, as an int64.
func (Normalization) Variables(...Shape) []Variable {
	return []Variable{
		{Name: "mean", Shape: Shape{}, Init: Zeros},
		{Name: "variance", Shape: Shape{}, Init: Ones},
		{Name: "count", Shape: Shape{}, Init: Zeros},
	}
}

// Build implements Op. Keras guards the root with its epsilon, 1e-7.
func (Normalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	mean, variance := b.variable(layer, "mean"), b.variable(layer, "variance")
	return graph.Div(graph.Sub(inputs[0], mean), graph.MaxScalar(graph.Sqrt(variance), 1e-7))
}
