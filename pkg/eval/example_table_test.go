package eval_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

func ExampleNewTable() {
	_, err := eval.NewTable(&eval.Predictions{
		Classes:  []string{"mel", "nv"},
		ImageIDs: []string{"ISIC_1", "ISIC_2"},
		Truth:    []int{0, eval.TruthUnknown},
		Probs:    [][]float32{{.75, .25}, {.5, .25}},
	})
	fmt.Println(err)
	// Output:
	// predictions: image 1 ("ISIC_2"): the probabilities of mel,nv sum to 0.75, not 1 (within 0.001)
}

// A bad row is a RowError, in every kind of file.
func ExampleRowError() {
	_, err := eval.ParsePredictions(strings.NewReader("image_id,lesion_id,dx,mel,nv\nISIC_1,,mel,x,0\n"))
	if row := (*eval.RowError)(nil); errors.As(err, &row) {
		fmt.Printf("line %d, column %s: %v\n", row.Line, row.Column, row.Err)
	}
	// Output:
	// line 2, column mel: "x" is not a probability
}

func ExampleTable_Where() {
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	rows := t.Predictions()
	first := t.Where(func(i int) bool { return rows.LesionIDs[i] != "HAM_1" })
	fmt.Printf("accuracy %.2f of %d images, of unknown class %d\n", first.TopK(1), first.Len(), first.Unknown())
	// Output:
	// accuracy 0.67 of 4 images, of unknown class 1
}

func ExampleTable_WithProbs() {
	t := model(1, 200, 1)
	swapped := t.Predictions().Probs
	for i, row := range swapped {
		swapped[i] = []float32{row[1], row[0]}
	}
	q, err := t.WithProbs(swapped)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f and %.3f\n", t.TopK(1), q.TopK(1))
	// Output:
	// 0.650 and 0.350
}

func ExampleTable_Confusion() {
	c := model(1, 200, 1).Confusion()
	fmt.Println(c, c.OneVsRest(1))
	// Output:
	// [[67 33] [37 63]] {63 33 37 67}
}

// All metrics of the table with the first image three times.
func ExampleTable_Score() {
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	m, err := t.Score([]uint32{3, 1, 1, 1, 1, 1}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.3f of %d images\n", m.Accuracy, m.N)
	// Output:
	// accuracy 0.714 of 7 images
}

func ExampleTable_ROC() {
	t := model(1, 200, 1)
	roc, err := t.ROC(1)
	if err != nil {
		log.Fatal(err)
	}
	pr, err := t.PR(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("malignant: AUROC %.3f, average precision %.3f\n", roc.AUC, pr.AP)
	fmt.Printf("all pairs: AUROC %.3f, average precision %.3f\n", t.MicroROC().AUC, t.MicroPR().AP)
	// Output:
	// malignant: AUROC 0.703, average precision 0.679
	// all pairs: AUROC 0.696, average precision 0.679
}

func ExampleTable_GroupROC() {
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	excise := eval.Group{Name: "excise", Classes: []string{"bkl", "mel"}}
	roc, err := t.GroupROC(excise)
	if err != nil {
		log.Fatal(err)
	}
	pr, err := t.GroupPR(excise)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("AUROC %.2f, average precision %.2f\n", roc.AUC, pr.AP)
	// Output:
	// AUROC 0.83, average precision 0.83
}

func ExampleTable_Reliability() {
	t := model(3, 300, 1)
	for _, b := range t.Reliability(eval.EqualMass, 3) {
		fmt.Printf("%d images: confidence %.3f, accuracy %.3f\n", b.Count, b.Confidence, b.Accuracy)
	}
	fmt.Printf("ECE %.3f, classwise %.3f\n", t.ECE(eval.EqualMass, 3), t.ClasswiseECE(eval.EqualWidth, 3))
	// Output:
	// 100 images: confidence 0.610, accuracy 0.560
	// 100 images: confidence 0.814, accuracy 0.630
	// 100 images: confidence 0.960, accuracy 0.810
	// ECE 0.128, classwise 0.124
}

// Counts are repetitions: here three of the first image, and none of the last.
func ExampleNewROC_counts() {
	scores, positive := []float64{.8, .3, .9, .8}, []bool{true, false, true, false}
	roc, err := eval.NewROC(scores, positive, []uint32{3, 1, 1, 0})
	if err != nil {
		log.Fatal(err)
	}
	for i := range roc.FPR {
		fmt.Printf("threshold %4g: FPR %.1f, TPR %.2f\n", roc.Thresholds[i], roc.FPR[i], roc.TPR[i])
	}
	// Output:
	// threshold +Inf: FPR 0.0, TPR 0.00
	// threshold  0.9: FPR 0.0, TPR 0.25
	// threshold  0.8: FPR 0.0, TPR 1.00
	// threshold  0.3: FPR 1.0, TPR 1.00
}

func ExampleNewPR() {
	pr, err := eval.NewPR([]float64{.8, .3, .9, .8}, []bool{true, false, true, false}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for i := range pr.Recall {
		fmt.Printf("threshold %4g: recall %.1f, precision %.2f\n", pr.Thresholds[i], pr.Recall[i], pr.Precision[i])
	}
	fmt.Printf("average precision %.3f\n", pr.AP)
	// Output:
	// threshold +Inf: recall 0.0, precision 1.00
	// threshold  0.9: recall 0.5, precision 1.00
	// threshold  0.8: recall 1.0, precision 0.67
	// threshold  0.3: recall 1.0, precision 0.50
	// average precision 0.833
}

func ExampleMeanROC() {
	var curves []*eval.ROC
	for _, t := range []*eval.Table{model(1, 200, 1), model(2, 200, 1.6)} {
		roc, err := t.ROC(1)
		if err != nil {
			log.Fatal(err)
		}
		curves = append(curves, roc)
	}
	plain, err := eval.MeanROC(curves, nil)
	if err != nil {
		log.Fatal(err)
	}
	weighted, err := eval.MeanROC(curves, []float64{3, 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("areas %.3f and %.3f: mean %.3f, weighted %.3f\n", curves[0].AUC, curves[1].AUC, plain.AUC, weighted.AUC)
	// Output:
	// areas 0.703 and 0.897: mean 0.800, weighted 0.751
}

func ExampleNewROCBands() {
	bands, err := eval.NewROCBands(context.Background(), model(1, 200, 1), []float64{.1, .5}, eval.Options{Resamples: 200, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	b := bands.Classes[1]
	for i, fpr := range bands.FPR {
		fmt.Printf("at %.1f: %.2f [%.2f, %.2f]\n", fpr, b.TPR[i], b.Low[i], b.High[i])
	}
	// Output:
	// at 0.1: 0.20 [0.10, 0.42]
	// at 0.5: 0.82 [0.67, 0.92]
}

func ExampleBootstrap() {
	r, err := eval.Bootstrap(context.Background(), model(1, 200, 1), eval.Options{Resamples: 200, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	ci, err := r.Interval(0, .95)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %.3f %s, from %d lesions\n", r.Paths[0], r.Estimate[0], eval.FormatCI(ci, "%.3f"), r.Info.Units)
	// Output:
	// accuracy 0.650 [0.595, 0.710], from 100 lesions
}

func ExampleSummarizeRuns() {
	var runs []*eval.Metrics
	for seed := range uint64(3) {
		m, err := model(seed, 200, 1).Score(nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		runs = append(runs, m)
	}
	s, err := eval.SummarizeRuns(runs, .95)
	if err != nil {
		log.Fatal(err)
	}
	a := s.Metrics[0]
	fmt.Printf("%s of %d runs: mean %.3f, sd %.3f\n", a.Metric, s.Runs, a.Mean, a.SD)
	// Output:
	// accuracy of 3 runs: mean 0.693, sd 0.039
}

func ExampleLabel() {
	for _, path := range []string{"macro_f1", "per_class.mel.recall", "groups.malignant.auroc"} {
		fmt.Printf("%s; %s\n", eval.Label(path), eval.TextLabel(path))
	}
	// Output:
	// Macro F1; F1, macro
	// Recall, mel; recall of mel
	// AUROC, malignant; AUROC of malignant
}

func ExampleSeenIn() {
	split := []eval.SplitImage{
		{ImageID: "i1", LesionID: "L1", Part: "train"},
		{ImageID: "i2", LesionID: "L1", Part: "test"},
		{ImageID: "i3", LesionID: "L2", Part: "test"},
	}
	seen := eval.SeenIn(split, "train")
	fmt.Println(seen(split[1]), seen(split[2]))
	// Output:
	// true false
}
