package reproduce

import (
	"context"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
)

// value is a metric of the run with its interval or noInterval.
func (r *Run) value(metric string) (value float64, ci eval.Interval, err error) {
	if metric == "seconds_per_epoch" {
		return r.seconds, noInterval, nil
	}
	value, ok := r.metrics.Value(metric)
	if !ok {
		return math.NaN(), noInterval, fmt.Errorf("there is no metric %s", metric)
	}
	if ci, ok = r.metrics.CI[metric]; !ok {
		ci = noInterval
	}
	return value, ci, nil
}

// addMacroSpecificity resamples the interval of the mean specificity over classes
// (Table A5) where metrics.json is older than the metric.
func (r *Run) addMacroSpecificity(ctx context.Context) error {
	const path = "macro_specificity"
	if _, ok := r.metrics.CI[path]; ok {
		return nil
	}
	rows := r.predictions.Predictions()
	statistic := func(counts []uint32) []float64 {
		c := eval.NewConfusion(len(rows.Classes))
		for i, truth := range rows.Truth {
			if truth != eval.TruthUnknown {
				c[truth][rows.Predicted(i)] += int(counts[i])
			}
		}
		return []float64{c.MacroSpecificity()}
	}
	opts := eval.DefaultOptions()
	replicates, err := eval.BootstrapFunc(ctx, r.predictions, []string{path}, statistic, opts)
	if err != nil {
		return fmt.Errorf("resampling %s: %w", r.folder.Path(predictionsFile), err)
	}
	if r.metrics.CI == nil {
		r.metrics.CI = make(map[string]eval.Interval)
	}
	ci, err := replicates.Interval(0, opts.Level)
	if err != nil { // as of a single lesion
		ci = noInterval
	}
	r.metrics.CI[path] = ci
	return nil
}
