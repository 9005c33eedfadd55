package eval

import (
	"cmp"
	"math"
	"strings"
)

// metric is one number of a T: its name, how it is called, where it is kept and
// how it is computed from an S.
type metric[T, S any] struct {
	name  string // path and JSON key
	label string // on axes, as in "Macro F1"; see [Label]
	text  string // in text tables, as in "F1, macro"
	of    func(*T) *float64
	value func(S) float64
	// reason says why the value is undefined although there are images; empty if
	// a general reason will do.
	reason string
	// headline metrics are printed in text tables; the JSON form has all.
	headline bool
	// required is whether every metrics.json has it: files that are older than the
	// metric do not.
	required bool
}

const oneClass = "truth and predictions are all of one class"

// overallMetrics and classMetrics are the one list of metrics: values, resamples,
// JSON keys, paths, labels, text tables and reasons follow from them. The formula of
// a metric may use the metrics before it.
var (
	overallMetrics = []metric[Metrics, *scoring]{
		{name: "accuracy", label: "Accuracy", text: "accuracy", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.Accuracy }, value: func(s *scoring) float64 { return s.confusion.Accuracy() }},
		{name: "balanced_accuracy", label: "Balanced accuracy", text: "balanced accuracy (mean recall)", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.BalancedAccuracy }, value: func(s *scoring) float64 { return s.confusion.BalancedAccuracy() }},
		{name: "paper_balanced_accuracy", label: "Mean of (sensitivity + specificity) / 2", text: "mean of (sens.+spec.)/2", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.PaperBalancedAccuracy }, value: func(s *scoring) float64 { return s.confusion.PaperBalancedAccuracy() }},
		{name: "macro_precision", label: "Macro precision", text: "precision, macro", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.MacroPrecision }, value: func(s *scoring) float64 { return s.confusion.MacroPrecision() }},
		{name: "macro_recall", label: "Macro recall", text: "recall, macro", required: true,
			of: func(m *Metrics) *float64 { return &m.MacroRecall }, value: func(s *scoring) float64 { return s.m.BalancedAccuracy }},
		{name: "macro_f1", label: "Macro F1", text: "F1, macro", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.MacroF1 }, value: func(s *scoring) float64 { return s.confusion.MacroF1() }},
		{name: "weighted_f1", label: "Weighted F1", text: "F1, weighted", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.WeightedF1 }, value: func(s *scoring) float64 { return s.confusion.WeightedF1() }},
		{name: "auroc_macro", label: "AUROC, macro", text: "AUROC, macro", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.AUROCMacro },
			value: func(s *scoring) float64 {
				return s.confusion.macro(func(k int) float64 { return s.m.PerClass[k].AUROC })
			}},
		{name: "auroc_weighted", label: "AUROC, weighted", text: "AUROC, weighted", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.AUROCWeighted },
			value: func(s *scoring) float64 {
				return s.confusion.weighted(func(k int) float64 { return s.m.PerClass[k].AUROC })
			}},
		{name: "auroc_micro", label: "AUROC, micro", text: "AUROC, micro", headline: true, required: true,
			of:    func(m *Metrics) *float64 { return &m.AUROCMicro },
			value: func(s *scoring) float64 { area, _ := rankMetrics(s.micro, s.counts); return area }},
		{name: "ap_macro", label: "Average precision, macro", text: "average precision, macro", headline: true, required: true,
			of:    func(m *Metrics) *float64 { return &m.APMacro },
			value: func(s *scoring) float64 { return s.confusion.macro(func(k int) float64 { return s.m.PerClass[k].AP }) }},
		{name: "mcc", label: "MCC", text: "Matthews correlation", reason: oneClass, headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.MCC }, value: func(s *scoring) float64 { return s.confusion.MCC() }},
		{name: "kappa", label: "Cohen's kappa", text: "Cohen's kappa", reason: oneClass, headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.Kappa }, value: func(s *scoring) float64 { return s.confusion.Kappa() }},
		{name: "nll", label: "Log loss", text: "negative log-likelihood", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.NLL }, value: func(s *scoring) float64 { return s.nllSum / float64(s.n) }},
		{name: "brier", label: "Brier score", text: "Brier score", headline: true, required: true,
			of: func(m *Metrics) *float64 { return &m.Brier }, value: func(s *scoring) float64 { return s.brierSum / float64(s.n) }},
		{name: "ece", label: "ECE", text: "calibration error (ECE)", headline: true, required: true,
			of:    func(m *Metrics) *float64 { return &m.ECE },
			value: func(s *scoring) float64 { return expectedCalibrationError(s.confidence.bins(s.counts, s.n, ECEBins)) }},
		{name: "top2_accuracy", label: "Top-2 accuracy", text: "top-2 accuracy", headline: true,
			of: func(m *Metrics) *float64 { return &m.Top2Accuracy }, value: func(s *scoring) float64 { return ratio(s.top2, s.n) }},
		{name: "top3_accuracy", label: "Top-3 accuracy", text: "top-3 accuracy",
			of: func(m *Metrics) *float64 { return &m.Top3Accuracy }, value: func(s *scoring) float64 { return ratio(s.top3, s.n) }},
		{name: "ece_equal_width", label: "ECE, equal-width bins", text: "ECE, equal-width bins",
			of: func(m *Metrics) *float64 { return &m.ECEEqualWidth }, value: func(s *scoring) float64 { return s.topGap.sum(s.counts) / float64(s.n) }},
		{name: "ece_classwise", label: "ECE, classwise", text: "ECE, classwise",
			of: func(m *Metrics) *float64 { return &m.ECEClasswise }, value: func(s *scoring) float64 { return s.classwiseECE() }},
		{name: "macro_specificity", label: "Macro specificity", text: "specificity, macro",
			of: func(m *Metrics) *float64 { return &m.MacroSpecificity }, value: func(s *scoring) float64 { return s.confusion.MacroSpecificity() }},
	}
	classMetrics = []metric[ClassMetrics, *classScoring]{
		{name: "precision", label: "Precision", text: "precision", reason: "is never predicted", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.Precision }, value: func(s *classScoring) float64 { return s.Precision() }},
		{name: "recall", label: "Recall", text: "recall", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.Recall }, value: func(s *classScoring) float64 { return s.Recall() }},
		{name: "specificity", label: "Specificity", text: "specificity", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.Specificity }, value: func(s *classScoring) float64 { return s.Specificity() }},
		{name: "f1", label: "F1", text: "F1", reason: "is neither in the truth nor predicted", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.F1 }, value: func(s *classScoring) float64 { return s.F1() }},
		{name: "auroc", label: "AUROC", text: "AUROC", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.AUROC }, value: func(s *classScoring) float64 { return s.auroc }},
		{name: "ap", label: "Average precision", text: "AP", headline: true, required: true,
			of: func(c *ClassMetrics) *float64 { return &c.AP }, value: func(s *classScoring) float64 { return s.ap }},
		{name: "partial_auroc", label: "Partial AUROC", text: "partial", headline: true,
			of: func(c *ClassMetrics) *float64 { return &c.PartialAUROC }, value: func(s *classScoring) float64 { return s.partial }},
		{name: "sensitivity_at_90_specificity", label: "Sensitivity at 90 % specificity", text: "sens@90", headline: true,
			of: func(c *ClassMetrics) *float64 { return &c.SensitivityAt90 }, value: func(s *classScoring) float64 { return s.at90 }},
		{name: "sensitivity_at_95_specificity", label: "Sensitivity at 95 % specificity", text: "sens@95", headline: true,
			of: func(c *ClassMetrics) *float64 { return &c.SensitivityAt95 }, value: func(s *classScoring) float64 { return s.at95 }},
	}
)

// The parts of a decomposition and of an operating point, which have no interval.
var (
	brierParts = []metric[BrierDecomposition, none]{
		{name: "reliability", of: func(d *BrierDecomposition) *float64 { return &d.Reliability }},
		{name: "resolution", of: func(d *BrierDecomposition) *float64 { return &d.Resolution }},
		{name: "uncertainty", of: func(d *BrierDecomposition) *float64 { return &d.Uncertainty }},
		{name: "within_bin", of: func(d *BrierDecomposition) *float64 { return &d.WithinBin }},
	}
	youdenParts = []metric[OperatingPoint, none]{
		{name: "threshold", of: func(o *OperatingPoint) *float64 { return &o.Threshold }},
		{name: "sensitivity", of: func(o *OperatingPoint) *float64 { return &o.Sensitivity }},
		{name: "specificity", of: func(o *OperatingPoint) *float64 { return &o.Specificity }},
	}
)

// none stands for a metric without a formula in this table.
type none struct{}

// scoring is one pass over a table in which image i has multiplicity counts[i].
type scoring struct {
	*ranked
	counts    []uint32
	n         int       // images
	confusion Confusion // of m
	m         *Metrics  // its classes and groups are filled

	// Sums over the images, from one pass over counts.
	nllSum, brierSum float64
	top2, top3       int // images whose true class is among the 2 or 3 most probable
}

func (s *scoring) classwiseECE() float64 {
	sum := 0.0
	for k := range s.classGaps {
		sum += s.classGaps[k].sum(s.counts)
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
	for _, row := range overallMetrics {
		if row.name == name {
			return row.label, row.text, true
		}
	}
	for _, row := range classMetrics {
		if row.name == name {
			return row.label, row.text, true
		}
	}
	return "", "", false
}

// headlines calls visit for the overall metrics of text tables.
func headlines(visit func(path, text string)) {
	for _, row := range overallMetrics {
		if row.headline {
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
