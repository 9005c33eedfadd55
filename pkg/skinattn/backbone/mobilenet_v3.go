package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var mobileNetV3Paper = Paper{"Howard et al., Searching for MobileNetV3, ICCV 2019", "https://arxiv.org/abs/1905.02244"}

// mobileNetV3Pixels: the model rescales 0..255 itself. The augmented regime
// scales to -1..1 before, so that the model sees values next to -1 only.
var mobileNetV3Pixels = Preprocessing{
	Metadata:  Pixels{imaging.PreprocessNone, imaging.BGROrder},
	Augmented: Pixels{imaging.PreprocessTF, imaging.RGBOrder},
	Printed:   Pixels{imaging.PreprocessNone, imaging.RGBOrder},
	Keras:     Pixels{imaging.PreprocessNone, imaging.RGBOrder},
}

var mobileNetV3Small = &Backbone{
	Name: "mobilenet_v3_small", Title: "MobileNetV3Small", Paper: mobileNetV3Paper,
	Input: 224, Preprocessing: mobileNetV3Pixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .999},
	Cuts: []Cut{{
		Layer: "multiply_16", Index: 211, Shape: layers.Shape{7, 7, 576},
		Note:     "h-swish after the depthwise convolution of the last bottleneck, before its squeeze-and-excite",
		Metadata: Parameters{990010, 979239},
	}},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: Weights{
		URL:     kerasApplications + "mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
		MD5:     "d3e8ec802a04aa4fc771ee12a9a9b836",
		TopURL:  kerasApplications + "mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float.h5",
		TopMD5:  "8768d4c2e7dee89b9d02b2d03d65d862",
		Licence: kerasLicence,
	},
	Rows: []string{"Table 5 (MD)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5"},
	Differs: "The paper replaces the last two 1x1 convolutions; the code also drops the last bottleneck's squeeze-and-excite and projection. " +
		"The authors' augmented run pools the map to 2x2 before the attention and scales the pixels twice.",
	build: func(b *Backbone, g *layers.Graph, size int) {
		buildMobileNetV3(b, g, size, mobileNetV3SmallBlocks, 1024)
	},
}

var mobileNetV3Large = &Backbone{
	Name: "mobilenet_v3_large", Title: "MobileNetV3Large", Paper: mobileNetV3Paper,
	Input: 224, Preprocessing: mobileNetV3Pixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1e-3, Momentum: .999},
	Cuts: []Cut{
		{
			Layer: "multiply_18", Index: 245, Shape: layers.Shape{7, 7, 960},
			Note:     "h-swish after the depthwise convolution of the last bottleneck, before its squeeze-and-excite",
			Metadata: Parameters{2694762, 2672599},
		},
		{
			Name: "-34", Layer: "multiply_17", Index: 239, Shape: layers.Shape{7, 7, 960},
			Note:      "h-swish after the expansion of the last bottleneck",
			Metadata:  Parameters{2666922, 2646679},
			Augmented: Parameters{Total: 2548135},
		},
		{
			Name: "-44", Layer: "tf.math.multiply_23", Index: 229, Shape: layers.Shape{1, 1, 960},
			Note:     "hard-sigmoid gate of the squeeze-and-excite of the 14th of 15 bottlenecks",
			Metadata: Parameters{2153642, 2135639},
		},
	},
	Pooling: Pooling{spec.Flatten, spec.Flatten},
	Weights: Weights{
		URL:     kerasApplications + "mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
		MD5:     "07fb09a5933dd0c8eaafa16978110389",
		TopURL:  kerasApplications + "mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5",
		TopMD5:  "59e551e166be033d707958cf9e29a6a7",
		Licence: kerasLicence,
	},
	Rows: []string{"Table 5 (MD; cut -34)", "Table 6 (cut -34)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5 (accuracy: cut -34)"},
	Differs: "The paper mixes two runs: its accuracy is of the cut -34, all else of the cut -28. It replaces the last two 1x1 convolutions; " +
		"the code also drops the last bottleneck's squeeze-and-excite and projection.",
	build: func(b *Backbone, g *layers.Graph, size int) {
		buildMobileNetV3(b, g, size, mobileNetV3LargeBlocks, 1280)
	},
}

// bottleneck is a row of table 1 or 2 of the MobileNetV3 paper: the channels of
// the expansion and of the output, the window and stride of the depthwise
// convolution, whether it has squeeze-and-excite, and h-swish in place of ReLU.
type bottleneck struct {
	expand, out, kernel, stride int
	squeeze, swish              bool
}

var mobileNetV3SmallBlocks = []bottleneck{
	{16, 16, 3, 2, true, false},
	{72, 24, 3, 2, false, false},
	{88, 24, 3, 1, false, false},
	{96, 40, 5, 2, true, true},
	{240, 40, 5, 1, true, true},
	{240, 40, 5, 1, true, true},
	{120, 48, 5, 1, true, true},
	{144, 48, 5, 1, true, true},
	{288, 96, 5, 2, true, true},
	{576, 96, 5, 1, true, true},
	{576, 96, 5, 1, true, true},
}

var mobileNetV3LargeBlocks = []bottleneck{
	{16, 16, 3, 1, false, false},
	{64, 24, 3, 2, false, false},
	{72, 24, 3, 1, false, false},
	{72, 40, 5, 2, true, false},
	{120, 40, 5, 1, true, false},
	{120, 40, 5, 1, true, false},
	{240, 80, 3, 2, false, true},
	{200, 80, 3, 1, false, true},
	{184, 80, 3, 1, false, true},
	{184, 80, 3, 1, false, true},
	{480, 112, 3, 1, true, true},
	{672, 112, 3, 1, true, true},
	{672, 160, 5, 2, true, true},
	{960, 160, 5, 1, true, true},
	{960, 160, 5, 1, true, true},
}

// buildMobileNetV3 is keras.applications.MobileNetV3Small or Large (alpha 1,
// not minimalistic), rescaling included. Keras names the layers of the
// activations automatically.
func buildMobileNetV3(b *Backbone, g *layers.Graph, size int, blocks []bottleneck, lastChannels int) {
	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = g.Add("rescaling", layers.Rescaling{Scale: 1 / 127.5, Offset: -1}, x)
	x = g.Add("Conv", layers.Conv2D{Filters: 16, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same}, x)
	x = g.Add("Conv/BatchNorm", b.BatchNorm, x)
	x = hardSwish(g, x)
	for i, block := range blocks {
		x = mobileNetV3Block(b, g, x, i, block)
	}
	pointwise := func(filters int, bias bool) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: bias}
	}
	x = g.Add("Conv_1", pointwise(6*g.Layer(x).Out[2], false), x)
	x = g.Add("Conv_1/BatchNorm", b.BatchNorm, x)
	x = hardSwish(g, x)
	x = g.Add("global_average_pooling2d", layers.GlobalAveragePooling2D{KeepDims: true}, x)
	x = g.Add("Conv_2", pointwise(lastChannels, true), x)
	x = hardSwish(g, x)
	x = g.Add("dropout", layers.Dropout{Rate: .2}, x)
	x = g.Add("Logits", pointwise(1000, true), x)
	x = g.Add("flatten", layers.Flatten{}, x)
	g.Add("Predictions", layers.Softmax{}, x)
}

// mobileNetV3Block is the i-th bottleneck; the first has no expansion.
func mobileNetV3Block(b *Backbone, g *layers.Graph, x string, i int, block bottleneck) string {
	prefix, input := fmt.Sprintf("expanded_conv_%d/", i), x
	if i == 0 {
		prefix = "expanded_conv/"
	}
	activate := func(x string) string {
		if block.swish {
			return hardSwish(g, x)
		}
		return g.Add(AutoName(g, "re_lu"), layers.ReLU{}, x)
	}
	pointwise := func(filters int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same}
	}
	in := g.Layer(x).Out
	if i > 0 {
		x = g.Add(prefix+"expand", pointwise(block.expand), x)
		x = g.Add(prefix+"expand/BatchNorm", b.BatchNorm, x)
		x = activate(x)
	}
	padding := layers.Same
	if block.stride == 2 {
		padding = layers.Valid
		x = g.Add(prefix+"depthwise/pad", layers.ZeroPadding2D{
			Pad: layers.Padding{layers.CorrectPad(in[0], block.kernel), layers.CorrectPad(in[1], block.kernel)}}, x)
	}
	x = g.Add(prefix+"depthwise", layers.DepthwiseConv2D{Kernel: [2]int{block.kernel, block.kernel}, Stride: block.stride, Padding: padding}, x)
	x = g.Add(prefix+"depthwise/BatchNorm", b.BatchNorm, x)
	x = activate(x)
	if block.squeeze {
		x = squeezeExcite(g, x, prefix+"squeeze_excite/")
	}
	x = g.Add(prefix+"project", pointwise(block.out), x)
	x = g.Add(prefix+"project/BatchNorm", b.BatchNorm, x)
	if block.stride == 1 && in[2] == block.out {
		x = g.Add(prefix+"Add", layers.Add{}, input, x)
	}
	return x
}

// squeezeExcite scales the channels by a gate that it makes of their means.
func squeezeExcite(g *layers.Graph, x, prefix string) string {
	conv := func(filters int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Same, Bias: true}
	}
	channels := g.Layer(x).Out[2]
	gate := g.Add(prefix+"AvgPool", layers.GlobalAveragePooling2D{KeepDims: true}, x)
	gate = g.Add(prefix+"Conv", conv(divisible(channels/4)), gate)
	gate = g.Add(prefix+"Relu", layers.ReLU{}, gate)
	gate = g.Add(prefix+"Conv_1", conv(channels), gate)
	gate = hardSigmoid(g, gate)
	return g.Add(prefix+"Mul", layers.Multiply{}, x, gate)
}

// divisible rounds channels to a multiple of 8, not more than a tenth down.
func divisible(channels int) int {
	rounded := max(8, (channels+4)/8*8)
	if 10*rounded < 9*channels {
		rounded += 8
	}
	return rounded
}

// hardSigmoid is ReLU6(x+3)/6.
func hardSigmoid(g *layers.Graph, x string) string {
	x = g.Add(AutoName(g, "tf.__operators__.add"), layers.AddScalar{Value: 3}, x)
	x = g.Add(AutoName(g, "re_lu"), layers.ReLU{Max: 6}, x)
	return g.Add(AutoName(g, "tf.math.multiply"), layers.MulScalar{Value: 1. / 6}, x)
}

// hardSwish is x times its hard sigmoid.
func hardSwish(g *layers.Graph, x string) string {
	return g.Add(AutoName(g, "multiply"), layers.Multiply{}, x, hardSigmoid(g, x))
}
