package eval

import (
	"math"
	"strings"
	"testing"
)

func TestIntervalsDegenerate(t *testing.T) {
	nan := math.NaN()
	if ci := PercentileInterval([]float64{nan, 2, 1, nan, 3}, 0.5); ci != (Interval{1.5, 2.5}) {
		t.Errorf("percentile interval %v, want [1.5, 2.5]", ci)
	}
	for name, ci := range map[string]Interval{
		"nothing": PercentileInterval(nil, .95), "level": PercentileInterval([]float64{1}, 95), "NaN level": PercentileInterval([]float64{1}, nan),
	} {
		if !math.IsNaN(ci.Low) || !math.IsNaN(ci.High) {
			t.Errorf("%s: percentile interval %v", name, ci)
		}
	}
	// Nothing varies: the interval is the value.
	if ci, err := BCaInterval(1, []float64{1, 1, 1}, []float64{1, 1, 1, 1}, .95); err != nil || ci != (Interval{1, 1}) {
		t.Errorf("constant: %v, %v", ci, err)
	}
	for _, tt := range []struct {
		name                  string
		replicates, jackknife []float64
		level                 float64
		want                  string
	}{
		{"one side", []float64{2, 3}, []float64{1, 2}, .95, "same side"},
		{"no replicates", []float64{nan}, []float64{1, 2}, .95, "no resamples"},
		{"no jackknife", []float64{0, 2}, nil, .95, "jackknife"},
		{"undefined without one", []float64{0, 2}, []float64{1, nan}, .95, "left out"},
		{"level", []float64{0, 2}, []float64{1, 2}, 95, "level 95"},
	} {
		ci, err := BCaInterval(1, tt.replicates, tt.jackknife, tt.level)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !math.IsNaN(ci.Low) {
			t.Errorf("%s: %v, %v", tt.name, ci, err)
		}
	}
}

// The intervals of Evaluate with BCaCI are equal to BCaInterval of its replicates and
// jackknife, and every NaN has a reason.
func TestEvaluateBCa(t *testing.T) {
	p := syntheticPredictions(newRNG(4), 80, 7, 0)
	opts := Options{Resamples: 100, Seed: 2, Method: BCaCI}
	m, err := Evaluate(ctx, tableOf(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Bootstrap(ctx, tableOf(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Jackknife) != m.Bootstrap.Units || m.Bootstrap.Method != BCaCI {
		t.Fatalf("%d jackknife values for %+v", len(r.Jackknife), m.Bootstrap)
	}
	defined := 0
	for i, path := range r.Paths {
		var values, jackknife []float64
		for _, row := range r.Values {
			values = append(values, row[i])
		}
		for _, row := range r.Jackknife {
			jackknife = append(jackknife, row[i])
		}
		got := m.CI[path]
		if math.IsNaN(got.Low) {
			if m.Undefined["ci."+path] == "" {
				t.Errorf("%s: no interval and no reason", path)
			}
			continue
		}
		defined++
		if want, err := BCaInterval(r.Estimate[i], values, jackknife, .95); err != nil || want != got {
			t.Errorf("%s: %v, want %v (%v)", path, got, want, err)
		}
	}
	if defined < len(r.Paths)/2 {
		t.Errorf("%d of %d intervals are defined", defined, len(r.Paths))
	}
	percentile, err := Evaluate(ctx, tableOf(p), Options{Resamples: 100, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if percentile.CI["auroc_macro"] == m.CI["auroc_macro"] {
		t.Error("BCa and percentile intervals are the same")
	}
}

// Stratified resamples have the class counts of the table, so that a class of two
// images is never missing. Of plain resamples an eighth lacks it.
func TestStratifiedBootstrap(t *testing.T) {
	p := syntheticPredictions(newRNG(1), 60, 2, 0)
	for i := range p.Truth {
		p.Truth[i] = 0
	}
	p.Truth[10], p.Truth[11] = 1, 1
	if plain, err := Evaluate(ctx, tableOf(p), Options{Resamples: 1000, Unit: ByImage}); err != nil || plain.CI[ClassPath("class1", "auroc")].Defined() {
		t.Errorf("plain: %v, %v", plain.CI[ClassPath("class1", "auroc")], err)
	}
	m, err := Evaluate(ctx, tableOf(p), Options{Resamples: 50, Unit: ByImage, Stratified: true})
	if err != nil {
		t.Fatal(err)
	}
	if ci := m.CI[ClassPath("class1", "auroc")]; math.IsNaN(ci.Low) || ci.Low == ci.High || !m.Bootstrap.Stratified {
		t.Errorf("interval %v, %+v", ci, m.Bootstrap)
	}
}

// The same statistics from Evaluate and from BootstrapFunc.
func TestBootstrapFunc(t *testing.T) {
	p := syntheticPredictions(newRNG(9), 50, 3, 0)
	p.Truth[7] = TruthUnknown
	opts := Options{Resamples: 40, Seed: 3, Method: BCaCI}
	accuracy := accuracyByCounts(p)
	both := func(counts []uint32) []float64 {
		n := 0.0
		for _, w := range counts {
			n += float64(w)
		}
		return append(accuracy(counts), n)
	}
	r, err := BootstrapFunc(ctx, tableOf(p), []string{"accuracy", "n"}, both, opts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Evaluate(ctx, tableOf(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	ci, err := r.Interval(0, .95)
	if err != nil || ci != m.CI["accuracy"] || r.Estimate[0] != m.Accuracy || r.Estimate[1] != 49 {
		t.Errorf("interval %v (%v), want %v; estimates %v", ci, err, m.CI["accuracy"], r.Estimate)
	}
	if _, err := BootstrapFunc(ctx, tableOf(p), []string{"accuracy"}, both, opts); err == nil {
		t.Error("one name for two statistics: no error")
	}
	if _, err := BootstrapFunc(ctx, tableOf(p), nil, accuracy, Options{}); err == nil {
		t.Error("no resamples: no error")
	}
	p.Probs[0][0] = 2
	if _, err := NewTable(p); err == nil {
		t.Error("bad table: no error")
	}
}

// By hand: of 4 differences, one at or below zero: 2 (1+1)/(1+4).
func TestBootstrapP(t *testing.T) {
	nan := math.NaN()
	r := &Replicates{Estimate: []float64{1, 0, nan}, Values: [][]float64{{1, 0, 1}, {2, 0, 1}, {3, 0, 1}, {-1, 0, 1}}}
	for i, want := range []float64{0.8, 1, nan} {
		if got := r.P(i); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("P(%d) = %v, want %v", i, got, want)
		}
	}
}
