package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Contrast is a weighted sum of a metric over several tables, such as the mean over seeds
// of the difference of two models, or an effect in a factorial experiment.
type Contrast struct {
	Name string
	// Weights has a weight for each table. A table of weight 0 plays no part.
	Weights []float64
}

// Effect is the value of a contrast in one metric.
type Effect struct {
	Contrast, Metric string
	Value            float64 // NaN if the metric is undefined in a table of the contrast
	// CI is the bootstrap interval of Value, and P the two-sided p-value of the hypothesis
	// that it is zero ([Replicates.P]); NaN without resamples, and where too few resamples
	// define the value. P is not adjusted for the number of effects; see [Holm].
	CI Interval
	P  float64
	// PAtFloor says that P is the least that so many resamples can give
	// ([Replicates.AtFloor]).
	PAtFloor bool
}

// Effects are the effects of contrasts in metrics.
type Effects struct {
	// List has the effects of the first contrast in the order of the metrics, then those of
	// the second, and so on.
	List      []Effect
	Bootstrap *BootstrapInfo // nil without resamples; Units counts those of all tables
}

// Of returns the effect of a contrast in a metric. A pair that was not measured is an
// error.
func (e *Effects) Of(contrast, metric string) (Effect, error) {
	for _, effect := range e.List {
		if effect.Contrast == contrast && effect.Metric == metric {
			return effect, nil
		}
	}
	return Effect{}, fmt.Errorf("the effect %s in %s was not measured", contrast, metric)
}

// MeasureContrasts returns the effects of contrasts over tables in overall metrics, given
// by their paths ("accuracy"). The tables must have the same classes; their images may
// differ, such as those of different splits, but an image must have the same truth and
// lesion in all. Resamples are paired over all tables: each draws from the lesions (or
// images) of all tables, and a lesion has the same multiplicity wherever it is. Options.
// Stratified is by the class of a unit's first image; Options.Groups is not used. If ctx is
// done before the resamples are, its error is returned.
func MeasureContrasts(ctx context.Context, tables []*Table, contrasts []Contrast, metrics []string, opts Options) (*Effects, error) {
	wanted, err := overallNamed(metrics)
	if err != nil {
		return nil, err
	}
	for _, c := range contrasts {
		if len(c.Weights) != len(tables) {
			return nil, fmt.Errorf("contrast %s has %d weights for %d tables", c.Name, len(c.Weights), len(tables))
		}
	}
	p, first, err := pool(tables)
	if err != nil {
		return nil, err
	}
	statistic := func() func(counts []uint32) []float64 {
		var sorted []*ranked
		var scratch []*Metrics
		for _, t := range tables {
			sorted = append(sorted, t.ranked(nil))
			scratch = append(scratch, sorted[len(sorted)-1].newMetrics())
		}
		return func(counts []uint32) []float64 {
			values := make([][]float64, len(tables))
			for i, t := range sorted {
				values[i] = t.overall(counts[first[i]:first[i+1]], wanted, scratch[i])
			}
			var out []float64
			for _, c := range contrasts {
				for m := range metrics {
					out = append(out, c.sum(values, m))
				}
			}
			return out
		}
	}
	var names []string
	e := &Effects{}
	for _, c := range contrasts {
		for _, m := range metrics {
			names = append(names, c.Name+" in "+m)
			e.List = append(e.List, Effect{Contrast: c.Name, Metric: m, CI: undefinedInterval, P: math.NaN()})
		}
	}
	if opts.Resamples == 0 {
		for i, v := range statistic()(repeatOne(p.Len())) {
			e.List[i].Value = v
		}
		return e, nil
	}
	replicates, err := bootstrap(ctx, pooledDesign(p, opts), names, statistic, opts)
	if err != nil {
		return nil, err
	}
	for range contrasts {
		for _, m := range wanted {
			replicates.obstacles = append(replicates.obstacles, m.noInterval)
		}
	}
	e.Bootstrap = &replicates.Info
	for i := range names {
		e.List[i].Value = replicates.Estimate[i]
		e.List[i].CI, _ = replicates.Interval(i, opts.level()) // undefined with an error
		e.List[i].P, e.List[i].PAtFloor = replicates.P(i), replicates.AtFloor(i)
	}
	return e, nil
}

// sum is the contrast of metric m of each table.
func (c Contrast) sum(values [][]float64, m int) float64 {
	sum := 0.0
	for i, w := range c.Weights {
		if w != 0 {
			sum += w * values[i][m]
		}
	}
	return sum
}

// overallNamed finds overall metrics by their paths.
func overallNamed(paths []string) ([]metric[Metrics, *scoring], error) {
	var found []metric[Metrics, *scoring]
	for _, path := range paths {
		i := slices.IndexFunc(overallMetrics, func(m metric[Metrics, *scoring]) bool { return m.name == path })
		if i < 0 {
			return nil, fmt.Errorf("%q is no overall metric", path)
		}
		found = append(found, overallMetrics[i])
	}
	return found, nil
}

// pool returns the rows of known truth of all tables, one table after the other, and the
// number of the first row of each table, the total being last.
func pool(tables []*Table) (*Predictions, []int, error) {
	if len(tables) == 0 {
		return nil, nil, errors.New("no tables")
	}
	type image struct {
		lesion string
		truth  int
	}
	known := map[string]image{}
	all := &Predictions{Classes: tables[0].known.Classes}
	first := []int{0}
	for i, t := range tables {
		p := t.known
		if !slices.Equal(p.Classes, all.Classes) {
			return nil, nil, fmt.Errorf("table %d has the classes %q, want %q as in table 1", i+1, p.Classes, all.Classes)
		}
		for row, id := range p.ImageIDs {
			here := image{p.lesion(row), p.Truth[row]}
			if there, ok := known[id]; ok && there != here {
				return nil, nil, fmt.Errorf("image %q has another truth or lesion in table %d than before", id, i+1)
			}
			known[id] = here
			all.ImageIDs = append(all.ImageIDs, id)
			all.LesionIDs = append(all.LesionIDs, here.lesion)
			all.Truth = append(all.Truth, here.truth)
		}
		first = append(first, all.Len())
	}
	return all, first, nil
}

// pooledDesign has the units of pooled tables: all rows of a lesion, or of an image, in
// all tables.
func pooledDesign(p *Predictions, opts Options) *design {
	d := &design{images: p.Len(), unit: resampledUnit(p, opts.Unit)}
	d.units = groupBy(upTo(p.Len()), func(row int) (key [2]string) {
		if lesion := p.lesion(row); d.unit == ByLesion && lesion != "" {
			return [2]string{"lesion", lesion}
		}
		return [2]string{"image", p.ImageIDs[row]}
	})
	d.strata = groupBy(upTo(len(d.units)), func(u int) int {
		if !opts.Stratified {
			return 0
		}
		return p.Truth[d.units[u][0]]
	})
	return d
}
