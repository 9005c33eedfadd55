package reproduce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
)

// option is a value of config.json by its path, empty where it is not there or
// switched off.
func (r *Run) option(path string) string {
	switch text := fmt.Sprint(r.config.Values()[path]); text {
	case "<nil>", "false", "0":
		return ""
	default:
		return text
	}
}

// regimeName is the regime's name, or what stands for it.
func (r *Run) regimeName() string {
	if r.config.Regime == nil {
		return "imported"
	}
	return r.config.Regime.Name
}

// weighted is whether the loss weighs classes differently.
func (r *Run) weighted() bool {
	if r.option("regime.class_weighting") != "" {
		return true
	}
	if r.config.Regime == nil || len(r.config.Regime.ClassWeights) == 0 {
		return false
	}
	weights := r.config.Regime.ClassWeights
	return slices.Min(weights) != slices.Max(weights)
}

// family is the column of the paper that the run's regime belongs to
// (paper.Metadata or paper.Augmented), empty for other regimes.
func (r *Run) family() string {
	if r.config.FastDevRun {
		return ""
	}
	switch name, _, _ := strings.Cut(r.regimeName(), "/"); name {
	case "md":
		return paper.Metadata
	case "ad":
		return paper.Augmented
	}
	return ""
}

// additions are options of the network that the paper's rows do not have.
var additions = []string{"gamma", "metadata_batch_norm", "metadata_units", "metadata_dropout", "extended_dense"}

// variant says what the network or loss has less or more than the paper's rows.
func (r *Run) variant() string {
	var off []string
	if !r.config.Network.SoftAttention {
		off = append(off, "no Soft-Attention")
	}
	if r.family() == paper.Metadata && !r.config.Network.Metadata {
		off = append(off, "no metadata")
	}
	if r.family() == paper.Metadata && !r.weighted() {
		off = append(off, "no class weights")
	}
	for _, name := range additions {
		if value := r.option("network." + name); value != "" {
			off = append(off, strings.ReplaceAll(name, "_", " ")+" "+value)
		}
	}
	return strings.Join(off, ", ")
}

// fills is whether the run stands for a network and regime of the paper's tables.
func (r *Run) fills(backbone, family string) bool {
	return r.config.Network.Backbone == backbone && r.family() == family && r.variant() == ""
}

// identity is config.json as text without the values at the given paths, such
// as "data.split_sha256": runs with equal texts differ in nothing else. The size
// of the photos follows from their SHA-256, and older runs do not have it.
func (r *Run) identity(without ...string) string {
	values := r.config.Values()
	delete(values, "data.source_size")
	for _, path := range without {
		delete(values, path)
	}
	text, err := json.Marshal(values) // keys sorted
	if err != nil {
		panic(err) // it was read from JSON
	}
	return string(text)
}

// setting is equal for runs that repeat each other but for seed, split and fold.
func (r *Run) setting() string { return r.identity("seed", "data.split_sha256") }

// repetition names the run among those of one setting.
func (r *Run) repetition() string {
	text := fmt.Sprintf("seed %d", r.config.Seed)
	if r.split.Folds > 0 {
		text += fmt.Sprintf(", fold %d of %d", r.split.Fold, r.split.Folds)
	}
	if r.split.AsRun { // as [14] did
		text += ", epoch chosen on the test"
	}
	return text
}
