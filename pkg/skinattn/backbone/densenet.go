package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var denseNet201 = &Backbone{
	Name: "densenet201", Title: "DenseNet201",
	Paper:         Paper{"Huang et al., Densely Connected Convolutional Networks, CVPR 2017", "https://arxiv.org/abs/1608.06993"},
	Input:         224,
	Preprocessing: kerasPixels(imaging.PreprocessTF, imaging.PreprocessTorch),
	BatchNorm:     layers.BatchNormalization{Epsilon: 1.001e-5, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv5_block29_1_relu", Index: 681, Shape: layers.Shape{7, 7, 128},
		Note:      "ReLU of the 128-channel bottleneck inside the 29th of the 32 layers of the last dense block",
		Metadata:  Parameters{17596250, 17382935},
		Augmented: Parameters{17477463, 17264151},
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"densenet/densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5", "c13680b51ded0fb44dff2d8f86ac8bb1",
		"densenet/densenet201_weights_tf_dim_ordering_tf_kernels.h5", "b8c4d4c20dd625c148057b9ff1c1176b"),
	Rows: []string{"Table 5 (AD, MD)", "Table 6", "Table 7 (AD, MD)", "Table A1", "Table A3 (AD, MD)", "Table A4 (AD, MD)"},
	Differs: "The paper replaces the last three dense layers; the code ends inside the 29th of 32, so its 1792 channels are seen through one 1x1 convolution. " +
		"The third dense block has 48 layers, not the 12 of Table A1.",
	build: buildDenseNet201,
}

const denseGrowth = 32 // channels that each dense layer adds

// buildDenseNet201 is keras.applications.DenseNet201.
func buildDenseNet201(b builder, x string) {
	x = b.Add("zero_padding2d", evenPad(3), x)
	x = b.Add("conv1/conv", valid(64, 7, 2), x)
	x = b.normalize("conv1/bn", "conv1/relu", layers.ReLU{}, x)
	x = b.Add("zero_padding2d_1", evenPad(1), x)
	x = b.Add("pool1", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, x)
	blocks := []int{6, 12, 48, 32}
	for i, count := range blocks {
		for j := range count {
			x = b.denseLayer(x, fmt.Sprintf("conv%d_block%d_", i+2, j+1))
		}
		if i < len(blocks)-1 {
			x = b.transition(x, fmt.Sprintf("pool%d_", i+2))
		}
	}
	x = b.normalize("bn", "relu", layers.ReLU{}, x)
	b.imageNetTop("avg_pool", x)
}

// denseLayer joins x with denseGrowth new channels made from it.
func (b builder) denseLayer(x, prefix string) string {
	y := b.normalize(prefix+"0_bn", prefix+"0_relu", layers.ReLU{}, x)
	y = b.Add(prefix+"1_conv", valid(4*denseGrowth, 1, 1), y)
	y = b.normalize(prefix+"1_bn", prefix+"1_relu", layers.ReLU{}, y)
	y = b.Add(prefix+"2_conv", same(denseGrowth, 3, 1), y)
	return b.Add(prefix+"concat", layers.Concatenate{}, x, y)
}

// transition halves the channels and the map.
func (b builder) transition(x, prefix string) string {
	x = b.normalize(prefix+"bn", prefix+"relu", layers.ReLU{}, x)
	x = b.Add(prefix+"conv", valid(b.Layer(x).Out[2]/2, 1, 1), x)
	return b.Add(prefix+"pool", layers.AveragePooling2D{Window: 2, Stride: 2, Padding: layers.Valid}, x)
}
