package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var denseNet201 = &Backbone{
	Name: "densenet201", Title: "DenseNet201",
	Paper: Paper{"Huang et al., Densely Connected Convolutional Networks, CVPR 2017", "https://arxiv.org/abs/1608.06993"},
	Input: 224,
	Preprocessing: Preprocessing{
		Metadata:  Pixels{imaging.PreprocessTF, imaging.BGROrder},
		Augmented: Pixels{imaging.PreprocessTF, imaging.RGBOrder},
		Printed:   Pixels{imaging.PreprocessTorch, imaging.RGBOrder},
		Keras:     Pixels{imaging.PreprocessTorch, imaging.RGBOrder},
	},
	BatchNorm: layers.BatchNormalization{Epsilon: 1.001e-5, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv5_block29_1_relu", Index: 681, Shape: layers.Shape{7, 7, 128},
		Note:      "ReLU of the 128-channel bottleneck inside the 29th of the 32 layers of the last dense block",
		Metadata:  Parameters{17596250, 17382935},
		Augmented: Parameters{17477463, 17264151},
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: Weights{
		URL:     kerasApplications + "densenet/densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
		MD5:     "c13680b51ded0fb44dff2d8f86ac8bb1",
		TopURL:  kerasApplications + "densenet/densenet201_weights_tf_dim_ordering_tf_kernels.h5",
		TopMD5:  "b8c4d4c20dd625c148057b9ff1c1176b",
		Licence: kerasLicence,
	},
	Rows: []string{"Table 5 (AD, MD)", "Table 6", "Table 7 (AD, MD)", "Table A1", "Table A3 (AD, MD)", "Table A4 (AD, MD)"},
	Differs: "The paper replaces the last three dense layers; the code ends inside the 29th of 32, so its 1792 channels are seen through one 1x1 convolution. " +
		"The third dense block has 48 layers, not the 12 of Table A1.",
	build: buildDenseNet201,
}

const denseGrowth = 32 // channels that each dense layer adds

// buildDenseNet201 is keras.applications.DenseNet201.
func buildDenseNet201(b *Backbone, g *layers.Graph, size int) {
	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = g.Add("zero_padding2d", layers.ZeroPadding2D{Pad: evenPad(3)}, x)
	x = g.Add("conv1/conv", layers.Conv2D{Filters: 64, Kernel: [2]int{7, 7}, Stride: 2, Padding: layers.Valid}, x)
	x = g.Add("conv1/bn", b.BatchNorm, x)
	x = g.Add("conv1/relu", layers.ReLU{}, x)
	x = g.Add("zero_padding2d_1", layers.ZeroPadding2D{Pad: evenPad(1)}, x)
	x = g.Add("pool1", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, x)
	blocks := []int{6, 12, 48, 32}
	for i, count := range blocks {
		for j := range count {
			x = denseLayer(b, g, x, fmt.Sprintf("conv%d_block%d_", i+2, j+1))
		}
		if i < len(blocks)-1 {
			x = transition(b, g, x, fmt.Sprintf("pool%d_", i+2))
		}
	}
	x = g.Add("bn", b.BatchNorm, x)
	x = g.Add("relu", layers.ReLU{}, x)
	x = g.Add("avg_pool", layers.GlobalAveragePooling2D{}, x)
	g.Add("predictions", layers.Dense{Units: 1000, Activation: "softmax"}, x)
}

// denseLayer joins x with denseGrowth new channels made from it.
func denseLayer(b *Backbone, g *layers.Graph, x, prefix string) string {
	y := g.Add(prefix+"0_bn", b.BatchNorm, x)
	y = g.Add(prefix+"0_relu", layers.ReLU{}, y)
	y = g.Add(prefix+"1_conv", layers.Conv2D{Filters: 4 * denseGrowth, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Valid}, y)
	y = g.Add(prefix+"1_bn", b.BatchNorm, y)
	y = g.Add(prefix+"1_relu", layers.ReLU{}, y)
	y = g.Add(prefix+"2_conv", layers.Conv2D{Filters: denseGrowth, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same}, y)
	return g.Add(prefix+"concat", layers.Concatenate{}, x, y)
}

// transition halves the channels and the map.
func transition(b *Backbone, g *layers.Graph, x, prefix string) string {
	x = g.Add(prefix+"bn", b.BatchNorm, x)
	x = g.Add(prefix+"relu", layers.ReLU{}, x)
	x = g.Add(prefix+"conv", layers.Conv2D{Filters: g.Layer(x).Out[2] / 2, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Valid}, x)
	return g.Add(prefix+"pool", layers.AveragePooling2D{Window: 2, Stride: 2, Padding: layers.Valid}, x)
}
