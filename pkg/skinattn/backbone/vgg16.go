package backbone

import (
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// rgbPixels is the preprocessing of the networks without ImageNet weights. The authors
// trained them in the augmented regime only; the metadata regime has the same here.
var rgbPixels = Preprocessing{Metadata: augmentedPixels, Augmented: augmentedPixels}

var vgg16 = &Backbone{
	Name: "vgg16", Title: "VGG16",
	Paper: Paper{"Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015", "https://arxiv.org/abs/1409.1556"},
	Input: 224, Preprocessing: rgbPixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99},
	Cuts: []Cut{{
		Layer: "batch_normalization_9", Index: 23, Shape: layers.Shape{28, 28, 512},
		Note:      "the fourth of five groups of convolutions; the attention stands before the fifth",
		Augmented: Parameters{62650711, 62642263},
	}},
	AugmentedOnly: true,
	Pooling:       Pooling{spec.Flatten, spec.Flatten},
	Rows:          []string{"Table A3 (AD)", "Table A4 (AD)"},
	Deviations:    "The metadata regime: the authors trained this network without metadata only. The max pooling that stands for the block where the attention is left out.",
	Differs: "The paper does not describe it. It is built from scratch, without ImageNet weights: the last convolution of each group is 1x1, " +
		"a batch norm follows every convolution, and the attention block stands in the middle.",
	build: buildVGG16, tail: addVGG16Tail,
}

// buildVGG16 is the authors' VGG16 without the Soft-Attention block, as paper [14]
// compares with.
func buildVGG16(b builder, x string) {
	x = b.halve(b.vggGroup(x, 64, 3, 1))
	x = b.halve(b.vggGroup(x, 128, 3, 1))
	x = b.halve(b.vggGroup(x, 256, 3, 3, 1))
	x = b.halve(b.vggGroup(x, 512, 3, 3, 1))
	x = addVGG16Tail(b, x)
	b.auto("dense", layers.Dense{Units: classes, Activation: "softmax"}, x)
}

// addVGG16Tail is the fifth group of convolutions and the two dense layers.
func addVGG16Tail(b builder, x string) string {
	x = b.vggGroup(x, 512, 3, 3, 1)
	x = b.auto("max_pooling2d", layers.MaxPooling2D{Window: 4, Padding: layers.Same}, x)
	x = b.auto("flatten", layers.Flatten{}, x)
	for range 2 {
		x = b.auto("dense", layers.Dense{Units: 4096, Activation: "relu"}, x)
	}
	return x
}

// classes is the number of classes of lesions that the authors' own networks tell apart.
const classes = 7

// halve is the pooling between the groups and stages of the authors' own networks.
func (b builder) halve(x string) string {
	return b.auto("max_pooling2d", layers.MaxPooling2D{Window: 2, Padding: layers.Same}, x)
}

// vggGroup is a row of convolutions with the given windows, each with ReLU and then a
// batch norm.
func (b builder) vggGroup(x string, filters int, windows ...int) string {
	for _, window := range windows {
		conv := biased(same(filters, window, 1))
		conv.Init = layers.HeNormal
		x = b.auto("batch_normalization", b.bn, b.auto("conv2d", ConvReLU{conv}, x))
	}
	return x
}

// ConvReLU is keras.layers.Conv2D with activation="relu".
type ConvReLU struct{ layers.Conv2D }

// Build implements layers.Op.
func (c ConvReLU) Build(b *layers.Builder, layer *layers.Layer, inputs ...*layers.Node) *layers.Node {
	return layers.ReLU{}.Build(b, layer, c.Conv2D.Build(b, layer, inputs...))
}
