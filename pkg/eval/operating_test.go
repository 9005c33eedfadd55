package eval

import (
	"math"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// topMetrics and youdenOf agree with the methods of the curve, for images of multiplicity
// 0, 1 and more.
func TestTopMetricsAreTheCurves(t *testing.T) {
	for seed := range uint64(200) {
		scores, positive := randomBinary(seed, 3+int(seed), 1+int(seed)%31)
		counts := repeatOne(len(scores))
		if rng := newRNG(seed); seed%2 == 1 {
			for i := range counts {
				counts[i] = rng.Uint32N(4)
			}
		}
		roc, err := NewROC(scores, positive, counts)
		if err != nil {
			t.Fatal(err)
		}
		ranking := rank(scores, positive)
		positives := 0
		for i, is := range positive {
			positives += indicator(is) * int(counts[i])
		}
		partial, at90, at95 := topMetrics(ranking, counts, positives, total(counts)-positives)
		for name, v := range map[string][2]float64{
			"partial area": {partial, roc.PartialAUC(PartialMaxFPR)},
			"at 90 %":      {at90, roc.AtSpecificity(.90).Sensitivity},
			"at 95 %":      {at95, roc.AtSpecificity(.95).Sensitivity},
		} {
			if !near(v[0], v[1]) && !(math.IsNaN(v[0]) && math.IsNaN(v[1])) {
				t.Errorf("seed %d: %s is %v in one pass, %v on the curve", seed, name, v[0], v[1])
			}
		}
		got, want := youdenOf(ranking, scores, counts, positives, total(counts)-positives), roc.Youden()
		if got != want && !(math.IsNaN(got.Threshold) && math.IsNaN(want.Threshold)) {
			t.Errorf("seed %d: Youden's point is %v in one pass, %v on the curve", seed, got, want)
		}
		if whole := roc.PartialAUC(1); !near(whole, roc.AUC) && !math.IsNaN(roc.AUC) {
			t.Errorf("seed %d: the partial area of the whole is %v, want %v", seed, whole, roc.AUC)
		}
	}
}

// By hand. Negatives .1 .2 .3 .4 .5 .6 .7 .8 .9 1; positives .35 .65 .95.
func TestOperatingPointsByHand(t *testing.T) {
	scores, positive := []float64{.35, .65, .95}, []bool{true, true, true}
	for i := range 10 {
		scores, positive = append(scores, float64(i+1)/10), append(positive, false)
	}
	roc, err := NewROC(scores, positive, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		got, want OperatingPoint
	}{
		{"specificity 1", roc.AtSpecificity(1), OperatingPoint{math.Inf(1), 0, 1}},
		{"specificity .9, which one false positive keeps", roc.AtSpecificity(.9), OperatingPoint{.95, 1. / 3, .9}},
		{"specificity .55", roc.AtSpecificity(.55), OperatingPoint{.65, 2. / 3, .6}},
		{"specificity 0", roc.AtSpecificity(0), OperatingPoint{.35, 1, .3}},
		// J is .233 at .95, .267 at .65, .3 at .35.
		{"Youden", roc.Youden(), OperatingPoint{.35, 1, .3}},
	} {
		if tt.got.Threshold != tt.want.Threshold || !near(tt.got.Sensitivity, tt.want.Sensitivity) || !near(tt.got.Specificity, tt.want.Specificity) {
			t.Errorf("%s: %+v, want %+v", tt.name, tt.got, tt.want)
		}
	}
	// Area to .1: nothing at first, then flat 0 to the first negative; to .2: 1/3 * .1.
	if got, want := roc.PartialAUC(.2), (1+(.1/3-.02)/(.2-.02))/2; !near(got, want) {
		t.Errorf("partial area %v, want %v", got, want)
	}
	if j := roc.Youden().J(); !approx.EqualWithinAbs(j, .3, 1e-15) {
		t.Errorf("J = %v", j)
	}
}

func TestOperatingPointsUndefined(t *testing.T) {
	roc, err := NewROC([]float64{1, 2}, []bool{true, true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	good, err := NewROC([]float64{1, 2}, []bool{false, true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	average, err := MeanROC([]*ROC{good}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{
		"Youden": roc.Youden().Threshold, "at specificity": roc.AtSpecificity(.9).Sensitivity, "partial area": roc.PartialAUC(.1),
		"specificity above 1": good.AtSpecificity(1.5).Sensitivity, "NaN specificity": good.AtSpecificity(math.NaN()).Sensitivity,
		"no width": good.PartialAUC(0), "too wide": good.PartialAUC(1.1), "NaN width": good.PartialAUC(math.NaN()),
		"threshold of an average": average.Youden().Threshold,
	} {
		if !math.IsNaN(v) {
			t.Errorf("%s: %v", name, v)
		}
	}
	if got := good.Youden(); got != (OperatingPoint{2, 1, 1}) {
		t.Errorf("perfect: %+v", got)
	}
}

// A monotone transform of the scores changes the thresholds and no other value.
func TestOperatingPointsMonotoneInvariance(t *testing.T) {
	transform := func(s float64) float64 { return math.Exp(2*s) - 5 }
	for seed := range uint64(30) {
		scores, positive := randomBinary(seed, 60, 25)
		moved := make([]float64, len(scores))
		for i, s := range scores {
			moved[i] = transform(s)
		}
		a, err := NewROC(scores, positive, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewROC(moved, positive, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range [][2]OperatingPoint{{a.Youden(), b.Youden()}, {a.AtSpecificity(.8), b.AtSpecificity(.8)}} {
			v[0].Threshold = transform(v[0].Threshold)
			if v[0] != v[1] {
				t.Errorf("seed %d: %+v, want %+v", seed, v[1], v[0])
			}
		}
		if a.PartialAUC(.3) != b.PartialAUC(.3) {
			t.Errorf("seed %d: the partial area moved", seed)
		}
	}
}

func TestGroups(t *testing.T) {
	p := goldenTables(t)["lopsided"]
	roc, err := tableOf(p).GroupROC(Malignant)
	if err != nil {
		t.Fatal(err)
	}
	pr, err := tableOf(p).GroupPR(Malignant)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Evaluate(ctx, tableOf(p), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Groups) != 1 || roc.AUC != m.Groups[0].AUROC || pr.AP != m.Groups[0].AP {
		t.Errorf("group %+v; curves have areas %v and %v", m.Groups, roc.AUC, pr.AP)
	}
	// A group of one class has the metrics of the class.
	m, err = Evaluate(ctx, tableOf(p), Options{Groups: []Group{{"just nevi", []string{"nv"}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := m.PerClass[p.ClassIndex("nv")]
	want.Class = "just nevi"
	if m.Groups[0].ClassMetrics != want {
		t.Errorf("group of one class %+v, want %+v", m.Groups[0].ClassMetrics, want)
	}
	if m, err := Evaluate(ctx, tableOf(p), Options{Groups: []Group{}}); err != nil || len(m.Groups) != 0 {
		t.Errorf("no groups asked for: %v, %v", m.Groups, err)
	}
	if _, err := tableOf(p).GroupROC(Group{"x", []string{"melanoma"}}); err == nil {
		t.Error("unknown class: no error")
	}
	// Sums of floats depend on their order; the order of the names must not matter.
	odd := &Predictions{Classes: []string{"a", "b", "c", "d"}, ImageIDs: []string{"1"}, Truth: []int{0}, Probs: [][]float32{{0x1p-53, 0x1p-53, 1, 0}}}
	var scores []float64
	for _, names := range [][]string{{"a", "b", "c"}, {"c", "a", "b"}} {
		s, _, err := tableOf(odd).GroupScores(Group{"g", names})
		if err != nil {
			t.Fatal(err)
		}
		scores = append(scores, s[0])
	}
	if scores[0] != scores[1] {
		t.Errorf("scores %v by the order of the names", scores)
	}
}
