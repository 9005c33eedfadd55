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

// AUROC returns the area under the ROC curve; see [NewROC] for the arguments. It
// is the probability that a positive scores higher than a negative, ties counting
// one half (Mann-Whitney); NaN unless there are both.
func AUROC(scores []float64, positive []bool, counts []uint32) (float64, error) {
	area, _, err := areas(scores, positive, counts)
	return area, err
}

// AveragePrecision returns the sum over distinct scores of precision times rise
// in recall; see [NewROC] for the arguments. NaN without positives.
func AveragePrecision(scores []float64, positive []bool, counts []uint32) (float64, error) {
	_, ap, err := areas(scores, positive, counts)
	return ap, err
}

func areas(scores []float64, positive []bool, counts []uint32) (auroc, averagePrecision float64, err error) {
	ranking, counts, err := rankScores(scores, positive, counts)
	if err != nil {
		return math.NaN(), math.NaN(), err
	}
	auroc, averagePrecision = rankMetrics(ranking, counts)
	return auroc, averagePrecision, nil
}

// NewROC returns the ROC curve of scores.
//
// Image i has the score scores[i], in no particular order, and is a positive if
// positive[i] is true. Its multiplicity is counts[i]: 2 is the same as listing the
// image twice, 0 the same as leaving it out. Nil means all 1. None of the slices
// is changed.
//
// The curve has one point more than there are distinct scores of images that
// count, in falling order of threshold. It is an error if the slices differ in
// length or a score is NaN. Fawcett (2006) introduces ROC curves.
func NewROC(scores []float64, positive []bool, counts []uint32) (*ROC, error) {
	ranking, counts, err := rankScores(scores, positive, counts)
	if err != nil {
		return nil, err
	}
	return rocOf(ranking, scores, counts), nil
}

// NewPR returns the precision-recall curve of scores; see [NewROC] for the
// arguments, the length of the curve and the errors.
func NewPR(scores []float64, positive []bool, counts []uint32) (*PR, error) {
	ranking, counts, err := rankScores(scores, positive, counts)
	if err != nil {
		return nil, err
	}
	return prOf(ranking, scores, counts), nil
}

// rocOf is the curve of a ranking; scores and counts are by image.
func rocOf(ranking []entry, scores []float64, counts []uint32) *ROC {
	tp, fp, thresholds := walk(ranking, scores, counts)
	roc := &ROC{FPR: shares(fp), TPR: shares(tp), Thresholds: thresholds}
	roc.AUC, _ = rankMetrics(ranking, counts)
	return roc
}

// prOf is the curve of a ranking; scores and counts are by image.
func prOf(ranking []entry, scores []float64, counts []uint32) *PR {
	tp, fp, thresholds := walk(ranking, scores, counts)
	pr := &PR{Precision: []float64{1}, Recall: shares(tp), Thresholds: thresholds}
	for i := 1; i < len(tp); i++ {
		pr.Precision = append(pr.Precision, ratio(tp[i], tp[i]+fp[i]))
	}
	_, pr.AP = rankMetrics(ranking, counts)
	return pr
}

// ROC returns the ROC curve of class k against the rest, over the images of
// known truth. A class that is not in the table is an error.
func (t *Table) ROC(k int) (*ROC, error) { return curveOfClass(t, k, rocOf) }

// PR is [Table.ROC] for the precision-recall curve.
func (t *Table) PR(k int) (*PR, error) { return curveOfClass(t, k, prOf) }

func curveOfClass[C any](t *Table, k int, of func([]entry, []float64, []uint32) C) (curve C, err error) {
	scores, _, err := t.Scores(k)
	if err != nil {
		return curve, err
	}
	return of(t.orders().perClass[k], scores, repeatOne(len(scores))), nil
}

// GroupROC returns the ROC curve of a group of classes against the rest, over
// the images of known truth.
func (t *Table) GroupROC(g Group) (*ROC, error) { return curveOfGroup(t, g, NewROC) }

// GroupPR is [Table.GroupROC] for the precision-recall curve.
func (t *Table) GroupPR(g Group) (*PR, error) { return curveOfGroup(t, g, NewPR) }

func curveOfGroup[C any](t *Table, g Group, of func([]float64, []bool, []uint32) (C, error)) (curve C, err error) {
	scores, positive, err := t.GroupScores(g)
	if err != nil {
		return curve, err
	}
	return of(scores, positive, nil)
}

// MicroROC returns the ROC curve of all (image, class) pairs in one ranking.
func (t *Table) MicroROC() *ROC { return curveOfPairs(t, rocOf) }

// MicroPR is [Table.MicroROC] for the precision-recall curve.
func (t *Table) MicroPR() *PR { return curveOfPairs(t, prOf) }

func curveOfPairs[C any](t *Table, of func([]entry, []float64, []uint32) C) C {
	scores, positive := pairs(t.known)
	return of(rank(scores, positive), scores, repeatOne(len(scores)))
}

// MeanROC averages curves vertically: at each false positive rate the mean of
// their true positive rates, interpolated linearly, with a weight for each curve,
// such as the number of images of its class; nil weighs all alike. Its AUC is the
// mean of the curves' AUCs. Undefined curves (of an absent class) and curves of
// weight 0 or less are left out; with none left, the result has no points and a NaN
// area. Thresholds is nil, as the curves have no common thresholds. It is an error
// if the numbers of weights and curves differ.
func MeanROC(all []*ROC, allWeights []float64) (*ROC, error) {
	if allWeights == nil {
		allWeights = slices.Repeat([]float64{1}, len(all))
	}
	if len(all) != len(allWeights) {
		return nil, fmt.Errorf("mean ROC: %d weights for %d curves", len(allWeights), len(all))
	}
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
		return average, nil
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
		// Where a curve steps up, it has two values, and so has the mean.
		average.FPR = append(average.FPR, fpr)
		average.TPR = append(average.TPR, low/total)
		if high > low {
			average.FPR = append(average.FPR, fpr)
			average.TPR = append(average.TPR, high/total)
		}
	}
	return average, nil
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

// walk returns the points of a curve: at +Inf, and at each distinct score of images
// that count, highest first, the numbers of positives and negatives that score at
// least as high.
func walk(ranking []entry, scores []float64, counts []uint32) (tp, fp []int, thresholds []float64) {
	tp, fp, thresholds = []int{0}, []int{0}, []float64{math.Inf(1)}
	for i, t := range down(ranking, counts) {
		if t == (tie{}) {
			continue
		}
		tp = append(tp, tp[len(tp)-1]+t.positives)
		fp = append(fp, fp[len(fp)-1]+t.negatives)
		thresholds = append(thresholds, scores[i])
	}
	return tp, fp, thresholds
}

// shares divides running counts by the last.
func shares(counts []int) []float64 {
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = ratio(n, counts[len(counts)-1])
	}
	return out
}

// rankScores checks the arguments of [NewROC], and returns counts of one for
// nil.
func rankScores(scores []float64, positive []bool, counts []uint32) ([]entry, []uint32, error) {
	if counts == nil {
		counts = repeatOne(len(scores))
	}
	if len(scores) != len(positive) || len(scores) != len(counts) {
		return nil, nil, fmt.Errorf("ranking: %d scores, %d truths, %d counts", len(scores), len(positive), len(counts))
	}
	if len(scores) > maxImages {
		return nil, nil, fmt.Errorf("ranking: %d scores, at most %d can be ranked", len(scores), maxImages)
	}
	if i := slices.IndexFunc(scores, math.IsNaN); i >= 0 {
		return nil, nil, fmt.Errorf("ranking: score %d is NaN", i)
	}
	return rank(scores, positive), counts, nil
}

func repeatOne(n int) []uint32 {
	return slices.Repeat([]uint32{1}, n)
}
