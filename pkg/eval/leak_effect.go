package eval

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// LeakEffect compares the leaked images of a table with the clean images.
//
// The difference is between the scores of one model on two sets of images, and has
// other causes than the leak too: lesions with several photos are leaked more often,
// and may be of other classes and easier or harder. A comparison with a model trained
// without the leak says more.
type LeakEffect struct {
	// Clean and Leaked are the metrics of the two sets, with intervals if there
	// are resamples.
	Clean, Leaked *Metrics
	// Differences has an element for every scalar metric, A clean and B leaked. P is
	// not adjusted for the number of metrics.
	Differences []Difference
	Bootstrap   *BootstrapInfo // nil without resamples
	// Undefined gives the reason for each NaN in Differences, by metric path; the key
	// of an interval and p-value begins with "ci.".
	Undefined map[string]string
	Notes     []string // caveats of the table, see [Table.Notes]; callers may add more
}

// MeasureLeak evaluates the leaked images of known truth and the clean images (see
// [LeakAudit.IsLeaked]) separately, and the difference of the two sets. Each resample
// draws as many units of each set as the set has, and takes the difference. If ctx is
// done before the resamples are, its error is returned.
func MeasureLeak(ctx context.Context, t *Table, leaked func(imageID string) bool, opts Options) (*LeakEffect, error) {
	known := t.known
	groups, err := resolveGroups(known.Classes, opts.Groups)
	if err != nil {
		return nil, err
	}
	label := func(i int) int { return indicator(leaked(known.ImageIDs[i])) }
	var rows [2][]int
	for i := range known.Truth {
		rows[label(i)] = append(rows[label(i)], i)
	}
	var parts [2]*ranked
	var metrics [2]*Metrics
	for s := range parts {
		part, err := newTable(known.pick(rows[s]))
		if err != nil {
			return nil, err
		}
		parts[s] = part.ranked(groups)
		metrics[s] = parts[s].metrics(repeatOne(len(rows[s])))
	}
	e := &LeakEffect{Clean: metrics[0], Leaked: metrics[1], Undefined: make(map[string]string), Notes: t.Notes()}
	e.Clean.Unknown = t.Unknown()
	paths := e.Clean.Paths()
	n := len(paths)
	var replicates *Replicates
	if opts.Resamples != 0 {
		d := newDesign(known, opts.Unit, opts.Stratified, label)
		replicates, err = bootstrap(ctx, d, slices.Concat(paths, paths, paths), func() func([]uint32) []float64 {
			scratch := [2]*Metrics{parts[0].newMetrics(), parts[1].newMetrics()}
			drawn := [2][]uint32{make([]uint32, len(rows[0])), make([]uint32, len(rows[1]))}
			return func(counts []uint32) []float64 {
				for s, table := range parts {
					for j, i := range rows[s] {
						drawn[s][j] = counts[i]
					}
					table.score(drawn[s], scratch[s])
				}
				a, b := scratch[0].Values(), scratch[1].Values()
				return slices.Concat(a, b, subtract(slices.Clone(b), a))
			}
		}, opts)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			own := newDesign(part.p, d.unit, false, nil)
			reasons := part.obstacles(own)
			if len(own.units) == 1 {
				reasons = slices.Repeat([]string{oneUnit(d.unit).Error()}, n)
			}
			replicates.obstacles = append(replicates.obstacles, reasons...)
		}
		for i := range n { // a difference needs both
			replicates.obstacles = append(replicates.obstacles, cmp.Or(replicates.obstacles[i], replicates.obstacles[n+i]))
		}
		e.Bootstrap = &replicates.Info
		for s, m := range metrics {
			m.Bootstrap = e.Bootstrap
			m.addIntervals(replicates.columns(s*n, (s+1)*n), opts.level())
		}
		replicates = replicates.columns(2*n, 3*n)
	}
	e.Differences = differences(e.Clean, e.Leaked, replicates, opts.level(), e.Undefined)
	return e, nil
}

// MarshalJSON writes e with differences as an object by metric path, and undefined
// values as null.
func (e *LeakEffect) MarshalJSON() ([]byte, error) {
	return object{
		{"clean", e.Clean}, {"leaked", e.Leaked}, {"differences", byPath(e.Differences)},
		{"bootstrap", e.Bootstrap}, {"undefined", e.Undefined},
	}.with("notes", e.Notes).MarshalJSON()
}

// Table returns the headline metrics of both sets as text for a terminal.
func (e *LeakEffect) Table() string {
	how := ""
	if e.Bootstrap != nil {
		how = fmt.Sprintf("; %s", e.Bootstrap)
	}
	return fmt.Sprintf("%s clean, %d leaked%s\n%s\n%s", count(e.Clean.N, "image"), e.Leaked.N, how, notes(e.Notes), differenceTable(e.Differences, "clean", "leaked"))
}
