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

// buildResNet34 is the authors' ResNet34 without the Soft-Attention block, as
// paper [14] compares with.
func buildResNet34(b *Backbone, g *layers.Graph, size int) {
	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = resNet34Conv(b, g, x, 64, 2)
	x = g.Add(AutoName(g, "activation"), layers.ReLU{}, x)
	x = g.Add(AutoName(g, "max_pooling2d"), halve, x)
	for range 3 {
		x = basicBlock(b, g, x, 64, false)
	}
	x = g.Add(AutoName(g, "max_pooling2d"), halve, x)
	for range 4 {
		x = basicBlock(b, g, x, 128, true)
	}
	x = g.Add(AutoName(g, "max_pooling2d"), halve, x)
	x = addResNet34Tail(b, g, x)
	g.Add(AutoName(g, "dense"), layers.Dense{Units: classes, Activation: "softmax"}, x)
}

// addResNet34Tail is the third and fourth stage and the pooling.
func addResNet34Tail(b *Backbone, g *layers.Graph, x string) string {
	for range 6 {
		x = basicBlock(b, g, x, 256, true)
	}
	x = g.Add(AutoName(g, "max_pooling2d"), halve, x)
	for range 3 {
		x = basicBlock(b, g, x, 512, true)
	}
	return g.Add(AutoName(g, "global_average_pooling2d"), layers.GlobalAveragePooling2D{}, x)
}

// resNet34Conv is a 3x3 convolution and its batch norm.
func resNet34Conv(b *Backbone, g *layers.Graph, x string, filters, stride int) string {
	x = g.Add(AutoName(g, "conv2d"), conv3x3(filters, stride), x)
	return g.Add(AutoName(g, "batch_normalization"), b.BatchNorm, x)
}

func conv3x3(filters, stride int) layers.Conv2D {
	return layers.Conv2D{Filters: filters, Kernel: [2]int{3, 3}, Stride: stride, Padding: layers.Same, Bias: true}
}

// basicBlock is a residual block of two convolutions. Its layers are added in
// Keras's order, which sorts the second convolution before the projection's.
func basicBlock(b *Backbone, g *layers.Graph, x string, filters int, project bool) string {
	y := resNet34Conv(b, g, x, filters, 1)
	y = g.Add(AutoName(g, "activation"), layers.ReLU{}, y)
	shortcut := x
	if !project {
		y = resNet34Conv(b, g, y, filters, 1)
	} else {
		y = g.Add(AutoName(g, "conv2d"), conv3x3(filters, 1), y)
		shortcut = g.Add(AutoName(g, "conv2d"), conv3x3(filters, 1), x)
		y = g.Add(AutoName(g, "batch_normalization"), b.BatchNorm, y)
		shortcut = g.Add(AutoName(g, "batch_normalization"), b.BatchNorm, shortcut)
	}
	x = g.Add(AutoName(g, "add"), layers.Add{}, y, shortcut)
	return g.Add(AutoName(g, "activation"), layers.ReLU{}, x)
}
