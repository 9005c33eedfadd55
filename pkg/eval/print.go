package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// headline are the overall metrics of the printed table, with their labels; the
// JSON form has all of them.
var headline = []struct{ name, label string }{
	{"accuracy", "accuracy"},
	{"balanced_accuracy", "balanced accuracy (mean recall)"},
	{"paper_balanced_accuracy", "mean of (sens.+spec.)/2"},
	{"macro_precision", "precision, macro"},
	{"macro_f1", "F1, macro"},
	{"weighted_f1", "F1, weighted"},
	{"auroc_macro", "AUROC, macro"},
	{"auroc_weighted", "AUROC, weighted"},
	{"auroc_micro", "AUROC, micro"},
	{"ap_macro", "average precision, macro"},
	{"mcc", "Matthews correlation"},
	{"kappa", "Cohen's kappa"},
	{"nll", "negative log-likelihood"},
	{"brier", "Brier score"},
	{"ece", "calibration error (ECE)"},
	{"top2_accuracy", "top-2 accuracy"},
}

// Table returns the metrics as text for a terminal: overall with intervals, by
// class, and the confusion matrix. An undefined value is a dash; footnotes give
// the reasons.
func (m *Metrics) Table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s", count(m.N, "image"))
	if m.Unknown > 0 {
		fmt.Fprintf(&out, " (%d more without a known class left out)", m.Unknown)
	}
	if b := m.Bootstrap; b != nil {
		fmt.Fprintf(&out, "; %s", b)
	}
	out.WriteString("\n\n")

	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, h := range headline {
		v, _ := m.Value(h.name)
		fmt.Fprintf(w, "%s\t%s\t%s\n", h.label, decimal(v), m.interval(h.name))
	}
	w.Flush()

	out.WriteByte('\n')
	w = tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "class\timages\tprecision\trecall\tspecificity\tF1\tAUROC\tAP\tpartial\tsens@90\tsens@95\t")
	for i := range m.PerClass {
		m.PerClass[i].writeRow(w)
	}
	for i := range m.Groups {
		m.Groups[i].writeRow(w)
	}
	w.Flush()
	for _, g := range m.Groups {
		fmt.Fprintf(&out, "%s: %s\n", g.Class, strings.Join(g.Members, " + "))
	}
	fmt.Fprintf(&out, "partial: standardised AUROC of false positive rates up to %g; sens@90: sensitivity at 90 %% specificity\n", PartialMaxFPR)

	out.WriteString("\nconfusion (rows: truth, columns: predicted)\n")
	w = tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\t%s\t\n", strings.Join(m.Classes, "\t"))
	for t, row := range m.Confusion {
		fmt.Fprintf(w, "%s\t", m.Classes[t])
		for _, v := range row {
			fmt.Fprintf(w, "%d\t", v)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	m.writeReasons(&out)
	return out.String()
}

func (c *ClassMetrics) writeRow(w io.Writer) {
	fmt.Fprintf(w, "%s\t%d\t", c.Class, c.Support)
	for _, s := range classScalars {
		fmt.Fprintf(w, "%s\t", decimal(*s.of(c)))
	}
	fmt.Fprintln(w)
}

// writeReasons adds the reasons of dashes, each once.
func (m *Metrics) writeReasons(out *strings.Builder) {
	seen := make(map[string]bool)
	for _, path := range m.Paths() {
		for _, key := range []string{path, "ci." + path} {
			reason, ok := m.Undefined[key]
			if !ok || seen[reason] {
				continue
			}
			if len(seen) == 0 {
				out.WriteString("\n-: undefined\n")
			}
			seen[reason] = true
			fmt.Fprintf(out, "   %s: %s\n", key, reason)
		}
	}
}

func (m *Metrics) interval(path string) string {
	ci, ok := m.CI[path]
	if !ok {
		return ""
	}
	return ci.text()
}

func decimal(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
