package eval_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

const predictionsCSV = `image_id,lesion_id,dx,bkl,mel,nv
ISIC_1,HAM_1,mel,0.1,0.7,0.2
ISIC_2,HAM_1,mel,0.1,0.4,0.5
ISIC_3,HAM_2,nv,0.2,0.2,0.6
ISIC_4,HAM_3,nv,0,0.1,0.9
ISIC_5,HAM_4,nv,0.1,0.5,0.4
ISIC_6,HAM_5,,0.3,0.3,0.4
`

func ExampleEvaluate() {
	p, err := eval.ReadCSV(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	m, err := eval.Evaluate(p, eval.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.2f, balanced %.4f\n", m.Accuracy, m.BalancedAccuracy)
	fmt.Println("recall of bkl:", m.Undefined["per_class.bkl.recall"])
	// Output:
	// accuracy 0.60, balanced 0.5833
	// recall of bkl: no image of class bkl
}

func ExampleMetrics_Table() {
	p, err := eval.ReadCSV(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	m, err := eval.Evaluate(p, eval.Options{Resamples: 200, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(m.Table())
	// Output: x
}

func ExampleNewROC() {
	roc, err := eval.NewROC([]float64{.8, .3, .9, .8}, []bool{true, false, true, false})
	if err != nil {
		log.Fatal(err)
	}
	for i := range roc.FPR {
		fmt.Printf("threshold %4g: FPR %.1f, TPR %.1f\n", roc.Thresholds[i], roc.FPR[i], roc.TPR[i])
	}
	fmt.Println("area", roc.AUC)
	// Output:
	// threshold +Inf: FPR 0.0, TPR 0.0
	// threshold  0.9: FPR 0.0, TPR 0.5
	// threshold  0.8: FPR 0.5, TPR 1.0
	// threshold  0.3: FPR 1.0, TPR 1.0
	// area 0.875
}

func ExampleConfusion() {
	// Rows are the truth: 50 benign, 10 malignant.
	c := eval.Confusion{{47, 3}, {4, 6}}
	fmt.Printf("accuracy %.3f\n", c.Accuracy())
	fmt.Printf("sensitivity for malignant %.3f, specificity %.3f\n", c.Recall(1), c.Specificity(1))
	// Output:
	// accuracy 0.883
	// sensitivity for malignant 0.600, specificity 0.940
}
