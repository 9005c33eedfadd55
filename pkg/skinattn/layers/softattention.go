package layers

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// SoftAttention is the paper's attention layer as in the authors' code (paper section 2.4; class SoftAttention with
// aggregate=True and concat_with_x=False). Input and output [H W C]; the second output (MapsOf) has a map for each head,
// [Heads H W], each of sum 1.
//
// The code convolves the map, seen as a volume [H W C 1], with a kernel [C 3 3 1 Heads], stride C on the channel axis and
// SAME padding. Keras lays the kernel's first axis along the rows, so each head sees every row, three columns and, by
// TensorFlow's padding rule, only the channels 0, 1 and 2:
//
//	logit[m,i,j] = bias[m] + sum over r, dj in -1..1, c in 0..2 of
//	               kernel[(C-1)/2 + r - i, dj+1, c, 0, m] * x[r, j+dj, First+c]
//
// where First is 0. Then ReLU (absent from the paper's formula), a softmax over all positions of each head, the sum of
// the heads, and the product with x.
type SoftAttention struct {
	Heads int
	// CenterWindow takes the channels in the middle, First = (C-3)/2 rounded down. TensorFlow's CPU kernel reads them,
	// against its documentation, since it ignores negative padding; so did the authors' networks that were trained on a
	// CPU (InceptionResNetV2, NASNetLarge). Here the gradient goes to the channels that were read; TensorFlow's gradient
	// goes to 0, 1 and 2 nevertheless.
	CenterWindow bool
	// Gamma multiplies the output by a learned scalar, initially .01, as in the formulas of the paper and of its model
	// (Datta et al. 2021), but not in the authors' code.
	Gamma bool
}

// seenChannels is the number of channels that the attention's kernel spans.
const seenChannels = 3

func (SoftAttention) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	if in[2] < seenChannels {
		return nil, fmt.Errorf("attention looks at %d channels, the map has %d", seenChannels, in[2])
	}
	return in, nil
}

func (s SoftAttention) Variables(inputs ...Shape) []Variable {
	vars := []Variable{
		trained("kernel_conv3d", HeUniform, inputs[0][2], 3, seenChannels, 1, s.Heads),
		trained("bias_conv3d", Zeros, s.Heads),
	}
	if s.Gamma {
		vars = append(vars, trained("gamma", func(Shape, *rand.Rand) []float32 { return []float32{.01} }))
	}
	return vars
}

// MapsOf names the attention maps of a SoftAttention layer.
func MapsOf(layer string) string { return layer + ":1" }

// Build implements Op. The attention maps are kept as MapsOf the layer.
func (s SoftAttention) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	dims := x.Shape().Dimensions
	batch, rows, cols, channels := dims[0], dims[1], dims[2], dims[3]
	first := 0
	if s.CenterWindow {
		first = (channels - seenChannels) / 2
	}

	// Kernel rows that see only padding are left out.
	before := (channels - 1) / 2
	low, high := max(0, before-(rows-1)), min(channels, before+rows)
	kernel := b.variable(layer, "kernel_conv3d")
	kernel = graph.Reshape(graph.Slice(kernel, graph.AxisRange(low, high)), high-low, 3, seenChannels, s.Heads)
	window := graph.SliceAxis(x, -1, graph.AxisRange(first, first+seenChannels))
	logits := kernels.Conv2D(window, kernel, 1, Padding{{before - low, high - 1 - before}, {1, 1}})
	logits = kernels.ReLU(kernels.AddChannels(logits, b.variable(layer, "bias_conv3d")), 0)

	logits = graph.TransposeAllAxes(logits, 0, 3, 1, 2)
	maps := graph.Softmax(graph.Reshape(logits, batch, s.Heads, rows*cols), -1)
	maps = graph.Reshape(maps, batch, s.Heads, rows, cols)
	b.emit(MapsOf(layer.Name), maps)
	alpha := graph.ReduceSum(maps, 1)
	if s.Gamma {
		alpha = graph.Mul(alpha, b.variable(layer, "gamma"))
	}
	return graph.Mul(x, graph.ExpandAxes(alpha, -1))
}
