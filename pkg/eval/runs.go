package eval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// RunSummary summarises every metric over several runs, such as seeds.
type RunSummary struct {
	Runs    int
	Metrics []MetricSummary // in the order of [Metrics.Paths]
	// Undefined gives the reason for each NaN summary, by metric path.
	Undefined map[string]string
	Notes     []string // caveats of the runs, with "run 1: " before each; callers may add more
}

// MetricSummary summarises one metric over several runs.
type MetricSummary struct {
	Metric string // its path
	Summary
}

// SummarizeRuns summarises each metric over runs with the same classes and
// groups; see [Summarize]. A metric that is undefined in a run has no mean.
func SummarizeRuns(runs []*Metrics, level float64) (*RunSummary, error) {
	if len(runs) == 0 {
		return nil, errors.New("summarising runs: no runs")
	}
	if err := checkLevel(level); err != nil {
		return nil, fmt.Errorf("summarising runs: %w", err)
	}
	paths := runs[0].Paths()
	columns := make([][]float64, len(paths))
	s := &RunSummary{Runs: len(runs), Undefined: make(map[string]string)}
	for r, m := range runs {
		if !slices.Equal(m.Paths(), paths) {
			return nil, fmt.Errorf("summarising runs: run %d has other classes or groups than run 1", r+1)
		}
		s.Notes = append(s.Notes, prefixed(fmt.Sprintf("run %d: ", r+1), m.Notes)...)
		for i, v := range m.Values() {
			columns[i] = append(columns[i], v)
			if reason, undefined := m.Undefined[paths[i]]; undefined && s.Undefined[paths[i]] == "" {
				s.Undefined[paths[i]] = fmt.Sprintf("run %d: %s", r+1, reason)
			}
		}
	}
	for i, path := range paths {
		// An error means an undefined value, for which Undefined has the reason.
		summary, _ := Summarize(columns[i], level)
		s.Metrics = append(s.Metrics, MetricSummary{path, summary})
		if len(runs) == 1 && s.Undefined[path] == "" {
			s.Undefined["sd."+path] = "a single run"
		}
	}
	return s, nil
}

// MarshalJSON writes the summaries as an object by metric path, undefined values
// as null.
func (s *RunSummary) MarshalJSON() ([]byte, error) {
	var metrics object
	for _, m := range s.Metrics {
		metrics = append(metrics, member{m.Metric, object{{"mean", number(m.Mean)}, {"sd", number(m.SD)}, {"ci", m.CI}}})
	}
	return object{{"runs", s.Runs}, {"metrics", metrics}, {"undefined", s.Undefined}}.with("notes", s.Notes).MarshalJSON()
}

// Table returns the headline metrics as text for a terminal.
func (s *RunSummary) Table() string {
	var out strings.Builder
	out.WriteString(notes(s.Notes))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tmean\tsd\tt interval\n", count(s.Runs, "run"))
	headlines(func(path, text string) {
		m := s.Metrics[slices.IndexFunc(s.Metrics, func(m MetricSummary) bool { return m.Metric == path })]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", text, decimal(m.Mean), decimal(m.SD), m.CI.text())
	})
	w.Flush()
	return out.String()
}
