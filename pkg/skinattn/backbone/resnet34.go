package backbone

import (
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var resNet34 = &Backbone{
	Name: "resnet34", Title: "ResNet34", Paper: resNetPaper,
	Input: 224, Preprocessing: rgbPixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99},
	Cuts: []Cut{{
		Layer: "activation_14", Index: 62, Shape: layers.Shape{28, 28, 128},
		Note:      "the second of four stages; the attention stands before the third",
		Augmented: Parameters{31414167, 31391767},
	}},
	AugmentedOnly: true,
	Pooling:       Pooling{spec.GAP, spec.GAP},
	Deviations: "The metadata regime: the authors trained this network without metadata only. The order of batch norm, ReLU and addition in a block, " +
		"which the authors' parameter totals leave open, is that of the ResNet paper. The max pooling that stands for the block where the attention is left out.",
	Differs: "The paper does not use it; the authors trained it, as paper [14] did. It is built from scratch, without ImageNet weights: max pooling " +
		"in place of strides, and a 3x3 projection in every block from the second stage on.",
	build: buildResNet34, tail: addResNet34Tail,
}

// buildResNet34 is the authors' ResNet34 without the Soft-Attention block, as paper [14]
// compares with.
func buildResNet34(b builder, x string) {
	x = b.convNorm(x, 64, 2)
	x = b.auto("activation", layers.ReLU{}, x)
	x = b.halve(x)
	for range 3 {
		x = b.basicBlock(x, 64, false)
	}
	x = b.halve(x)
	for range 4 {
		x = b.basicBlock(x, 128, true)
	}
	x = addResNet34Tail(b, b.halve(x))
	b.auto("dense", layers.Dense{Units: classes, Activation: "softmax"}, x)
}

// addResNet34Tail is the third and fourth stage and the pooling.
func addResNet34Tail(b builder, x string) string {
	for range 6 {
		x = b.basicBlock(x, 256, true)
	}
	x = b.halve(x)
	for range 3 {
		x = b.basicBlock(x, 512, true)
	}
	return b.auto("global_average_pooling2d", layers.GlobalAveragePooling2D{}, x)
}

// convNorm is a 3x3 convolution and its batch norm.
func (b builder) convNorm(x string, filters, stride int) string {
	x = b.auto("conv2d", biased(same(filters, 3, stride)), x)
	return b.auto("batch_normalization", b.bn, x)
}

// basicBlock is a residual block of two convolutions. Its layers are added in Keras's
// order, which sorts the second convolution before the projection's.
func (b builder) basicBlock(x string, filters int, project bool) string {
	y := b.convNorm(x, filters, 1)
	y = b.auto("activation", layers.ReLU{}, y)
	shortcut := x
	if !project {
		y = b.convNorm(y, filters, 1)
	} else {
		conv := biased(same(filters, 3, 1))
		y, shortcut = b.auto("conv2d", conv, y), b.auto("conv2d", conv, x)
		y, shortcut = b.auto("batch_normalization", b.bn, y), b.auto("batch_normalization", b.bn, shortcut)
	}
	x = b.auto("add", layers.Add{}, y, shortcut)
	return b.auto("activation", layers.ReLU{}, x)
}
