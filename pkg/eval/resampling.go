package eval

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/internal/parallel"
)

// design has the units (lesions or images) that a resample draws, by stratum.
type design struct {
	images int     // rows of the table; a row without a unit is never drawn
	units  [][]int // rows of each unit, in order of first appearance
	strata [][]int // units of each stratum
	unit   Unit
}

// statistic returns statistics of a table in which image i has multiplicity counts[i].
type statistic = func(counts []uint32) []float64

// newDesign groups the rows of p whose truth is known into units. Without a single
// lesion id the units are images. The stratum of a unit is the class of its first
// image if stratified is set, together with the label of its first image if label
// is not nil.
func newDesign(p *Predictions, unit Unit, stratified bool, label func(row int) int) *design {
	d := &design{images: p.Len(), unit: resampledUnit(p, unit)}
	var lesions []string
	if d.unit == ByLesion {
		lesions = p.LesionIDs
	}
	d.units = clusters(p.ofKnownTruth(), lesions)
	d.strata = groupBy(upTo(len(d.units)), func(u int) (stratum [2]int) {
		first := d.units[u][0]
		if stratified {
			stratum[0] = p.Truth[first]
		}
		if label != nil {
			stratum[1] = label(first)
		}
		return stratum
	})
	return d
}

// clusters divides rows by ids, the id of each row. A row without an id is a cluster
// of its own, and so is every row if ids is empty.
func clusters(rows []int, ids []string) [][]int {
	type key struct {
		id  string
		row int // of a row without an id
	}
	return groupBy(rows, func(i int) key {
		if len(ids) == 0 || ids[i] == "" {
			return key{row: i}
		}
		return key{id: ids[i]}
	})
}

// groupBy divides numbers into groups of equal key, in order of first appearance.
func groupBy[K comparable](numbers []int, key func(i int) K) [][]int {
	var sizes []int
	at, group := make(map[K]int), make([]int, len(numbers))
	for j, i := range numbers {
		k := key(i)
		g, ok := at[k]
		if !ok {
			g = len(sizes)
			at[k] = g
			sizes = append(sizes, 0)
		}
		group[j] = g
		sizes[g]++
	}
	// All groups lie in one slice in turn: a million groups are no million allocations.
	groups, all := make([][]int, len(sizes)), make([]int, len(numbers))
	for g, size := range sizes {
		groups[g], all = all[:0:size], all[size:]
	}
	for j, i := range numbers {
		groups[group[j]] = append(groups[group[j]], i)
	}
	return groups
}

// upTo returns 0 to n-1.
func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// resampledUnit returns the given unit, but ByImage if no row has a lesion id.
func resampledUnit(p *Predictions, unit Unit) Unit {
	if !slices.ContainsFunc(p.LesionIDs, func(id string) bool { return id != "" }) {
		return ByImage
	}
	return unit
}

// draw draws, with replacement, as many units from each stratum as the stratum has, and
// sets times to the draws of each unit. Each resample has its own generator, so that the
// result does not depend on the goroutine.
func (d *design) draw(times []uint32, seed uint64, resample int) {
	clear(times)
	rng := rand.New(rand.NewPCG(seed, uint64(resample)))
	for _, stratum := range d.strata {
		for range stratum {
			times[stratum[rng.IntN(len(stratum))]]++
		}
	}
}

// without sets times to 1 for every unit but the given one (all if it is negative).
func (d *design) without(times []uint32, unit int) {
	for u := range times {
		times[u] = 1
	}
	if unit >= 0 {
		times[unit] = 0
	}
}

// count sets the count of each row to the times of its unit, and of a row without a unit
// to 0.
func (d *design) count(counts, times []uint32) {
	clear(counts)
	for u, rows := range d.units {
		for _, i := range rows {
			counts[i] = times[u]
		}
	}
}

// statistics returns the statistics of n tables; set sets the times of the units in table
// i. Each goroutine calls newStatistic once; the slices that a statistic returns are kept.
func (d *design) statistics(ctx context.Context, n, workers int, set func(times []uint32, i int), newStatistic func() statistic) ([][]float64, error) {
	values := make([][]float64, n)
	err := parallel.ForWorkers(ctx, n, workers, func() func(int) error {
		times, counts, statistic := make([]uint32, len(d.units)), make([]uint32, d.images), newStatistic()
		return func(i int) error {
			set(times, i)
			d.count(counts, times)
			values[i] = statistic(counts)
			return nil
		}
	})
	return values, err
}
