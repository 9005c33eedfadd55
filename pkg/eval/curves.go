package eval

import (
	"fmt"
	"math"
	"slices"
)

// ROC is a receiver operating characteristic: point i holds the rates when
// scores of at least Thresholds[i] are called positive. It starts at (0, 0)
// with threshold +Inf and ends at (1, 1); there is a point for each distinct
// score. With no positives TPR is NaN, with no negatives FPR.
type ROC struct {
	FPR, TPR, Thresholds []float64
	AUC                  float64 // NaN unless there are positives and negatives
}

// PR is a precision-recall curve: point i holds the values when scores of at
// least Thresholds[i] are called positive, by rising recall. It starts at
// recall 0, precision 1 (by convention, as nothing is called positive) with
// threshold +Inf; there is a point for each distinct score. With no positives,
// Recall and AP are NaN.
type PR struct {
	Precision, Recall, Thresholds []float64
	AP                            float64 // average precision
}

// AUROC returns the probability that a positive scores higher than a negative,
// ties counting one half (Mann-Whitney); NaN unless there are both. Scores must
// not be NaN.
func AUROC(scores []float64, positive []bool) (float64, error) {
	roc, err := NewROC(scores, positive)
	if err != nil {
		return math.NaN(), err
	}
	return roc.AUC, nil
}

// AveragePrecision returns the sum over distinct scores of precision times rise
// in recall; NaN without positives. Scores must not be NaN.
func AveragePrecision(scores []float64, positive []bool) (float64, error) {
	pr, err := NewPR(scores, positive)
	if err != nil {
		return math.NaN(), err
	}
	return pr.AP, nil
}

// NewROC returns the ROC curve of scores, of which positive[i] tells the truth.
func NewROC(scores []float64, positive []bool) (*ROC, error) {
	ranking, err := rankScores(scores, positive)
	if err != nil {
		return nil, err
	}
	return rocOf(ranking, scores), nil
}

// rocOf is the curve of a ranking; scores are by image.
func rocOf(ranking []entry, scores []float64) *ROC {
	steps := walk(ranking, scores)
	last := steps[len(steps)-1]
	roc := &ROC{}
	for _, s := range steps {
		roc.FPR = append(roc.FPR, ratio(s.fp, last.fp))
		roc.TPR = append(roc.TPR, ratio(s.tp, last.tp))
		roc.Thresholds = append(roc.Thresholds, s.threshold)
	}
	roc.AUC, _ = rankMetrics(ranking, repeatOne(len(scores)))
	return roc
}

// NewPR returns the precision-recall curve of scores, of which positive[i]
// tells the truth.
func NewPR(scores []float64, positive []bool) (*PR, error) {
	ranking, err := rankScores(scores, positive)
	if err != nil {
		return nil, err
	}
	steps := walk(ranking, scores)
	last := steps[len(steps)-1]
	pr := &PR{}
	for i, s := range steps {
		precision := 1.0
		if i > 0 {
			precision = ratio(s.tp, s.tp+s.fp)
		}
		pr.Precision = append(pr.Precision, precision)
		pr.Recall = append(pr.Recall, ratio(s.tp, last.tp))
		pr.Thresholds = append(pr.Thresholds, s.threshold)
	}
	_, pr.AP = rankMetrics(ranking, repeatOne(len(scores)))
	return pr, nil
}

// ClassROC returns the ROC curve of class k of p against the rest, over the
// rows of known truth.
func ClassROC(p *Predictions, k int) (*ROC, error) {
	scores, positive, err := oneVsRest(p, k)
	if err != nil {
		return nil, err
	}
	return NewROC(scores, positive)
}

// ClassPR is [ClassROC] for the precision-recall curve.
func ClassPR(p *Predictions, k int) (*PR, error) {
	scores, positive, err := oneVsRest(p, k)
	if err != nil {
		return nil, err
	}
	return NewPR(scores, positive)
}

// MicroROC returns the ROC curve of all (image, class) pairs of p ranked
// together.
func MicroROC(p *Predictions) (*ROC, error) {
	scores, positive, err := allPairs(p)
	if err != nil {
		return nil, err
	}
	return NewROC(scores, positive)
}

// MicroPR is [MicroROC] for the precision-recall curve.
func MicroPR(p *Predictions) (*PR, error) {
	scores, positive, err := allPairs(p)
	if err != nil {
		return nil, err
	}
	return NewPR(scores, positive)
}

// MacroROC averages curves vertically: at each false positive rate the mean of
// their true positive rates, interpolated linearly. Its AUC is the mean of
// theirs. Curves that are undefined (a class that is absent) are left out; with
// none left, the result has no points and a NaN area. Thresholds is nil, as the
// classes have no common one.
func MacroROC(curves []*ROC) *ROC {
	return averageROC(curves, slices.Repeat([]float64{1}, len(curves)))
}

// WeightedROC is [MacroROC] with a weight for each curve, such as the number of
// images of its class. Weights must not be negative; curves of weight 0 are left
// out. It panics if there are not as many weights as curves.
func WeightedROC(curves []*ROC, weights []float64) *ROC {
	if len(curves) != len(weights) {
		panic(fmt.Sprintf("eval: %d weights for %d ROC curves", len(weights), len(curves)))
	}
	return averageROC(curves, weights)
}

func averageROC(all []*ROC, allWeights []float64) *ROC {
	average := &ROC{AUC: math.NaN()}
	var curves []*ROC
	var weights, grid []float64
	sum, total := 0.0, 0.0
	for i, c := range all {
		if w := allWeights[i]; w > 0 && !math.IsNaN(c.AUC) {
			curves, weights = append(curves, c), append(weights, w)
			grid = append(grid, c.FPR...)
			sum += w * c.AUC
			total += w
		}
	}
	if len(curves) == 0 {
		return average
	}
	average.AUC = sum / total
	slices.Sort(grid)
	for _, fpr := range slices.Compact(grid) {
		var low, high float64
		for i, c := range curves {
			l, h := c.at(fpr)
			low += weights[i] * l
			high += weights[i] * h
		}
		// A curve that steps up here has two values, and so has the mean.
		average.FPR = append(average.FPR, fpr)
		average.TPR = append(average.TPR, low/total)
		if high > low {
			average.FPR = append(average.FPR, fpr)
			average.TPR = append(average.TPR, high/total)
		}
	}
	return average
}

// at returns the lowest and the highest true positive rate of the curve at a
// false positive rate in [0, 1].
func (c *ROC) at(fpr float64) (low, high float64) {
	first, found := slices.BinarySearch(c.FPR, fpr)
	if !found { // between first-1 and first
		a, b := first-1, first
		share := (fpr - c.FPR[a]) / (c.FPR[b] - c.FPR[a])
		v := c.TPR[a] + share*(c.TPR[b]-c.TPR[a])
		return v, v
	}
	last := first
	for last+1 < len(c.FPR) && c.FPR[last+1] == fpr {
		last++
	}
	return c.TPR[first], c.TPR[last]
}

// Simplify returns the curve without the points that lie on the straight line
// between their neighbours: the same curve and area in fewer points, for
// drawing.
func (c *ROC) Simplify() *ROC {
	out := &ROC{AUC: c.AUC}
	keep := func(i int) {
		out.FPR = append(out.FPR, c.FPR[i])
		out.TPR = append(out.TPR, c.TPR[i])
		if c.Thresholds != nil {
			out.Thresholds = append(out.Thresholds, c.Thresholds[i])
		}
	}
	for i := range c.FPR {
		if i > 0 && i < len(c.FPR)-1 {
			x0, y0 := out.FPR[len(out.FPR)-1], out.TPR[len(out.TPR)-1]
			dx, dy := c.FPR[i]-x0, c.TPR[i]-y0
			ex, ey := c.FPR[i+1]-c.FPR[i], c.TPR[i+1]-c.TPR[i]
			if math.Abs(dx*ey-dy*ex) < 1e-15 {
				continue
			}
		}
		keep(i)
	}
	return out
}

// step is a place in a ranking between two distinct scores.
type step struct {
	threshold float64
	tp, fp    int
}

// walk returns the counts at each distinct score, highest first, after the
// empty step at +Inf.
func walk(ranking []entry, scores []float64) []step {
	steps := []step{{threshold: math.Inf(1)}}
	now := step{}
	for _, e := range ranking {
		if e&positiveBit != 0 {
			now.tp++
		} else {
			now.fp++
		}
		if e&tieEndBit != 0 {
			now.threshold = scores[e>>entryShift]
			steps = append(steps, now)
		}
	}
	return steps
}

func rankScores(scores []float64, positive []bool) ([]entry, error) {
	if len(scores) != len(positive) {
		return nil, fmt.Errorf("ranking: %d scores but %d truths", len(scores), len(positive))
	}
	if len(scores) > maxImages {
		return nil, fmt.Errorf("ranking: %d scores, at most %d can be ranked", len(scores), maxImages)
	}
	if i := slices.IndexFunc(scores, math.IsNaN); i >= 0 {
		return nil, fmt.Errorf("ranking: score %d is NaN", i)
	}
	return newRanking(len(scores),
		func(i int) int { return i },
		func(i int) float64 { return scores[i] },
		func(i int) bool { return positive[i] }), nil
}

func repeatOne(n int) []uint32 {
	return slices.Repeat([]uint32{1}, n)
}

func oneVsRest(p *Predictions, k int) (scores []float64, positive []bool, err error) {
	known, _, err := prepare(p)
	if err != nil {
		return nil, nil, err
	}
	if k < 0 || k >= len(p.Classes) {
		return nil, nil, fmt.Errorf("class index %d, but there are %d classes", k, len(p.Classes))
	}
	scores, positive = column(known, k)
	return scores, positive, nil
}

func allPairs(p *Predictions) (scores []float64, positive []bool, err error) {
	known, _, err := prepare(p)
	if err != nil {
		return nil, nil, err
	}
	for i, row := range known.Probs {
		for k, v := range row {
			scores = append(scores, float64(v))
			positive = append(positive, known.Truth[i] == k)
		}
	}
	return scores, positive, nil
}
