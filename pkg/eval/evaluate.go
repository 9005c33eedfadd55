package eval

import (
	"context"
	"fmt"
	"math"
)

// Options says how [Evaluate] finds intervals. The zero value computes none.
type Options struct {
	// Resamples is the number of bootstrap resamples; 0 means no intervals.
	Resamples int
	// Seed determines the resamples together with their number and the table;
	// the number of cores does not matter.
	Seed uint64
	// Unit is what is drawn: lesions (the default) or images.
	Unit Unit
	// Level is the coverage of the intervals; 0 means 0.95.
	Level float64
	// Method is how resamples become intervals: PercentileCI (the default) or
	// BCaCI.
	Method CIMethod
	// Stratified draws as many units of each class as the table has. The class
	// of a unit is that of its first image. It keeps rare classes in every
	// resample, and makes intervals conditional on the class counts.
	Stratified bool
	// Groups are judged like classes. Nil means [Malignant], if the table has
	// its classes; an empty slice means none.
	Groups []Group
	// Workers bounds the goroutines; 0 means GOMAXPROCS.
	Workers int
}

// DefaultOptions are 2,000 lesion-clustered resamples, 95 % intervals, seed 1.
func DefaultOptions() Options { return Options{Resamples: 2000, Seed: 1, Unit: ByLesion, Level: 0.95} }

// Evaluate computes every metric of t, with intervals if opts.Resamples > 0. Rows
// of unknown truth are left out and counted in Metrics.Unknown. A table without
// any known row is not an error: its metrics are undefined and say so. If ctx is
// done before the resamples are, its error is returned.
func Evaluate(ctx context.Context, t *Table, opts Options) (*Metrics, error) {
	m, err := t.Score(nil, opts.Groups)
	if err != nil || opts.Resamples == 0 {
		return m, err
	}
	replicates, err := Bootstrap(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	m.Bootstrap = &replicates.Info
	m.addIntervals(replicates, opts.level())
	return m, nil
}

// explainUndefined fills Undefined with a reason for each NaN.
func (m *Metrics) explainUndefined() {
	m.Undefined = make(map[string]string)
	for _, s := range overallScalars {
		if math.IsNaN(*s.of(m)) {
			m.Undefined[s.name] = m.overallReason(s.name)
		}
	}
	for k := range m.PerClass {
		m.explainClass(&m.PerClass[k], "class", ClassPath)
	}
	for g := range m.Groups {
		m.explainClass(&m.Groups[g].ClassMetrics, "group", GroupPath)
	}
	if m.N == 0 {
		m.Undefined["brier_decomposition"] = noImages
	}
}

func (m *Metrics) explainClass(c *ClassMetrics, noun string, path func(name, metric string) string) {
	for _, s := range classScalars {
		if math.IsNaN(*s.of(c)) {
			m.Undefined[path(c.Class, s.name)] = m.classReason(c, noun, s.name)
		}
	}
	if math.IsNaN(c.Youden.Threshold) {
		m.Undefined[path(c.Class, "youden")] = m.classReason(c, noun, "youden")
	}
}

const noImages = "no image of known class"

func (m *Metrics) overallReason(name string) string {
	switch {
	case m.N == 0:
		return noImages
	case name == "mcc" || name == "kappa":
		return "truth and predictions are all of one class"
	default: // the areas, and what needs specificity
		return "the truth holds a single class"
	}
}

func (m *Metrics) classReason(c *ClassMetrics, noun, name string) string {
	switch {
	case m.N == 0:
		return noImages
	case name == "precision":
		return fmt.Sprintf("%s %s is never predicted", noun, c.Class)
	case name == "f1":
		return fmt.Sprintf("%s %s is neither in the truth nor predicted", noun, c.Class)
	case c.Support == 0:
		return fmt.Sprintf("no image of %s %s", noun, c.Class)
	default: // specificity and what a ROC curve gives need a negative
		return fmt.Sprintf("every image is of %s %s", noun, c.Class)
	}
}
