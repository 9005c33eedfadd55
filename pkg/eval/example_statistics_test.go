package eval_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

// model draws predictions of a model for n images of two classes, two images of each
// lesion; the truth and the ids are the same for all models.
func model(seed uint64, n int, skill float64) *eval.Table {
	return valid(rows(seed, n, skill))
}

func valid(p *eval.Predictions) *eval.Table {
	t, err := eval.NewTable(p)
	if err != nil {
		log.Fatal(err)
	}
	return t
}

func rows(seed uint64, n int, skill float64) *eval.Predictions {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := &eval.Predictions{Classes: []string{"benign", "malignant"}}
	for i := range n {
		truth := i / 2 % 2
		logit := skill*(2*float64(truth)-1) + 2*rng.NormFloat64()
		malignant := float32(1 / (1 + math.Exp(-logit)))
		p.ImageIDs = append(p.ImageIDs, fmt.Sprint("image ", i))
		p.LesionIDs = append(p.LesionIDs, fmt.Sprint("lesion ", i/2))
		p.Truth = append(p.Truth, truth)
		p.Probs = append(p.Probs, []float32{1 - malignant, malignant})
	}
	return p
}

var (
	fiveScores = []float64{.9, .8, .7, .6, .2}
	fiveTruths = []bool{true, true, false, true, false}
)

func ExampleROC_AtSpecificity() {
	roc, err := eval.NewROC(fiveScores, fiveTruths, nil)
	if err != nil {
		log.Fatal(err)
	}
	o := roc.AtSpecificity(0.95)
	fmt.Printf("sensitivity %.3f at specificity %.2f: call scores of %.1f and above\n", o.Sensitivity, o.Specificity, o.Threshold)
	// Output:
	// sensitivity 0.667 at specificity 1.00: call scores of 0.8 and above
}

func ExampleROC_Youden() {
	roc, err := eval.NewROC(fiveScores, fiveTruths, nil)
	if err != nil {
		log.Fatal(err)
	}
	o := roc.Youden()
	fmt.Printf("J = %.3f at a threshold of %.1f\n", o.J(), o.Threshold)
	// Output:
	// J = 0.667 at a threshold of 0.8
}

func ExampleROC_PartialAUC() {
	roc, err := eval.NewROC(fiveScores, fiveTruths, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("area %.4f; up to a false positive rate of 0.1, %.4f\n", roc.AUC, roc.PartialAUC(0.1))
	// Output:
	// area 0.8333; up to a false positive rate of 0.1, 0.8246
}

func ExampleTable_TopK() {
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("top 1: %.1f, top 2: %.1f\n", t.TopK(1), t.TopK(2))
	// Output:
	// top 1: 0.6, top 2: 1.0
}

func ExampleGroup() {
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	excise := eval.Group{Name: "excise", Classes: []string{"bkl", "mel"}}
	m, err := eval.Evaluate(context.Background(), t, eval.Options{Groups: []eval.Group{excise}})
	if err != nil {
		log.Fatal(err)
	}
	g := m.Groups[0]
	fmt.Printf("%s: sensitivity %.2f, specificity %.2f, AUROC %.2f\n", g.Class, g.Recall, g.Specificity, g.AUROC)
	// Output:
	// excise: sensitivity 0.50, specificity 0.67, AUROC 0.83
}

func ExampleNewDeLong() {
	a, b := model(1, 200, 1), model(2, 200, 1.6)
	scoresA, positive, err := a.Scores(1)
	if err != nil {
		log.Fatal(err)
	}
	scoresB, _, err := b.Scores(1)
	if err != nil {
		log.Fatal(err)
	}
	d, err := eval.NewDeLong(positive, a.Predictions().LesionIDs, scoresA, scoresB)
	if err != nil {
		log.Fatal(err)
	}
	ci, test := d.Interval(0, 0.95), d.Test(0, 1)
	fmt.Printf("A %.3f [%.3f, %.3f], B %.3f\n", d.AUC[0], ci.Low, ci.High, d.AUC[1])
	fmt.Printf("difference %.3f, z %.2f, p %.1e\n", test.Difference, test.Z, test.P)
	// Output:
	// A 0.703 [0.631, 0.774], B 0.897
	// difference 0.194, z 4.13, p 3.7e-05
}

func ExampleCompare() {
	c, err := eval.Compare(context.Background(), model(1, 200, 1), model(2, 200, 1.6), eval.Options{Resamples: 500, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	d := c.Differences[0]
	fmt.Printf("%s: %.3f and %.3f, difference %.3f [%.3f, %.3f], p %.3f\n", d.Metric, d.A, d.B, d.Difference, d.CI.Low, d.CI.High, d.P)
	fmt.Printf("McNemar: A alone right on %d, B alone on %d, p %.3f\n", c.McNemar.OnlyA, c.McNemar.OnlyB, c.McNemar.P)
	// Output:
	// accuracy: 0.650 and 0.815, difference 0.165 [0.075, 0.248], p 0.004
	// McNemar: A alone right on 27, B alone on 60, p 0.001
}

func ExampleMcNemar() {
	fmt.Printf("%.4f\n", eval.McNemar(4, 17))
	// Output:
	// 0.0072
}

func ExampleWilson() {
	ci := eval.Wilson(0, 12, 0.95)
	fmt.Printf("0 of 12: [%.3f, %.3f]\n", ci.Low, ci.High)
	// Output:
	// 0 of 12: [0.000, 0.242]
}

func ExampleSummarize() {
	s, err := eval.Summarize([]float64{.912, .921, .905, .918, .909}, 0.95)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d seeds: %.3f, sd %.4f, [%.3f, %.3f]\n", s.N, s.Mean, s.SD, s.CI.Low, s.CI.High)
	// Output:
	// 5 seeds: 0.913, sd 0.0065, [0.905, 0.921]
}

func ExampleHolm() {
	adjusted, err := eval.Holm([]float64{.01, .04, .03, .005})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range adjusted {
		fmt.Printf("%.2f ", p)
	}
	// Output:
	// 0.03 0.06 0.06 0.02
}

// A statistic that the package lacks: the Gini coefficient of the malignant class.
func ExampleBootstrapFunc() {
	t := model(1, 200, 1)
	scores, positive, err := t.Scores(1)
	if err != nil {
		log.Fatal(err)
	}
	gini := func(counts []uint32) []float64 {
		area, err := eval.AUROC(scores, positive, counts)
		if err != nil {
			return []float64{math.NaN()}
		}
		return []float64{2*area - 1}
	}
	r, err := eval.BootstrapFunc(context.Background(), t, []string{"gini"}, gini, eval.Options{Resamples: 500, Seed: 1, Method: eval.BCaCI})
	if err != nil {
		log.Fatal(err)
	}
	ci, err := r.Interval(0, 0.95)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f [%.3f, %.3f]\n", r.Estimate[0], ci.Low, ci.High)
	// Output:
	// 0.405 [0.272, 0.548]
}

func ExamplePercentileInterval() {
	replicates := []float64{.81, .84, .79, .86, .83, .82, .85, .80, .84, .83}
	ci := eval.PercentileInterval(replicates, 0.8)
	fmt.Printf("[%.3f, %.3f]\n", ci.Low, ci.High)
	// Output:
	// [0.799, 0.851]
}

func ExampleFitTemperature() {
	val, test := model(3, 300, 1), model(4, 300, 1)
	s, err := eval.FitTemperature(val)
	if err != nil {
		log.Fatal(err)
	}
	calibrated, err := s.Apply(test)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("temperature %.2f\n", s.Temperature())
	fmt.Printf("ECE %.3f before, %.3f after\n", test.ECE(eval.EqualMass, eval.ECEBins), calibrated.ECE(eval.EqualMass, eval.ECEBins))
	// Output:
	// temperature 2.32
	// ECE 0.147 before, 0.078 after
}

func ExampleFitVector() {
	s, err := eval.FitVector(model(3, 300, 1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("weights %.2f, biases %.2f\n", s.Weight, s.Bias)
	fmt.Printf("loss %.3f before, %.3f after\n", s.NLLBefore, s.NLLAfter)
	// Output:
	// weights [0.24 0.61], biases [-0.25 0.25]
	// loss 0.687 before, 0.596 after
}

func ExampleTable_BrierDecomposition() {
	d := model(3, 300, 1).BrierDecomposition(eval.EqualWidth, 10)
	fmt.Printf("Brier %.3f = reliability %.3f - resolution %.3f + uncertainty %.3f + within bins %.3f\n",
		d.Brier(), d.Reliability, d.Resolution, d.Uncertainty, d.WithinBin)
	// Output:
	// Brier 0.460 = reliability 0.051 - resolution 0.091 + uncertainty 0.500 + within bins -0.001
}

func ExampleCombine() {
	first, second := model(1, 200, 1), model(2, 200, 1)
	ensemble, err := eval.Combine(eval.CombineGeometricMean, first, second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.3f and %.3f, together %.3f\n", first.TopK(1), second.TopK(1), ensemble.TopK(1))
	// Output:
	// accuracy 0.650 and 0.725, together 0.750
}

// Test-time augmentation: one table for each view of the images.
func ExampleCombine_testTimeAugmentation() {
	views := []*eval.Table{model(1, 200, 1), model(5, 200, 1), model(6, 200, 1), model(7, 200, 1)}
	together, err := eval.Combine(eval.CombineMean, views...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.3f from one view, %.3f from four\n", views[0].TopK(1), together.TopK(1))
	// Output:
	// accuracy 0.650 from one view, 0.830 from four
}

func ExampleAlign() {
	a, b := model(1, 4, 1), model(2, 6, 1)
	_, err := eval.Align(a, b)
	fmt.Println(err)
	// Output:
	// table 2 does not fit table 1: image "image 4" is only here
}

func ExampleAuditLeakage() {
	audit, err := eval.AuditLeakage([]eval.SplitImage{
		{ImageID: "i1", LesionID: "L1", Class: "nv", Part: "train"},
		{ImageID: "i2", LesionID: "L1", Class: "nv", Part: "test"},
		{ImageID: "i3", LesionID: "L2", Class: "mel", Part: "test"},
	}, "train")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d held-out images are leaked: %v\n", audit.HeldOut.Leaked, audit.HeldOut.Images, audit.Leaked)
	for _, s := range audit.SharedLesions {
		fmt.Printf("%s and %s share %v\n", s.Parts[0], s.Parts[1], s.Lesions)
	}
	// Output:
	// 1 of 2 held-out images are leaked: [i2]
	// test and train share [L1]
}

func ExampleMeasureLeak() {
	p := rows(1, 200, 1)
	seen := map[string]bool{} // the images of the first thirty lesions
	for i := range 60 {
		seen[p.ImageIDs[i]] = true
		p.Probs[i] = []float32{0, 0} // the model has memorised them
		p.Probs[i][p.Truth[i]] = 1
	}
	e, err := eval.MeasureLeak(context.Background(), valid(p), func(id string) bool { return seen[id] }, eval.Options{Resamples: 500, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	d := e.Differences[0]
	fmt.Printf("%s: clean %.3f, leaked %.3f, difference %.3f [%.3f, %.3f]\n", d.Metric, d.A, d.B, d.Difference, d.CI.Low, d.CI.High)
	// Output:
	// accuracy: clean 0.650, leaked 1.000, difference 0.350 [0.271, 0.421]
}
