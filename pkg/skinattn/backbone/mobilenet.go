package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// The paper lists MobileNet in Table 4 and trains it nowhere.
var mobileNet = &Backbone{
	Name: "mobilenet", Title: "MobileNet",
	Paper:         Paper{"Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017", "https://arxiv.org/abs/1704.04861"},
	Input:         224,
	Preprocessing: kerasPixels(imaging.PreprocessTF, imaging.PreprocessTF),
	BatchNorm:     layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv_dw_13", Index: 80, Shape: layers.Shape{7, 7, 1024},
		Note: "depthwise convolution of the last block, before its batch norm: the only one of stride 1 on the 7x7 map, as the authors' cut of MobileNetV2 is",
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"mobilenet/mobilenet_1_0_224_tf_no_top.h5", "",
		"mobilenet/mobilenet_1_0_224_tf.h5", ""),
	UncountedLayers: []string{"dropout"},
	Deviations:      "Everything after the backbone: the authors ran nothing on MobileNet. Cut, preprocessing and head are those of their MobileNetV2.",
	Differs:         "The paper lists it in Table 4, and no table has a result of it.",
	build:           buildMobileNet,
}

// mobileNetBlocks are the stride and the output channels of each depthwise
// separable block (table 1 of the MobileNet paper).
var mobileNetBlocks = []struct{ stride, channels int }{
	{1, 64}, {2, 128}, {1, 128}, {2, 256}, {1, 256},
	{2, 512}, {1, 512}, {1, 512}, {1, 512}, {1, 512}, {1, 512},
	{2, 1024}, {1, 1024},
}

// buildMobileNet is keras.applications.MobileNet (alpha 1, depth multiplier 1).
func buildMobileNet(b builder, x string) {
	relu6 := layers.ReLU{Max: 6}
	x = b.Add("conv1", same(32, 3, 2), x)
	x = b.normalize("conv1_bn", "conv1_relu", relu6, x)
	for i, block := range mobileNetBlocks {
		name := func(part string) string { return fmt.Sprintf("conv_%s_%d", part, i+1) }
		padding := layers.Same
		if block.stride == 2 {
			padding = layers.Valid
			x = b.Add(name("pad"), layers.ZeroPadding2D{Pad: layers.Padding{{0, 1}, {0, 1}}}, x)
		}
		x = b.Add(name("dw"), layers.DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: block.stride, Padding: padding}, x)
		x = b.normalize(name("dw")+"_bn", name("dw")+"_relu", relu6, x)
		x = b.Add(name("pw"), same(block.channels, 1, 1), x)
		x = b.normalize(name("pw")+"_bn", name("pw")+"_relu", relu6, x)
	}
	x = b.Add("global_average_pooling2d", layers.GlobalAveragePooling2D{KeepDims: true}, x)
	x = b.Add("dropout", layers.Dropout{Rate: 1e-3}, x)
	x = b.Add("conv_preds", biased(same(1000, 1, 1)), x)
	x = b.Add("reshape_2", layers.Reshape{Dims: layers.Shape{1000}}, x)
	b.Add("predictions", layers.Softmax{}, x)
}
