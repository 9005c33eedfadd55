package backbone

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var mobileNetV3Paper = Paper{"Howard et al., Searching for MobileNetV3, ICCV 2019", "https://arxiv.org/abs/1905.02244"}

// mobileNetV3Pixels: the model rescales 0..255 itself. The augmented regime
// scales to -1..1 before, so that the model sees values next to -1 only.
var mobileNetV3Pixels = kerasPixels(imaging.PreprocessNone, imaging.PreprocessNone)

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
	Weights: kerasWeights(
		"mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", "d3e8ec802a04aa4fc771ee12a9a9b836",
		"mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float.h5", "8768d4c2e7dee89b9d02b2d03d65d862"),
	Rows: []string{"Table 5 (MD)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5"},
	Differs: "The paper replaces the last two 1x1 convolutions; the code also drops the last bottleneck's squeeze-and-excite and projection. " +
		"The authors' augmented run pools the map to 2x2 before the attention and scales the pixels twice.",
	keras3Name: mobileNetV3Keras3Name,
	build:      buildMobileNetV3(mobileNetV3SmallBlocks, 1024),
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
	Weights: kerasWeights(
		"mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5", "07fb09a5933dd0c8eaafa16978110389",
		"mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5", "59e551e166be033d707958cf9e29a6a7"),
	Rows: []string{"Table 5 (MD; cut -34)", "Table 6 (cut -34)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5 (accuracy: cut -34)"},
	Differs: "The paper mixes two runs: its accuracy is of the cut -34, all else of the cut -28. It replaces the last two 1x1 convolutions; " +
		"the code also drops the last bottleneck's squeeze-and-excite and projection.",
	keras3Name: mobileNetV3Keras3Name,
	build:      buildMobileNetV3(mobileNetV3LargeBlocks, 1280),
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

// buildMobileNetV3 is keras.applications.MobileNetV3Small or Large (alpha 1, not
// minimalistic), rescaling included. Keras names the layers of the activations
// automatically.
func buildMobileNetV3(blocks []bottleneck, lastChannels int) func(b builder, x string) {
	return func(b builder, x string) {
		x = b.Add("rescaling", layers.Rescaling{Scale: 1 / 127.5, Offset: -1}, x)
		x = b.Add("Conv", same(16, 3, 2), x)
		x = b.hardSwish(b.Add("Conv/BatchNorm", b.bn, x))
		for i, block := range blocks {
			x = b.bottleneck(x, i, block)
		}
		x = b.Add("Conv_1", same(6*b.Layer(x).Out[2], 1, 1), x)
		x = b.hardSwish(b.Add("Conv_1/BatchNorm", b.bn, x))
		x = b.Add("global_average_pooling2d", layers.GlobalAveragePooling2D{KeepDims: true}, x)
		x = b.hardSwish(b.Add("Conv_2", biased(same(lastChannels, 1, 1)), x))
		x = b.Add("dropout", layers.Dropout{Rate: .2}, x)
		x = b.Add("Logits", biased(same(1000, 1, 1)), x)
		x = b.Add("flatten", layers.Flatten{}, x)
		b.Add("Predictions", layers.Softmax{}, x)
	}
}

// bottleneck is the i-th bottleneck; the first has no expansion.
func (b builder) bottleneck(x string, i int, block bottleneck) string {
	activate := b.hardSwish
	if !block.swish {
		activate = func(x string) string { return b.auto("re_lu", layers.ReLU{}, x) }
	}
	prefix, input, channels := fmt.Sprintf("expanded_conv_%d/", i), x, b.Layer(x).Out[2]
	if i == 0 {
		prefix = "expanded_conv/"
	} else {
		x = b.Add(prefix+"expand", same(block.expand, 1, 1), x)
		x = activate(b.Add(prefix+"expand/BatchNorm", b.bn, x))
	}
	x = b.depthwise(prefix+"depthwise", prefix+"depthwise/pad", block.kernel, block.stride, x)
	x = activate(b.Add(prefix+"depthwise/BatchNorm", b.bn, x))
	if block.squeeze {
		x = b.squeezeExcite(x, prefix+"squeeze_excite/")
	}
	x = b.Add(prefix+"project", same(block.out, 1, 1), x)
	x = b.Add(prefix+"project/BatchNorm", b.bn, x)
	if block.stride == 1 && channels == block.out {
		x = b.Add(prefix+"Add", layers.Add{}, input, x)
	}
	return x
}

// squeezeExcite scales the channels by a gate made of their means.
func (b builder) squeezeExcite(x, prefix string) string {
	channels := b.Layer(x).Out[2]
	gate := b.Add(prefix+"AvgPool", layers.GlobalAveragePooling2D{KeepDims: true}, x)
	gate = b.Add(prefix+"Conv", biased(same(divisible(channels/4), 1, 1)), gate)
	gate = b.Add(prefix+"Relu", layers.ReLU{}, gate)
	gate = b.Add(prefix+"Conv_1", biased(same(channels, 1, 1)), gate)
	return b.Add(prefix+"Mul", layers.Multiply{}, x, b.hardSigmoid(gate))
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
func (b builder) hardSigmoid(x string) string {
	x = b.auto("tf.__operators__.add", layers.AddScalar{Value: 3}, x)
	x = b.auto("re_lu", layers.ReLU{Max: 6}, x)
	return b.auto("tf.math.multiply", layers.MulScalar{Value: 1. / 6}, x)
}

// hardSwish is x times its hard sigmoid.
func (b builder) hardSwish(x string) string {
	return b.auto("multiply", layers.Multiply{}, x, b.hardSigmoid(x))
}

// mobileNetV3Keras3Name is Keras 3's name for a layer with a name of its own:
// "expanded_conv_1_squeeze_excite_avg_pool" for "expanded_conv_1/squeeze_excite/AvgPool".
func mobileNetV3Keras3Name(name string) string {
	return strings.ToLower(strings.NewReplacer("/BatchNorm", "_bn", "AvgPool", "avg_pool", "/", "_").Replace(name))
}
