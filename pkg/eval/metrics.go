package eval

import (
	"fmt"
	"math"
)

// Metrics is everything this package says about one table of predictions. Its
// JSON form is the file metrics.json of a run folder.
//
// A value that is undefined is NaN (null in JSON) and its reason stands in
// Undefined. Averages over classes leave out the classes whose own value is
// undefined; those are listed in Undefined too, so nothing is left out
// silently.
type Metrics struct {
	Classes []string // in class order: the rows of Confusion and PerClass
	N       int      // images of known truth: those that count
	Unknown int      // images left out because their truth is not known

	Accuracy              float64
	BalancedAccuracy      float64 // mean recall over the classes present
	PaperBalancedAccuracy float64 // mean of (sensitivity+specificity)/2, the paper's Table A5
	MacroPrecision        float64
	MacroRecall           float64 // another name for BalancedAccuracy
	MacroF1               float64
	WeightedF1            float64 // by support
	AUROCMacro            float64 // mean of the one-vs-rest areas
	AUROCWeighted         float64 // the same, by support
	AUROCMicro            float64 // of all (image, class) pairs in one ranking
	APMacro               float64 // mean of the one-vs-rest average precisions
	MCC                   float64
	Kappa                 float64
	NLL                   float64 // nats an image; probabilities clipped to 2^-52
	Brier                 float64 // sum of squares over classes, 0 to 2
	ECE                   float64 // top class, [ECEBins] equal-mass bins

	Confusion Confusion
	PerClass  []ClassMetrics // in class order

	// CI holds a confidence interval for each metric, by path ("accuracy",
	// "per_class.mel.recall"); nil without a bootstrap.
	CI        map[string]Interval
	Bootstrap *BootstrapInfo
	// Undefined gives the reason for each value that is NaN, by path; the
	// interval of metric m has the path "ci.m".
	Undefined map[string]string
}

// ClassMetrics are the metrics of one class against the rest.
type ClassMetrics struct {
	Class       string
	Precision   float64
	Recall      float64 // sensitivity
	Specificity float64
	F1          float64
	AUROC       float64
	AP          float64 // average precision
	Support     int     // images whose true class it is
}

// Interval is a confidence interval.
type Interval struct{ Low, High float64 }

// scalar names one number of a T and says where it is kept.
type scalar[T any] struct {
	name string
	of   func(*T) *float64
}

// overallScalars and classScalars are the one list of metrics: JSON keys,
// paths, bootstrap columns and the printed table follow from them.
var (
	overallScalars = []scalar[Metrics]{
		{"accuracy", func(m *Metrics) *float64 { return &m.Accuracy }},
		{"balanced_accuracy", func(m *Metrics) *float64 { return &m.BalancedAccuracy }},
		{"paper_balanced_accuracy", func(m *Metrics) *float64 { return &m.PaperBalancedAccuracy }},
		{"macro_precision", func(m *Metrics) *float64 { return &m.MacroPrecision }},
		{"macro_recall", func(m *Metrics) *float64 { return &m.MacroRecall }},
		{"macro_f1", func(m *Metrics) *float64 { return &m.MacroF1 }},
		{"weighted_f1", func(m *Metrics) *float64 { return &m.WeightedF1 }},
		{"auroc_macro", func(m *Metrics) *float64 { return &m.AUROCMacro }},
		{"auroc_weighted", func(m *Metrics) *float64 { return &m.AUROCWeighted }},
		{"auroc_micro", func(m *Metrics) *float64 { return &m.AUROCMicro }},
		{"ap_macro", func(m *Metrics) *float64 { return &m.APMacro }},
		{"mcc", func(m *Metrics) *float64 { return &m.MCC }},
		{"kappa", func(m *Metrics) *float64 { return &m.Kappa }},
		{"nll", func(m *Metrics) *float64 { return &m.NLL }},
		{"brier", func(m *Metrics) *float64 { return &m.Brier }},
		{"ece", func(m *Metrics) *float64 { return &m.ECE }},
	}
	classScalars = []scalar[ClassMetrics]{
		{"precision", func(c *ClassMetrics) *float64 { return &c.Precision }},
		{"recall", func(c *ClassMetrics) *float64 { return &c.Recall }},
		{"specificity", func(c *ClassMetrics) *float64 { return &c.Specificity }},
		{"f1", func(c *ClassMetrics) *float64 { return &c.F1 }},
		{"auroc", func(c *ClassMetrics) *float64 { return &c.AUROC }},
		{"ap", func(c *ClassMetrics) *float64 { return &c.AP }},
	}
)

// ClassPath returns the path of a per-class metric, such as
// "per_class.mel.recall": the key of Metrics.CI and Metrics.Undefined.
func ClassPath(class, metric string) string { return "per_class." + class + "." + metric }

// Paths lists the scalar metrics of a table with the given classes in the
// order of the JSON form: the overall ones by name, then [ClassPath] of each
// class and metric.
func Paths(classes []string) []string {
	paths := make([]string, 0, len(overallScalars)+len(classes)*len(classScalars))
	for _, s := range overallScalars {
		paths = append(paths, s.name)
	}
	for _, class := range classes {
		for _, s := range classScalars {
			paths = append(paths, ClassPath(class, s.name))
		}
	}
	return paths
}

// Values returns the scalar metrics in the order of [Paths].
func (m *Metrics) Values() []float64 {
	return m.appendValues(make([]float64, 0, len(overallScalars)+len(m.Classes)*len(classScalars)))
}

func (m *Metrics) appendValues(values []float64) []float64 {
	for _, s := range overallScalars {
		values = append(values, *s.of(m))
	}
	for k := range m.PerClass {
		for _, s := range classScalars {
			values = append(values, *s.of(&m.PerClass[k]))
		}
	}
	return values
}

// Value returns the metric with the given path, and whether there is one.
func (m *Metrics) Value(path string) (float64, bool) {
	for i, p := range Paths(m.Classes) {
		if p == path {
			return m.Values()[i], true
		}
	}
	return math.NaN(), false
}

func newMetrics(classes []string) *Metrics {
	m := &Metrics{
		Classes:   classes,
		Confusion: NewConfusion(len(classes)),
		PerClass:  make([]ClassMetrics, len(classes)),
	}
	for k, class := range classes {
		m.PerClass[k].Class = class
	}
	return m
}

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
	// Workers bounds the goroutines; 0 means GOMAXPROCS.
	Workers int
}

// DefaultOptions are 2,000 lesion-clustered resamples, 95 % intervals, seed 1.
func DefaultOptions() Options { return Options{Resamples: 2000, Seed: 1, Unit: ByLesion, Level: 0.95} }

// Evaluate validates p and computes every metric, with intervals if
// opts.Resamples > 0. Rows of unknown truth are left out and counted in
// Metrics.Unknown. A table without any known row is not an error: its metrics
// are undefined and say so.
func Evaluate(p *Predictions, opts Options) (*Metrics, error) {
	known, unknown, err := prepare(p)
	if err != nil {
		return nil, err
	}
	table := newRanked(known)
	m := newMetrics(p.Classes)
	table.score(repeatOne(len(table.truth)), m)
	m.Unknown = unknown
	m.explainUndefined()
	if opts.Resamples == 0 {
		return m, nil
	}
	replicates, err := bootstrap(table, known.LesionIDs, opts)
	if err != nil {
		return nil, err
	}
	m.Bootstrap = &replicates.Info
	m.addIntervals(replicates, opts.level())
	return m, nil
}

func prepare(p *Predictions) (known *Predictions, unknown int, err error) {
	if err := p.Validate(); err != nil {
		return nil, 0, fmt.Errorf("predictions: %w", err)
	}
	known, unknown = p.Labelled()
	if n := known.Len() * len(p.Classes); n > maxImages {
		return nil, 0, fmt.Errorf("predictions: %d images x %d classes: at most %d probabilities can be ranked", known.Len(), len(p.Classes), maxImages)
	}
	return known, unknown, nil
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
		c := &m.PerClass[k]
		for _, s := range classScalars {
			if math.IsNaN(*s.of(c)) {
				m.Undefined[ClassPath(c.Class, s.name)] = m.classReason(c, s.name)
			}
		}
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

func (m *Metrics) classReason(c *ClassMetrics, name string) string {
	switch {
	case m.N == 0:
		return noImages
	case name == "precision":
		return "class " + c.Class + " is never predicted"
	case name == "f1":
		return "class " + c.Class + " is neither in the truth nor predicted"
	case c.Support == 0:
		return "no image of class " + c.Class
	default: // specificity and AUROC need a negative
		return "every image is of class " + c.Class
	}
}
