package eval

import "math"

// PartialMaxFPR is the greatest false positive rate of the partial area in
// [ClassMetrics]: specificities from 0.9 to 1.
const PartialMaxFPR = 0.1

// rateSlack is the greatest difference of two rates that count as equal: far more
// than rounding errors, and less than one image in any table.
const rateSlack = 1e-12

// OperatingPoint is one threshold on a score: images that score at least
// Threshold are called positive.
type OperatingPoint struct {
	Threshold, Sensitivity, Specificity float64
}

// J is Youden's index, sensitivity + specificity - 1 (Youden 1950).
func (o OperatingPoint) J() float64 { return o.Sensitivity + o.Specificity - 1 }

var undefinedPoint = OperatingPoint{math.NaN(), math.NaN(), math.NaN()}

// point returns point i of the curve as an operating point. Its threshold is NaN for
// an averaged curve, which has no thresholds.
func (c *ROC) point(i int) OperatingPoint {
	o := OperatingPoint{math.NaN(), c.TPR[i], 1 - c.FPR[i]}
	if c.Thresholds != nil {
		o.Threshold = c.Thresholds[i]
	}
	return o
}

// AtSpecificity returns the point of greatest sensitivity with at least the given
// specificity, without interpolation; of several, the point of greatest specificity.
// Its threshold is +Inf if no score reaches the specificity. All fields are NaN for
// an undefined curve.
func (c *ROC) AtSpecificity(specificity float64) OperatingPoint {
	if math.IsNaN(c.AUC) || math.IsNaN(specificity) || specificity > 1 {
		return undefinedPoint
	}
	best := 0
	for i := range c.FPR {
		if c.FPR[i] > 1-specificity+rateSlack {
			break
		}
		if c.TPR[i] > c.TPR[best] {
			best = i
		}
	}
	return c.point(best)
}

// Youden returns the threshold of greatest sensitivity + specificity (Youden
// 1950); of several, the highest. All fields are NaN for an undefined curve.
func (c *ROC) Youden() OperatingPoint {
	if math.IsNaN(c.AUC) {
		return undefinedPoint
	}
	best := 1 // not point 0, where no image is called positive and J = 0, as at the last point
	for i := 2; i < len(c.FPR); i++ {
		if c.point(i).J() > c.point(best).J()+rateSlack {
			best = i
		}
	}
	return c.point(best)
}

// youdenOf is [ROC.Youden] of a ranking, in which image i has the score scores[i] and the
// multiplicity counts[i], without the curve.
func youdenOf(ranking []entry, scores []float64, counts []uint32, positives, negatives int) OperatingPoint {
	best := undefinedPoint
	if positives == 0 || negatives == 0 {
		return best
	}
	tp, fp := 0, 0
	for i, t := range down(ranking, counts) {
		if t == (tie{}) {
			continue
		}
		first := tp+fp == 0
		tp += t.positives
		fp += t.negatives
		o := OperatingPoint{scores[i], ratio(tp, positives), 1 - ratio(fp, negatives)}
		if first || o.J() > best.J()+rateSlack {
			best = o
		}
	}
	return best
}

// PartialAUC returns the area under the curve for false positive rates up to
// maxFPR, standardised after McClish (1989): with A the area, interpolated
// linearly at maxFPR, it is (1 + (A-min)/(max-min))/2 where min = maxFPR^2/2 is
// the area of a random ranking and max = maxFPR the area of a perfect ranking: 0.5 is
// chance and 1 is best for every maxFPR. scikit-learn's roc_auc_score(max_fpr=...)
// has the same definition. NaN for an undefined curve or maxFPR outside (0, 1].
func (c *ROC) PartialAUC(maxFPR float64) float64 {
	if math.IsNaN(c.AUC) || !(maxFPR > 0 && maxFPR <= 1) {
		return math.NaN()
	}
	area := 0.0
	for i := 1; i < len(c.FPR) && c.FPR[i-1] < maxFPR; i++ {
		width, rise := c.FPR[i]-c.FPR[i-1], c.TPR[i]-c.TPR[i-1]
		if width == 0 {
			continue
		}
		share := min(1, (maxFPR-c.FPR[i-1])/width)
		area += share * width * (c.TPR[i-1] + share*rise/2)
	}
	return mcClish(area, maxFPR)
}

func mcClish(area, maxFPR float64) float64 {
	least := maxFPR * maxFPR / 2
	return (1 + (area-least)/(maxFPR-least)) / 2
}

// topMetrics returns the standardised partial area up to a false positive rate of
// [PartialMaxFPR] and the sensitivity at 90 and 95 % specificity of a ranking in
// which image i has multiplicity counts[i]. The arithmetic is as in
// [ROC.PartialAUC] and [ROC.AtSpecificity]; the pass over counts stops where the
// values are settled.
func topMetrics[C multiplicity](ranking []entry, counts []C, positives, negatives int) (partial, at90, at95 float64) {
	if positives == 0 || negatives == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	// The numbers of false positives that are allowed: integers, but for rounding.
	allowed90 := int(0.10*float64(negatives) + 1e-6)
	allowed95 := int(0.05*float64(negatives) + 1e-6)
	limit := PartialMaxFPR * float64(negatives)
	var tp, fp, tp90, tp95 int
	area := 0.0
	for _, t := range down(ranking, counts) {
		if t.negatives > 0 {
			share := min(1, (limit-float64(fp))/float64(t.negatives))
			area += share * float64(t.negatives) * (float64(tp) + share*float64(t.positives)/2)
		}
		tp += t.positives
		fp += t.negatives
		if fp <= allowed90 {
			tp90 = tp
		}
		if fp <= allowed95 {
			tp95 = tp
		}
		if float64(fp) > limit {
			break
		}
	}
	p := float64(positives)
	return mcClish(area/(p*float64(negatives)), PartialMaxFPR), float64(tp90) / p, float64(tp95) / p
}
