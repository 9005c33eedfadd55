package report

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

// versus sets the runs side by side.
type versus struct {
	Names []string
	Rows  []versusRow
	// Notes has a line for each run but the first: on which images it was compared.
	Notes []string
}

type versusRow struct {
	Name   string
	Values []metricValue // of each run
	// Differences to the first run, an element for each other run.
	Differences []difference
}

type difference struct{ Value, CI, P string }

// versusMetrics are the rows of the comparison.
var versusMetrics = []string{"accuracy", "balanced_accuracy", "macro_f1", "auroc_macro", "nll", "brier",
	eval.ClassPath("mel", "recall"), eval.ClassPath("mel", "auroc"), eval.GroupPath(eval.Malignant.Name, "auroc")}

// newVersus compares every run with the first on the images that both report.
func newVersus(ctx context.Context, runs []*section, opts Options) (*versus, error) {
	v := &versus{}
	var known []string
	for _, path := range versusMetrics {
		if _, ok := runs[0].metrics.Value(path); ok {
			v.Rows, known = append(v.Rows, versusRow{Name: eval.Label(path)}), append(known, path)
		}
	}
	for i, s := range runs {
		v.Names = append(v.Names, s.Name)
		for k, path := range known {
			value, _ := s.metrics.Value(path)
			v.Rows[k].Values = append(v.Rows[k].Values, metricValue{share(value), strings.TrimSpace(ci(s.metrics.CI[path]))})
		}
		if i == 0 {
			continue
		}
		differences, note, err := compared(ctx, runs[0], s, known, opts)
		if err != nil {
			return nil, err
		}
		v.Notes = append(v.Notes, note)
		for k := range known {
			v.Rows[k].Differences = append(v.Rows[k].Differences, differences[k])
		}
	}
	return v, nil
}

// compared is the paired comparison of a run with the first.
func compared(ctx context.Context, first, other *section, paths []string, opts Options) ([]difference, string, error) {
	none := make([]difference, len(paths))
	a, b, counts := eval.Shared(first.table, other.table)
	if counts.Both == 0 {
		return none, fmt.Sprintf("%s and %s report no image in common: their difference is not paired and not tested.", other.Name, first.Name), nil
	}
	c, err := eval.Compare(ctx, a, b, opts.Intervals)
	if err != nil {
		return nil, "", err
	}
	for k, path := range paths {
		for _, d := range c.Differences {
			if d.Metric == path {
				none[k] = difference{fmt.Sprintf("%+.3f", d.Difference), strings.TrimSpace(ci(d.CI)), pValue(d)}
			}
		}
	}
	note := fmt.Sprintf("%s less %s, on the %s images that both report (of %s and %s).", other.Name, first.Name,
		eval.FormatThousands(counts.Both), eval.FormatThousands(counts.B), eval.FormatThousands(counts.A))
	for _, s := range []*section{first, other} {
		if s.Leaky {
			note += fmt.Sprintf(" %s was trained on lesions of such images, which favours it.", s.Name)
		}
	}
	return none, note, nil
}

// pValue writes the p-value of a difference, and nothing for an undefined one.
func pValue(d eval.Difference) string {
	if math.IsNaN(d.P) {
		return ""
	}
	text := eval.FormatP(d.P, d.PAtFloor)
	if strings.HasPrefix(text, "<") {
		return "p " + text
	}
	return "p = " + text
}
