package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Unit is the thing that a bootstrap resample draws: a lesion or an image.
type Unit int

const (
	// ByLesion draws lesions with all their images: photos of one lesion are
	// not independent, so intervals by image are too narrow. An image without
	// a lesion id counts as a lesion of its own.
	ByLesion Unit = iota
	// ByImage draws single images.
	ByImage
)

var units = enum{"bootstrap unit", []string{"lesion", "image"}}

// String returns "lesion" or "image".
func (u Unit) String() string { return units.name(int(u)) }

// MarshalText implements [encoding.TextMarshaler].
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *Unit) UnmarshalText(text []byte) error { return parseEnum(units, text, u) }

// CIMethod is a method that makes an interval of resamples.
type CIMethod int

const (
	// PercentileCI takes the quantiles of the resamples (Efron 1979).
	PercentileCI CIMethod = iota
	// BCaCI corrects the quantiles for bias and acceleration (Efron 1987), and scores
	// the table once more for each unit, without the unit.
	BCaCI
)

var methods = enum{"bootstrap method", []string{"percentile", "bca"}}

// String returns "percentile" or "bca".
func (m CIMethod) String() string { return methods.name(int(m)) }

// MarshalText implements [encoding.TextMarshaler].
func (m CIMethod) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *CIMethod) UnmarshalText(text []byte) error { return parseEnum(methods, text, m) }

// BootstrapInfo records the settings that make the same intervals again.
type BootstrapInfo struct {
	Resamples  int      `json:"resamples"`
	Seed       uint64   `json:"seed"`
	Unit       Unit     `json:"unit"`
	Method     CIMethod `json:"method"`
	Level      float64  `json:"level"`
	Units      int      `json:"units"`      // number of lesions or images in the table
	Stratified bool     `json:"stratified"` // by class
	// TableSHA256 is [Table.SHA256] of the resampled table, if the metrics come from
	// [Evaluate]; empty otherwise and in older files.
	TableSHA256 string `json:"table_sha256,omitempty"`
}

// String is a summary such as "95 % intervals from 2000 resamples of 1500 lesions,
// seed 1".
func (b *BootstrapInfo) String() string {
	kind := ""
	if b.Method == BCaCI {
		kind = "BCa "
	}
	how := ""
	if b.Stratified {
		how = " by class"
	}
	return fmt.Sprintf("%g %% %sintervals from %d resamples of %s%s, seed %d", 100*b.Level, kind, b.Resamples, count(b.Units, b.Unit.String()), how, b.Seed)
}

// minDefined is the least share of resamples that must define a metric for an
// interval. A class with a handful of lesions is missing from some resamples; an
// interval from the other resamples is conditional on the presence of the class,
// which is useful unless the class is often missing.
const minDefined = 0.9

// Replicates are the statistics of each resample of one table.
type Replicates struct {
	Info BootstrapInfo
	// Paths names the statistics: metric paths, or the names that
	// [BootstrapFunc] was given.
	Paths []string
	// Estimate holds the statistics of the table itself.
	Estimate []float64
	// Values[r][i] is statistic Paths[i] in resample r; NaN if undefined.
	// Two tables of the same images and lesions in the same order, with the
	// same Info, have the same resamples: their differences are paired.
	Values [][]float64
	// Jackknife[u][i] is statistic Paths[i] without unit u; nil unless the
	// method is BCa.
	Jackknife [][]float64

	strata [][]int // units by stratum
	// obstacles are, by statistic, the reasons why it has no interval, whatever its
	// resamples are: empty where it may have one. Nil: all may.
	obstacles []string
}

// Bootstrap resamples t as opts says and returns all metrics of each resample.
// Most callers want [Evaluate], which returns intervals.
func Bootstrap(ctx context.Context, t *Table, opts Options) (*Replicates, error) {
	groups, err := resolveGroups(t.known.Classes, opts.Groups)
	if err != nil {
		return nil, err
	}
	ranked := t.ranked(groups)
	d := newDesign(t.known, opts.Unit, opts.Stratified, nil)
	r, err := bootstrap(ctx, d, ranked.newMetrics().Paths(), func() func([]uint32) []float64 {
		scratch := ranked.newMetrics()
		return func(counts []uint32) []float64 {
			ranked.score(counts, scratch)
			return scratch.Values()
		}
	}, opts)
	if err != nil {
		return nil, err
	}
	r.obstacles = ranked.obstacles(d)
	return r, nil
}

// BootstrapFunc resamples any statistics of the images of t. For the table in which
// row i has multiplicity counts[i], statistic returns a value for each of names; rows
// of unknown truth have multiplicity 0. The function may use other tables of the same
// images, for a paired comparison. Several goroutines call it at once; it must not
// change counts, and returns a new slice each time. If ctx is done before the
// resamples are, its error is returned.
func BootstrapFunc(ctx context.Context, t *Table, names []string, statistic func(counts []uint32) []float64, opts Options) (*Replicates, error) {
	d := newDesign(t.rows, opts.Unit, opts.Stratified, nil)
	return bootstrap(ctx, d, names, func() func([]uint32) []float64 { return statistic }, opts)
}

func (o Options) level() float64 { return cmp.Or(o.Level, 0.95) }

func (o Options) validate() error {
	if o.Resamples < 1 {
		return fmt.Errorf("bootstrap: %d resamples: need at least 1", o.Resamples)
	}
	if err := checkLevel(o.level()); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if !units.valid(int(o.Unit)) {
		return fmt.Errorf("bootstrap: unknown unit %d", int(o.Unit))
	}
	if !methods.valid(int(o.Method)) {
		return fmt.Errorf("bootstrap: unknown method %d", int(o.Method))
	}
	return nil
}

// bootstrap draws the resamples of a design and computes their statistics.
// Each goroutine calls newStatistic once.
func bootstrap(ctx context.Context, d *design, names []string, newStatistic func() statistic, opts Options) (*Replicates, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	times, counts := make([]uint32, len(d.units)), make([]uint32, d.images)
	d.without(times, -1)
	d.count(counts, times)
	r := &Replicates{
		Info: BootstrapInfo{
			Resamples: opts.Resamples, Seed: opts.Seed, Unit: d.unit, Method: opts.Method,
			Level: opts.level(), Units: len(d.units), Stratified: opts.Stratified,
		},
		Paths:    names,
		Estimate: newStatistic()(counts),
		strata:   d.strata,
	}
	if len(r.Estimate) != len(names) {
		return nil, fmt.Errorf("bootstrap: %d names, but %d statistics", len(names), len(r.Estimate))
	}
	var err error
	resample := func(times []uint32, i int) { d.draw(times, opts.Seed, i) }
	if r.Values, err = d.statistics(ctx, opts.Resamples, opts.Workers, resample, newStatistic); err == nil && opts.Method == BCaCI {
		r.Jackknife, err = d.statistics(ctx, len(d.units), opts.Workers, d.without, newStatistic)
	}
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	return r, nil
}

// Interval returns the interval of statistic Paths[i] at the given level by the
// method of Info. An undefined interval is NaN and the error says why: the
// statistic is undefined for the table or in more than a tenth of the resamples; there is
// a single lesion or image to draw, so that all resamples are equal; resampling shifts the
// statistic, as it does calibration errors and any statistic whose interval does not hold
// its own value; or the BCa correction is undefined.
func (r *Replicates) Interval(i int, level float64) (Interval, error) {
	values, err := r.defined(i)
	if err != nil {
		return undefinedInterval, err
	}
	ci := sortedPercentile(values, level)
	if r.Info.Method == BCaCI {
		if ci, err = bcaInterval(r.Estimate[i], values, acceleration(statisticOf(r.Jackknife, i), r.strata), level); err != nil {
			return ci, err
		}
	}
	if ci.Defined() && !ci.holds(r.Estimate[i]) {
		return undefinedInterval, errors.New("resampling shifts the value out of its own interval")
	}
	return ci, nil
}

// Percentile returns the percentile interval of statistic Paths[i] at the given
// level over the resamples in which it is defined, and their share, without the checks of
// [Replicates.Interval].
func (r *Replicates) Percentile(i int, level float64) (ci Interval, defined float64) {
	values := sortedDefined(statisticOf(r.Values, i))
	return sortedPercentile(values, level), float64(len(values)) / float64(len(r.Values))
}

// P returns the two-sided bootstrap p-value of the hypothesis that statistic
// Paths[i], such as a difference, is zero: twice the smaller share of resamples
// on one side of zero, with one resample added on each side, at most 1 (Davison and
// Hinkley 1997, section 4.2). The percentile interval of level 1-P just reaches zero.
// NaN where [Replicates.Interval] would be undefined.
func (r *Replicates) P(i int) float64 {
	values, err := r.defined(i)
	if err != nil {
		return math.NaN()
	}
	below := sort.Search(len(values), func(i int) bool { return values[i] > 0 }) // at most 0
	above := len(values) - sort.SearchFloat64s(values, 0)                        // at least 0
	return min(1, 2*float64(1+min(below, above))/float64(1+len(values)))
}

// AtFloor reports whether [Replicates.P] of statistic Paths[i] is the least that so many
// resamples can give, because all of them lie on one side of zero: the p-value is then at
// most P.
func (r *Replicates) AtFloor(i int) bool {
	values, err := r.defined(i)
	return err == nil && (values[0] > 0 || values[len(values)-1] < 0)
}

// defined returns the sorted values of statistic i in the resamples that define it,
// or an error if they are too few for an interval.
func (r *Replicates) defined(i int) ([]float64, error) {
	if math.IsNaN(r.Estimate[i]) {
		return nil, errors.New("the value itself is undefined")
	}
	if r.Info.Units == 1 {
		return nil, oneUnit(r.Info.Unit)
	}
	if r.obstacles != nil && r.obstacles[i] != "" {
		return nil, errors.New(r.obstacles[i])
	}
	values := sortedDefined(statisticOf(r.Values, i))
	if share := float64(len(values)) / float64(len(r.Values)); share < minDefined {
		return nil, fmt.Errorf("defined in only %.0f %% of the resamples", 100*share)
	}
	return values, nil
}

// oneUnit is the error of resampling a single unit.
func oneUnit(unit Unit) error {
	return fmt.Errorf("a single %s: every resample is the table itself", unit)
}

// obstacles returns, in the order of [Metrics.Paths], the reasons why a metric has no
// interval from resamples of d; empty where it may have one. A metric of a
// class whose images, or whose other images, are all of one unit says nothing about other
// units, even where strata keep this unit in every resample.
func (t *ranked) obstacles(d *design) (reasons []string) {
	for _, s := range overallMetrics {
		reasons = append(reasons, s.noInterval)
	}
	for i, r := range t.newMetrics().rows() {
		positive := func(row int) bool { return t.targets[i].has(t.p.Truth[row]) }
		negative := func(row int) bool { return !positive(row) }
		with, without := fewUnits(d, positive), fewUnits(d, negative)
		for _, s := range classMetrics {
			reason := s.noInterval
			switch {
			case with == 1 && s.name != "specificity":
				reason = "all images of " + r.Class + " are of one " + d.unit.String()
			case without == 1 && s.name != "recall":
				reason = "all images but those of " + r.Class + " are of one " + d.unit.String()
			}
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// fewUnits counts the units that have a row of a kind, up to 2.
func fewUnits(d *design, kind func(row int) bool) (n int) {
	for _, rows := range d.units {
		if slices.ContainsFunc(rows, kind) {
			if n++; n == 2 {
				break
			}
		}
	}
	return n
}

// statisticOf returns statistic i of each resample.
func statisticOf(resamples [][]float64, i int) []float64 {
	values := make([]float64, len(resamples))
	for r, row := range resamples {
		values[r] = row[i]
	}
	return values
}

// addIntervals fills CI. An undefined metric has an undefined interval.
func (m *Metrics) addIntervals(r *Replicates, level float64) {
	m.CI = make(map[string]Interval, len(r.Paths))
	for i, path := range r.Paths {
		ci, err := r.Interval(i, level)
		m.CI[path] = ci
		switch {
		case math.IsNaN(r.Estimate[i]):
			m.Undefined["ci."+path] = m.Undefined[path]
		case err != nil:
			m.Undefined["ci."+path] = err.Error()
		}
	}
}
