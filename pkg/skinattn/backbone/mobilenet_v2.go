package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var mobileNetV2 = &Backbone{
	Name:          "mobilenet_v2",
	Title:         "MobileNetV2",
	Paper:         Paper{"Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018", "https://arxiv.org/abs/1801.04381"},
	Input:         224,
	Preprocessing: kerasPixels(imaging.PreprocessTF, imaging.PreprocessTF),
	BatchNorm:     layers.BatchNormalization{Epsilon: 1e-3, Momentum: .999},
	Cuts: []Cut{{
		Layer: "block_14_depthwise", Index: 128, Shape: layers.Shape{7, 7, 960},
		Note:      "depthwise convolution of the 15th inverted residual block, before its batch norm",
		Metadata:  Parameters{1354714, 1334039},
		Augmented: Parameters{1235927, 1215255},
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", "",
		"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5", ""),
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5"},
	Differs: "The paper replaces the last two 1x1 convolutions; the code ends inside the 15th of 17 inverted residual blocks.",
	build:   buildMobileNetV2,
}

// mobileNetV2Blocks is table 2 of the MobileNetV2 paper, unrolled: the stride and the
// output channels of each block. Blocks after the first expand their input sixfold.
var mobileNetV2Blocks = []struct{ stride, channels int }{
	{1, 16},
	{2, 24}, {1, 24},
	{2, 32}, {1, 32}, {1, 32},
	{2, 64}, {1, 64}, {1, 64}, {1, 64},
	{1, 96}, {1, 96}, {1, 96},
	{2, 160}, {1, 160}, {1, 160},
	{1, 320},
}

// buildMobileNetV2 is keras.applications.MobileNetV2 (alpha 1), layer by layer.
func buildMobileNetV2(b builder, x string) {
	relu6 := layers.ReLU{Max: 6}
	x = b.Add("Conv1", same(32, 3, 2), x)
	x = b.normalize("bn_Conv1", "Conv1_relu", relu6, x)
	for i, block := range mobileNetV2Blocks {
		prefix, input, channels := fmt.Sprintf("block_%d_", i), x, b.Layer(x).Out[2]
		if i == 0 {
			prefix = "expanded_conv_"
		} else {
			x = b.Add(prefix+"expand", same(6*channels, 1, 1), x)
			x = b.normalize(prefix+"expand_BN", prefix+"expand_relu", relu6, x)
		}
		x = b.depthwise(prefix+"depthwise", prefix+"pad", 3, block.stride, x)
		x = b.normalize(prefix+"depthwise_BN", prefix+"depthwise_relu", relu6, x)
		x = b.Add(prefix+"project", same(block.channels, 1, 1), x)
		x = b.Add(prefix+"project_BN", b.bn, x)
		if block.stride == 1 && channels == block.channels {
			x = b.Add(prefix+"add", layers.Add{}, input, x)
		}
	}
	x = b.Add("Conv_1", same(1280, 1, 1), x)
	x = b.normalize("Conv_1_bn", "out_relu", relu6, x)
	b.imageNetTop("global_average_pooling2d", x)
}
