package eval

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// Intervals of a two-class table against pROC's ci.se (tools/golden/eval/roc_band.R).
// Both programs draw at random, and ends lie on multiples of one positive, so nearly
// all ends are equal and no end differs by more than one step.
func TestROCBandsAgreeWithPROC(t *testing.T) {
	read, err := ReadPredictions(filepath.Join("testdata/golden", "two_classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	p := read.Predictions()
	rows := readGolden(t, "roc_band.csv")
	k := slices.Index(p.Classes, rows[0]["class"])
	positives := 0
	for _, truth := range p.Truth {
		if truth == k {
			positives++
		}
	}
	step := 1 / float64(positives)
	off := 0
	byLevel := map[float64][]map[string]string{}
	for _, row := range rows {
		level := parse(t, row["level"])
		byLevel[level] = append(byLevel[level], row)
	}
	for level, rows := range byLevel {
		var fpr []float64
		for _, row := range rows {
			fpr = append(fpr, 1-parse(t, row["specificity"]))
		}
		bands, err := NewROCBands(ctx, tableOf(p), fpr, Options{Resamples: 4000, Seed: 1, Unit: ByImage, Stratified: true, Level: level})
		if err != nil {
			t.Fatal(err)
		}
		b := bands.Classes[k]
		for g, row := range rows {
			if want := parse(t, row["sensitivity"]); math.Abs(b.TPR[g]-want) > 1e-6 {
				t.Errorf("TPR at %v is %v, want %v", fpr[g], b.TPR[g], want)
			}
			for got, want := range map[float64]float64{b.Low[g]: parse(t, row["low"]), b.High[g]: parse(t, row["high"])} {
				switch difference := math.Abs(got - want); {
				case difference > 1.01*step:
					t.Errorf("level %v at %v: %v, want %v", level, fpr[g], got, want)
				case difference > 0.1*step:
					off++
				}
			}
		}
	}
	if limit := 2 * len(rows) / 10; off > limit {
		t.Errorf("%d of %d ends are a step off, at most %d may be", off, 2*len(rows), limit)
	}
}

// The rates of a resample, and their averages, are equal to the rates of the curves of
// a table in which each image is repeated.
func TestTPRAtIsThatOfTheCurve(t *testing.T) {
	rng := newRNG(8)
	fpr := []float64{0, 0.01, 0.1, 0.25, 1. / 3, 0.5, 0.77, 0.999, 1}
	for round := range 40 {
		p := syntheticPredictions(rng, 5+round, 3, []int{0, 4}[round%2])
		sorted := tableOf(p).orders()
		counts := make([]uint32, p.Len())
		written := &Predictions{Classes: p.Classes}
		for i := range counts {
			counts[i] = rng.Uint32N(3)
			for range counts[i] {
				written.ImageIDs = append(written.ImageIDs, "x")
				written.Truth = append(written.Truth, p.Truth[i])
				written.Probs = append(written.Probs, p.Probs[i])
			}
		}
		for k := range p.Classes {
			scores, positive := column(written, k)
			curve, err := NewROC(scores, positive, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, len(fpr))
			tprAt(sorted.perClass[k], counts, fpr, got)
			for g, x := range fpr {
				want := math.NaN()
				if !math.IsNaN(curve.AUC) {
					_, want = curve.at(x)
				}
				if math.Abs(got[g]-want) > 1e-9 || math.IsNaN(got[g]) != math.IsNaN(want) {
					t.Fatalf("round %d class %d at %v: %v, want %v", round, k, x, got[g], want)
				}
			}
		}
	}
}

func TestROCBandsOfAverages(t *testing.T) {
	p := syntheticPredictions(newRNG(9), 120, 4, 0)
	p.Truth[3] = TruthUnknown
	fpr := []float64{0.003, 0.1, 0.4}
	bands, err := NewROCBands(ctx, tableOf(p), fpr, Options{Resamples: 60, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	var curves []*ROC
	var support []float64
	for k := range p.Classes {
		c, err := tableOf(p).ROC(k)
		if err != nil {
			t.Fatal(err)
		}
		curves = append(curves, c)
		support = append(support, float64(tableOf(p).Confusion().Support(k)))
	}
	macro, err := MeanROC(curves, nil)
	if err != nil {
		t.Fatal(err)
	}
	weighted, err := MeanROC(curves, support)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		band  ROCBand
		curve *ROC
	}{"macro": {bands.Macro, macro}, "weighted": {bands.Weighted, weighted}, "micro": {bands.Micro, tableOf(p).MicroROC()}, "class 2": {bands.Classes[2], curves[2]}} {
		for g, x := range fpr {
			if _, want := c.curve.at(x); math.Abs(c.band.TPR[g]-want) > 1e-9 {
				t.Errorf("%s at %v: %v, want %v", name, x, c.band.TPR[g], want)
			}
			if !(c.band.Low[g] <= c.band.TPR[g] && c.band.TPR[g] <= c.band.High[g]) || c.band.Low[g] == c.band.High[g] {
				t.Errorf("%s at %v: %v outside [%v, %v]", name, x, c.band.TPR[g], c.band.Low[g], c.band.High[g])
			}
		}
	}
	m, err := Evaluate(ctx, tableOf(p), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := weighted.AUC; math.Abs(got-m.AUROCWeighted) > 1e-12 {
		t.Errorf("weighted area %v, metrics say %v", got, m.AUROCWeighted)
	}
	if bands.Info.Unit != ByLesion || bands.Info.Resamples != 60 {
		t.Errorf("%v", bands.Info)
	}
	again, err := NewROCBands(ctx, tableOf(p), fpr, Options{Resamples: 60, Seed: 5, Workers: 1})
	if err != nil || !slices.Equal(again.Macro.Low, bands.Macro.Low) {
		t.Errorf("other workers, other band: %v", err)
	}
}

func TestROCBandsRefuse(t *testing.T) {
	p := syntheticPredictions(newRNG(1), 10, 2, 0)
	for _, fpr := range [][]float64{nil, {0.2, 0.1}, {-0.1}, {1.1}, {0, math.NaN(), 1}} {
		if _, err := NewROCBands(ctx, tableOf(p), fpr, Options{Resamples: 2}); err == nil {
			t.Errorf("%v is accepted", fpr)
		}
	}
	if _, err := NewROCBands(ctx, tableOf(p), []float64{0.5}, Options{}); err == nil {
		t.Error("no resamples are accepted")
	}
	if _, err := NewROCBands(ctx, tableOf(&Predictions{Classes: p.Classes}), []float64{0.5}, Options{Resamples: 2}); err == nil {
		t.Error("no images are accepted")
	}
}
