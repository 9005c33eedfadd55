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
	Paper: Paper{"Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017", "https://arxiv.org/abs/1704.04861"},
	Input: 224,
	Preprocessing: Preprocessing{
		Metadata:  Pixels{imaging.PreprocessTF, imaging.BGROrder},
		Augmented: Pixels{imaging.PreprocessTF, imaging.RGBOrder},
		Printed:   Pixels{imaging.PreprocessTF, imaging.RGBOrder},
		Keras:     Pixels{imaging.PreprocessTF, imaging.RGBOrder},
	},
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv_dw_13", Index: 80, Shape: layers.Shape{7, 7, 1024},
		Note: "depthwise convolution of the last block, before its batch norm: the only one of stride 1 on the 7x7 map, as the authors' cut of MobileNetV2 is",
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: Weights{
		URL:     kerasApplications + "mobilenet/mobilenet_1_0_224_tf_no_top.h5",
		TopURL:  kerasApplications + "mobilenet/mobilenet_1_0_224_tf.h5",
		Licence: kerasLicence,
	},
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
func buildMobileNet(b *Backbone, g *layers.Graph, size int) {
	relu6 := layers.ReLU{Max: 6}
	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = g.Add("conv1", layers.Conv2D{Filters: 32, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same}, x)
	x = g.Add("conv1_bn", b.BatchNorm, x)
	x = g.Add("conv1_relu", relu6, x)
	for i, block := range mobileNetBlocks {
		name := func(part string) string { return fmt.Sprintf("conv_%s_%d", part, i+1) }
		padding := layers.Same
		if block.stride == 2 {
			padding = layers.Valid
			x = g.Add(name("pad"), layers.ZeroPadding2D{Pad: layers.Padding{{0, 1}, {0, 1}}}, x)
		}
		x = g.Add(name("dw"), layers.DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: block.stride, Padding: padding}, x)
		x = g.Add(name("dw")+"_bn", b.BatchNorm, x)
		x = g.Add(name("dw")+"_relu", relu6, x)
		x = g.Add(name("pw"), layers.Conv2D{Filters: block.channels, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same}, x)
		x = g.Add(name("pw")+"_bn", b.BatchNorm, x)
		x = g.Add(name("pw")+"_relu", relu6, x)
	}
	x = g.Add("global_average_pooling2d", layers.GlobalAveragePooling2D{KeepDims: true}, x)
	x = g.Add("dropout", layers.Dropout{Rate: 1e-3}, x)
	x = g.Add("conv_preds", layers.Conv2D{Filters: 1000, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}, x)
	x = g.Add("reshape_2", layers.Reshape{Dims: layers.Shape{1000}}, x)
	g.Add("predictions", layers.Softmax{}, x)
}
