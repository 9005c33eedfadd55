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

	Plateau   Plateau   `json:"plateau"`
	EarlyStop EarlyStop `json:"early_stop"`

	// ClassWeights multiply the loss, in class order; empty means all 1.
	ClassWeights []float64 `json:"class_weights,omitempty"`
	// MissingAge says what becomes of images whose patient's age is missing:
	// "drop" (as the authors did) or "impute" (the mean of the training part).
	MissingAge string `json:"missing_age"`

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
	case r.Plateau.Patience < 0 || r.EarlyStop.Patience < 0:
		return fmt.Errorf("patiences are %d and %d; they must not be negative", r.Plateau.Patience, r.EarlyStop.Patience)
	case r.Plateau.MinDelta < 0 || r.EarlyStop.MinDelta < 0 || r.Plateau.LearningRate < 0:
		return fmt.Errorf("minimal deltas are %g and %g, the smallest learning rate %g; they must not be negative", r.Plateau.MinDelta, r.EarlyStop.MinDelta, r.Plateau.LearningRate)
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
	return nil
}
