package eval

import (
	"math"
	"slices"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// Edges belong to the bin below. Values are float32, as in a table.
func TestWidthBin(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		bins int
		want int
	}{{0, 10, 0}, {0.1, 10, 0}, {0.1000001, 10, 1}, {0.5, 2, 0}, {0.75, 4, 2}, {1, 10, 9}, {1.0000001, 10, 9}, {float64(float32(0.2)), 5, 1}, {0.3, 1, 0}} {
		if got := widthBin(tt.v, tt.bins); got != tt.want {
			t.Errorf("widthBin(%v, %d) = %d, want %d", tt.v, tt.bins, got, tt.want)
		}
	}
}

// By hand: confidences .625 .625 .75 .875; bins of width .25: (.5, .75] holds
// three images, two correct, and (.75, 1] one image, correct.
func TestEqualWidthByHand(t *testing.T) {
	p := &Predictions{
		Classes: []string{"a", "b"}, ImageIDs: []string{"1", "2", "3", "4", "5"}, Truth: []int{0, 1, 0, 1, TruthUnknown},
		Probs: [][]float32{{.875, .125}, {.375, .625}, {.375, .625}, {.25, .75}, {0, 1}},
	}
	bins := tableOf(p).Reliability(EqualWidth, 4)
	want := []Bin{{3, 2. / 3, 2. / 3, .625, .75}, {1, .875, 1, .875, .875}}
	if !slices.Equal(bins, want) {
		t.Errorf("bins = %+v, want %+v", bins, want)
	}
	if got := tableOf(p).ECE(EqualWidth, 4); got != .125/4 {
		t.Errorf("ECE = %v, want 1/32", got)
	}
	// Class a: .375 .375 in (.25, .5] one true, .25 in [0, .25] none, .875 true.
	// Class b: .625 .625 .75 in (.5, .75] two true, .125 in [0, .25] none.
	if got, want := tableOf(p).ClasswiseECE(EqualWidth, 4), ((2*.125+.25+.125)/4+.125/4)/2; !approx.EqualWithinAbs(got, want, 1e-15) {
		t.Errorf("classwise ECE = %v, want %v", got, want)
	}
	bins, err := tableOf(p).ClassReliability(0, EqualWidth, 4)
	if want := []Bin{{1, .25, 0, .25, .25}, {2, .375, .5, .375, .375}, {1, .875, 1, .875, .875}}; err != nil || !slices.Equal(bins, want) {
		t.Errorf("bins of a = %+v, want %+v (%v)", bins, want, err)
	}
	if _, err := tableOf(p).ClassReliability(2, EqualWidth, 4); err == nil {
		t.Error("class out of range: no error")
	}
	for _, n := range []int{0, -1} {
		if got := tableOf(p).Reliability(EqualWidth, n); len(got) != 0 {
			t.Errorf("%d bins: got %d", n, len(got))
		}
	}
}

// With the two within-bin terms of Stephenson et al. (2008) written out, and
// with one probability a bin, where they vanish.
func TestBrierDecomposition(t *testing.T) {
	for seed := range uint64(30) {
		grid := int(seed%2) * 8
		p := syntheticPredictions(newRNG(seed), 70, 4, grid)
		got := tableOf(p).BrierDecomposition(EqualWidth, 16)
		m, err := Evaluate(ctx, tableOf(p), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !approx.EqualWithinAbs(got.Brier(), m.Brier, 1e-14) || !approx.EqualWithinAbs(m.BrierParts.Brier(), m.Brier, 1e-14) {
			t.Errorf("seed %d: parts add up to %v and %v, the score is %v", seed, got.Brier(), m.BrierParts.Brier(), m.Brier)
		}
		variance, cov := 0.0, 0.0
		for k := range p.Classes {
			scores, positive := column(p, k)
			sums := map[int][3]float64{} // count, sum of scores, of outcomes
			for i, s := range scores {
				b := sums[widthBin(s, 16)]
				sums[widthBin(s, 16)] = [3]float64{b[0] + 1, b[1] + s, b[2] + float64(indicator(positive[i]))}
			}
			for i, s := range scores {
				b := sums[widthBin(s, 16)]
				variance += (s - b[1]/b[0]) * (s - b[1]/b[0]) / 70
				cov += 2 * (s - b[1]/b[0]) * (float64(indicator(positive[i])) - b[2]/b[0]) / 70
			}
		}
		if !approx.EqualWithinAbs(got.WithinBin, variance-cov, 1e-14) {
			t.Errorf("seed %d: within bins %v, want %v", seed, got.WithinBin, variance-cov)
		}
		if grid > 0 && !approx.EqualWithinAbs(got.WithinBin, 0, 1e-14) {
			t.Errorf("seed %d: one probability a bin leaves %v", seed, got.WithinBin)
		}
	}
	empty := tableOf(&Predictions{Classes: []string{"a", "b"}}).BrierDecomposition(EqualMass, 15)
	for _, v := range []float64{empty.Reliability, empty.Resolution, empty.Uncertainty, empty.WithinBin, empty.Brier()} {
		if !math.IsNaN(v) {
			t.Errorf("of nothing: %+v", empty)
		}
	}
}

func TestTopK(t *testing.T) {
	p := &Predictions{
		Classes: []string{"a", "b", "c"}, ImageIDs: []string{"1", "2", "3", "4"}, Truth: []int{2, 2, 0, TruthUnknown},
		Probs: [][]float32{{.4, .4, .2}, {.25, .25, .5}, {.25, .25, .5}, {1, 0, 0}},
	}
	for k, want := range []float64{0, 1. / 3, 2. / 3, 1, 1} {
		if got := tableOf(p).TopK(k); got != want {
			t.Errorf("TopK(%d) = %v, want %v", k, got, want)
		}
	}
	if got := tableOf(&Predictions{Classes: []string{"a", "b"}}).TopK(1); !math.IsNaN(got) {
		t.Errorf("TopK of nothing = %v", got)
	}
	for name, p := range goldenTables(t) {
		m, err := Evaluate(ctx, tableOf(p), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := tableOf(p).TopK(1); !near(got, m.Accuracy) {
			t.Errorf("%s: TopK(1) = %v, accuracy %v", name, got, m.Accuracy)
		}
		if got := tableOf(p).TopK(len(p.Classes)); m.N > 0 && got != 1 {
			t.Errorf("%s: TopK of all classes = %v", name, got)
		}
	}
}
