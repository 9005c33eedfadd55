package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var mobileNetV2 = &Backbone{
	Name:  "mobilenet_v2",
	Title: "MobileNetV2",
	Paper: Paper{"Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018", "https://arxiv.org/abs/1801.04381"},
	Input: 224,
	Preprocessing: Preprocessing{
		Metadata:  Pixels{imaging.PreprocessTF, imaging.BGROrder},
		Augmented: Pixels{imaging.PreprocessTF, imaging.RGBOrder},
		Printed:   Pixels{imaging.PreprocessTF, imaging.RGBOrder},
		Keras:     Pixels{imaging.PreprocessTF, imaging.RGBOrder},
	},
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .999},
	Cuts: []Cut{{
		Layer: "block_14_depthwise", Index: 128, Shape: layers.Shape{7, 7, 960},
		Note:      "depthwise convolution of the 15th inverted residual block, before its batch norm",
		Metadata:  Parameters{1354714, 1334039},
		Augmented: Parameters{1235927, 1215255},
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: Weights{
		URL:     kerasApplications + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
		TopURL:  kerasApplications + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
		Licence: kerasLicence,
	},
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5"},
	Differs: "The paper replaces the last two 1x1 convolutions; the code ends inside the 15th of 17 inverted residual blocks.",
	build:   buildMobileNetV2,
}

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

// buildMobileNetV2 is keras.applications.MobileNetV2 (alpha 1), layer by layer.
func buildMobileNetV2(b *Backbone, g *layers.Graph, size int) {
	bn := b.BatchNorm
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
