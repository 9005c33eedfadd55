package layers

import (
	"github.com/gomlx/gomlx/core/graph"
)

// SoftAttention is the paper's attention layer as the authors' code has it
// (paper section 2.4; class SoftAttention with aggregate=True and
// concat_with_x=False). Input and output [H W C]; the maps, one a head, are
// the second output "name:1", [Heads H W], each summing to 1.
//
// The code convolves the map, seen as a volume [H W C 1], with a kernel
// [C 3 3 1 Heads], stride C on the channel axis and SAME padding. Keras lays
// the kernel's first axis along the rows, so each head sees every row, three
// columns and, by TensorFlow's padding rule, the channels 0, 1 and 2 only:
//
//	logit[m,i,j] = bias[m] + sum over r, dj in -1..1, c in 0..2 of
//	               kernel[(C-1)/2 + r - i, dj+1, c, 0, m] * x[r, j+dj, c]
//
// Then ReLU (absent from the paper's formula), a softmax over all positions of
// each head, the sum of the heads, and the product with x. There is no gamma.
type SoftAttention struct{ Heads int }

// Shape implements Op.
func (SoftAttention) Shape(inputs ...Shape) (Shape, error) { return oneMap(inputs) }

// Variables implements Op.
func (s SoftAttention) Variables(inputs ...Shape) []Variable {
	return []Variable{
		{Name: "kernel_conv3d", Shape: Shape{inputs[0][2], 3, 3, 1, s.Heads}, Trainable: true, Init: HeUniform},
		{Name: "bias_conv3d", Shape: Shape{s.Heads}, Trainable: true, Init: Zeros},
	}
}

// MapsOf names the attention maps of a SoftAttention layer.
func MapsOf(layer string) string { return layer + ":1" }

// Build implements Op.
func (s SoftAttention) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	dims := x.Shape().Dimensions
	batch, rows, cols, channels := dims[0], dims[1], dims[2], dims[3]

	// Only the kernel rows that can meet the map are taken: the others see padding.
	before := (channels - 1) / 2
	low, high := max(0, before-(rows-1)), min(channels, before+rows)
	seen := min(3, channels)
	kernel := b.variable(layer, "kernel_conv3d", x.Graph())
	kernel = graph.Slice(kernel, graph.AxisRange(low, high), graph.AxisRange(), graph.AxisRange(0, seen), graph.AxisRange(), graph.AxisRange())
	kernel = graph.Reshape(kernel, high-low, 3, seen, s.Heads)
	window := graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, seen))
	logits := graph.Convolve(window, kernel).
		PaddingPerDim([][2]int{{before - low, high - 1 - before}, {1, 1}}).Done()
	logits = relu(addBias(logits, b.variable(layer, "bias_conv3d", x.Graph())), 0)

	logits = graph.TransposeAllAxes(logits, 0, 3, 1, 2)
	maps := graph.Softmax(graph.Reshape(logits, batch, s.Heads, rows*cols), -1)
	maps = graph.Reshape(maps, batch, s.Heads, rows, cols)
	b.emit(MapsOf(layer.Name), maps)
	alpha := graph.ReduceSum(maps, 1)
	return graph.Mul(x, graph.ExpandAxes(alpha, -1))
}
