// Package spec has the options of the network (Network) and of its training
// (Regime) as plain data, with their checks and texts, and the table of regimes
// under their names: the authors' code, the paper's text, and a better one.
package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Regime is everything that decides how a network is trained, apart from the data
// and the seed. config.json records it without its Network. The help tags say what
// the fields do, and the comments what the tags leave out; Option explains the tags.
type Regime struct {
	Name string `json:"name" flag:"-" help:"Regime that it began as; single options may differ."`

	Epochs     int `json:"epochs" range:"[1,100000]" help:"At most this many epochs." label:"epochs, at most"`
	Batch      int `json:"batch" range:"[1,10000]" help:"Images a step."`
	Accumulate int `json:"accumulate,omitempty" range:"[0,10000]" help:"Batches whose gradients make one update."`
	// Precision BFloat16 rounds the operands of matrix products and convolutions; moments of
	// batch norms, loss, gradients and Adam's state stay float32, and so do predictions.
	Precision string `json:"precision,omitempty" enum:"bf16" help:"Number format of matrix products and convolutions in training: empty (float32) or bf16." zero:"float32"`
	// StepsDivisor is how the authors of [14] set steps_per_epoch: the quotient is
	// rounded up and does not count Copies.
	StepsDivisor int    `json:"steps_divisor,omitempty" range:"[0,1000000]" help:"End an epoch after n/N steps, n photos being in the training part; 0: when all are seen."`
	Sampling     string `json:"sampling,omitempty" enum:"balanced" help:"Which photos make an epoch: empty (each once) or balanced (equally many of every class)." zero:"each once"`

	// Adam in Keras's form; see training.Adam.
	LearningRate float64     `json:"learning_rate" range:"(0,]" help:"Adam's first learning rate." label:"Adam: learning rate"`
	Epsilon      float64     `json:"epsilon" range:"[1e-30,1e6]" help:"Adam's epsilon, in Keras's form." label:"Adam: epsilon"`
	Beta1        float64     `json:"beta1" range:"[0,1)" help:"Adam's decay of the first moment." label:"Adam: beta1"`
	Beta2        float64     `json:"beta2" range:"[0,1)" help:"Adam's decay of the second moment." label:"Adam: beta2"`
	LayerRates   []LayerRate `json:"layer_rates,omitempty" help:"Factor X on the learning rate of the layers whose names begin with LAYERS; 'backbone': all up to the cut." placeholder:"LAYERS=X"`
	Freeze       []Freeze    `json:"freeze,omitempty" help:"Freeze the layers whose names begin with LAYERS; with :N, for the first N epochs only." placeholder:"LAYERS[:N]"`

	Plateau   Plateau   `json:"plateau" label:"learning rate on a plateau"`
	Schedule  string    `json:"schedule,omitempty" enum:"cosine" help:"Schedule of the learning rate: empty (the plateau rule alone) or cosine."`
	WarmUp    float64   `json:"warm_up,omitempty" range:"[0,]" help:"Epochs in which the learning rate first rises from 0." label:"warm-up, epochs"`
	EarlyStop EarlyStop `json:"early_stop" label:"early stopping"`
	Select    string    `json:"select,omitempty" enum:"last" help:"Which weights are kept as best: empty (highest validation accuracy) or last." label:"kept weights" zero:"best val_accuracy"`
	// EMA is lower in the first updates: after t of them at most (1+t)/(10+t).
	EMA float64 `json:"ema,omitempty" range:"[0,1)" help:"Decay of a moving average of the weights, which is then validated and kept."`

	ClassWeights   []float64 `json:"class_weights,omitempty" range:"[1e-6,1e6]" help:"Seven weights of the loss, in class order." zero:"1"`
	ClassWeighting string    `json:"class_weighting,omitempty" enum:"balanced" help:"empty (the weights given) or balanced: N/(C*N_i) of the training part." zero:"as given"`
	Loss           Loss      `json:"loss,omitzero" zero:"cross-entropy"`
	// LabelSmoothing e trains towards 1-e+e/C for the true class and e/C for the
	// others.
	LabelSmoothing float64 `json:"label_smoothing,omitempty" range:"[0,1)" help:"Share of the true class's 1 that is spread over all classes."`
	// MissingAge ImputeAge takes the mean of the training part; the authors drop.
	MissingAge      string  `json:"missing_age" enum:"drop,impute" help:"Images without an age: drop (in training and validation) or impute."`
	MetadataDropout float64 `json:"metadata_dropout,omitempty" range:"[0,1)" help:"Probability of hiding each of age, sex and localization in training." label:"hidden metadata"`

	// MetadataAbsent is for photos that will come without metadata, as those of the
	// official ISIC 2018 test.
	MetadataAbsent float64 `json:"metadata_absent,omitempty" range:"[0,1)" help:"Probability of hiding age, sex and localization together in training." label:"hidden metadata, all at once"`

	// Variant decides about cut, head and pixels of the network; see package backbone.
	Variant Variant `json:"notebook,omitempty" enum:"augmented" help:"Whose cut, head and pixels: empty (the authors' metadata notebook) or augmented." label:"cut, head and pixels of the authors' notebook" zero:"metadata"`
	// Network's non-zero options replace the options of the authors' network; see
	// skinattn.Resolve. A run records the resulting network instead.
	Network Network `json:"-"`

	Copies  Copies  `json:"copies,omitzero" label:"augmented copies" group:"augmentation"`
	Augment Augment `json:"augment,omitzero" label:"augmentation" group:"augmentation"`
	Mix     Mix     `json:"mix,omitzero" label:"mixed photos" group:"augmentation"`
}

// Variant is one of the authors' two ways with a backbone, each a notebook and a
// column of the paper's tables.
type Variant string

const (
	// Metadata feeds age, sex and localization beside the photo (regimes md/...).
	Metadata Variant = ""
	// Augmented trains on augmented photos alone (regimes ad/...).
	Augmented Variant = "augmented"
)

// String is "metadata" or "augmented".
func (v Variant) String() string {
	if v == Metadata {
		return "metadata"
	}
	return string(v)
}

// AuthorsVariant is the variant of the authors that a regime follows, by its name:
// md/... or ad/.... ok is false for other regimes.
func AuthorsVariant(regime string) (v Variant, ok bool) {
	switch family, _, _ := strings.Cut(regime, "/"); family {
	case "md":
		return Metadata, true
	case "ad":
		return Augmented, true
	}
	return Metadata, false
}

// Plateau is Keras's ReduceLROnPlateau on the validation loss.
type Plateau struct {
	Factor       float64 `json:"factor" range:"[0,1)" help:"Multiply the rate by this on a plateau of the validation loss; 0: never."`
	Patience     int     `json:"patience" range:"[0,100000]" help:"Epochs without progress that make a plateau."`
	MinDelta     float64 `json:"min_delta" range:"[0,]" help:"Least fall of the loss that counts as progress."`
	LearningRate float64 `json:"min_learning_rate" range:"[0,]" flag:"min-learning-rate" help:"Lowest learning rate of the plateau rule."`
}

// EarlyStop is Keras's EarlyStopping.
type EarlyStop struct {
	Patience int     `json:"patience" range:"[0,100000]" flag:"stop-patience" help:"Stop after this many epochs without progress; 0: never."`
	MinDelta float64 `json:"min_delta" range:"[0,]" flag:"stop-min-delta" help:"Least progress that counts for stopping."`
	Monitor  string  `json:"monitor,omitempty" enum:"val_accuracy" flag:"stop-monitor" help:"What must make progress: empty (the validation loss) or val_accuracy."`
}

// Words of the fields above.
const (
	// Cosine lets the learning rate fall to 0 along half a cosine, by step.
	Cosine = "cosine"
	// SelectLast keeps the last epoch's weights: for schedules that end at 0.
	SelectLast = "last"
	// MonitorAccuracy watches the validation accuracy.
	MonitorAccuracy = "val_accuracy"
	// Balanced draws equally many photos of every class in an epoch: photos of a rare
	// class several times, photos of a common class not in every epoch.
	Balanced = "balanced"
	// BFloat16 is for engines with units for it, such as NVIDIA GPUs from Ampere on.
	BFloat16 = "bf16"
	// BalancedWeights are the paper's class weights, which scikit-learn calls
	// balanced.
	BalancedWeights = "balanced"
	// CenterWindow are the channels that TensorFlow's CPU kernel reads.
	CenterWindow = "center"
	DropAge      = "drop"
	ImputeAge    = "impute"
	// Backbone, in a field Layers, means every layer up to the cut.
	Backbone = "backbone"
)

// LayerRate multiplies the learning rate of layers by Factor. The last LayerRate that
// names a layer counts.
type LayerRate struct {
	Layers string  `json:"layers"` // beginning of their names, or Backbone
	Factor float64 `json:"factor"`
}

// String writes LAYERS=FACTOR.
func (r LayerRate) String() string { return fmt.Sprintf("%s=%v", r.Layers, r.Factor) }

// Parse reads LAYERS=FACTOR.
func (r *LayerRate) Parse(text string) (err error) {
	var factor string
	r.Layers, factor, _ = strings.Cut(text, "=")
	if r.Factor, err = strconv.ParseFloat(factor, 64); err != nil {
		return fmt.Errorf("layer rate %q: want LAYERS=X", text)
	}
	return nil
}

// Freeze does not train the variables of layers, whose batch norms work as in
// inference, like Keras's layers with trainable=False.
type Freeze struct {
	Layers string `json:"layers"`           // beginning of their names, or Backbone
	Epochs int    `json:"epochs,omitempty"` // number of first epochs; 0: all
}

// String writes LAYERS, or LAYERS:EPOCHS if they are not frozen for ever.
func (f Freeze) String() string {
	if f.Epochs == 0 {
		return f.Layers
	}
	return fmt.Sprintf("%s:%d", f.Layers, f.Epochs)
}

// Parse reads LAYERS or LAYERS:EPOCHS.
func (f *Freeze) Parse(text string) (err error) {
	var epochs string
	var limited bool
	if f.Layers, epochs, limited = strings.Cut(text, ":"); !limited {
		return nil
	}
	if f.Epochs, err = strconv.Atoi(epochs); err != nil || f.Epochs < 1 {
		return fmt.Errorf("freeze %q: want LAYERS or LAYERS:N", text)
	}
	return nil
}

// Frozen reports whether the layers are frozen in an epoch, counted from 1.
func (f Freeze) Frozen(epoch int) bool { return f.Epochs == 0 || epoch <= f.Epochs }

// Augment changes a photo at random each time it is seen; the zero value changes
// nothing. The geometry is Keras's ImageDataGenerator with fill mode nearest; see
// training.Affine.
type Augment struct {
	Rotation       float64 `json:"rotation,omitempty" range:"[0,360]" flag:"rotation" help:"Turn photos by up to this many degrees."` // either way
	Shift          float64 `json:"shift,omitempty" range:"[0,1)" flag:"shift" help:"Shift photos by up to this share of their size."` // of height and of width, either way
	Zoom           float64 `json:"zoom,omitempty" range:"[0,1)" flag:"zoom" help:"Zoom each axis by 1-X..1+X."`
	HorizontalFlip bool    `json:"horizontal_flip,omitempty" flag:"horizontal-flip" help:"Mirror half of the photos."`
	VerticalFlip   bool    `json:"vertical_flip,omitempty" flag:"vertical-flip" help:"Turn half of the photos upside down."`
	// Crop has an aspect ratio of 3:4 to 4:3 (Szegedy et al. 2015, arXiv 1409.4842,
	// section 6).
	Crop float64 `json:"crop,omitempty" range:"[0,1)" flag:"crop" help:"Enlarge a part of X..1 of the area."`
	// The colours change as in training.colourJitter.
	Brightness float64 `json:"brightness,omitempty" range:"[0,1)" flag:"brightness" help:"Brightness by 1-X..1+X."`
	Contrast   float64 `json:"contrast,omitempty" range:"[0,1)" flag:"contrast" help:"Contrast by 1-X..1+X."`
	Saturation float64 `json:"saturation,omitempty" range:"[0,1)" flag:"saturation" help:"Saturation by 1-X..1+X."`
	// Cutout paints with the photo's mean colour (DeVries and Taylor 2017, arXiv
	// 1708.04552).
	Cutout float64 `json:"cutout,omitempty" range:"[0,1)" flag:"cutout" help:"Paint over a square whose side is this share of the photo's."`
}

// Mix joins each photo of a batch with another one. With both set, each batch takes
// one of them, at even odds.
type Mix struct {
	// Mixup is alpha of Zhang et al. 2017 (arXiv 1710.09412): with lambda drawn from
	// Beta(alpha, alpha), a photo, its metadata and its label count lambda, the other's
	// 1-lambda.
	Mixup float64 `json:"mixup,omitempty" range:"[0,100]" flag:"mixup" help:"Blend pairs of photos, by Beta(X, X)."`
	// CutMix is alpha of Yun et al. 2019 (arXiv 1905.04899): a box with 1-lambda
	// of the area shows the other photo; metadata and label are mixed by area.
	CutMix float64 `json:"cutmix,omitempty" range:"[0,100]" flag:"cutmix" help:"Put a box of one photo into another, its area by Beta(X, X)."`
}

// Loss is the loss function of the training; the zero value is categorical
// cross-entropy.
type Loss struct {
	Kind  string  `json:"kind,omitempty" enum:"focal,multi-weighted" flag:"loss" help:"empty (cross-entropy), focal or multi-weighted."`
	Gamma float64 `json:"gamma,omitempty" range:"[0,20]" flag:"focal-gamma" help:"Exponent of the losses focal and multi-weighted."`
	// Limit is the probability below which the logarithm stays constant.
	Limit float64 `json:"limit,omitempty" range:"[0,1)" flag:"outlier-limit" help:"Loss multi-weighted: probability below which a photo is an outlier."`
}

// Kinds of losses.
const (
	// Focal is the focal loss of Lin et al. 2017 (arXiv 1708.02002) on the softmax.
	Focal = "focal"
	// MultiWeighted is the loss of Yao et al. 2021 (arXiv 2102.01284), which the
	// paper's related work names: for each class a focal binary cross-entropy on
	// the sigmoid, limited for outliers.
	MultiWeighted = "multi-weighted"
)

// Default is the regime that 'skinattn train' takes when none is named.
const Default = "md/as-run"

// Demo is the regime of 'skinattn demo'.
const Demo = "demo"

// Names lists the regimes.
func Names() []string {
	names := make([]string, len(table))
	for i, r := range table {
		names[i] = r.Name
	}
	return names
}

// Find returns the regime of that name, without the changes for a backbone; see For.
func Find(name string) (Regime, error) {
	for _, r := range table {
		if r.Name == name {
			r.ClassWeights = slices.Clone(r.ClassWeights)
			return r, nil
		}
	}
	return Regime{}, fmt.Errorf("regime %q is unknown; choose one of %s", name, strings.Join(Names(), ", "))
}

// For returns the regime of that name with the changes for a backbone, as the
// authors' notebooks differ from network to network.
func For(name, backbone string) (Regime, error) {
	r, err := Find(name)
	if err != nil {
		return r, err
	}
	for _, d := range deviations {
		if d.regime == name && slices.Contains(d.backbones, backbone) {
			d.change(&r)
		}
	}
	return r, nil
}
