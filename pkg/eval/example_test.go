package eval_test

import (
	"context"
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
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	m, err := eval.Evaluate(context.Background(), t, eval.Options{})
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
	t, err := eval.ParsePredictions(strings.NewReader(predictionsCSV))
	if err != nil {
		log.Fatal(err)
	}
	m, err := eval.Evaluate(context.Background(), t, eval.Options{Resamples: 200, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(m.Table())
	// Output:
	// 5 images (1 more without a known class left out); 95 % intervals from 200 resamples of 4 lesions, seed 1
	//
	// accuracy                         0.600  [0.250, 1.000]
	// balanced accuracy (mean recall)  0.583  [0.250, 1.000]
	// mean of (sens.+spec.)/2          0.583  -
	// precision, macro                 0.583  [0.250, 1.000]
	// F1, macro                        0.583  [0.200, 1.000]
	// F1, weighted                     0.600  [0.333, 1.000]
	// AUROC, macro                     0.833  -
	// AUROC, weighted                  0.833  -
	// AUROC, micro                     0.920  [0.719, 1.000]
	// average precision, macro         0.875  [0.667, 1.000]
	// Matthews correlation             0.167  [-0.500, 0.612]
	// Cohen's kappa                    0.167  [-0.500, 0.545]
	// negative log-likelihood          0.561  [0.308, 0.804]
	// Brier score                      0.328  [0.130, 0.524]
	// ECE, 15 equal-mass bins          0.360  -
	// top-2 accuracy                   1.000  [1.000, 1.000]
	// ECE, 15 equal-width bins         0.360  -
	//
	//   class  images  precision  recall  specificity     F1  AUROC     AP  partial  sens@90  sens@95
	//     bkl       0          -       -        1.000      -      -      -        -        -        -
	//     mel       2      0.500   0.500        0.667  0.500  0.833  0.833    0.737    0.500    0.500
	//      nv       3      0.667   0.667        0.500  0.667  0.833  0.917    0.825    0.667    0.667
	// partial: standardised AUROC of false positive rates up to 0.1; sens@90: sensitivity at 90 % specificity
	//
	// confusion (rows: truth, columns: predicted)
	//        bkl  mel  nv
	//   bkl    0    0   0
	//   mel    0    1   1
	//    nv    0    1   2
	//
	// -: undefined
	//    ci.paper_balanced_accuracy: defined in only 69 % of the resamples
	//    ci.ece: a calibration error is a mean of absolute values, which resampling raises: an interval of resamples lies too high and may not hold the value
	//    per_class.bkl.precision: class bkl is never predicted
	//    per_class.bkl.recall: no image of class bkl
	//    per_class.bkl.f1: class bkl is neither in the truth nor predicted
	//    ci.per_class.mel.precision: all images of mel are of one lesion
	//    ci.per_class.nv.precision: all images but those of nv are of one lesion
}

func ExampleNewROC() {
	roc, err := eval.NewROC([]float64{.8, .3, .9, .8}, []bool{true, false, true, false}, nil)
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
