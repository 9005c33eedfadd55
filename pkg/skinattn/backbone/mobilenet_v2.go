package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// invertedResidual is one row of table 2 of the MobileNetV2 paper, unrolled:
// the block's stride and its output channels. Blocks after the first expand
// their input sixfold.
type invertedResidual struct{ stride, channels int }

var mobileNetV2Blocks = []invertedResidual{
	{1, 16},
	{2, 24}, {1, 24},
	{2, 32}, {1, 32}, {1, 32},
	{2, 64}, {1, 64}, {1, 64}, {1, 64},
	{1, 96}, {1, 96}, {1, 96},
	{2, 160}, {1, 160}, {1, 160},
	{1, 320},
}

// mobileNetV2 is keras.applications.MobileNetV2 (alpha 1), layer by layer.
func mobileNetV2(g *layers.Graph, size int) {
	bn := layers.BatchNormalization{Epsilon: 1e-3, Momentum: .999}
	relu6 := layers.ReLU{Max: 6}
	pointwise := func(filters int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same}
	}

	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = g.Add("Conv1", layers.Conv2D{Filters: 32, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same}, x)
	x = g.Add("bn_Conv1", bn, x)
	x = g.Add("Conv1_relu", relu6, x)

	for i, block := range mobileNetV2Blocks {
		prefix, input := fmt.Sprintf("block_%d_", i), x
		if i == 0 {
			prefix = "expanded_conv_"
		}
		in := g.Layer(input).Out
		if i > 0 {
			x = g.Add(prefix+"expand", pointwise(6*in[2]), x)
			x = g.Add(prefix+"expand_BN", bn, x)
			x = g.Add(prefix+"expand_relu", relu6, x)
		}
		padding := layers.Same
		if block.stride == 2 {
			padding = layers.Valid
			x = g.Add(prefix+"pad", layers.ZeroPadding2D{
				Pad: layers.Padding{layers.CorrectPad(in[0], 3), layers.CorrectPad(in[1], 3)}}, x)
		}
		x = g.Add(prefix+"depthwise", layers.DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: block.stride, Padding: padding}, x)
		x = g.Add(prefix+"depthwise_BN", bn, x)
		x = g.Add(prefix+"depthwise_relu", relu6, x)
		x = g.Add(prefix+"project", pointwise(block.channels), x)
		x = g.Add(prefix+"project_BN", bn, x)
		if block.stride == 1 && in[2] == block.channels {
			x = g.Add(prefix+"add", layers.Add{}, input, x)
		}
	}
	x = g.Add("Conv_1", pointwise(1280), x)
	x = g.Add("Conv_1_bn", bn, x)
	x = g.Add("out_relu", relu6, x)
	x = g.Add("global_average_pooling2d", layers.GlobalAveragePooling2D{}, x)
	g.Add("predictions", layers.Dense{Units: 1000, Activation: "softmax"}, x)
}
