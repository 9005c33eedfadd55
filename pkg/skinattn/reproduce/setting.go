package reproduce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// regimeName is the regime's name, "imported" for an imported network.
func (r *Run) regimeName() string {
	if r.config.Regime == nil {
		return "imported"
	}
	return r.config.Regime.Name
}

// weighted reports whether the loss has unequal class weights.
func (r *Run) weighted() bool {
	if r.config.Regime == nil {
		return false
	}
	if r.config.Regime.ClassWeighting != "" {
		return true
	}
	weights := r.config.Regime.ClassWeights
	return len(weights) > 0 && slices.Min(weights) != slices.Max(weights)
}

// family is paper.Metadata or paper.Augmented for the regimes of the paper, and empty
// for others.
func (r *Run) family() string {
	if r.config.FastDevRun {
		return ""
	}
	if variant, ok := spec.AuthorsVariant(r.regimeName()); !ok {
		return ""
	} else if variant == spec.Augmented {
		return paper.Augmented
	}
	return paper.Metadata
}

// variant describes how network and loss depart from the rows of the paper; it is
// empty if they do not.
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
	if r.frozen() {
		off = append(off, "frozen backbone")
	}
	if r.config.Data.CoarseSites != "" {
		off = append(off, coarseSites)
	}
	off = append(off, r.config.Network.Additions()...)
	return strings.Join(off, ", ")
}

// coarseSites describes a run on the sites of the ISIC Archive.
const coarseSites = "sites of the ISIC Archive"

// frozen reports whether the backbone kept its first weights.
func (r *Run) frozen() bool {
	return r.config.Regime != nil && slices.ContainsFunc(r.config.Regime.Freeze, func(f spec.Freeze) bool { return f.Layers == spec.Backbone && f.Epochs == 0 })
}

// fills reports whether the run stands for a row of the paper's tables.
func (r *Run) fills(backbone, family string) bool {
	return r.config.Network.Backbone == backbone && r.family() == family && r.variant() == ""
}

// identity is config.json as text without the values at the given paths, such as
// "data.split_sha256". Runs with equal texts differ in these values alone. Three are
// always left out, which older runs lack: the fingerprint, which is over all others; the
// size of the photos, which follows from their SHA-256; and the SHA-256 of the metadata.
func (r *Run) identity(without ...string) string {
	values := r.config.Values()
	for _, path := range slices.Concat([]string{"fingerprint", "data.source_size", "data.metadata_sha256"}, without) {
		delete(values, path)
	}
	text, err := json.Marshal(values) // keys sorted
	if err != nil {
		panic(err) // the values were read from JSON
	}
	return string(text)
}

// setting is equal for runs that differ in seed, split and fold alone.
func (r *Run) setting() string { return r.identity("seed", "data.split_sha256") }

// repetition tells a run from others of its setting.
func (r *Run) repetition() string {
	text := fmt.Sprintf("seed %d", r.config.Seed)
	if r.split.Folds > 0 {
		text += fmt.Sprintf(", fold %d of %d", r.split.Fold, r.split.Folds)
	}
	if r.split.AsRun { // like [14]
		text += ", epoch chosen on the test"
	}
	return text
}
