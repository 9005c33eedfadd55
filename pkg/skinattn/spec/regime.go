// Package regime has the ways to train as data: what the authors' code did,
// what the paper prints, and what is better, each under a name.
package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Regime is everything that decides how a network is trained, apart from the
// network, the data and the seed. It is part of a run folder's config.json;
// every field can be set by a flag of 'skinattn train'.
//
// The zero value of every field that JSON may leave out means that the thing is
// not done.
type Regime struct {
	Name string `json:"name"`

	Batch  int `json:"batch"`
	Epochs int `json:"epochs"` // at most
	// Accumulate, where above 1, adds up the gradients of that many batches for
	// one update: the gradient of a batch so many times as large.
	Accumulate int `json:"accumulate,omitempty"`
	// StepsDivisor, where above 0, ends an epoch after n/StepsDivisor steps,
	// rounded up, n being the photos of the training part without their Copies:
	// steps_per_epoch of the authors of [14]. 0: when all have been seen.
	StepsDivisor int `json:"steps_divisor,omitempty"`
	// Sampling is empty, which shows every photo once an epoch, or Balanced.
	Sampling string `json:"sampling,omitempty"`
	// Copies are augmented photos beside the photos themselves.
	Copies Copies `json:"copies,omitzero"`

	// Adam in Keras's form; see training.Adam.
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	// LayerRates multiply the learning rate of some layers.
	LayerRates []LayerRate `json:"layer_rates,omitempty"`
	// Freeze keeps some layers as they are.
	Freeze []Freeze `json:"freeze,omitempty"`

	// Schedule is how the learning rate goes on: empty for the plateau rule
	// alone, or Cosine. WarmUp is the number of epochs, which need not be whole,
	// in which it first rises from 0.
	Schedule  string    `json:"schedule,omitempty"`
	WarmUp    float64   `json:"warm_up,omitempty"`
	Plateau   Plateau   `json:"plateau"`
	EarlyStop EarlyStop `json:"early_stop"`
	// Select says which epoch's weights a run keeps as its best: empty for the
	// one of the highest validation accuracy, or SelectLast.
	Select string `json:"select,omitempty"`
	// EMA, where above 0, is the decay of a moving average of the weights, which
	// is then what is validated and kept as best; (1+t)/(10+t) after t updates
	// where that is less.
	EMA float64 `json:"ema,omitempty"`

	// ClassWeights multiply the loss, in class order; empty means all 1.
	ClassWeights []float64 `json:"class_weights,omitempty"`
	// ClassWeighting, where it is BalancedWeights, takes N/(C*N_i) of the training
	// part in place of ClassWeights.
	ClassWeighting string `json:"class_weighting,omitempty"`
	Loss           Loss   `json:"loss,omitzero"`
	// MissingAge says what becomes of images whose patient's age is missing:
	// "drop" (as the authors did) or "impute" (the mean of the training part).
	MissingAge string `json:"missing_age"`
	// LabelSmoothing e trains towards 1-e+e/C for the true class and e/C for the
	// others.
	LabelSmoothing float64 `json:"label_smoothing,omitempty"`
	// MetadataDropout is the probability with which each of age, sex and
	// localization is made unknown, anew in every epoch.
	MetadataDropout float64 `json:"metadata_dropout,omitempty"`
	Augment         Augment `json:"augment,omitzero"`
	Mix             Mix     `json:"mix,omitzero"`

	// Variant says which of the authors' two notebooks on a backbone gives the
	// network. They differ in cut, head and pixels; see package backbone.
	Variant Variant `json:"notebook,omitempty"`
	// ChannelOrder (rgb or bgr), Preprocess (tf, caffe, torch or none) and Head
	// (flatten or gap), where not empty, stand in place of what the notebook has.
	ChannelOrder imaging.Order      `json:"channel_order,omitempty"`
	Preprocess   imaging.Preprocess `json:"preprocess,omitempty"`
	Head         Pooling            `json:"head,omitempty"`
	// Resize is empty for Keras's smart_resize (centre crop, bilinear) or
	// imaging.Stretch.
	Resize imaging.ResizeMode `json:"resize,omitempty"`
	// Network options that belong to the regime.
	SoftAttention bool `json:"soft_attention"`
	// AttentionWindow and Gamma are fields of Network.
	AttentionWindow string  `json:"attention_window,omitempty"`
	Gamma           bool    `json:"gamma,omitempty"`
	Metadata        bool    `json:"metadata"`
	Dropout         float64 `json:"dropout"`
	// BatchNormMomentum, where above 0, replaces the network's own.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"`
	// Views, where above 0, is the number of turned views of each photo that the
	// final predictions are the mean of. Validation sees photos as they are.
	Views int `json:"views,omitempty"`
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

// Plateau is Keras's ReduceLROnPlateau on the validation loss. Factor 0 means none.
type Plateau struct {
	Factor       float64 `json:"factor"`
	Patience     int     `json:"patience"`
	MinDelta     float64 `json:"min_delta"`
	LearningRate float64 `json:"min_learning_rate"`
}

// EarlyStop is Keras's EarlyStopping. Patience 0 means none.
type EarlyStop struct {
	Patience int     `json:"patience"`
	MinDelta float64 `json:"min_delta"`
	// Monitor is empty for the validation loss, or MonitorAccuracy.
	Monitor string `json:"monitor,omitempty"`
}

// Words of the fields above.
const (
	// Cosine lets the learning rate fall to 0 along half a cosine, by step.
	Cosine = "cosine"
	// SelectLast keeps the last epoch's weights: for schedules that end at 0.
	SelectLast = "last"
	// MonitorAccuracy watches the validation accuracy.
	MonitorAccuracy = "val_accuracy"
	// Balanced draws as many photos of every class in an epoch: a photo of a rare
	// class several times, one of a common class not in every epoch.
	Balanced = "balanced"
	// BalancedWeights are the paper's class weights, which scikit-learn calls
	// balanced.
	BalancedWeights = "balanced"
	// CenterWindow are the channels that TensorFlow's CPU kernel reads.
	CenterWindow = "center"
	// DropAge and ImputeAge are what to do with a missing age.
	DropAge   = "drop"
	ImputeAge = "impute"
	// Backbone, as a Layers field, means every layer up to the cut.
	Backbone = "backbone"
)

// LayerRate multiplies the learning rate of layers by Factor. Of several that
// meet a layer, the last counts.
type LayerRate struct {
	Layers string  `json:"layers"` // how their names begin, or Backbone
	Factor float64 `json:"factor"`
}

// Freeze keeps layers as they are in the first Epochs epochs, 0 meaning all:
// their variables are not trained, and their batch norms work as in inference,
// as Keras has it for layers that are not trainable.
type Freeze struct {
	Layers string `json:"layers"` // how their names begin, or Backbone
	Epochs int    `json:"epochs,omitempty"`
}

// Frozen says whether f holds in an epoch, from 1.
func (f Freeze) Frozen(epoch int) bool { return f.Epochs == 0 || epoch <= f.Epochs }

// Augment is how a photo is changed at random each time it is seen. The zero
// value changes nothing. The geometry is that of Keras's ImageDataGenerator with
// fill mode nearest; see training.Affine.
type Augment struct {
	Rotation       float64 `json:"rotation,omitempty"` // degrees, either way
	Shift          float64 `json:"shift,omitempty"`    // share of height and of width, either way
	Zoom           float64 `json:"zoom,omitempty"`     // each axis by 1-Zoom..1+Zoom
	HorizontalFlip bool    `json:"horizontal_flip,omitempty"`
	VerticalFlip   bool    `json:"vertical_flip,omitempty"`
	// Crop takes a part of Crop..1 of the area, with an aspect ratio of 3:4 to
	// 4:3, and enlarges it (Szegedy et al. 2015, arXiv 1409.4842, section 6).
	Crop float64 `json:"crop,omitempty"`
	// Factors 1-x..1+x; see training.colourJitter.
	Brightness float64 `json:"brightness,omitempty"`
	Contrast   float64 `json:"contrast,omitempty"`
	Saturation float64 `json:"saturation,omitempty"`
	// Cutout is the side, as a share of the photo's, of a square that is painted
	// with the photo's mean colour (DeVries and Taylor 2017, arXiv 1708.04552).
	Cutout float64 `json:"cutout,omitempty"`
}

// Mix joins each photo of a batch with another one. Where both are set, each
// batch takes one of the two, at even odds.
type Mix struct {
	// Mixup is alpha of Zhang et al. 2017 (arXiv 1710.09412): photo, metadata and
	// label are lambda times the own and 1-lambda times the other's, lambda drawn
	// from Beta(alpha, alpha).
	Mixup float64 `json:"mixup,omitempty"`
	// CutMix is alpha of Yun et al. 2019 (arXiv 1905.04899): a box with 1-lambda
	// of the area shows the other photo; metadata and label are mixed by area.
	CutMix float64 `json:"cutmix,omitempty"`
}

// Loss is what is minimised; the zero value is categorical cross-entropy.
type Loss struct {
	// Kind is empty, Focal or MultiWeighted.
	Kind string `json:"kind,omitempty"`
	// Gamma is the focal exponent of either.
	Gamma float64 `json:"gamma,omitempty"`
	// Limit of MultiWeighted is the probability below which a photo counts as an
	// outlier: its logarithm goes no further down.
	Limit float64 `json:"limit,omitempty"`
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

// Find returns the regime of that name, without what is particular to a
// backbone; see For.
func Find(name string) (Regime, error) {
	for _, r := range table {
		if r.Name == name {
			r.ClassWeights = slices.Clone(r.ClassWeights)
			return r, nil
		}
	}
	return Regime{}, fmt.Errorf("regime %q is unknown; choose one of %s", name, strings.Join(Names(), ", "))
}

// For returns the regime of that name as it was for a backbone: the authors'
// notebooks differ from network to network.
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
