package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Difference is one metric of two models on the same images.
type Difference struct {
	Metric           string // its path
	A, B, Difference float64
	// CI is the paired bootstrap interval of Difference, and P the two-sided p-value
	// of the hypothesis that it is zero ([Replicates.P]); NaN without resamples. P is
	// not adjusted for the number of metrics: choose one metric beforehand, or see
	// [Holm].
	CI Interval
	P  float64
	// PAtFloor says that P is the least that so many resamples can give: the p-value is
	// at most P ([Replicates.AtFloor]).
	PAtFloor bool
}

// MarshalJSON writes a difference without the name of its metric, which is the key
// of the difference.
func (d Difference) MarshalJSON() ([]byte, error) {
	return object{
		{"a", number(d.A)}, {"b", number(d.B)}, {"difference", number(d.Difference)}, {"ci", d.CI}, {"p", number(d.P)}, {"p_at_floor", d.PAtFloor},
	}.MarshalJSON()
}

func byPath(differences []Difference) object {
	var o object
	for _, d := range differences {
		o = append(o, member{d.Metric, d})
	}
	return o
}

// differences returns B - A for every scalar metric, with intervals from replicates
// of the differences unless replicates is nil. Reasons for NaN go into undefined.
func differences(a, b *Metrics, replicates *Replicates, level float64, undefined map[string]string) []Difference {
	var out []Difference
	valuesA, valuesB := a.Values(), b.Values()
	for i, path := range a.Paths() {
		d := Difference{Metric: path, A: valuesA[i], B: valuesB[i], Difference: valuesB[i] - valuesA[i], CI: undefinedInterval, P: math.NaN()}
		if math.IsNaN(d.Difference) {
			reason := a.Undefined[path]
			if reason == "" {
				reason = b.Undefined[path]
			}
			undefined[path], undefined["ci."+path] = reason, reason
		} else if replicates != nil {
			var err error
			if d.CI, err = replicates.Interval(i, level); err != nil {
				undefined["ci."+path] = err.Error()
			}
			d.P, d.PAtFloor = replicates.P(i), replicates.AtFloor(i)
		}
		out = append(out, d)
	}
	return out
}

// columns returns the statistics from first to last-1.
func (r *Replicates) columns(first, last int) *Replicates {
	c := *r
	c.Paths, c.Estimate = r.Paths[first:last], r.Estimate[first:last]
	cut := func(rows [][]float64) [][]float64 {
		out := make([][]float64, len(rows))
		for i, row := range rows {
			out[i] = row[first:last]
		}
		return out
	}
	c.Values = cut(r.Values)
	if r.obstacles != nil {
		c.obstacles = r.obstacles[first:last]
	}
	if r.Jackknife != nil {
		c.Jackknife = cut(r.Jackknife)
	}
	return &c
}

// subtract puts b less a into b.
func subtract(b, a []float64) []float64 {
	for i := range b {
		b[i] -= a[i]
	}
	return b
}

// differenceTable is a text table of the metrics of two sets of predictions.
func differenceTable(differences []Difference, a, b string) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\t%s\t%s\t%s - %s\t\tp\n", a, b, b, a)
	headlines(func(path, text string) {
		d := differences[slices.IndexFunc(differences, func(d Difference) bool { return d.Metric == path })]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", text, decimal(d.A), decimal(d.B), decimal(d.Difference), d.CI.text(), FormatP(d.P, d.PAtFloor))
	})
	w.Flush()
	return out.String()
}
