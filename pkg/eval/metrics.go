package eval

import (
	"iter"
	"math"
	"slices"
)

// Metrics has all metrics of one table of predictions. Its JSON form is the file
// metrics.json of a run folder.
//
// An undefined value is NaN (null in JSON), with its reason in Undefined. Averages
// over classes leave out undefined values, for which Undefined has a reason too.
type Metrics struct {
	Classes []string // in class order: the rows of Confusion and PerClass
	N       int      // images of known truth: the metrics are computed from them
	Unknown int      // images left out because their truth is not known

	Accuracy              float64 // share of images predicted correctly
	BalancedAccuracy      float64 // mean recall over the classes present
	PaperBalancedAccuracy float64 // mean of (sensitivity+specificity)/2, the paper's Table A5
	MacroPrecision        float64 // mean over the classes predicted
	MacroRecall           float64 // another name for BalancedAccuracy
	MacroF1               float64 // mean over the classes present or predicted
	WeightedF1            float64 // by support
	AUROCMacro            float64 // mean of the one-vs-rest areas
	AUROCWeighted         float64 // the same, by support
	AUROCMicro            float64 // of all (image, class) pairs in one ranking
	APMacro               float64 // mean of the one-vs-rest average precisions
	MCC                   float64 // Matthews' correlation; see [Confusion.MCC]
	Kappa                 float64 // Cohen's; see [Confusion.Kappa]
	NLL                   float64 // mean of -ln p(truth), in nats; probabilities clipped to 2^-52
	Brier                 float64 // sum of squares over classes, 0 to 2 (Brier 1950)
	ECE                   float64 // top class, [ECEBins] equal-mass bins; see [Table.ECE]. No interval: resampling raises it
	Top2Accuracy          float64 // see [Table.TopK]
	Top3Accuracy          float64 // see [Table.TopK]
	ECEEqualWidth         float64 // top class, [ECEBins] equal-width bins; see [Table.ECE]
	ECEClasswise          float64 // [ECEBins] equal-width bins; see [Table.ClasswiseECE]
	MacroSpecificity      float64 // mean over the classes that have a negative

	Confusion Confusion
	PerClass  []ClassMetrics // in class order
	Groups    []GroupMetrics // in the order of Options.Groups
	// BrierParts are the parts of Brier over [ECEBins] equal-mass bins for each
	// class, summed over classes.
	BrierParts BrierDecomposition

	// CI holds a confidence interval for each metric, by path ("accuracy",
	// "per_class.mel.recall"); nil without a bootstrap.
	CI        map[string]Interval
	Bootstrap *BootstrapInfo
	// Undefined gives the reason for each NaN, by path; the interval of metric m has
	// the path "ci.m".
	Undefined map[string]string
	// Notes are caveats of the table ([Table.Notes]) and whatever callers add.
	Notes []string
}

// ClassMetrics are the metrics of one class against the rest.
type ClassMetrics struct {
	Class       string
	Precision   float64 // TP/(TP+FP)
	Recall      float64 // sensitivity, TP/(TP+FN)
	Specificity float64 // TN/(TN+FP)
	F1          float64 // 2TP/(2TP+FP+FN)
	AUROC       float64 // see [AUROC]
	AP          float64 // see [AveragePrecision]
	// PartialAUROC is the standardised area up to a false positive rate of
	// [PartialMaxFPR]; see [ROC.PartialAUC].
	PartialAUROC float64
	// SensitivityAt90 and SensitivityAt95 are the greatest sensitivity at a
	// specificity of at least 0.90 and 0.95; see [ROC.AtSpecificity].
	SensitivityAt90, SensitivityAt95 float64
	// Youden is the point of greatest sensitivity + specificity on these images; see
	// [ROC.Youden]. As the same images choose the threshold, it has no interval.
	Youden  OperatingPoint
	Support int // images of this true class
}

// ClassPath returns the path of a per-class metric, such as
// "per_class.mel.recall": the key of Metrics.CI and Metrics.Undefined.
func ClassPath(class, metric string) string { return "per_class." + class + "." + metric }

// GroupPath is [ClassPath] for a group of classes: "groups.malignant.auroc".
func GroupPath(group, metric string) string { return "groups." + group + "." + metric }

// Paths lists the scalar metrics in the order of the JSON form: the overall metrics
// by name, then [ClassPath] of each class and metric, then [GroupPath]. Each metric
// can have an interval.
func (m *Metrics) Paths() []string {
	var paths []string
	for _, s := range overallMetrics {
		paths = append(paths, s.name)
	}
	for _, row := range m.rows() {
		for _, s := range classMetrics {
			paths = append(paths, row.path(s.name))
		}
	}
	return paths
}

// Values returns the scalar metrics in the order of [Metrics.Paths].
func (m *Metrics) Values() []float64 {
	values := make([]float64, 0, len(overallMetrics)+(len(m.PerClass)+len(m.Groups))*len(classMetrics))
	for _, s := range overallMetrics {
		values = append(values, *s.of(m))
	}
	for _, row := range m.rows() {
		for _, s := range classMetrics {
			values = append(values, *s.of(row.ClassMetrics))
		}
	}
	return values
}

// row is the metrics of a class or of a group.
type row struct {
	*ClassMetrics
	group bool
}

// rows yields the row of each class, then of each group, numbered from 0.
func (m *Metrics) rows() iter.Seq2[int, row] {
	return func(yield func(int, row) bool) {
		for k := range m.PerClass {
			if !yield(k, row{&m.PerClass[k], false}) {
				return
			}
		}
		for g := range m.Groups {
			if !yield(len(m.PerClass)+g, row{&m.Groups[g].ClassMetrics, true}) {
				return
			}
		}
	}
}

// path returns the path of a metric of the row.
func (r row) path(metric string) string {
	if r.group {
		return GroupPath(r.Class, metric)
	}
	return ClassPath(r.Class, metric)
}

// Value returns the metric with the given path, and whether the path exists.
func (m *Metrics) Value(path string) (float64, bool) {
	if i := slices.Index(m.Paths(), path); i >= 0 {
		return m.Values()[i], true
	}
	return math.NaN(), false
}

func newMetrics(classes []string, groups []columnGroup) *Metrics {
	m := &Metrics{
		Classes:   classes,
		Confusion: NewConfusion(len(classes)),
		PerClass:  make([]ClassMetrics, len(classes)),
	}
	for k, class := range classes {
		m.PerClass[k].Class = class
	}
	for _, g := range groups {
		m.Groups = append(m.Groups, GroupMetrics{Members: g.members, ClassMetrics: ClassMetrics{Class: g.name}})
	}
	return m
}
