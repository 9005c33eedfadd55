// Package regime has the ways to train as data: what the authors' code did,
// what the paper prints, and what is better, each under a name.
package regime

import (
	"fmt"
	"slices"
	"strings"
)

// Regime is everything that decides how a network is trained, apart from the
// network, the data and the seed. It is part of a run folder's config.json;
// every field can be set by a flag of 'skinattn train'.
type Regime struct {
	Name string `json:"name"`

	Batch  int `json:"batch"`
	Epochs int `json:"epochs"` // at most

	// Adam in Keras's form; see training.Adam.
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`

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

	// ClassWeights multiply the loss, in class order; empty means all 1.
	ClassWeights []float64 `json:"class_weights,omitempty"`
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

	// ChannelOrder, where not empty, is rgb or bgr in place of the order that the
	// authors fed the network.
	ChannelOrder string `json:"channel_order,omitempty"`
	// Network options that belong to the regime.
	SoftAttention bool    `json:"soft_attention"`
	Metadata      bool    `json:"metadata"`
	Dropout       float64 `json:"dropout"`
	// BatchNormMomentum, where above 0, replaces the network's own.
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"`
}

// Plateau is Keras's ReduceLROnPlateau on the validation loss. Factor 0 means none.
type Plateau struct {
	Factor       float64 `json:"factor"`
	Patience     int     `json:"patience"`
	MinDelta     float64 `json:"min_delta"`
	LearningRate float64 `json:"min_learning_rate"`
}

// EarlyStop is Keras's EarlyStopping on the validation loss. Patience 0 means none.
type EarlyStop struct {
	Patience int     `json:"patience"`
	MinDelta float64 `json:"min_delta"`
}

// Cosine lets the learning rate fall to 0 along half a cosine, by step.
const Cosine = "cosine"

// SelectLast keeps the last epoch's weights: for schedules that end at 0.
const SelectLast = "last"

// Augment is how a photo is changed at random each time it is seen. The zero
// value changes nothing. The geometry is that of Keras's ImageDataGenerator with
// fill mode nearest; see training.Affine.
type Augment struct {
	Rotation       float64 `json:"rotation,omitempty"` // degrees, either way
	Shift          float64 `json:"shift,omitempty"`    // share of height and of width, either way
	Zoom           float64 `json:"zoom,omitempty"`     // each axis by 1-Zoom..1+Zoom
	HorizontalFlip bool    `json:"horizontal_flip,omitempty"`
	VerticalFlip   bool    `json:"vertical_flip,omitempty"`
	// Factors 1-x..1+x; see training.colourJitter.
	Brightness float64 `json:"brightness,omitempty"`
	Contrast   float64 `json:"contrast,omitempty"`
	Saturation float64 `json:"saturation,omitempty"`
}

// What to do with a missing age.
const (
	DropAge   = "drop"
	ImputeAge = "impute"
)

// Default is the regime that 'skinattn train' takes when none is named.
const Default = "md/as-run"

// table has the regimes in the order in which they are listed. Weights are the
// ones in the authors' notebooks: N/(C*N_i) over all 10,015 images, truncated.
var table = []Regime{
	{
		Name:  "md/as-run",
		Batch: 10, Epochs: 500,
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: .1,
		Plateau:       Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-7},
		EarlyStop:     EarlyStop{Patience: 35, MinDelta: 1e-3},
		ClassWeights:  []float64{4.37, 2.78, 1.3, 12.44, 1.28, .21, 10},
		MissingAge:    DropAge,
		SoftAttention: true, Metadata: true, Dropout: .5,
	},
	{
		// This project's own: what is usual today for fine-tuning on few and
		// unevenly spread photos. The weights are the roots of N/(C*N_i), scaled
		// so that their mean over the images is 1: full weights cost accuracy in
		// the common classes for little in the rare ones.
		Name:  "modern",
		Batch: 32, Epochs: 30,
		LearningRate: 5e-4, Beta1: .9, Beta2: .999, Epsilon: 1e-7,
		Schedule: Cosine, WarmUp: 1, Select: SelectLast,
		ClassWeights:   []float64{2.61, 2.09, 1.43, 4.41, 1.42, .58, 3.97},
		MissingAge:     ImputeAge,
		LabelSmoothing: .05, MetadataDropout: .1,
		Augment: Augment{Rotation: 180, Shift: .1, Zoom: .15, HorizontalFlip: true, VerticalFlip: true,
			Brightness: .15, Contrast: .15, Saturation: .15},
		ChannelOrder:  "rgb",
		SoftAttention: true, Metadata: true, Dropout: .5,
		BatchNormMomentum: .99,
	},
	{
		// For a few hundred synthetic images and a few minutes: from random
		// weights, with an epsilon and a batch-norm momentum for short runs.
		Name:  "demo",
		Batch: 16, Epochs: 20,
		LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-7,
		Plateau:       Plateau{Factor: .2, Patience: 5, MinDelta: 1e-4, LearningRate: 1e-6},
		MissingAge:    ImputeAge,
		SoftAttention: true, Metadata: true, Dropout: .5,
		BatchNormMomentum: .9,
	},
}

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

// Find returns the regime of that name.
func Find(name string) (Regime, error) {
	for _, r := range table {
		if r.Name == name {
			r.ClassWeights = slices.Clone(r.ClassWeights)
			return r, nil
		}
	}
	return Regime{}, fmt.Errorf("regime %q is unknown; choose one of %s", name, strings.Join(Names(), ", "))
}

// Check finds settings that make no sense.
func (r Regime) Check(classes int) error {
	switch {
	case r.Batch < 1:
		return fmt.Errorf("batch is %d; it must be at least 1", r.Batch)
	case r.Epochs < 1:
		return fmt.Errorf("epochs is %d; it must be at least 1", r.Epochs)
	case r.LearningRate <= 0:
		return fmt.Errorf("learning rate is %g; it must be above 0", r.LearningRate)
	case r.Beta1 < 0 || r.Beta1 >= 1 || r.Beta2 < 0 || r.Beta2 >= 1:
		return fmt.Errorf("betas are %g and %g; they must be in [0, 1)", r.Beta1, r.Beta2)
	case r.Epsilon <= 0:
		return fmt.Errorf("epsilon is %g; it must be above 0", r.Epsilon)
	case r.Dropout < 0 || r.Dropout >= 1:
		return fmt.Errorf("dropout is %g; it must be in [0, 1)", r.Dropout)
	case r.BatchNormMomentum < 0 || r.BatchNormMomentum >= 1:
		return fmt.Errorf("batch-norm momentum is %g; it must be in [0, 1)", r.BatchNormMomentum)
	case r.Plateau.Factor < 0 || r.Plateau.Factor >= 1:
		return fmt.Errorf("plateau factor is %g; it must be in [0, 1)", r.Plateau.Factor)
	case r.Schedule != "" && r.Schedule != Cosine:
		return fmt.Errorf("schedule is %q; it must be %s or empty", r.Schedule, Cosine)
	case r.WarmUp < 0 || r.WarmUp > float64(r.Epochs):
		return fmt.Errorf("warm-up is %g epochs of %d", r.WarmUp, r.Epochs)
	case r.Select != "" && r.Select != SelectLast:
		return fmt.Errorf("select is %q; it must be %s or empty", r.Select, SelectLast)
	case r.LabelSmoothing < 0 || r.LabelSmoothing >= 1:
		return fmt.Errorf("label smoothing is %g; it must be in [0, 1)", r.LabelSmoothing)
	case r.MetadataDropout < 0 || r.MetadataDropout >= 1:
		return fmt.Errorf("metadata dropout is %g; it must be in [0, 1)", r.MetadataDropout)
	case len(r.ClassWeights) != 0 && len(r.ClassWeights) != classes:
		return fmt.Errorf("%d class weights are given; there are %d classes", len(r.ClassWeights), classes)
	case r.MissingAge != DropAge && r.MissingAge != ImputeAge:
		return fmt.Errorf("missing age is %q; it must be %s or %s", r.MissingAge, DropAge, ImputeAge)
	}
	for _, w := range r.ClassWeights {
		if w < 0 {
			return fmt.Errorf("class weight %g is negative", w)
		}
	}
	return r.Augment.check()
}

func (a Augment) check() error {
	if a.Rotation < 0 {
		return fmt.Errorf("rotation is %g degrees; it must be at least 0", a.Rotation)
	}
	for _, share := range []struct {
		name  string
		value float64
	}{{"shift", a.Shift}, {"zoom", a.Zoom}, {"brightness", a.Brightness}, {"contrast", a.Contrast}, {"saturation", a.Saturation}} {
		if share.value < 0 || share.value >= 1 {
			return fmt.Errorf("%s of the augmentation is %g; it must be in [0, 1)", share.name, share.value)
		}
	}
	return nil
}
