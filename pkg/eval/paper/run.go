package paper

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Classes is the class order of the authors' notebooks.
var Classes = []string{"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"}

// Run is a training run of the authors (or of the paper's reference [14]), from the
// log in its notebook. Numbers are text, with the decimals of the log.
type Run struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Source   string `json:"source"`   // "authors" or "[14]"
	Notebook string `json:"notebook"` // first digits of its git blob, where known
	Backbone string `json:"backbone"`
	Regime   string `json:"regime"`  // Augmented or Metadata
	Variant  string `json:"variant"` // the difference from the regime, empty without one
	N        int    `json:"n"`       // held-out images
	// Split names the random hold-out: runs with the same Split were evaluated on the
	// same images.
	Split string `json:"split"`
	// Metrics has the path of each metric in package eval as key.
	Metrics map[string]Number `json:"metrics"`
	// PerClass are precision, recall and F1 as scikit-learn's report prints them.
	PerClass map[string][3]Number `json:"classes"`
	// ClassAUROC are one-vs-rest areas by class.
	ClassAUROC map[string]Number `json:"class_auroc"`
	// OneVsRest are the printed counts by class. The counts of the classes in
	// Derived were not printed and follow from the others.
	OneVsRest map[string]Counts `json:"one_vs_rest"`
	Derived   []string          `json:"derived"`
	// Confusion has rows of true classes.
	Confusion eval.Confusion `json:"confusion"`

	// Zero or empty values are unknown.
	Epochs          int     `json:"epochs"`
	BestEpoch       int     `json:"best_epoch"`        // the epoch whose metrics were reported
	SecondsPerEpoch float64 `json:"seconds_per_epoch"` // median
	Device          string  `json:"device"`            // "CPU" or "GPU"
	Parameters      int     `json:"parameters"`        // of the network as trained
	Note            string  `json:"note"`
}

// Counts are the four cells of one class against the rest; in JSON [TP, FP, FN, TN].
type Counts eval.Counts

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Counts) UnmarshalJSON(text []byte) error {
	var v []int
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if len(v) != 4 {
		return fmt.Errorf("%d counts: want TP, FP, FN, TN", len(v))
	}
	*c = Counts{TP: v[0], FP: v[1], FN: v[2], TN: v[3]}
	return nil
}

// Correct returns the number of held-out images, of N, that were classified
// correctly: the logged accuracy determines it.
func (r Run) Correct() int {
	return int(math.Round(r.Metrics["accuracy"].Value() * float64(r.N)))
}
