package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var inceptionResNetV2 = &Backbone{
	Name:          "inception_resnet_v2",
	Title:         "InceptionResNetV2",
	Paper:         Paper{"Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, AAAI 2017", "https://arxiv.org/abs/1602.07261"},
	Input:         299,
	Preprocessing: kerasPixels(imaging.PreprocessTF, imaging.PreprocessTF),
	BatchNorm:     layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99, NoScale: true},
	Cuts: []Cut{{
		Layer: "batch_normalization_195", Index: 754, Shape: layers.Shape{8, 8, 192},
		Note:      "batch norm of the 1x1 branch of the 9th of 10 Inception-ResNet-C blocks, before its ReLU",
		Metadata:  Parameters{47654074, 47599671},
		Augmented: Parameters{47535287, 47480887},
	}},
	TrainedOnCPU: true,
	Pooling:      Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5", "d19885ff4a710c122648d3b5c3b684e4",
		"inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5", "e693bd0210a403b3192acc6073ad2e96"),
	Rows: []string{"Table 5 (AD, MD)", "Table 7 (AD, MD)", "Table A1", "Table A3 (AD, MD)", "Table A4 (AD, MD)"},
	Differs: "The paper keeps all Inception-ResNet-C blocks and replaces the average pool and the dropout; " +
		"the code keeps eight of ten and one branch of the ninth.",
	build: buildInceptionResNetV2,
}

// buildInceptionResNetV2 is keras.applications.InceptionResNetV2, layer by layer.
func buildInceptionResNetV2(b builder, x string) {
	n := inception{b}
	x = n.stem(x)
	for i := 1; i <= 10; i++ {
		x = n.block35(x, i)
	}
	x = n.reductionA(x)
	for i := 1; i <= 20; i++ {
		x = n.block17(x, i)
	}
	x = n.reductionB(x)
	for i := 1; i <= 10; i++ {
		x = n.block8(x, i)
	}
	x = b.Add("conv_7b", same(1536, 1, 1), x)
	x = b.normalize("conv_7b_bn", "conv_7b_ac", layers.ReLU{}, x)
	b.imageNetTop("avg_pool", x)
	b.SortAsKeras()
}

// inception adds the blocks of InceptionResNetV2, named as in figures 15 to 19 of the
// paper.
type inception struct{ builder }

// convolve adds a convolution, a batch norm and a ReLU.
func (n inception) convolve(x string, conv layers.Conv2D) string {
	x = n.auto("conv2d", conv, x)
	x = n.auto("batch_normalization", n.bn, x)
	return n.auto("activation", layers.ReLU{}, x)
}

// conv is convolve with SAME padding and stride 1.
func (n inception) conv(x string, filters, rows, cols int) string {
	return n.convolve(x, layers.Conv2D{Filters: filters, Kernel: [2]int{rows, cols}, Stride: 1, Padding: layers.Same})
}

func (n inception) maxPool(x string) string {
	return n.auto("max_pooling2d", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, x)
}

// stem is everything before the first block: at 299 px, 35x35x320.
func (n inception) stem(x string) string {
	x = n.convolve(x, valid(32, 3, 2))
	x = n.convolve(x, valid(32, 3, 1))
	x = n.maxPool(n.conv(x, 64, 3, 3))
	x = n.conv(x, 80, 1, 1)
	x = n.maxPool(n.convolve(x, valid(192, 3, 1)))
	branch0 := n.conv(x, 96, 1, 1)
	branch1 := n.conv(n.conv(x, 48, 1, 1), 64, 5, 5)
	branch2 := n.conv(n.conv(n.conv(x, 64, 1, 1), 96, 3, 3), 96, 3, 3)
	pooled := n.auto("average_pooling2d", layers.AveragePooling2D{Window: 3, Stride: 1, Padding: layers.Same}, x)
	return n.Add("mixed_5b", layers.Concatenate{}, branch0, branch1, branch2, n.conv(pooled, 64, 1, 1))
}

// block35 is an Inception-ResNet-A block.
func (n inception) block35(x string, index int) string {
	branch0 := n.conv(x, 32, 1, 1)
	branch1 := n.conv(n.conv(x, 32, 1, 1), 32, 3, 3)
	branch2 := n.conv(n.conv(n.conv(x, 32, 1, 1), 48, 3, 3), 64, 3, 3)
	return n.residual(x, fmt.Sprintf("block35_%d", index), .17, branch0, branch1, branch2)
}

// reductionA leads to 17x17x1088.
func (n inception) reductionA(x string) string {
	branch0 := n.convolve(x, valid(384, 3, 2))
	branch1 := n.convolve(n.conv(n.conv(x, 256, 1, 1), 256, 3, 3), valid(384, 3, 2))
	return n.Add("mixed_6a", layers.Concatenate{}, branch0, branch1, n.maxPool(x))
}

// block17 is an Inception-ResNet-B block.
func (n inception) block17(x string, index int) string {
	branch0 := n.conv(x, 192, 1, 1)
	branch1 := n.conv(n.conv(n.conv(x, 128, 1, 1), 160, 1, 7), 192, 7, 1)
	return n.residual(x, fmt.Sprintf("block17_%d", index), .1, branch0, branch1)
}

// reductionB leads to 8x8x2080.
func (n inception) reductionB(x string) string {
	branch0 := n.convolve(n.conv(x, 256, 1, 1), valid(384, 3, 2))
	branch1 := n.convolve(n.conv(x, 256, 1, 1), valid(288, 3, 2))
	branch2 := n.convolve(n.conv(n.conv(x, 256, 1, 1), 288, 3, 3), valid(320, 3, 2))
	return n.Add("mixed_7a", layers.Concatenate{}, branch0, branch1, branch2, n.maxPool(x))
}

// block8 is an Inception-ResNet-C block. The last one is not scaled down and has no ReLU.
func (n inception) block8(x string, index int) string {
	branch0 := n.conv(x, 192, 1, 1)
	branch1 := n.conv(n.conv(n.conv(x, 192, 1, 1), 224, 1, 3), 256, 3, 1)
	scale := .2
	if index == 10 {
		scale = 1
	}
	return n.residual(x, fmt.Sprintf("block8_%d", index), scale, branch0, branch1)
}

// residual joins the branches, brings them to the channels of x, with a bias and without
// batch norm, and adds them to x.
func (n inception) residual(x, block string, scale float64, branches ...string) string {
	mixed := n.Add(block+"_mixed", layers.Concatenate{}, branches...)
	up := n.Add(block+"_conv", biased(same(n.Layer(x).Out[2], 1, 1)), mixed)
	x = n.auto("custom_scale_layer", layers.ScaledAdd{Scale: scale}, x, up)
	if scale == 1 {
		return x
	}
	return n.Add(block+"_ac", layers.ReLU{}, x)
}
