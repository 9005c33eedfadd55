package spec

import "github.com/skinattn/skinattn/pkg/skinattn/imaging"

// table has the regimes in the order in which they are listed. docs/training.md
// says where each number comes from.
var table = []Regime{
	{
		// The authors' metadata notebooks. No batch size was given to fit, so that
		// Keras took ceil(n/(n/10)) = 10 from the steps. The weights are N/(C*N_i)
		// over all 10,015 images, truncated.
		Name:  "md/as-run",
		Batch: 10, Epochs: 500,
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: .1,
		Plateau:      Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-7},
		EarlyStop:    EarlyStop{Patience: 35, MinDelta: 1e-3},
		ClassWeights: []float64{4.37, 2.78, 1.3, 12.44, 1.28, .21, 10},
		MissingAge:   DropAge,
		Network:      Network{SoftAttention: true, Metadata: true, Dropout: .5},
	},
	{
		// Sections 2.2.2, 2.4 and 3.1.1 of the paper. It prints the least learning
		// rate as 0.1x10^6, which must be 0.1x10^-6. It is silent about the
		// plateau's patience and least change, which are the code's here.
		Name:  "md/as-printed",
		Batch: 32, Epochs: 250,
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: .1,
		Plateau:        Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-7},
		EarlyStop:      EarlyStop{Patience: 25, Monitor: MonitorAccuracy},
		ClassWeighting: BalancedWeights,
		MissingAge:     ImputeAge,
		Network:        Network{ChannelOrder: "rgb", Preprocess: "tf", SoftAttention: true, Gamma: true, Metadata: true, Dropout: .5},
	},
	{
		// The authors' notebooks with augmentation. The notebooks of the paper's rows
		// put another generator in the place of the augmenting one, and so trained on
		// unchanged photos. Melanoma weighs 5.
		Name:  "ad/as-run",
		Batch: 16, Epochs: 150,
		LearningRate: 1e-2, Beta1: .9, Beta2: .999, Epsilon: .1,
		EarlyStop:    EarlyStop{Patience: 35, MinDelta: 1e-3},
		ClassWeights: []float64{1, 1, 1, 1, 5, 1, 1},
		MissingAge:   DropAge,
		Variant:      Augmented,
		Network:      Network{ChannelOrder: "rgb", Preprocess: "tf", Resize: imaging.Stretch, SoftAttention: true, Dropout: .5},
	},
	{
		// Sections 2.2.2 and 3.1.1: 18,015 images after augmentation, about twice
		// the training part, so one augmented copy of each photo. The paper names the
		// kinds of changes; ranges and resizing are the code's.
		Name:  "ad/as-printed",
		Batch: 32, Epochs: 250,
		Copies:       Copies{PerPhoto: 1},
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: .1,
		Plateau:    Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-7},
		EarlyStop:  EarlyStop{Patience: 25, Monitor: MonitorAccuracy},
		MissingAge: ImputeAge,
		Augment:    keras,
		Variant:    Augmented,
		Network:    Network{ChannelOrder: "rgb", Preprocess: "tf", Resize: imaging.Stretch, SoftAttention: true, Gamma: true, Dropout: .5},
	},
	{
		// This project's own: usual methods for fine-tuning on few and unevenly
		// spread photos. The weights are the roots of N/(C*N_i), scaled
		// so that their mean over the images is 1: full weights cost accuracy in
		// the common classes for little in the rare ones.
		Name:  "modern",
		Batch: 32, Epochs: 15,
		LearningRate: 5e-4, Beta1: .9, Beta2: .999, Epsilon: 1e-7,
		Schedule: Cosine, WarmUp: 1, Select: SelectLast,
		ClassWeights:   []float64{2.61, 2.09, 1.43, 4.41, 1.42, .58, 3.97},
		MissingAge:     ImputeAge,
		LabelSmoothing: .05, MetadataDropout: .1, MetadataAbsent: .3,
		Augment: Augment{Rotation: 180, Shift: .1, Zoom: .15, HorizontalFlip: true, VerticalFlip: true,
			Brightness: .15, Contrast: .15, Saturation: .15},
		Network: Network{ChannelOrder: "rgb", Resize: imaging.Antialias, Oversample: 1.5, SoftAttention: true, Metadata: true, Dropout: .5, BatchNormMomentum: .99, Views: 8},
	},
	{
		// For a few hundred synthetic images and a few minutes: from random
		// weights, with an epsilon and a batch-norm momentum for short runs.
		Name:  Demo,
		Batch: 16, Epochs: 20,
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-7,
		Plateau:    Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-6},
		MissingAge: ImputeAge,
		Network:    Network{SoftAttention: true, Metadata: true, Dropout: .5, BatchNormMomentum: .9},
	},
}

// keras is the generator of the authors and of [14].
var keras = Augment{Rotation: 180, Shift: .1, Zoom: .1, HorizontalFlip: true, VerticalFlip: true}

// onDisk are the copies of [14], which the authors' later notebooks trained on
// too: 53,573 images from the 8,464 photos of their 15 % split.
var onDisk = Copies{PerClass: 8000, Batch: 50}

// deviation changes a regime for some backbones, as the authors' notebooks differ.
type deviation struct {
	regime    string
	backbones []string
	why       string
	change    func(*Regime)
}

var deviations = []deviation{
	{"md/as-run", []string{"resnet50"}, "its only notebook has patience 25 and no schedule", func(r *Regime) {
		r.EarlyStop.Patience, r.Plateau = 25, Plateau{}
	}},
	{"md/as-run", []string{"inception_resnet_v2"}, "the paper's .90 is of the notebook '10split': 150 epochs, no schedule", func(r *Regime) {
		r.Epochs, r.Plateau = 150, Plateau{}
	}},
	{"md/as-run", []string{"inception_resnet_v2", "nasnet_large"}, "trained on a CPU, whose kernel reads other channels", func(r *Regime) {
		r.Network.AttentionWindow = CenterWindow
	}},
	{"md/as-printed", []string{"densenet201"}, "ImageNet's mean and deviation (section 2.2.2)", torchInput},
	{"md/as-printed", []string{"resnet50", "resnet152"}, "BGR, ImageNet's mean (section 2.2.2)", caffeInput},
	{"md/as-printed", []string{"mobilenet_v3_small", "mobilenet_v3_large"}, "the network scales to -1..1 itself", noInput},
	{"ad/as-run", []string{"inception_resnet_v2"}, "", func(r *Regime) { r.EarlyStop.Patience = 30 }},
	{"ad/as-run", []string{"resnet50", "resnet152"}, "", func(r *Regime) { r.Epochs, r.EarlyStop.Patience = 300, 40 }},
	{"ad/as-run", []string{"resnet34", "vgg16"}, "", func(r *Regime) { r.Epochs, r.EarlyStop.Patience = 300, 65 }},
	{"ad/as-run", []string{"resnet152"}, "trained on 53,573 images", func(r *Regime) { r.Copies, r.Augment = onDisk, keras }},
	{"ad/as-run", []string{"mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "nasnet_large", "nasnet_mobile"},
		"trained on 53,573 images (MobileNetV3Large's notebook crashed)", func(r *Regime) { r.Batch, r.Copies, r.Augment = 50, onDisk, keras }},
	{"ad/as-printed", []string{"densenet201"}, "ImageNet's mean and deviation (section 2.2.2)", torchInput},
	{"ad/as-printed", []string{"resnet50", "resnet152"}, "BGR, ImageNet's mean (section 2.2.2)", caffeInput},
	{"ad/as-printed", []string{"mobilenet_v3_small", "mobilenet_v3_large"}, "the network scales to -1..1 itself", noInput},
}

func torchInput(r *Regime) { r.Network.Preprocess = imaging.PreprocessTorch }

// caffeInput turns RGB round to BGR by itself.
func caffeInput(r *Regime) { r.Network.Preprocess = imaging.PreprocessCaffe }

func noInput(r *Regime) { r.Network.Preprocess = imaging.PreprocessNone }
