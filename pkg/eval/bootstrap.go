package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Unit is what a bootstrap resample draws.
type Unit int

const (
	// ByLesion draws lesions with all their images: photos of one lesion are
	// not independent, so intervals by image are too narrow. An image without
	// a lesion id is a lesion of its own.
	ByLesion Unit = iota
	// ByImage draws single images.
	ByImage
)

// String returns "lesion" or "image".
func (u Unit) String() string {
	if u == ByImage {
		return "image"
	}
	return "lesion"
}

// MarshalText implements [encoding.TextMarshaler].
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *Unit) UnmarshalText(text []byte) error {
	switch string(text) {
	case "lesion":
		*u = ByLesion
	case "image":
		*u = ByImage
	default:
		return fmt.Errorf("unknown bootstrap unit %q: use lesion or image", text)
	}
	return nil
}

// BootstrapInfo records how intervals were made: enough to make them again.
type BootstrapInfo struct {
	Resamples int     `json:"resamples"`
	Seed      uint64  `json:"seed"`
	Unit      Unit    `json:"unit"`
	Method    string  `json:"method"`
	Level     float64 `json:"level"`
	Units     int     `json:"units"` // lesions or images that were drawn from
}

// minDefined is the share of resamples in which a metric must be defined for
// its interval to be given. A class with a handful of lesions is missing from
// some resamples; an interval from the remaining ones is conditional on its
// presence and still useful, but not when that is a rare event.
const minDefined = 0.9

// Replicates are the metrics of each resample of one table.
type Replicates struct {
	Info  BootstrapInfo
	Paths []string
	// Values[r][i] is metric Paths[i] in resample r; NaN where undefined.
	// Two tables of the same images and lesions in the same order, with the
	// same Info, were resampled alike: their differences are paired.
	Values [][]float64
}

// Bootstrap resamples p as opts says and returns all metrics of each resample.
// Most callers want [Evaluate], which makes intervals of them.
func Bootstrap(p *Predictions, opts Options) (*Replicates, error) {
	known, _, err := prepare(p)
	if err != nil {
		return nil, err
	}
	return bootstrap(newRanked(known), known.LesionIDs, opts)
}

func (o Options) level() float64 {
	if o.Level == 0 {
		return 0.95
	}
	return o.Level
}

func (o Options) validate() error {
	if o.Resamples < 1 {
		return fmt.Errorf("bootstrap: %d resamples: need at least 1", o.Resamples)
	}
	if level := o.level(); !(level > 0 && level < 1) {
		return fmt.Errorf("bootstrap: level %v is not between 0 and 1", level)
	}
	if o.Unit != ByLesion && o.Unit != ByImage {
		return fmt.Errorf("bootstrap: unknown unit %d", int(o.Unit))
	}
	return nil
}

func bootstrap(t *ranked, lesionIDs []string, opts Options) (*Replicates, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	units, unit := resamplingUnits(len(t.truth), lesionIDs, opts.Unit)
	r := &Replicates{
		Info: BootstrapInfo{
			Resamples: opts.Resamples, Seed: opts.Seed, Unit: unit,
			Method: "percentile", Level: opts.level(), Units: len(units),
		},
		Paths:  Paths(t.classes),
		Values: make([][]float64, opts.Resamples),
	}
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, opts.Resamples)
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			counts := make([]uint32, len(t.truth))
			m := newMetrics(t.classes)
			for {
				i := int(next.Add(1)) - 1
				if i >= opts.Resamples {
					return
				}
				drawCounts(counts, units, opts.Seed, i)
				t.score(counts, m)
				r.Values[i] = m.Values()
			}
		})
	}
	group.Wait()
	return r, nil
}

// resamplingUnits returns the images of each unit, in order of first
// appearance, and the unit in effect: without a single lesion id, images.
func resamplingUnits(images int, lesionIDs []string, unit Unit) ([][]int, Unit) {
	if !slices.ContainsFunc(lesionIDs, func(id string) bool { return id != "" }) {
		unit = ByImage
	}
	units := make([][]int, 0, images)
	byID := make(map[string]int)
	for i := range images {
		if unit == ByLesion && lesionIDs[i] != "" {
			if u, ok := byID[lesionIDs[i]]; ok {
				units[u] = append(units[u], i)
				continue
			}
			byID[lesionIDs[i]] = len(units)
		}
		units = append(units, []int{i})
	}
	return units, unit
}

// drawCounts draws as many units as there are, with replacement, and counts
// how often each image comes up. Each resample has a generator of its own, so
// it does not matter which goroutine draws it.
func drawCounts(counts []uint32, units [][]int, seed uint64, resample int) {
	clear(counts)
	rng := rand.New(rand.NewPCG(seed, uint64(resample)))
	for range units {
		for _, i := range units[rng.IntN(len(units))] {
			counts[i]++
		}
	}
}

// Percentile returns the percentile interval of metric Paths[i] at the given
// level over the resamples in which it is defined, and their share.
func (r *Replicates) Percentile(i int, level float64) (ci Interval, defined float64) {
	values := make([]float64, 0, len(r.Values))
	for _, row := range r.Values {
		if !math.IsNaN(row[i]) {
			values = append(values, row[i])
		}
	}
	slices.Sort(values)
	tail := (1 - level) / 2
	return Interval{quantile(values, tail), quantile(values, 1-tail)}, float64(len(values)) / float64(len(r.Values))
}

// quantile interpolates linearly between the two nearest order statistics
// (Hyndman and Fan's type 7, the default of NumPy and R).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	position := q * float64(len(sorted)-1)
	low := int(position)
	if low >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	share := position - float64(low)
	return sorted[low] + share*(sorted[low+1]-sorted[low])
}

// addIntervals fills CI. A metric that is itself undefined has no interval.
func (m *Metrics) addIntervals(r *Replicates, level float64) {
	m.CI = make(map[string]Interval, len(r.Paths))
	undefined := Interval{math.NaN(), math.NaN()}
	for i, value := range m.Values() {
		path := r.Paths[i]
		if math.IsNaN(value) {
			m.CI[path] = undefined
			m.Undefined["ci."+path] = m.Undefined[path]
			continue
		}
		ci, defined := r.Percentile(i, level)
		if defined < minDefined {
			ci = undefined
			m.Undefined["ci."+path] = fmt.Sprintf("defined in only %.0f %% of the resamples", 100*defined)
		}
		m.CI[path] = ci
	}
}
