package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// permuteClasses returns p with its classes in the order of perm.
func permuteClasses(p *Predictions, perm []int) *Predictions {
	q := &Predictions{ImageIDs: p.ImageIDs, LesionIDs: p.LesionIDs}
	for _, k := range perm {
		q.Classes = append(q.Classes, p.Classes[k])
	}
	for i, t := range p.Truth {
		q.Truth = append(q.Truth, slices.Index(perm, t))
		var row []float32
		for _, k := range perm {
			row = append(row, p.Probs[i][k])
		}
		q.Probs = append(q.Probs, row)
	}
	return q
}

func permuteRows(p *Predictions, rng *rand.Rand) *Predictions {
	q := &Predictions{Classes: p.Classes}
	for _, i := range rng.Perm(p.Len()) {
		q.ImageIDs = append(q.ImageIDs, p.ImageIDs[i])
		q.LesionIDs = append(q.LesionIDs, p.LesionIDs[i])
		q.Truth = append(q.Truth, p.Truth[i])
		q.Probs = append(q.Probs, p.Probs[i])
	}
	return q
}

// No metric depends on the order of rows, with ties or without, nor on the order of
// classes, unless the largest probability is tied (the class order breaks such ties).
func TestMetricsInvariances(t *testing.T) {
	for seed := range uint64(40) {
		rng := newRNG(seed)
		grid := int(seed%3) * 8
		p := syntheticPredictions(rng, 50, 7, grid)
		variants := map[string]*Predictions{"rows": permuteRows(p, rng)}
		if grid == 0 {
			variants["classes"] = permuteClasses(p, rng.Perm(7))
		}
		want, err := Evaluate(ctx, tableOf(p), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range variants {
			got, err := Evaluate(ctx, tableOf(v), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range want.Paths() {
				g, _ := got.Value(path)
				w, _ := want.Value(path)
				if !(math.IsNaN(g) && math.IsNaN(w)) && !approx.EqualWithinAbs(g, w, 1e-12) {
					t.Errorf("seed %d: %s is %v after permuting %s, %v before", seed, path, g, name, w)
				}
			}
		}
	}
}

func TestPredictedTakesTheFirstOfEqual(t *testing.T) {
	p := &Predictions{Probs: [][]float32{{.2, .4, .4}, {.4, .2, .4}, {0, 0, 1}}}
	for i, want := range []int{1, 0, 2} {
		if got := p.Predicted(i); got != want {
			t.Errorf("Predicted(%d) = %d, want %d", i, got, want)
		}
	}
}

// By hand: confidences .625 .625 .75 .875, all correct except for one of .625. Two bins
// of two images: |.5-.625| and |1-.8125|.
func TestReliabilityByHand(t *testing.T) {
	p := &Predictions{
		Classes:  []string{"a", "b"},
		ImageIDs: []string{"1", "2", "3", "4", "5"},
		Truth:    []int{0, 1, 0, 1, TruthUnknown},
		Probs:    [][]float32{{.875, .125}, {.375, .625}, {.375, .625}, {.25, .75}, {0, 1}},
	}
	bins := tableOf(p).Reliability(EqualMass, 2)
	want := []Bin{{2, .625, .5, .625, .625}, {2, .8125, 1, .75, .875}}
	if !slices.Equal(bins, want) {
		t.Errorf("bins = %+v, want %+v", bins, want)
	}
	if got := tableOf(p).ECE(EqualMass, 2); got != (.125+.1875)/2 {
		t.Errorf("ECE = %v", got)
	}
	if got := tableOf(p).Reliability(EqualMass, 100); len(got) != 4 {
		t.Errorf("%d bins for 4 images", len(got))
	}
	// A tie across a cut: both sides get the mean accuracy of the tie.
	p.Probs = [][]float32{{.75, .25}, {.75, .25}, {.75, .25}, {.75, .25}, {0, 1}}
	for _, b := range tableOf(p).Reliability(EqualMass, 2) {
		if b.Accuracy != .5 || b.Confidence != .75 {
			t.Errorf("tied bin %+v", b)
		}
	}
	if got := tableOf(&Predictions{Classes: []string{"a", "b"}}).ECE(EqualMass, 15); !math.IsNaN(got) {
		t.Errorf("ECE of nothing = %v", got)
	}
	for _, n := range []int{0, -3} {
		if got := tableOf(p).Reliability(EqualMass, n); len(got) != 0 {
			t.Errorf("%d bins: got %d", n, len(got))
		}
	}
}

// Loss of one image: -ln p, and at p = 0 the logarithm of the clip, 36.04.
func TestNLLIsFinite(t *testing.T) {
	p := &Predictions{
		Classes: []string{"a", "b"}, ImageIDs: []string{"1", "2"}, Truth: []int{0, 1},
		Probs: [][]float32{{.5, .5}, {1, 0}},
	}
	m, err := Evaluate(ctx, tableOf(p), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (math.Ln2 + 52*math.Ln2) / 2; !approx.EqualWithinAbs(m.NLL, want, 1e-14) {
		t.Errorf("NLL = %v, want %v", m.NLL, want)
	}
	if want := (0.5 + 2) / 2; m.Brier != want {
		t.Errorf("Brier = %v, want %v", m.Brier, want)
	}
}
