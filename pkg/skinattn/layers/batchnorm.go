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
// than XLA's batch-norm operation on the CPU. After a convolution that widens,
// the scale goes into the kernel: the convolution's own output is never made.
func (n BatchNormalization) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	scale, shift := n.vectors(b, layer)
	if b.Training && !b.Frozen[layer.Name] && b.net.Consumers()[layer.Inputs[0]] == 1 {
		if wide, ok := b.widening(layer.Inputs[0]); ok {
			kernel := graph.Mul(wide.kernel, graph.ExpandLeftToRank(scale, 4))
			return addBias(convolve(wide.seen, kernel, 1, Padding{}), shift)
		}
	}
	return addBias(graph.Mul(x, graph.ExpandLeftToRank(scale, x.Rank())), shift)
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

// channelMoments are the means of a layer's channels and their biased variances,
// over all other axes.
type channelMoments struct{ mean, variance *Node }

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
		var means, variances []*Node
		for _, part := range parts {
			of := b.batchMoments(part)
			means, variances = append(means, of.mean), append(variances, of.variance)
		}
		m = channelMoments{graph.Concatenate(means, 0), graph.Concatenate(variances, 0)}
	} else if wide, ok := b.widening(name); ok {
		m = wide.moments()
	} else {
		x := b.outputs[name]
		axes := make([]int, x.Rank()-1)
		for i := range axes {
			axes[i] = i
		}
		m.mean = graph.ReduceMean(x, axes...)
		m.variance = graph.Sub(graph.ReduceMean(graph.Square(x), axes...), graph.Square(m.mean))
		m.variance = graph.MaxScalar(m.variance, 0) // rounding can leave it just below
	}
	b.moments[name] = m
	return m
}

// widened is a 1x1 convolution that makes more channels than it sees. The
// moments of its output follow from those of its input, which is smaller.
type widened struct{ seen, kernel *Node } // [B H W Cin], [1 1 Cin Cout]

// widening says whether a layer is one that is worth it on this engine.
func (b *Builder) widening(name string) (widened, bool) {
	layer := b.net.Layer(name)
	conv, ok := layer.Op.(Conv2D)
	if !ok || conv.Kernel != [2]int{1, 1} || conv.Bias {
		return widened{}, false
	}
	x := b.outputs[layer.Inputs[0]]
	if conv.Filters < 2*x.Shape().Dimensions[3] || platformOf(x.Graph().Backend()) != xlaCPU {
		return widened{}, false
	}
	return widened{tapSlice(x, 0, 0, [2]int(layer.Out[:2]), conv.Stride), b.variable(layer, "kernel", x.Graph())}, true
}

// moments of the output: the mean is the kernel's of the input's mean, the
// variance of a channel w'Cw, with the channel's weights w and the covariance C
// of the input.
func (w widened) moments() channelMoments {
	channels := w.seen.Shape().Dimensions[3]
	x := graph.Reshape(w.seen, -1, channels)
	count := float64(x.Shape().Dimensions[0])
	kernel := graph.Reshape(w.kernel, channels, -1)
	mean := graph.ReduceMean(x, 0)
	square := graph.DivScalar(graph.DotGeneral(x, []int{0}, nil, x, []int{0}, nil), count)
	covariance := graph.Sub(square, graph.Mul(graph.ExpandAxes(mean, 1), graph.ExpandAxes(mean, 0)))
	variance := graph.ReduceSum(graph.Mul(kernel, graph.Dot(covariance, kernel).MatMul()), 0)
	return channelMoments{
		mean:     graph.Reshape(graph.Dot(graph.ExpandAxes(mean, 0), kernel).MatMul(), -1),
		variance: graph.MaxScalar(variance, 0), // rounding can leave it just below
	}
}
