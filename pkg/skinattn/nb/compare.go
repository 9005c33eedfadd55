package nb

import (
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
)

// Value is a metric with its interval in brackets, if it has one: "0.849 [0.830,
// 0.867]".
func Value(value float64, ci eval.Interval) string { return withInterval("%.3f", value, ci) }

// Change is a difference with its sign and its interval in brackets.
func Change(difference float64, ci eval.Interval) string {
	return withInterval("%+.3f", difference, ci)
}

// withInterval formats the value and both ends of its interval with verb.
func withInterval(verb string, value float64, ci eval.Interval) string {
	if math.IsNaN(value) {
		return "undefined"
	}
	text := fmt.Sprintf(verb, value)
	if ci.Defined() && ci != (eval.Interval{}) {
		text += " " + eval.FormatCI(ci, verb)
	}
	return text
}

// MetricTable shows runs side by side. Metrics are named by their paths in package
// eval, such as "per_class.mel.recall".
func MetricTable(paths []string, runs ...plots.Run) {
	header, rows := []string{"metric"}, make([][]string, len(paths))
	for i, path := range paths {
		rows[i] = []string{eval.Label(path)}
	}
	for _, r := range runs {
		header = append(header, r.Name)
		for i, path := range paths {
			value, ok := r.Metrics.Value(path)
			if !ok {
				Check(fmt.Errorf("showing metrics: %s has no metric %q", r.Name, path))
			}
			rows[i] = append(rows[i], Value(value, r.Metrics.CI[path]))
		}
	}
	Table(header, rows)
}

// DifferenceTable shows differences B less A of package eval; a and b name the
// two. No paths means plots.ForestMetrics.
func DifferenceTable(a, b string, differences []eval.Difference, paths ...string) {
	if len(paths) == 0 {
		paths = plots.ForestMetrics
	}
	var rows [][]string
	for _, path := range paths {
		d := Difference(differences, path)
		rows = append(rows, []string{eval.Label(path), fmt.Sprintf("%.3f", d.A), fmt.Sprintf("%.3f", d.B),
			Change(d.Difference, d.CI), eval.FormatP(d.P, d.PAtFloor)})
	}
	Table([]string{"metric", a, b, b + " less " + a, "p"}, rows)
}

// Difference finds the difference of a metric by its path. The cell ends if there
// is none.
func Difference(differences []eval.Difference, path string) eval.Difference {
	i := slices.IndexFunc(differences, func(d eval.Difference) bool { return d.Metric == path })
	if i < 0 {
		Check(fmt.Errorf("nothing was compared by %q", path))
		return eval.Difference{} // reached only if a test has replaced exit
	}
	return differences[i]
}
