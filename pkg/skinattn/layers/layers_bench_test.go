package layers

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// The sizes are of maps of MobileNetV2 at 224 pixels, or of the network that a comment names.

func BenchmarkDepthwise(b *testing.B) {
	for _, c := range []struct{ window, side, channels, stride int }{
		{3, 112, 32, 1}, {3, 112, 96, 2}, {3, 56, 144, 1}, {3, 28, 192, 1}, {3, 14, 576, 1}, {3, 7, 960, 1},
		{5, 28, 88, 1}, {7, 56, 88, 2}, // NASNetMobile
	} {
		op := DepthwiseConv2D{Kernel: [2]int{c.window, c.window}, Stride: c.stride, Padding: Same}
		contest{
			name: fmt.Sprintf("depthwise %dx%d stride %d on %dx%dx%d", c.window, c.window, c.stride, c.side, c.side, c.channels),
			op:   op, in: Shape{c.side, c.side, c.channels},
			native: func(x *Node, variables []*Node) *Node {
				w := op.window().over(x)
				kernel := graph.Reshape(variables[0], c.window, c.window, 1, c.channels)
				return graph.Convolve(x, kernel).ChannelGroupCount(c.channels).Strides(c.stride).PaddingPerDim(w.Pad[:]).Done()
			},
			forwardOnly: true, // its gradient has a graph node or more for each channel
		}.run(b)
	}
}

// BenchmarkExpansion compares a 1x1 convolution that widens, batch norm, ReLU6 and depthwise convolution in micro-batches
// and layer by layer.
func BenchmarkExpansion(b *testing.B) {
	for _, c := range []struct{ side, channels, stride int }{{112, 16, 2}, {56, 24, 1}, {56, 24, 2}} {
		contest{
			name: fmt.Sprintf("expansion %d->%d, 3x3_%d on %dx%d", c.channels, 6*c.channels, c.stride, c.side, c.side),
			in:   Shape{c.side, c.side, c.channels},
			layers: func(net *Graph) {
				net.Add("expand", Conv2D{Filters: 6 * c.channels, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, "x")
				net.Add("norm", BatchNormalization{Epsilon: 1e-3, Momentum: .999}, "expand")
				net.Add("relu", ReLU{Max: 6}, "norm")
				net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: c.stride, Padding: Same}, "relu")
			},
		}.run(b)
	}
}

func BenchmarkPointwise(b *testing.B) {
	for _, c := range []struct{ side, in, out int }{
		{112, 32, 16}, {56, 24, 144}, {28, 192, 32}, {14, 96, 576}, {7, 576, 160},
	} {
		contest{
			name: fmt.Sprintf("1x1 %d->%d on %dx%d", c.in, c.out, c.side, c.side),
			op:   Conv2D{Filters: c.out, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, in: Shape{c.side, c.side, c.in},
			native: func(x *Node, variables []*Node) *Node {
				return graph.Convolve(x, variables[0]).NoPadding().Done()
			},
		}.run(b)
	}
}

func BenchmarkPooling(b *testing.B) {
	for _, c := range []struct{ window, side, channels int }{{3, 112, 64}, {3, 35, 320}, {2, 7, 960}} {
		name := fmt.Sprintf("%dx%d/2 on %dx%dx%d", c.window, c.window, c.side, c.side, c.channels)
		in := Shape{c.side, c.side, c.channels}
		w, err := MaxPooling2D{Window: c.window, Stride: 2, Padding: Same}.window().on(c.side, c.side)
		if err != nil {
			b.Fatal(err)
		}
		contest{name: "max pooling " + name, op: MaxPooling2D{Window: c.window, Stride: 2, Padding: Same}, in: in,
			native: func(x *Node, _ []*Node) *Node {
				return graph.MaxPool(x).Window(c.window).Strides(2).PaddingPerDim(w.Pad[:]).Done()
			}}.run(b)
		contest{name: "average pooling " + name, op: AveragePooling2D{Window: c.window, Stride: 2, Padding: Same}, in: in,
			native: func(x *Node, _ []*Node) *Node {
				return graph.MeanPool(x).Window(c.window).Strides(2).PaddingPerDim(w.Pad[:]).Done()
			}}.run(b)
	}
}

func BenchmarkBatchNormalization(b *testing.B) {
	for _, c := range []struct{ side, channels int }{{112, 32}, {56, 144}, {14, 576}} {
		op := BatchNormalization{Epsilon: 1e-3, Momentum: .999}
		contest{
			name: fmt.Sprintf("batch norm on %dx%dx%d", c.side, c.side, c.channels),
			op:   op, in: Shape{c.side, c.side, c.channels},
			native: func(x *Node, variables []*Node) *Node {
				y, _, _ := graph.InternalBatchNormForTraining(x, variables[0], variables[1], float32(op.Epsilon), -1)
				return y
			},
		}.run(b)
	}
}

func BenchmarkSoftAttention(b *testing.B) {
	for _, side := range []int{4, 7} {
		const channels, heads = 960, 16
		contest{
			name: fmt.Sprintf("Soft-Attention on %dx%dx%d", side, side, channels),
			op:   SoftAttention{Heads: heads}, in: Shape{side, side, channels},
			// The 3-D convolution of the authors' code, on the channels that it sees.
			native: func(x *Node, variables []*Node) *Node {
				seen := graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, 3))
				volume := graph.ExpandAxes(seen, -1)
				pad := [][2]int{{(channels - 1) / 2, channels / 2}, {1, 1}, {0, 0}}
				logits := graph.Convolve(volume, variables[0]).StridePerAxis(1, 1, channels).PaddingPerDim(pad).Done()
				logits = kernels.ReLU(kernels.AddChannels(graph.Reshape(logits, benchBatch, side*side, heads), variables[1]), 0)
				maps := graph.Softmax(logits, 1)
				alpha := graph.ReduceSum(graph.Reshape(maps, benchBatch, side, side, heads), -1)
				return graph.Mul(x, graph.ExpandAxes(alpha, -1))
			},
			forwardOnly: true, // the gradient that GoMLX has for this convolution is wrong
		}.run(b)
	}
}
