package backbone

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var resNetPaper = Paper{"He et al., Deep Residual Learning for Image Recognition, CVPR 2016", "https://arxiv.org/abs/1512.03385"}

// caffePixels are what the authors fed to their ResNets: Keras's caffe mode
// expects RGB and turns it into BGR, but the metadata regime's images are BGR
// already, so the means meet the wrong channels.
var caffePixels = Preprocessing{
	Metadata:  Pixels{imaging.PreprocessCaffe, imaging.BGROrder},
	Augmented: Pixels{imaging.PreprocessTF, imaging.RGBOrder},
	Printed:   Pixels{imaging.PreprocessCaffe, imaging.RGBOrder},
	Keras:     Pixels{imaging.PreprocessCaffe, imaging.RGBOrder},
}

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
	Weights: Weights{
		URL:     kerasApplications + "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
		MD5:     "4d473c1dd8becc155b73f8504c6f6626",
		TopURL:  kerasApplications + "resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
		TopMD5:  "2cb95161c43110f7111970584f804107",
		Licence: kerasLicence,
	},
	Rows:    []string{"Table 5 (AD, MD)", "Table 7 (AD, MD)", "Table A1", "Table A3 (AD, MD)", "Table A4 (AD, MD)"},
	Differs: "The paper removes the last three residual blocks; the code removes none.",
	build:   func(b *Backbone, g *layers.Graph, size int) { buildResNet(b, g, size, [4]int{3, 4, 6, 3}) },
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
	Weights: Weights{
		URL:     kerasApplications + "resnet/resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
		MD5:     "ee4c566cf9a93f14d82f913c2dc6dd0c",
		TopURL:  kerasApplications + "resnet/resnet152_weights_tf_dim_ordering_tf_kernels.h5",
		TopMD5:  "100835be76be38e30d865e96f2aaae62",
		Licence: kerasLicence,
	},
	Rows:    []string{"Table 5 (MD)", "Table 7 (MD)", "Table A1", "Table A3 (MD)", "Table A4 (MD)"},
	Differs: "The paper removes the last three residual blocks; the code removes the last two. The paper's row is of a 15 % split.",
	build:   func(b *Backbone, g *layers.Graph, size int) { buildResNet(b, g, size, [4]int{3, 8, 36, 3}) },
}

// buildResNet is keras.applications.ResNet50 (or 101, 152): version 1, with
// the stride in a stage's first 1x1 convolution and a bias in every one. The
// stages have the given numbers of residual blocks.
func buildResNet(b *Backbone, g *layers.Graph, size int, blocks [4]int) {
	x := g.Add(InputLayer, layers.Input{Dims: layers.Shape{size, size, 3}})
	x = g.Add("conv1_pad", layers.ZeroPadding2D{Pad: evenPad(3)}, x)
	x = g.Add("conv1_conv", layers.Conv2D{Filters: 64, Kernel: [2]int{7, 7}, Stride: 2, Padding: layers.Valid, Bias: true}, x)
	x = g.Add("conv1_bn", b.BatchNorm, x)
	x = g.Add("conv1_relu", layers.ReLU{}, x)
	x = g.Add("pool1_pad", layers.ZeroPadding2D{Pad: evenPad(1)}, x)
	x = g.Add("pool1_pool", layers.MaxPooling2D{Window: 3, Stride: 2, Padding: layers.Valid}, x)
	for stage, count := range blocks {
		for i := range count {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = residualBlock(b, g, x, fmt.Sprintf("conv%d_block%d_", stage+2, i+1), 64<<stage, stride, i == 0)
		}
	}
	x = g.Add("avg_pool", layers.GlobalAveragePooling2D{}, x)
	g.Add("predictions", layers.Dense{Units: 1000, Activation: "softmax"}, x)
}

// residualBlock is a bottleneck block; the first of a stage projects its input
// (branch 0) to the stage's shape.
func residualBlock(b *Backbone, g *layers.Graph, x, prefix string, filters, stride int, project bool) string {
	conv := func(filters, kernel, stride int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: stride, Padding: layers.Same, Bias: true}
	}
	shortcut := x
	y := g.Add(prefix+"1_conv", conv(filters, 1, stride), x)
	y = g.Add(prefix+"1_bn", b.BatchNorm, y)
	y = g.Add(prefix+"1_relu", layers.ReLU{}, y)
	y = g.Add(prefix+"2_conv", conv(filters, 3, 1), y)
	y = g.Add(prefix+"2_bn", b.BatchNorm, y)
	y = g.Add(prefix+"2_relu", layers.ReLU{}, y)
	if project {
		shortcut = g.Add(prefix+"0_conv", conv(4*filters, 1, stride), x)
	}
	y = g.Add(prefix+"3_conv", conv(4*filters, 1, 1), y)
	if project {
		shortcut = g.Add(prefix+"0_bn", b.BatchNorm, shortcut)
	}
	y = g.Add(prefix+"3_bn", b.BatchNorm, y)
	y = g.Add(prefix+"add", layers.Add{}, shortcut, y)
	return g.Add(prefix+"out", layers.ReLU{}, y)
}

// evenPad is n rows and columns on every side.
func evenPad(n int) layers.Padding { return layers.Padding{{n, n}, {n, n}} }
