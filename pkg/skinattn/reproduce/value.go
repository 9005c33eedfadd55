package reproduce

import (
	"context"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
)

// value is a metric of the run with its interval (NaN where there is none).
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

// macroSpecificity is the mean specificity over classes (Table A5), with an
// interval over resampled lesions as the other metrics have.
func (r *Run) macroSpecificity() (float64, eval.Interval, error) {
	if r.specificity == nil {
		rows := r.predictions.Predictions()
		statistic := func(counts []uint32) []float64 {
			c := eval.NewConfusion(len(rows.Classes))
			for i, truth := range rows.Truth {
				if truth != eval.TruthUnknown {
					c[truth][rows.Predicted(i)] += int(counts[i])
				}
			}
			return []float64{meanSpecificity(c)}
		}
		opts := eval.DefaultOptions()
		replicates, err := eval.BootstrapFunc(context.Background(), r.predictions, []string{"macro_specificity"}, statistic, opts)
		if err != nil {
			return math.NaN(), eval.Interval{}, fmt.Errorf("resampling %s: %w", r.path(predictionsFile), err)
		}
		ci, _ := replicates.Percentile(0, opts.Level)
		r.specificity = &ci
	}
	return meanSpecificity(r.metrics.Confusion), *r.specificity, nil
}

func meanSpecificity(c eval.Confusion) float64 {
	sum := 0.0
	for k := range c {
		sum += c.Specificity(k)
	}
	return sum / float64(len(c))
}
