package plots

import (
	"errors"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
)

// NewLeakBars compares splits by the share of held-out images whose lesion (or the
// image itself) is in the training part too, by class and in all.
func NewLeakBars(classes []string, splits ...NamedAudit) (*Bars, error) {
	if len(splits) == 0 {
		return nil, errors.New("leak: no split to draw")
	}
	f := &Bars{Groups: slices.Concat(classes, []string{"all"}), Rule: true, YLabel: "Share of held-out images"}
	for _, split := range splits {
		series := BarSeries{Name: split.Name}
		for _, class := range classes {
			v := math.NaN()
			for _, rate := range split.Audit.ByClass {
				if rate.Name == class {
					v = rate.Share()
				}
			}
			series.Values = append(series.Values, v)
		}
		series.Values = append(series.Values, split.Audit.HeldOut.Share())
		f.Series = append(f.Series, series)
	}
	return f, nil
}

// NamedAudit is the leak audit of a split, to compare with others.
type NamedAudit struct {
	Name  string
	Audit *eval.LeakAudit
}

// NewLeakEffect compares the recall of each class, and their mean, between images
// of lesions that are in the training part and all other images.
func NewLeakEffect(e *eval.LeakEffect) (*Bars, error) {
	return NewMetricBars("recall", "macro_recall", "Recall", Run{"lesion not in training", e.Clean}, Run{"another photo in training", e.Leaked})
}
