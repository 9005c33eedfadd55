package eval

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// metric is one number of a T: its names, its field, and its formula over an S.
type metric[T, S any] struct {
	name  string            // path and JSON key
	label string            // on axes, as in "Macro F1"; see [Label]
	text  string            // in text tables, as in "F1, macro"
	of    func(*T) *float64 // the field
	value func(S) float64   // the formula
	// reason says why the value is undefined although there are images; empty for the
	// general reason, see explainUndefined.
	reason string
	// noInterval says why the metric has no interval and no p-value from resamples; empty
	// for a metric that has.
	noInterval string
	quiet      bool // not in text tables; the JSON form has all
	later      bool // older metrics.json files lack the metric
}

// biased is why a calibration error has no interval: docs/statistics.md has the measured
// coverage.
const biased = "a calibration error is a mean of absolute values, which resampling raises: an interval of resamples lies too high and may not hold the value"

const oneClass = "truth and predictions are all of one class"

// overallMetrics and classMetrics are the one list of metrics: values, resamples,
// JSON keys, paths, labels, text tables and reasons follow from them. The formula of
// a metric may use the metrics before it.
var (
	overallMetrics = []metric[Metrics, *scoring]{
		{name: "accuracy", label: "Accuracy", text: "accuracy",
			of: func(m *Metrics) *float64 { return &m.Accuracy }, value: ofConfusion(Confusion.Accuracy)},
		{name: "balanced_accuracy", label: "Balanced accuracy", text: "balanced accuracy (mean recall)",
			of: func(m *Metrics) *float64 { return &m.BalancedAccuracy }, value: ofConfusion(Confusion.BalancedAccuracy)},
		{name: "paper_balanced_accuracy", label: "Mean of (sensitivity + specificity) / 2", text: "mean of (sens.+spec.)/2",
			of: func(m *Metrics) *float64 { return &m.PaperBalancedAccuracy }, value: ofConfusion(Confusion.PaperBalancedAccuracy)},
		{name: "macro_precision", label: "Macro precision", text: "precision, macro",
			of: func(m *Metrics) *float64 { return &m.MacroPrecision }, value: ofConfusion(Confusion.MacroPrecision)},
		{name: "macro_recall", label: "Macro recall", text: "recall, macro", quiet: true,
			of: func(m *Metrics) *float64 { return &m.MacroRecall }, value: func(s *scoring) float64 { return s.m.BalancedAccuracy }},
		{name: "macro_f1", label: "Macro F1", text: "F1, macro",
			of: func(m *Metrics) *float64 { return &m.MacroF1 }, value: ofConfusion(Confusion.MacroF1)},
		{name: "weighted_f1", label: "Weighted F1", text: "F1, weighted",
			of: func(m *Metrics) *float64 { return &m.WeightedF1 }, value: ofConfusion(Confusion.WeightedF1)},
		{name: "auroc_macro", label: "AUROC, macro", text: "AUROC, macro",
			of: func(m *Metrics) *float64 { return &m.AUROCMacro }, value: func(s *scoring) float64 { return s.confusion.macro(s.auroc) }},
		{name: "auroc_weighted", label: "AUROC, weighted", text: "AUROC, weighted",
			of: func(m *Metrics) *float64 { return &m.AUROCWeighted }, value: func(s *scoring) float64 { return s.confusion.weighted(s.auroc) }},
		{name: "auroc_micro", label: "AUROC, micro", text: "AUROC, micro",
			of: func(m *Metrics) *float64 { return &m.AUROCMicro }, value: (*scoring).microAUROC},
		{name: "ap_macro", label: "Average precision, macro", text: "average precision, macro",
			of: func(m *Metrics) *float64 { return &m.APMacro }, value: func(s *scoring) float64 { return s.confusion.macro(s.ap) }},
		{name: "mcc", label: "MCC", text: "Matthews correlation", reason: oneClass,
			of: func(m *Metrics) *float64 { return &m.MCC }, value: ofConfusion(Confusion.MCC)},
		{name: "kappa", label: "Cohen's kappa", text: "Cohen's kappa", reason: oneClass,
			of: func(m *Metrics) *float64 { return &m.Kappa }, value: ofConfusion(Confusion.Kappa)},
		{name: "nll", label: "Log loss", text: "negative log-likelihood",
			of: func(m *Metrics) *float64 { return &m.NLL }, value: func(s *scoring) float64 { return s.nllSum / float64(s.n) }},
		{name: "brier", label: "Brier score", text: "Brier score",
			of: func(m *Metrics) *float64 { return &m.Brier }, value: func(s *scoring) float64 { return s.brierSum / float64(s.n) }},
		{name: "ece", label: eceLabel(EqualMass), text: eceLabel(EqualMass), noInterval: biased,
			of: func(m *Metrics) *float64 { return &m.ECE }, value: (*scoring).ece},
		{name: "top2_accuracy", label: "Top-2 accuracy", text: "top-2 accuracy", later: true,
			of: func(m *Metrics) *float64 { return &m.Top2Accuracy }, value: func(s *scoring) float64 { return ratio(s.top2, s.n) }},
		{name: "top3_accuracy", label: "Top-3 accuracy", text: "top-3 accuracy", quiet: true, later: true,
			of: func(m *Metrics) *float64 { return &m.Top3Accuracy }, value: func(s *scoring) float64 { return ratio(s.top3, s.n) }},
		{name: "ece_equal_width", label: eceLabel(EqualWidth), text: eceLabel(EqualWidth), noInterval: biased, later: true,
			of: func(m *Metrics) *float64 { return &m.ECEEqualWidth }, value: (*scoring).equalWidthECE},
		{name: "ece_classwise", label: "Classwise " + eceLabel(EqualWidth), text: "classwise " + eceLabel(EqualWidth), noInterval: biased, quiet: true, later: true,
			of: func(m *Metrics) *float64 { return &m.ECEClasswise }, value: (*scoring).classwiseECE},
		{name: "macro_specificity", label: "Macro specificity", text: "specificity, macro", quiet: true, later: true,
			of: func(m *Metrics) *float64 { return &m.MacroSpecificity }, value: ofConfusion(Confusion.MacroSpecificity)},
	}
	classMetrics = []metric[ClassMetrics, *classScoring]{
		{name: "precision", label: "Precision", text: "precision", reason: "is never predicted",
			of: func(c *ClassMetrics) *float64 { return &c.Precision }, value: (*classScoring).Precision},
		{name: "recall", label: "Recall", text: "recall",
			of: func(c *ClassMetrics) *float64 { return &c.Recall }, value: (*classScoring).Recall},
		{name: "specificity", label: "Specificity", text: "specificity",
			of: func(c *ClassMetrics) *float64 { return &c.Specificity }, value: (*classScoring).Specificity},
		{name: "f1", label: "F1", text: "F1", reason: "is neither in the truth nor predicted",
			of: func(c *ClassMetrics) *float64 { return &c.F1 }, value: (*classScoring).F1},
		{name: "auroc", label: "AUROC", text: "AUROC",
			of: func(c *ClassMetrics) *float64 { return &c.AUROC }, value: func(s *classScoring) float64 { return s.auroc }},
		{name: "ap", label: "Average precision", text: "AP",
			of: func(c *ClassMetrics) *float64 { return &c.AP }, value: func(s *classScoring) float64 { return s.ap }},
		{name: "partial_auroc", label: "Partial AUROC", text: "partial", later: true,
			of: func(c *ClassMetrics) *float64 { return &c.PartialAUROC }, value: func(s *classScoring) float64 { return s.partial }},
		{name: "sensitivity_at_90_specificity", label: "Sensitivity at 90 % specificity", text: "sens@90", later: true,
			of: func(c *ClassMetrics) *float64 { return &c.SensitivityAt90 }, value: func(s *classScoring) float64 { return s.at90 }},
		{name: "sensitivity_at_95_specificity", label: "Sensitivity at 95 % specificity", text: "sens@95", later: true,
			of: func(c *ClassMetrics) *float64 { return &c.SensitivityAt95 }, value: func(s *classScoring) float64 { return s.at95 }},
	}
)

// The parts of a decomposition and of an operating point, which have no interval.
var (
	brierParts = []metric[BrierDecomposition, none]{
		{name: "reliability", later: true, of: func(d *BrierDecomposition) *float64 { return &d.Reliability }},
		{name: "resolution", later: true, of: func(d *BrierDecomposition) *float64 { return &d.Resolution }},
		{name: "uncertainty", later: true, of: func(d *BrierDecomposition) *float64 { return &d.Uncertainty }},
		{name: "within_bin", later: true, of: func(d *BrierDecomposition) *float64 { return &d.WithinBin }},
	}
	youdenParts = []metric[OperatingPoint, none]{
		{name: "threshold", later: true, of: func(o *OperatingPoint) *float64 { return &o.Threshold }},
		{name: "sensitivity", later: true, of: func(o *OperatingPoint) *float64 { return &o.Sensitivity }},
		{name: "specificity", later: true, of: func(o *OperatingPoint) *float64 { return &o.Specificity }},
	}
)

// none is the S of metrics that are not computed by a formula of their row.
type none struct{}

// ofConfusion is the formula of a metric that needs the confusion matrix alone.
func ofConfusion(formula func(Confusion) float64) func(*scoring) float64 {
	return func(s *scoring) float64 { return formula(s.confusion) }
}

// scoring is one pass over a table in which image i has multiplicity counts[i].
type scoring struct {
	*ranked
	counts    multiplicities
	n         int       // images
	confusion Confusion // of m
	m         *Metrics  // PerClass and Groups are complete

	// Sums over the images, from one pass over counts.
	nllSum, brierSum float64
	top2, top3       int // images whose true class is among the 2 or 3 most probable
}

func (s *scoring) auroc(k int) float64 { return s.m.PerClass[k].AUROC }

func (s *scoring) ap(k int) float64 { return s.m.PerClass[k].AP }

func (s *scoring) microAUROC() float64 {
	area, _ := s.counts.rankMetrics(s.micro)
	return area
}

func (s *scoring) ece() float64 {
	return expectedCalibrationError(s.counts.massBins(s.confidence, s.top, s.n, ECEBins))
}

func (s *scoring) equalWidthECE() float64 { return s.topGap.sum(s.counts.all) / float64(s.n) }

func (s *scoring) classwiseECE() float64 {
	sum := 0.0
	for k := range s.classGaps {
		sum += s.classGaps[k].sum(s.counts.all)
	}
	return sum / float64(s.n*len(s.classGaps))
}

// classScoring is [scoring] of one class, or group of classes, against the rest.
type classScoring struct {
	Counts
	auroc, ap, partial, at90, at95 float64
}

// Label names a metric for axes and headings by its path, as in "Balanced
// accuracy", or "Recall, mel" for per_class.mel.recall. A name that is no metric
// of this package becomes words: "Seconds per epoch".
func Label(path string) string {
	if label, _, ok := names(path); ok {
		return label
	}
	if parts := strings.Split(path, "."); len(parts) == 3 {
		return Label(parts[2]) + ", " + parts[1]
	}
	text := strings.ReplaceAll(path, "_", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// TextLabel names a metric within text by its path, as in "F1, macro", or "recall of
// mel" for per_class.mel.recall. A name that is no metric of this package stays as
// it is.
func TextLabel(path string) string {
	if _, text, ok := names(path); ok {
		return text
	}
	if parts := strings.Split(path, "."); len(parts) == 3 {
		return TextLabel(parts[2]) + " of " + parts[1]
	}
	return path
}

// names finds the label and the text of a metric.
func names(name string) (label, text string, ok bool) {
	if i := slices.IndexFunc(overallMetrics, func(s metric[Metrics, *scoring]) bool { return s.name == name }); i >= 0 {
		return overallMetrics[i].label, overallMetrics[i].text, true
	}
	if i := slices.IndexFunc(classMetrics, func(s metric[ClassMetrics, *classScoring]) bool { return s.name == name }); i >= 0 {
		return classMetrics[i].label, classMetrics[i].text, true
	}
	return "", "", false
}

// headlines calls visit for the overall metrics of text tables.
func headlines(visit func(path, text string)) {
	for _, row := range overallMetrics {
		if !row.quiet {
			visit(row.name, row.text)
		}
	}
}

const noImages = "no image of known class"

// explainUndefined fills Undefined with a reason for each NaN.
func (m *Metrics) explainUndefined() {
	m.Undefined = make(map[string]string)
	explain := func(path string, reasons ...string) {
		if m.N == 0 {
			reasons = []string{noImages}
		}
		m.Undefined[path] = cmp.Or(reasons...)
	}
	for _, s := range overallMetrics {
		if math.IsNaN(*s.of(m)) {
			explain(s.name, s.reason, "the truth holds a single class") // no area, and no specificity
		}
	}
	for _, r := range m.rows() {
		name := "class " + r.Class
		if r.group {
			name = "group " + r.Class
		}
		general := "every image is of " + name // specificity and ROC curves need a negative
		if r.Support == 0 {
			general = "no image of " + name
		}
		for _, s := range classMetrics {
			if math.IsNaN(*s.of(r.ClassMetrics)) {
				reason := general
				if s.reason != "" {
					reason = name + " " + s.reason
				}
				explain(r.path(s.name), reason)
			}
		}
		if math.IsNaN(r.Youden.Threshold) {
			explain(r.path("youden"), general)
		}
	}
	if m.N == 0 {
		m.Undefined["brier_decomposition"] = noImages
	}
}
