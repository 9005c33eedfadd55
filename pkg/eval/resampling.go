package eval

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/internal/parallel"
)

// design says what a resample draws: units (lesions or images), each within its
// stratum.
type design struct {
	images int     // rows of the table; a row in no unit is never drawn
	units  [][]int // rows of each unit, in order of first appearance
	strata [][]int // units of each stratum
	unit   Unit
}

// newDesign groups the rows of p whose truth is known into units. Without a single
// lesion id the units are images. The stratum of a unit is the class of its first
// image if stratified is set, together with the label of its first image if label
// is not nil.
func newDesign(p *Predictions, unit Unit, stratified bool, label func(row int) int) *design {
	unit = resampledUnit(p, unit)
	d := &design{images: p.Len(), unit: unit}
	byID := make(map[string]int)
	for i, truth := range p.Truth {
		if truth == TruthUnknown {
			continue
		}
		if unit == ByLesion && p.LesionIDs[i] != "" {
			if u, ok := byID[p.LesionIDs[i]]; ok {
				d.units[u] = append(d.units[u], i)
				continue
			}
			byID[p.LesionIDs[i]] = len(d.units)
		}
		d.units = append(d.units, []int{i})
	}
	type key struct{ class, label int }
	at := make(map[key]int)
	for u, rows := range d.units {
		var k key
		if stratified {
			k.class = p.Truth[rows[0]]
		}
		if label != nil {
			k.label = label(rows[0])
		}
		s, ok := at[k]
		if !ok {
			s = len(d.strata)
			at[k] = s
			d.strata = append(d.strata, nil)
		}
		d.strata[s] = append(d.strata[s], u)
	}
	return d
}

// resampledUnit is the given unit, or images without a single lesion id.
func resampledUnit(p *Predictions, unit Unit) Unit {
	if !slices.ContainsFunc(p.LesionIDs, func(id string) bool { return id != "" }) {
		return ByImage
	}
	return unit
}

// draw draws, with replacement, as many units from each stratum as the stratum has,
// and counts how often each row comes up. Each resample has a generator of its own,
// so it does not matter which goroutine draws it.
func (d *design) draw(counts []uint32, seed uint64, resample int) {
	clear(counts)
	rng := rand.New(rand.NewPCG(seed, uint64(resample)))
	for _, stratum := range d.strata {
		for range stratum {
			for _, i := range d.units[stratum[rng.IntN(len(stratum))]] {
				counts[i]++
			}
		}
	}
}

// all sets the count of every row of every unit to 1.
func (d *design) all(counts []uint32) {
	clear(counts)
	for _, rows := range d.units {
		for _, i := range rows {
			counts[i] = 1
		}
	}
}

// resample returns the statistics of each of n resamples. Each goroutine calls
// newStatistic once; the slices that a statistic returns are kept.
func (d *design) resample(ctx context.Context, n int, seed uint64, workers int, newStatistic func() func(counts []uint32) []float64) ([][]float64, error) {
	values := make([][]float64, n)
	err := parallel.ForWorkers(ctx, n, workers, func() func(int) error {
		counts, statistic := make([]uint32, d.images), newStatistic()
		return func(r int) error {
			d.draw(counts, seed, r)
			values[r] = statistic(counts)
			return nil
		}
	})
	return values, err
}

// jackknife returns the statistics without each unit in turn.
func (d *design) jackknife(ctx context.Context, workers int, newStatistic func() func(counts []uint32) []float64) ([][]float64, error) {
	values := make([][]float64, len(d.units))
	err := parallel.ForWorkers(ctx, len(d.units), workers, func() func(int) error {
		counts, statistic := make([]uint32, d.images), newStatistic()
		d.all(counts)
		return func(u int) error {
			for _, i := range d.units[u] {
				counts[i] = 0
			}
			values[u] = statistic(counts)
			for _, i := range d.units[u] {
				counts[i] = 1
			}
			return nil
		}
	})
	return values, err
}
