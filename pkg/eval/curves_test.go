package eval

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/floats"
	approx "gonum.org/v1/gonum/floats/scalar"
	"gonum.org/v1/gonum/integrate"
	"gonum.org/v1/gonum/stat"
)

// randomBinary draws n scores on a grid of the given number of levels; few levels
// give many ties.
func randomBinary(seed uint64, n, levels int) (scores []float64, positive []bool) {
	rng := newRNG(seed)
	for range n {
		scores = append(scores, float64(rng.IntN(levels))/float64(levels))
		positive = append(positive, rng.Float64() < 0.3)
	}
	return scores, positive
}

// AUROC by its definition, over all pairs.
func bruteForceAUROC(scores []float64, positive []bool) float64 {
	won, pairs := 0.0, 0.0
	for i, p := range positive {
		for j, q := range positive {
			if !p || q {
				continue
			}
			pairs++
			switch {
			case scores[i] > scores[j]:
				won++
			case scores[i] == scores[j]:
				won += 0.5
			}
		}
	}
	return won / pairs
}

func TestAUROCIsPairCounting(t *testing.T) {
	for seed := range uint64(200) {
		scores, positive := randomBinary(seed, 2+int(seed)%60, 1+int(seed)%23)
		got, err := AUROC(scores, positive, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := bruteForceAUROC(scores, positive)
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("seed %d: AUROC = %v, pair counting gives %v", seed, got, want)
		}
	}
}

// The area under the points of the curve is the rank statistic, and the points are
// equal to the points of gonum's stat.ROC.
func TestROCAgreesWithGonum(t *testing.T) {
	for seed := range uint64(50) {
		scores, positive := randomBinary(seed, 40, 1+int(seed)%29)
		roc, err := NewROC(scores, positive, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(roc.AUC) {
			continue
		}
		if area := integrate.Trapezoidal(roc.FPR, roc.TPR); !approx.EqualWithinAbs(area, roc.AUC, 1e-13) {
			t.Errorf("seed %d: trapezoid %v, AUC %v", seed, area, roc.AUC)
		}
		y, classes := slices.Clone(scores), slices.Clone(positive)
		stat.SortWeightedLabeled(y, classes, nil)
		tpr, fpr, _ := stat.ROC(nil, y, classes, nil)
		if !floats.EqualApprox(tpr, roc.TPR, 1e-14) || !floats.EqualApprox(fpr, roc.FPR, 1e-14) {
			t.Errorf("seed %d: the curve differs from gonum's", seed)
		}
	}
}

func TestAUROCMonotoneInvariance(t *testing.T) {
	for seed := range uint64(20) {
		scores, positive := randomBinary(seed, 80, 40)
		want, _ := AUROC(scores, positive, nil)
		var cubed, negated []float64
		var inverted []bool
		for i, s := range scores {
			cubed = append(cubed, math.Exp(3*s)-7)
			negated = append(negated, -s)
			inverted = append(inverted, !positive[i])
		}
		if got, _ := AUROC(cubed, positive, nil); got != want {
			t.Errorf("seed %d: AUROC %v after a monotone transform, %v before", seed, got, want)
		}
		if got, _ := AUROC(negated, inverted, nil); got != want {
			t.Errorf("seed %d: AUROC %v with both reversed, %v before", seed, got, want)
		}
	}
}

func TestCurvesByHand(t *testing.T) {
	// Scores .9+ .8- .8+ .3- : TP,FP after .9: 1,0; after .8: 2,1; after .3: 2,2.
	roc, err := NewROC([]float64{.8, .3, .9, .8}, []bool{true, false, true, false}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(roc.FPR, []float64{0, 0, .5, 1}) || !slices.Equal(roc.TPR, []float64{0, .5, 1, 1}) || !slices.Equal(roc.Thresholds, []float64{math.Inf(1), .9, .8, .3}) {
		t.Errorf("ROC = %+v", roc)
	}
	if roc.AUC != 3.5/4 { // .9 beats both; .8 ties with one, beats the other
		t.Errorf("AUC = %v, want 0.875", roc.AUC)
	}
	pr, _ := NewPR([]float64{.8, .3, .9, .8}, []bool{true, false, true, false}, nil)
	if !slices.Equal(pr.Precision, []float64{1, 1, 2. / 3, .5}) || !slices.Equal(pr.Recall, []float64{0, .5, 1, 1}) {
		t.Errorf("PR = %+v", pr)
	}
	if want := .5*1 + .5*2./3; !approx.EqualWithinAbs(pr.AP, want, 1e-15) {
		t.Errorf("AP = %v, want %v", pr.AP, want)
	}
}

func TestCurvesDegenerate(t *testing.T) {
	if _, err := NewROC([]float64{1, 2}, []bool{true}, nil); err == nil {
		t.Error("different lengths: no error")
	}
	if _, err := NewPR([]float64{1, math.NaN()}, []bool{true, false}, nil); err == nil {
		t.Error("NaN score: no error")
	}
	roc, err := NewROC([]float64{.1, .2}, []bool{true, true}, nil)
	if err != nil || !math.IsNaN(roc.AUC) || !math.IsNaN(roc.FPR[1]) || roc.TPR[2] != 1 {
		t.Errorf("positives only: %+v, %v", roc, err)
	}
	pr, err := NewPR(nil, nil, nil)
	if err != nil || !math.IsNaN(pr.AP) {
		t.Errorf("nothing: %+v, %v", pr, err)
	}
	if macro, err := MeanROC([]*ROC{roc}, nil); err != nil || !math.IsNaN(macro.AUC) || len(macro.FPR) != 0 {
		t.Errorf("macro of undefined curves: %+v, %v", macro, err)
	}
	if _, err := MeanROC([]*ROC{roc}, []float64{1, 2}); err == nil {
		t.Error("more weights than curves: no error")
	}
	p := syntheticPredictions(newRNG(1), 5, 7, 0)
	if _, err := tableOf(p).ROC(7); err == nil {
		t.Error("class out of range: no error")
	}
}

// The vertical average has the mean of the areas, and Simplify does not change it.
func TestMacroROCAndSimplify(t *testing.T) {
	for seed := range uint64(30) {
		p := syntheticPredictions(newRNG(seed), 60, 7, int(seed%3)*6)
		var curves []*ROC
		for k := range p.Classes {
			c, err := tableOf(p).ROC(k)
			if err != nil {
				t.Fatal(err)
			}
			curves = append(curves, c)
		}
		macro, err := MeanROC(curves, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Evaluate(ctx, tableOf(p), Options{})
		if err != nil {
			t.Fatal(err)
		}
		micro := tableOf(p).MicroROC()
		if micro.AUC != m.AUROCMicro || !approx.EqualWithinAbs(macro.AUC, m.AUROCMacro, 1e-15) {
			t.Errorf("seed %d: areas %v, %v; metrics say %v, %v", seed, micro.AUC, macro.AUC, m.AUROCMicro, m.AUROCMacro)
		}
		if !slices.IsSorted(macro.FPR) || !slices.IsSorted(macro.TPR) {
			t.Errorf("seed %d: the macro curve is not monotone", seed)
		}
		for _, c := range []*ROC{macro, micro} {
			if area := integrate.Trapezoidal(c.FPR, c.TPR); !approx.EqualWithinAbs(area, c.AUC, 1e-12) {
				t.Errorf("seed %d: area of the points %v, AUC %v", seed, area, c.AUC)
			}
			s := c.Simplify()
			if area := integrate.Trapezoidal(s.FPR, s.TPR); !approx.EqualWithinAbs(area, c.AUC, 1e-9) {
				t.Errorf("seed %d: area of the simplified points %v, AUC %v", seed, area, c.AUC)
			}
			if len(s.FPR) > len(c.FPR) || s.FPR[len(s.FPR)-1] != 1 {
				t.Errorf("seed %d: simplified %d points to %d", seed, len(c.FPR), len(s.FPR))
			}
		}
		if s := micro.Simplify(); seed%3 == 0 && len(s.FPR) > len(micro.FPR)*3/4 {
			t.Errorf("seed %d: simplified %d points to %d only", seed, len(micro.FPR), len(s.FPR))
		}
	}
}

// Counts are repetitions: a curve with counts is equal to the curve of a list in which
// each image is repeated.
func TestCurvesOfCounts(t *testing.T) {
	for seed := range uint64(60) {
		scores, positive := randomBinary(seed, 3+int(seed), 1+int(seed)%31)
		rng, counts := newRNG(seed), make([]uint32, len(scores))
		var many []float64
		var are []bool
		for i := range counts {
			counts[i] = rng.Uint32N(4)
			for range counts[i] {
				many, are = append(many, scores[i]), append(are, positive[i])
			}
		}
		roc, err := NewROC(scores, positive, counts)
		if err != nil {
			t.Fatal(err)
		}
		wantROC, err := NewROC(many, are, nil)
		if err != nil {
			t.Fatal(err)
		}
		pr, err := NewPR(scores, positive, counts)
		if err != nil {
			t.Fatal(err)
		}
		wantPR, err := NewPR(many, are, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantROC, roc, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
		if diff := cmp.Diff(wantPR, pr, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
		area, err := AUROC(scores, positive, counts)
		if err != nil || area != roc.AUC && !math.IsNaN(area) {
			t.Errorf("seed %d: area %v, %v, of the curve %v", seed, area, err, roc.AUC)
		}
		ap, err := AveragePrecision(scores, positive, counts)
		if err != nil || ap != pr.AP && !math.IsNaN(ap) {
			t.Errorf("seed %d: average precision %v, %v, of the curve %v", seed, ap, err, pr.AP)
		}
	}
	if _, err := NewROC([]float64{1, 2}, []bool{true, false}, []uint32{1}); err == nil {
		t.Error("fewer counts than scores: no error")
	}
}
