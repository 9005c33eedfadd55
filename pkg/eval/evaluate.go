package eval

import (
	"context"
	"math"
	"slices"
)

// Options are the settings of [Evaluate] for intervals. The zero value means no
// intervals.
type Options struct {
	// Resamples is the number of bootstrap resamples; 0 means no intervals.
	Resamples int
	// Seed, Resamples and the table determine the resamples; the number of cores does
	// not matter.
	Seed uint64
	// Unit is ByLesion (the default) or ByImage.
	Unit Unit
	// Level is the coverage of the intervals; 0 means 0.95.
	Level float64
	// Method is PercentileCI (the default) or BCaCI.
	Method CIMethod
	// Stratified draws as many units of each class as the table has. The class
	// of a unit is the class of its first image. It keeps rare classes in every
	// resample, and makes intervals conditional on the class counts.
	Stratified bool
	// Groups are evaluated like classes. Nil means [Malignant], if the table has
	// its classes; an empty slice means no groups.
	Groups []Group
	// Workers bounds the goroutines; 0 means as many as Go may use cores.
	Workers int
}

// DefaultOptions are 2,000 lesion-clustered resamples, 95 % intervals, seed 1.
func DefaultOptions() Options { return Options{Resamples: 2000, Seed: 1, Unit: ByLesion, Level: 0.95} }

// Evaluate computes every metric of t, with intervals if opts.Resamples > 0. Rows
// of unknown truth are left out and counted in Metrics.Unknown. A table without a row
// of known truth is not an error: its metrics are undefined, with the reason. If ctx
// is done before the resamples are, its error is returned.
func Evaluate(ctx context.Context, t *Table, opts Options) (*Metrics, error) {
	m, err := t.Score(nil, opts.Groups)
	if err != nil || opts.Resamples == 0 {
		return m, err
	}
	replicates, err := Bootstrap(ctx, t, opts)
	if err != nil {
		return nil, err
	}
	m.Bootstrap = &replicates.Info
	m.Bootstrap.TableSHA256 = t.SHA256()
	m.addIntervals(replicates, opts.level())
	return m, nil
}

// Matches reports whether m is the result of [Evaluate] for t and opts, with
// intervals: a table of the same content and the same resamples. If metrics.json of a
// run matches, nobody needs to resample again. Values that were edited since match nothing,
// nor does a nil m.
func (m *Metrics) Matches(t *Table, opts Options) bool {
	if m == nil || m.Bootstrap == nil || opts.Resamples == 0 {
		return false
	}
	groups, err := resolveGroups(t.known.Classes, opts.Groups)
	if err != nil {
		return false
	}
	want := BootstrapInfo{
		Resamples: opts.Resamples, Seed: opts.Seed, Unit: resampledUnit(t.known, opts.Unit), Method: opts.Method,
		Level: opts.level(), Units: m.Bootstrap.Units, Stratified: opts.Stratified, TableSHA256: t.SHA256(),
	}
	sameGroups := slices.EqualFunc(m.Groups, groups, func(a GroupMetrics, b columnGroup) bool {
		return a.Class == b.name && slices.Equal(a.Members, b.members)
	})
	lacksInterval := func(path string) bool { // in an older file, of a newer metric
		_, ok := m.CI[path]
		return !ok
	}
	return *m.Bootstrap == want && sameGroups && !slices.ContainsFunc(m.Paths(), lacksInterval) && !m.Contradicts(t)
}

// Contradicts reports whether m says that it is of the content of t and has other values than
// t gives: a file that was edited. A value that an older file lacks does not count.
func (m *Metrics) Contradicts(t *Table) bool {
	if m == nil || m.Bootstrap == nil || m.Bootstrap.TableSHA256 != t.SHA256() {
		return false
	}
	groups := []Group{}
	for _, g := range m.Groups {
		groups = append(groups, Group{Name: g.Class, Classes: g.Members})
	}
	own, err := t.Score(nil, groups)
	if err != nil {
		return true
	}
	values := own.Values()
	for i, path := range own.Paths() {
		stated, ok := m.Value(path)
		if ok && math.Abs(stated-values[i]) > 1e-9 { // the order of sums may differ between versions; false for NaN
			return true
		}
	}
	return m.N != own.N || !slices.EqualFunc(m.Confusion, own.Confusion, slices.Equal)
}
