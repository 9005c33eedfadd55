package eval

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// Scoring with counts is equal to scoring the table in which each image is repeated.
func TestCountsAreRepetitions(t *testing.T) {
	for seed := range uint64(60) {
		rng := newRNG(seed)
		p := syntheticPredictions(rng, 1+int(seed), 2+int(seed%6), int(seed%4)*5)
		counts := make([]uint32, p.Len())
		repeated := &Predictions{Classes: p.Classes}
		for i := range counts {
			counts[i] = uint32(rng.IntN(4))
			for j := range counts[i] {
				repeated.ImageIDs = append(repeated.ImageIDs, fmt.Sprintf("%d-%d", i, j))
				repeated.Truth = append(repeated.Truth, p.Truth[i])
				repeated.Probs = append(repeated.Probs, p.Probs[i])
			}
		}
		got, err := tableOf(p).Score(counts, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Evaluate(ctx, tableOf(repeated), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range got.Paths() {
			g, w := got.Values()[i], want.Values()[i]
			if !(math.IsNaN(g) && math.IsNaN(w)) && !approx.EqualWithinAbs(g, w, 1e-12) {
				t.Errorf("seed %d, %s: %v by counts, %v by repetition", seed, path, g, w)
			}
		}
	}
}

func TestBootstrapDoesNotDependOnCores(t *testing.T) {
	p := syntheticPredictions(newRNG(3), 150, 7, 0)
	var first []byte
	for _, workers := range []int{1, 2, 7} {
		opts := Options{Resamples: 50, Seed: 5, Workers: workers}
		m, err := Evaluate(ctx, tableOf(p), opts)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := m.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = out.Bytes()
		} else if !bytes.Equal(first, out.Bytes()) {
			t.Errorf("%d workers give other bytes than 1", workers)
		}
	}
	other, err := Evaluate(ctx, tableOf(p), Options{Resamples: 50, Seed: 6})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := other.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, out.Bytes()) {
		t.Error("another seed gives the same intervals")
	}
}

// Each resample draws whole lesions, as many as the table has.
func TestResamplesDrawWholeLesions(t *testing.T) {
	lesions := []string{"a", "b", "a", "", "c", "", "b", "a"}
	p := &Predictions{LesionIDs: lesions, ImageIDs: make([]string, 8), Truth: []int{0, 1, 0, 1, 0, 1, 1, 0}}
	d := newDesign(p, ByLesion, false, nil)
	want := [][]int{{0, 2, 7}, {1, 6}, {3}, {4}, {5}}
	if d.unit != ByLesion || !slices.EqualFunc(d.units, want, slices.Equal[[]int]) {
		t.Fatalf("units = %v (%v), want %v", d.units, d.unit, want)
	}
	stratified := newDesign(p, ByLesion, true, nil)
	if want := [][]int{{0, 3}, {1, 2, 4}}; !slices.EqualFunc(stratified.strata, want, slices.Equal[[]int]) {
		t.Fatalf("strata = %v, want %v", stratified.strata, want)
	}
	counts := make([]uint32, len(lesions))
	for r := range 200 {
		d, wantByClass := d, []uint32{0, 0}
		if r%2 == 1 {
			d, wantByClass = stratified, []uint32{2, 3}
		}
		times := make([]uint32, len(d.units))
		d.draw(times, 1, r)
		d.count(counts, times)
		byClass := []uint32{0, 0}
		for _, u := range d.units {
			byClass[p.Truth[u[0]]] += counts[u[0]]
			for _, i := range u {
				if counts[i] != counts[u[0]] {
					t.Fatalf("resample %d splits a lesion: %v", r, counts)
				}
			}
		}
		if byClass[0]+byClass[1] != 5 || r%2 == 1 && !slices.Equal(byClass, wantByClass) {
			t.Fatalf("resample %d draws %v lesions by class of 5", r, byClass)
		}
	}
	p.LesionIDs = nil
	if d := newDesign(p, ByLesion, false, nil); len(d.units) != 8 || d.unit != ByImage {
		t.Errorf("without lesion ids: %v by %v", d.units, d.unit)
	}
	p.LesionIDs = slices.Repeat([]string{"a"}, 8)
	p.Truth[3] = TruthUnknown
	if d := newDesign(p, ByImage, false, nil); len(d.units) != 7 {
		t.Errorf("by image, one of unknown truth: %v", d.units)
	}
}

// NumPy's quantile([1, 2, 4, 8], [0, .1, .5, .9, 1]) is [1, 1.3, 3, 6.8, 8].
func TestQuantile(t *testing.T) {
	values := []float64{1, 2, 4, 8}
	for _, tt := range [][2]float64{{0, 1}, {.1, 1.3}, {.5, 3}, {.9, 6.8}, {1, 8}} {
		if got := quantile(values, tt[0]); !approx.EqualWithinAbs(got, tt[1], 1e-12) {
			t.Errorf("quantile(%v) = %v, want %v", tt[0], got, tt[1])
		}
	}
	if got := quantile(nil, .5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing = %v", got)
	}
}

// drawTrial makes a table of lesions with the given number of equal photos each. A
// model of accuracy 0.8 classifies all photos of a lesion correctly, or none.
func drawTrial(seed uint64, lesions, photos int) *Predictions {
	rng := newRNG(seed)
	p := &Predictions{Classes: []string{"a", "b"}}
	for l := range lesions {
		truth := rng.IntN(2)
		row := []float32{0, 0}
		if rng.Float64() < 0.8 {
			row[truth] = 1
		} else {
			row[1-truth] = 1
		}
		for c := range photos {
			p.ImageIDs = append(p.ImageIDs, fmt.Sprintf("%d-%d", l, c))
			p.LesionIDs = append(p.LesionIDs, fmt.Sprint(l))
			p.Truth = append(p.Truth, truth)
			p.Probs = append(p.Probs, row)
		}
	}
	return p
}

// accuracyByCounts is the accuracy of p as a statistic for BootstrapFunc.
func accuracyByCounts(p *Predictions) func(counts []uint32) []float64 {
	return func(counts []uint32) []float64 {
		right, n := 0, 0
		for i, w := range counts {
			n += int(w)
			if p.Predicted(i) == p.Truth[i] {
				right += int(w)
			}
		}
		return []float64{ratio(right, n)}
	}
}

// 95 % intervals by lesion must contain the truth in about 95 % of trials although
// photos are copies. Intervals by image must fail, or the clustering has no effect.
// TestCoverage checks all metrics, in minutes.
func TestBootstrapCoverage(t *testing.T) {
	const trials = 300
	covered := map[Unit]int{}
	for trial := range trials {
		p := drawTrial(uint64(trial), 120, 4)
		for _, unit := range []Unit{ByLesion, ByImage} {
			r, err := BootstrapFunc(ctx, tableOf(p), []string{"accuracy"}, accuracyByCounts(p), Options{Resamples: 200, Seed: uint64(trial), Unit: unit})
			if err != nil {
				t.Fatal(err)
			}
			if ci, err := r.Interval(0, .95); err == nil && ci.Low <= 0.8 && 0.8 <= ci.High {
				covered[unit]++
			}
		}
	}
	// Standard error of 300 trials at .95 is .013.
	if share := float64(covered[ByLesion]) / trials; share < 0.90 || share > 0.99 {
		t.Errorf("by lesion: %.3f of the intervals hold the truth, want about .95", share)
	}
	if share := float64(covered[ByImage]) / trials; share > 0.80 {
		t.Errorf("by image: %.3f of the intervals hold the truth; with four copies of each photo they should be half as wide as they must be", share)
	}
}

func TestIntervalsOfRareClasses(t *testing.T) {
	p := syntheticPredictions(newRNG(1), 200, 2, 0)
	p.Classes = []string{"common", "rare"}
	for i := range p.Truth {
		p.Truth[i] = 0
	}
	p.Truth[10], p.Truth[11] = 1, 1 // in about 87 % of the resamples
	m, err := Evaluate(ctx, tableOf(p), Options{Resamples: 1000, Seed: 1, Unit: ByImage})
	if err != nil {
		t.Fatal(err)
	}
	path := ClassPath("rare", "recall")
	if ci := m.CI[path]; !math.IsNaN(ci.Low) || !strings.Contains(m.Undefined["ci."+path], "of the resamples") {
		t.Errorf("interval %v with reason %q", ci, m.Undefined["ci."+path])
	}
	if v, _ := m.Value(path); math.IsNaN(v) {
		t.Error("the recall itself is defined")
	}
	if ci := m.CI["accuracy"]; !(ci.Low < m.Accuracy && m.Accuracy < ci.High) {
		t.Errorf("accuracy %v, interval %v", m.Accuracy, ci)
	}
}

func TestBootstrapErrors(t *testing.T) {
	p := syntheticPredictions(newRNG(1), 20, 3, 0)
	for name, opts := range map[string]Options{
		"negative resamples": {Resamples: -1},
		"level":              {Resamples: 10, Level: 95},
		"unit":               {Resamples: 10, Unit: 7},
		"method":             {Resamples: 10, Method: 7},
		"unknown group":      {Groups: []Group{{"g", []string{"melanoma"}}}},
		"empty group":        {Groups: []Group{{"g", nil}}},
		"nameless group":     {Groups: []Group{{"", []string{"class1"}}}},
		"group twice":        {Groups: []Group{{"g", []string{"class1"}}, {"g", []string{"class2"}}}},
		"class twice":        {Groups: []Group{{"g", []string{"class1", "class1"}}}},
	} {
		if _, err := Evaluate(ctx, tableOf(p), opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Bootstrap(ctx, tableOf(p), Options{}); err == nil {
		t.Error("Bootstrap without resamples: no error")
	}
	p.Probs[3][0] = 2
	if _, err := NewTable(p); err == nil {
		t.Error("a bad table: no error")
	}
}

func TestBootstrapOfNothing(t *testing.T) {
	p := &Predictions{Classes: []string{"a", "b"}}
	m, err := Evaluate(ctx, tableOf(p), Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(m.Accuracy) || m.Undefined["accuracy"] == "" || m.Undefined["ci.accuracy"] == "" {
		t.Errorf("accuracy %v, undefined %v", m.Accuracy, m.Undefined)
	}
}
