package eval

import "math"

// Confusion is a square matrix of counts: Confusion[t][p] images of true class
// t were predicted as class p. Its methods are the metrics that need only
// the predicted class. A method returns NaN if its formula is 0/0.
//
// Averages over classes ("macro") leave out the classes for which the
// per-class value is undefined, as scikit-learn does with zero_division=nan.
type Confusion [][]int

// NewConfusion returns a zero matrix for the given number of classes.
func NewConfusion(classes int) Confusion {
	cells := make([]int, classes*classes)
	c := make(Confusion, classes)
	for t := range c {
		c[t] = cells[t*classes : (t+1)*classes : (t+1)*classes]
	}
	return c
}

// Counts are the four cells of one class against the rest.
type Counts struct{ TP, FP, FN, TN int }

// Recall returns TP/(TP+FN) (sensitivity); NaN without positives.
func (v Counts) Recall() float64 { return ratio(v.TP, v.TP+v.FN) }

// Precision returns TP/(TP+FP) (positive predictive value); NaN if no image is
// called positive.
func (v Counts) Precision() float64 { return ratio(v.TP, v.TP+v.FP) }

// Specificity returns TN/(TN+FP); NaN without negatives.
func (v Counts) Specificity() float64 { return ratio(v.TN, v.TN+v.FP) }

// NPV returns TN/(TN+FN), the negative predictive value; NaN if no image is
// called negative.
func (v Counts) NPV() float64 { return ratio(v.TN, v.TN+v.FN) }

// F1 returns 2TP/(2TP+FP+FN); NaN if no image is positive or called positive.
func (v Counts) F1() float64 { return ratio(2*v.TP, 2*v.TP+v.FP+v.FN) }

// groupVsRest returns the counts of a group of classes against all others:
// confusions within the group are true positives.
func (c Confusion) groupVsRest(g *columnGroup) Counts {
	var v Counts
	for t, row := range c {
		for p, n := range row {
			switch truth, called := g.has(t), g.has(p); {
			case truth && called:
				v.TP += n
			case truth:
				v.FN += n
			case called:
				v.FP += n
			default:
				v.TN += n
			}
		}
	}
	return v
}

// OneVsRest returns the counts of class k against all others.
func (c Confusion) OneVsRest(k int) Counts {
	return c.groupVsRest(&columnGroup{columns: []int{k}})
}

// Total returns the number of images.
func (c Confusion) Total() int {
	total := 0
	for t := range c {
		total += c.Support(t)
	}
	return total
}

// Support returns the number of images whose true class is k.
func (c Confusion) Support(k int) int {
	sum := 0
	for _, v := range c[k] {
		sum += v
	}
	return sum
}

// predicted returns the number of images predicted as class k.
func (c Confusion) predicted(k int) int {
	sum := 0
	for t := range c {
		sum += c[t][k]
	}
	return sum
}

func (c Confusion) correct() int {
	sum := 0
	for k := range c {
		sum += c[k][k]
	}
	return sum
}

// Recall returns TP/(TP+FN) of class k (sensitivity); NaN for a class absent
// from the truth.
func (c Confusion) Recall(k int) float64 { return ratio(c[k][k], c.Support(k)) }

// Precision returns TP/(TP+FP) of class k; NaN for a class never predicted.
func (c Confusion) Precision(k int) float64 { return ratio(c[k][k], c.predicted(k)) }

// Specificity returns TN/(TN+FP) of class k against the rest; NaN if every
// image is of class k.
func (c Confusion) Specificity(k int) float64 { return c.OneVsRest(k).Specificity() }

// F1 returns 2TP/(2TP+FP+FN) of class k; NaN for a class that is neither in
// the truth nor predicted.
func (c Confusion) F1(k int) float64 {
	return ratio(2*c[k][k], c.Support(k)+c.predicted(k))
}

// Accuracy returns the share of images whose predicted class is the true one.
func (c Confusion) Accuracy() float64 { return ratio(c.correct(), c.Total()) }

// BalancedAccuracy returns the mean recall over the classes present in the
// truth.
func (c Confusion) BalancedAccuracy() float64 { return c.macro(c.Recall) }

// PaperBalancedAccuracy returns the mean over classes of
// (sensitivity+specificity)/2, which the paper's Table A5 calls balanced
// accuracy. It is higher than [Confusion.BalancedAccuracy], as specificity
// against many classes is nearly 1.
func (c Confusion) PaperBalancedAccuracy() float64 {
	return c.macro(func(k int) float64 { return (c.Recall(k) + c.Specificity(k)) / 2 })
}

// MacroPrecision returns the mean precision over the classes that are
// predicted at least once.
func (c Confusion) MacroPrecision() float64 { return c.macro(c.Precision) }

// MacroSpecificity returns the mean specificity over the classes that have a
// negative, which the paper's Table A5 calls specificity.
func (c Confusion) MacroSpecificity() float64 { return c.macro(c.Specificity) }

// MacroF1 returns the mean F1 over the classes that are present or predicted.
func (c Confusion) MacroF1() float64 { return c.macro(c.F1) }

// WeightedF1 returns the mean F1 weighted by support.
func (c Confusion) WeightedF1() float64 { return c.weighted(c.F1) }

// macro averages a per-class metric over the classes that define it.
func (c Confusion) macro(metric func(k int) float64) float64 {
	sum, n := 0.0, 0
	for k := range c {
		if v := metric(k); !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n) // NaN without a defined value
}

// weighted averages a per-class metric by support over the classes that define it.
func (c Confusion) weighted(metric func(k int) float64) float64 {
	sum, n := 0.0, 0
	for k := range c {
		if v := metric(k); !math.IsNaN(v) {
			sum += v * float64(c.Support(k))
			n += c.Support(k)
		}
	}
	return sum / float64(n)
}

// MCC returns Matthews' correlation coefficient for several classes (Gorodkin
// 2004, the R_K statistic). If the truth or the predictions are constant, it is 0,
// the limit of the correlation, as in scikit-learn; if both are the same class, it is
// NaN.
func (c Confusion) MCC() float64 {
	if c.oneClass() {
		return math.NaN()
	}
	n, correct := float64(c.Total()), float64(c.correct())
	var cross, truth2, predicted2 float64
	for k := range c {
		t, p := float64(c.Support(k)), float64(c.predicted(k))
		cross += t * p
		truth2 += t * t
		predicted2 += p * p
	}
	denominator := math.Sqrt((n*n - predicted2) * (n*n - truth2))
	if denominator == 0 {
		return 0
	}
	return (correct*n - cross) / denominator
}

// Kappa returns Cohen's (1960) kappa: agreement beyond chance. It is NaN if the truth
// and the predictions are all of the same class.
func (c Confusion) Kappa() float64 {
	if c.oneClass() {
		return math.NaN()
	}
	n, chance := float64(c.Total()), 0.0
	for k := range c {
		chance += float64(c.Support(k)) * float64(c.predicted(k))
	}
	return (float64(c.correct())*n - chance) / (n*n - chance)
}

// oneClass reports whether all counts (or none) are in one cell of the
// diagonal.
func (c Confusion) oneClass() bool {
	total := c.Total()
	for k := range c {
		if c[k][k] == total {
			return true
		}
	}
	return false
}

// NormalizeRows returns each row divided by its sum: the shares of the predicted
// classes among the images of a true class. Rows of absent classes are NaN.
func (c Confusion) NormalizeRows() [][]float64 {
	return c.normalize(func(t, _ int) int { return c.Support(t) })
}

// NormalizeColumns returns each column divided by its sum: the shares of the true
// classes among the images of a predicted class. Columns of classes that are never
// predicted are NaN.
func (c Confusion) NormalizeColumns() [][]float64 {
	return c.normalize(func(_, p int) int { return c.predicted(p) })
}

func (c Confusion) normalize(by func(t, p int) int) [][]float64 {
	out := make([][]float64, len(c))
	for t := range c {
		out[t] = make([]float64, len(c))
		for p, v := range c[t] {
			out[t][p] = ratio(v, by(t, p))
		}
	}
	return out
}

// ratio returns a/b, and NaN if b is 0.
func ratio(a, b int) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}
