package run

import (
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Split reads split.csv and split.json.
func (f *Folder) Split() (*split.Split, error) {
	s, err := split.ReadFile(f.Path(SplitFile))
	return s, f.missing(SplitFile, err)
}

// WriteSplit writes split.csv and split.json.
func (f *Folder) WriteSplit(s *split.Split) error { return s.WriteFile(f.Path(SplitFile)) }

// Predictions reads the predictions on a part, split.Val or split.Test. A run has
// them once its training is finished.
func (f *Folder) Predictions(part split.Part) (*eval.Table, error) {
	name := PredictionsFile(part)
	p, err := eval.ReadPredictions(f.Path(name))
	return p, f.missing(name, err)
}

// WritePredictions writes the predictions on a part.
func (f *Folder) WritePredictions(part split.Part, p *eval.Table) error {
	return p.WriteFile(f.Path(PredictionsFile(part)))
}

// Metrics reads metrics.json, the metrics of the test predictions with their
// intervals.
func (f *Folder) Metrics() (*eval.Metrics, error) {
	m, err := eval.ReadMetrics(f.Path(MetricsFile))
	return m, f.missing(MetricsFile, err)
}

// WriteMetrics writes metrics.json.
func (f *Folder) WriteMetrics(m *eval.Metrics) error { return m.WriteFile(f.Path(MetricsFile)) }
