package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

const nasNetPaper = "Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, CVPR 2018"

var nasNetPreprocessing = kerasPixels(imaging.PreprocessTF, imaging.PreprocessTF)

var nasNetBatchNorm = layers.BatchNormalization{Epsilon: 1e-3, Momentum: .9997}

var nasNetLarge = &Backbone{
	Name:          "nasnet_large",
	Title:         "NASNetLarge",
	Paper:         Paper{nasNetPaper, "https://arxiv.org/abs/1707.07012"},
	Input:         331,
	Preprocessing: nasNetPreprocessing,
	BatchNorm:     nasNetBatchNorm,
	Cuts: []Cut{{
		Layer: "activation_258", Index: 1018, Shape: layers.Shape{11, 11, 672},
		Note:      "ReLU after the first separable convolution of the fifth block of the last normal cell",
		Metadata:  Parameters{78573004, 78389773},
		Augmented: Parameters{78454217, 78270989},
	}},
	TrainedOnCPU: true,
	Pooling:      Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"nasnet/NASNet-large-no-top.h5", "d81d89dc07e6e56530c4e77faddd61b5",
		"nasnet/NASNet-large.h5", "11577c9a518f0070763c2b964a382f17"),
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A1", "Table A3 (MD)", "Table A4 (MD)"},
	Differs: "The paper replaces the last two normal cells; the code ends inside the last one.",
	build:   nasNet{cells: 6, stem: 96, penultimate: 4032, skipReduction: true}.build,
}

var nasNetMobile = &Backbone{
	Name:          "nasnet_mobile",
	Title:         "NASNetMobile",
	Paper:         Paper{nasNetPaper, "https://arxiv.org/abs/1707.07012"},
	Input:         224,
	Preprocessing: nasNetPreprocessing,
	BatchNorm:     nasNetBatchNorm,
	Cuts: []Cut{{
		Layer: "activation_186", Index: 748, Shape: layers.Shape{7, 7, 176},
		Note:     "ReLU after the first separable convolution of the fifth block of the last normal cell",
		Metadata: Parameters{3956094, 3922873},
	}, {
		Name: "-28", Layer: "separable_conv_1_bn_normal_left5_12", Index: 743, Shape: layers.Shape{7, 7, 176},
		Note:      "batch norm before that ReLU",
		Augmented: Parameters{3837307, 3804089},
	}},
	AugmentedCut: "-28",
	Pooling:      Pooling{spec.Flatten, spec.Flatten},
	Weights: kerasWeights(
		"nasnet/NASNet-mobile-no-top.h5", "1ed92395b5b598bdda52abe5c0dbfd63",
		"nasnet/NASNet-mobile.h5", "020fb642bf7360b370c678b08e0adf61"),
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A2", "Table A3 (MD)", "Table A4 (MD)", "Table A5"},
	Differs: "The paper replaces the last normal cell; the code ends inside it.",
	build:   nasNet{cells: 4, stem: 32, penultimate: 1056}.build,
}

// nasNet is a member of the family NASNet-A (cells @ penultimate).
type nasNet struct {
	cells       int // normal cells between two reductions
	stem        int // filters of the first convolution
	penultimate int // channels at the end of the network
	// skipReduction has the first normal cell after a reduction look back at the
	// input of the cell before the reduction, and not at the reduction's input.
	skipReduction bool
}

// build is keras.applications.nasnet.NASNet with a filter multiplier of 2,
// layer by layer.
func (n nasNet) build(b builder, x string) {
	c := nasCells{b}
	filters := n.penultimate / 24
	stem := valid(n.stem, 3, 2)
	stem.Init = layers.HeNormal
	x = b.Add("stem_bn1", b.bn, b.Add("stem_conv1", stem, x))

	// x is the output of the last cell, p the output of the cell before it.
	first := c.reduction(x, x, filters/4, "stem_1")
	x, p := c.reduction(first, x, filters/2, "stem_2"), first
	for stage := range 3 {
		if stage > 0 {
			filters *= 2
			reduced := c.reduction(x, p, filters, fmt.Sprintf("reduce_%d", stage*n.cells))
			if !n.skipReduction {
				p = x
			}
			x = reduced
		}
		for i := range n.cells {
			number := stage*n.cells + i
			if stage > 0 {
				number++ // a reduction has a number too
			}
			x, p = c.normal(x, p, filters, fmt.Sprint(number)), x
		}
	}
	b.imageNetTop("global_average_pooling2d", c.relu(x))
	b.SortAsKeras()
}

// nasCells adds the cells of NASNet-A (figure 4 of the paper).
type nasCells struct{ builder }

// normal is a normal cell; x is its input and p the input of the cell before.
func (c nasCells) normal(x, p string, filters int, id string) string {
	p = c.adjust(p, x, filters, id)
	h := c.squeeze(x, filters, "normal", id)
	add := func(block int, a, b string) string {
		return c.Add(fmt.Sprintf("normal_add_%d_%s", block, id), layers.Add{}, a, b)
	}
	pool := func(side, x string) string {
		return c.Add("normal_"+side+"_"+id, layers.AveragePooling2D{Window: 3, Stride: 1, Padding: layers.Same}, x)
	}
	x1 := add(1, c.separable(h, filters, 5, 1, "normal_left1_"+id), c.separable(p, filters, 3, 1, "normal_right1_"+id))
	x2 := add(2, c.separable(p, filters, 5, 1, "normal_left2_"+id), c.separable(p, filters, 3, 1, "normal_right2_"+id))
	x3 := add(3, pool("left3", h), p)
	x4 := add(4, pool("left4", p), pool("right4", p))
	x5 := add(5, c.separable(h, filters, 3, 1, "normal_left5_"+id), h)
	return c.Add("normal_concat_"+id, layers.Concatenate{}, p, x1, x2, x3, x4, x5)
}

// reduction is a reduction cell, which halves the map. Its pools see h with
// zeros around it, which count.
func (c nasCells) reduction(x, p string, filters int, id string) string {
	p = c.adjust(p, x, filters, id)
	h := c.squeeze(x, filters, "reduction", id)
	padded := c.Add("reduction_pad_1_"+id, c.correctPad(h, 3), h)
	pooled := func(side string, op layers.Op, x string) string { return c.Add("reduction_"+side+"_"+id, op, x) }
	add := func(name, a, b string) string { return c.Add(name, layers.Add{}, a, b) }
	maxPool := layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}
	averagePool := layers.AveragePooling2D{Window: 3, Stride: 2, Padding: layers.Valid}

	x1 := add("reduction_add_1_"+id,
		c.separable(h, filters, 5, 2, "reduction_left1_"+id), c.separable(p, filters, 7, 2, "reduction_right1_"+id))
	x2 := add("reduction_add_2_"+id,
		pooled("left2", maxPool, padded), c.separable(p, filters, 7, 2, "reduction_right2_"+id))
	x3 := add("reduction_add3_"+id,
		pooled("left3", averagePool, padded), c.separable(p, filters, 5, 2, "reduction_right3_"+id))
	x4 := pooled("left4", layers.AveragePooling2D{Window: 3, Stride: 1, Padding: layers.Same}, x1)
	x4 = c.auto("add", layers.Add{}, x2, x4)
	x5 := add("reduction_add4_"+id,
		c.separable(x1, filters, 3, 1, "reduction_left4_"+id), pooled("right5", maxPool, padded))
	return c.Add("reduction_concat_"+id, layers.Concatenate{}, x2, x3, x4, x5)
}

// squeeze brings a cell's input to its filters.
func (c nasCells) squeeze(x string, filters int, cell, id string) string {
	x = c.pointwise(c.relu(x), filters, cell+"_conv_1_"+id)
	return c.Add(cell+"_bn_1_"+id, c.bn, x)
}

// separable is a stack of two separable convolutions, each after a ReLU and
// before a batch norm; the first has the stride.
func (c nasCells) separable(x string, filters, kernel, stride int, id string) string {
	x = c.relu(x)
	conv := layers.SeparableConv2D{Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: stride, Padding: layers.Same}
	if stride == 2 {
		x = c.Add("separable_conv_1_pad_"+id, c.correctPad(x, kernel), x)
		conv.Padding = layers.Valid
	}
	x = c.Add("separable_conv_1_"+id, conv, x)
	x = c.Add("separable_conv_1_bn_"+id, c.bn, x)
	x = c.relu(x)
	conv.Stride, conv.Padding = 1, layers.Same
	x = c.Add("separable_conv_2_"+id, conv, x)
	return c.Add("separable_conv_2_bn_"+id, c.bn, x)
}

// adjust brings p, the output of an earlier cell, to the map size of x and to
// the given filters.
func (c nasCells) adjust(p, x string, filters int, id string) string {
	from, to := c.Layer(p).Out, c.Layer(x).Out
	switch {
	case p == x: // the first cell has no earlier one
		return p
	case from[1] != to[1]:
		// Two strided paths, of which the second looks one position further.
		p = c.Add("adjust_relu_1_"+id, layers.ReLU{}, p)
		halve := layers.AveragePooling2D{Window: 1, Stride: 2, Padding: layers.Valid}
		even := c.Add("adjust_avg_pool_1_"+id, halve, p)
		even = c.pointwise(even, filters/2, "adjust_conv_1_"+id)
		odd := c.auto("zero_padding2d", layers.ZeroPadding2D{Pad: layers.Padding{{0, 1}, {0, 1}}}, p)
		odd = c.auto("cropping2d", layers.Cropping2D{Crop: layers.Padding{{1, 0}, {1, 0}}}, odd)
		odd = c.Add("adjust_avg_pool_2_"+id, halve, odd)
		odd = c.pointwise(odd, filters/2, "adjust_conv_2_"+id)
		p = c.auto("concatenate", layers.Concatenate{}, even, odd)
	case from[2] != filters:
		p = c.pointwise(c.relu(p), filters, "adjust_conv_projection_"+id)
	default:
		return p
	}
	return c.Add("adjust_bn_"+id, c.bn, p)
}

func (c nasCells) relu(x string) string {
	return c.auto("activation", layers.ReLU{}, x)
}

func (c nasCells) pointwise(x string, filters int, name string) string {
	conv := same(filters, 1, 1)
	conv.Init = layers.HeNormal
	return c.Add(name, conv, x)
}
