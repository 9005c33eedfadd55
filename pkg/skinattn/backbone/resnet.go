package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var resNetPaper = Paper{"He et al., Deep Residual Learning for Image Recognition, CVPR 2016", "https://arxiv.org/abs/1512.03385"}

// caffePixels is the preprocessing of the authors' ResNets. Keras's caffe mode expects RGB
// and turns it into BGR, but the metadata regime's images are BGR already, so the means
// meet the wrong channels.
var caffePixels = kerasPixels(imaging.PreprocessCaffe, imaging.PreprocessCaffe)

var resNet50 = &Backbone{
	Name: "resnet50", Title: "ResNet50", Paper: resNetPaper,
	Input: 224, Preprocessing: caffePixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1.001e-5, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv5_block3_out", Index: 174, Shape: layers.Shape{7, 7, 2048},
		Note:      "the last residual block: everything but the pooling and the top",
		Metadata:  Parameters{24460186, 24407063},
		Augmented: Parameters{23911319, 23858199},
	}},
	Pooling: Pooling{spec.Flatten, spec.GAP},
	Weights: kerasWeights(
		"resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626",
		"resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"),
	Rows:    []string{"Table 5 (AD, MD)", "Table 7 (AD, MD)", "Table A1", "Table A3 (AD, MD)", "Table A4 (AD, MD)"},
	Differs: "The paper removes the last three residual blocks; the code removes none.",
	build:   buildResNet(3, 4, 6, 3),
}

var resNet152 = &Backbone{
	Name: "resnet152", Title: "ResNet152", Paper: resNetPaper,
	Input: 224, Preprocessing: caffePixels,
	BatchNorm: layers.BatchNormalization{Epsilon: 1.001e-5, Momentum: .99},
	Cuts: []Cut{{
		Layer: "conv5_block1_out", Index: 494, Shape: layers.Shape{7, 7, 2048},
		Note:      "the first of the three residual blocks of the last stage",
		Metadata:  Parameters{50299802, 50160663},
		Augmented: Parameters{49750935, 49611799},
	}},
	Pooling: Pooling{spec.Flatten, spec.GAP},
	Weights: kerasWeights(
		"resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5", "ee4c566cf9a93f14d82f913c2dc6dd0c",
		"resnet/resnet152_weights_tf_dim_ordering_tf_kernels.h5", "100835be76be38e30d865e96f2aaae62"),
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A1", "Table A3 (MD)", "Table A4 (MD)"},
	Differs: "The paper removes the last three residual blocks; the code removes the last two. The paper's row is of a 15 % split.",
	build:   buildResNet(3, 8, 36, 3),
}

// buildResNet is keras.applications.ResNet50 (or 101, 152): version 1, with the stride in
// a stage's first 1x1 convolution and a bias in every one. The stages have the given
// numbers of residual blocks.
func buildResNet(blocks ...int) func(b builder, x string) {
	return func(b builder, x string) {
		x = b.Add("conv1_pad", evenPad(3), x)
		x = b.Add("conv1_conv", biased(valid(64, 7, 2)), x)
		x = b.normalize("conv1_bn", "conv1_relu", layers.ReLU{}, x)
		x = b.Add("pool1_pad", evenPad(1), x)
		x = b.Add("pool1_pool", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, x)
		for stage, count := range blocks {
			for i := range count {
				stride := 1
				if stage > 0 && i == 0 {
					stride = 2
				}
				x = b.residualBlock(x, fmt.Sprintf("conv%d_block%d_", stage+2, i+1), 64<<stage, stride, i == 0)
			}
		}
		b.imageNetTop("avg_pool", x)
	}
}

// residualBlock is a bottleneck block; the first of a stage projects its input
// (branch 0) to the stage's shape.
func (b builder) residualBlock(x, prefix string, filters, stride int, project bool) string {
	y := b.Add(prefix+"1_conv", biased(same(filters, 1, stride)), x)
	y = b.normalize(prefix+"1_bn", prefix+"1_relu", layers.ReLU{}, y)
	y = b.Add(prefix+"2_conv", biased(same(filters, 3, 1)), y)
	y = b.normalize(prefix+"2_bn", prefix+"2_relu", layers.ReLU{}, y)
	shortcut := x
	if project {
		shortcut = b.Add(prefix+"0_conv", biased(same(4*filters, 1, stride)), x)
	}
	y = b.Add(prefix+"3_conv", biased(same(4*filters, 1, 1)), y)
	if project {
		shortcut = b.Add(prefix+"0_bn", b.bn, shortcut)
	}
	y = b.Add(prefix+"3_bn", b.bn, y)
	y = b.Add(prefix+"add", layers.Add{}, shortcut, y)
	return b.Add(prefix+"out", layers.ReLU{}, y)
}
