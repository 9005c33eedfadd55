package eval

import (
	"math"
	"testing"

	approx "gonum.org/v1/gonum/floats/scalar"
)

// Worked by hand. Rows are the truth:
//
//	    a  b  c
//	a   3  1  0
//	b   2  2  0
//	c   0  2  0   c is never predicted
var handConfusion = Confusion{{3, 1, 0}, {2, 2, 0}, {0, 2, 0}}

func TestConfusionByHand(t *testing.T) {
	c := handConfusion
	nan := math.NaN()
	tests := []struct {
		name      string
		got, want float64
	}{
		{"accuracy", c.Accuracy(), 5. / 10},
		{"recall a", c.Recall(0), 3. / 4},
		{"recall c", c.Recall(2), 0},
		{"precision a", c.Precision(0), 3. / 5},
		{"precision b", c.Precision(1), 2. / 5},
		{"precision c", c.Precision(2), nan},
		{"specificity a", c.Specificity(0), 4. / 6},
		{"specificity c", c.Specificity(2), 1},
		{"F1 a", c.F1(0), 6. / 9},
		{"F1 c", c.F1(2), 0},
		{"balanced accuracy", c.BalancedAccuracy(), (3./4 + 2./4 + 0) / 3},
		{"paper balanced accuracy", c.PaperBalancedAccuracy(), ((3./4+4./6)/2 + (2./4+3./6)/2 + (0+1.)/2) / 3},
		{"macro precision", c.MacroPrecision(), (3./5 + 2./5) / 2},
		{"macro F1", c.MacroF1(), (6./9 + 4./9 + 0) / 3},
		{"weighted F1", c.WeightedF1(), (4*6./9 + 4*4./9) / 10},
		// (5*10 - (4*5+4*5+2*0)) / sqrt((100-50)(100-36))
		{"MCC", c.MCC(), 10 / math.Sqrt(50*64)},
		// po = .5, pe = (20+20+0)/100
		{"kappa", c.Kappa(), (0.5 - 0.4) / (1 - 0.4)},
	}
	for _, tt := range tests {
		same := math.IsNaN(tt.got) && math.IsNaN(tt.want) || approx.EqualWithinAbs(tt.got, tt.want, 1e-15)
		if !same {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if got, want := c.OneVsRest(1), (Counts{TP: 2, FP: 3, FN: 2, TN: 3}); got != want {
		t.Errorf("OneVsRest(b) = %+v, want %+v", got, want)
	}
	if got := c.NormalizeRows(); got[0][0] != 0.75 || got[2][1] != 1 {
		t.Errorf("NormalizeRows = %v", got)
	}
	if got := c.NormalizeColumns(); got[0][0] != 0.6 || !math.IsNaN(got[0][2]) {
		t.Errorf("NormalizeColumns = %v", got)
	}
}

func TestConfusionDegenerate(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name       string
		c          Confusion
		mcc, kappa float64
	}{
		{"empty", Confusion{{0, 0}, {0, 0}}, nan, nan},
		{"one class, all right", Confusion{{5, 0}, {0, 0}}, nan, nan},
		{"one class, all wrong", Confusion{{0, 5}, {0, 0}}, 0, 0},
		{"constant prediction", Confusion{{5, 0}, {3, 0}}, 0, 0},
		{"constant truth", Confusion{{5, 3}, {0, 0}}, 0, 0},
		{"perfect", Confusion{{5, 0}, {0, 3}}, 1, 1},
		{"reversed", Confusion{{0, 4}, {4, 0}}, -1, -1},
	}
	for _, tt := range tests {
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"MCC", tt.c.MCC(), tt.mcc}, {"kappa", tt.c.Kappa(), tt.kappa}} {
			if v.got != v.want && !(math.IsNaN(v.got) && math.IsNaN(v.want)) {
				t.Errorf("%s: %s = %v, want %v", tt.name, v.name, v.got, v.want)
			}
		}
	}
}

// The four confusion matrices that the authors logged, with the values that their
// notebooks printed (accuracy; macro precision, recall and F1).
func TestLoggedConfusionMatrices(t *testing.T) {
	tests := []struct {
		name                            string
		c                               Confusion
		accuracy, precision, recall, f1 float64
	}{
		{"DenseNet201, retrained", Confusion{
			{20, 4, 5, 0, 2, 2, 0}, {1, 38, 2, 1, 2, 7, 0}, {4, 3, 86, 1, 6, 9, 0}, {0, 1, 1, 9, 0, 1, 0},
			{0, 2, 4, 0, 74, 31, 0}, {1, 2, 12, 1, 16, 633, 1}, {0, 0, 0, 0, 0, 1, 13},
		}, .8765, .8079, .7765, .79},
		{"InceptionResNetV2, retrained", Confusion{
			{29, 2, 0, 0, 1, 1, 0}, {4, 43, 0, 0, 0, 4, 0}, {5, 2, 88, 1, 2, 11, 0}, {0, 1, 0, 11, 0, 0, 0},
			{1, 4, 1, 1, 79, 25, 0}, {0, 5, 13, 3, 20, 622, 3}, {0, 0, 0, 0, 0, 1, 13},
		}, .8886, .7960, .8600, .82},
		{"DenseNet201 with batch norm", Confusion{
			{30, 1, 0, 0, 1, 1, 0}, {2, 37, 2, 1, 2, 7, 0}, {5, 3, 87, 0, 7, 7, 0}, {0, 1, 0, 11, 0, 0, 0},
			{1, 1, 5, 0, 74, 30, 0}, {1, 2, 13, 0, 17, 632, 1}, {0, 0, 0, 0, 0, 1, 13},
		}, .8876, .8449, .8419, .84},
		{"DenseNet201 with two batch norms", Confusion{
			{25, 3, 3, 0, 0, 2, 0}, {3, 37, 1, 1, 1, 7, 1}, {11, 2, 87, 0, 2, 7, 0}, {0, 2, 0, 10, 0, 0, 0},
			{0, 2, 7, 1, 70, 31, 0}, {4, 2, 13, 7, 23, 615, 2}, {0, 0, 0, 0, 0, 0, 14},
		}, .8614, .7349, .8098, .76},
	}
	for _, tt := range tests {
		if n := tt.c.Total(); n != 996 {
			t.Errorf("%s: %d images, want 996", tt.name, n)
		}
		for _, v := range []struct {
			metric              string
			got, want, rounding float64
		}{
			{"accuracy", tt.c.Accuracy(), tt.accuracy, .00005},
			{"macro precision", tt.c.MacroPrecision(), tt.precision, .00005},
			{"macro recall", tt.c.BalancedAccuracy(), tt.recall, .00005},
			{"macro F1", tt.c.MacroF1(), tt.f1, .005},
		} {
			if !approx.EqualWithinAbs(v.got, v.want, v.rounding) {
				t.Errorf("%s: %s = %.5f, the notebook printed %v", tt.name, v.metric, v.got, v.want)
			}
		}
	}
}
