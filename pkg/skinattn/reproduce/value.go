package reproduce

import (
	"context"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
)

// value is a metric of the run with its interval (NaN if there is none).
func (r *Run) value(metric string) (value float64, ci eval.Interval, err error) {
	none := eval.Interval{Low: math.NaN(), High: math.NaN()}
	switch metric {
	case "seconds_per_epoch":
		return r.seconds, none, nil
	case "macro_specificity":
		return r.macroSpecificity()
	}
	value, ok := r.metrics.Value(metric)
	if !ok {
		return math.NaN(), none, fmt.Errorf("there is no metric %s", metric)
	}
	if ci, ok := r.metrics.CI[metric]; ok {
		return value, ci, nil
	}
	return value, none, nil
}

// macroSpecificity returns the mean specificity over classes (Table A5). Its
// interval is resampled here where metrics.json is older than the metric.
func (r *Run) macroSpecificity() (float64, eval.Interval, error) {
	const path = "macro_specificity"
	if _, ok := r.metrics.CI[path]; !ok {
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
		replicates, err := eval.BootstrapFunc(context.Background(), r.predictions, []string{path}, statistic, opts)
		if err != nil {
			return math.NaN(), eval.Interval{}, fmt.Errorf("resampling %s: %w", r.path(predictionsFile), err)
		}
		ci, _ := replicates.Percentile(0, opts.Level)
		if r.metrics.CI == nil {
			r.metrics.CI = make(map[string]eval.Interval)
		}
		r.metrics.CI[path] = ci
	}
	return r.metrics.MacroSpecificity, r.metrics.CI[path], nil
}
