package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Split reads split.csv and split.json.
func (f *Folder) Split() (*split.Split, error) {
	s, err := split.Read(f.Path(SplitFile), func(path string) ([]byte, error) { return f.ReadFile(filepath.Base(path)) })
	return s, f.missing(SplitFile, err)
}

// WriteSplit writes split.csv and split.json.
func (f *Folder) WriteSplit(s *split.Split) error {
	if err := f.Writable(); err != nil {
		return err
	}
	return s.WriteFile(f.Path(SplitFile))
}

// Predictions reads the predictions on a part, split.Val or split.Test. A run has
// them once its training is finished.
func (f *Folder) Predictions(part split.Part) (*eval.Table, error) {
	return f.predictions(PredictionsFile(part))
}

func (f *Folder) predictions(name string) (*eval.Table, error) {
	if f.files == nil {
		p, err := eval.ReadPredictions(f.Path(name))
		return p, f.missing(name, err)
	}
	text, err := f.readFile(name)
	if err != nil {
		return nil, err
	}
	p, err := eval.ParsePredictions(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(name), err)
	}
	return p, nil
}

// WritePredictions writes the predictions on a part.
func (f *Folder) WritePredictions(part split.Part, p *eval.Table) error {
	if err := f.Writable(); err != nil {
		return err
	}
	return p.WriteFile(f.Path(PredictionsFile(part)))
}

// Metrics reads metrics.json, the metrics of the test predictions with their
// intervals.
func (f *Folder) Metrics() (*eval.Metrics, error) {
	text, err := f.readFile(MetricsFile)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage // says in plain words what is no object, or cut short
	if err := f.decode(MetricsFile, text, &object); err != nil {
		return nil, err
	}
	return eval.ParseMetrics(text, f.Path(MetricsFile))
}

// HasResults reports whether the folder has predictions and metrics, the last of which
// ends a run.
func (f *Folder) HasResults() bool {
	return f.Has(MetricsFile) && f.Has(PredictionsFile(split.Val)) && f.Has(PredictionsFile(split.Test))
}

// RemoveResults removes predictions, metrics, calibration and the score of unusual photos,
// for a run that is to have another number of epochs. The metrics go first: without them no run is finished.
func (f *Folder) RemoveResults() error {
	if err := f.Writable(); err != nil {
		return err
	}
	for _, name := range []string{MetricsFile, PredictionsFile(split.Val), PredictionsFile(split.Test), CalibrationFile, UnusualFile, UnusualTensorsFile} {
		if err := os.Remove(f.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the results of another number of epochs: %w", err)
		}
	}
	return nil
}

// WriteMetrics writes metrics.json.
func (f *Folder) WriteMetrics(m *eval.Metrics) error {
	if err := f.Writable(); err != nil {
		return err
	}
	return m.WriteFile(f.Path(MetricsFile))
}
