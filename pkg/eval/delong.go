package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// DeLong holds the areas under the ROC curves of one or several scores of the
// same images, and their estimated covariance.
type DeLong struct {
	AUC []float64
	// Cov[i][j] is the covariance of AUC[i] and AUC[j].
	Cov                  [][]float64
	Positives, Negatives int
}

// NewDeLong returns the areas of scores[0], scores[1], ... of the same images, image
// i being a positive if positive[i] is true, with the covariance of DeLong, DeLong
// and Clarke-Pearson (1988), by the midranks of Sun and Xu (2014) in O(n log n).
//
// If lesions is not empty, lesions[i] is the lesion of image i, or empty if the image
// has a lesion of its own. The covariance is then Obuchowski's (1997), which sums the
// structural components of a lesion before it squares them: photos of one lesion are
// not independent. If every image has a lesion of its own, both covariances are
// equal.
//
// Without a positive or a negative, the areas are NaN; without two lesions with a
// positive and two lesions with a negative, the covariances. NaN scores and slices of
// different lengths are errors.
func NewDeLong(positive []bool, lesions []string, scores ...[]float64) (*DeLong, error) {
	n := len(positive)
	if len(lesions) != 0 && len(lesions) != n {
		return nil, fmt.Errorf("DeLong: %d truths but %d lesions", n, len(lesions))
	}
	if len(scores) == 0 {
		return nil, errors.New("DeLong: no scores")
	}
	d := &DeLong{}
	for _, is := range positive {
		d.Positives += indicator(is)
	}
	d.Negatives = n - d.Positives
	clusters := clusters(upTo(n), lesions)
	parts := make([]components, len(scores))
	for s, values := range scores {
		if len(values) != n {
			return nil, fmt.Errorf("DeLong: %d truths but %d scores", n, len(values))
		}
		if i := slices.IndexFunc(values, math.IsNaN); i >= 0 {
			return nil, fmt.Errorf("DeLong: score %d is NaN", i)
		}
		auc, component := structuralComponents(values, positive, d.Positives, d.Negatives)
		d.AUC = append(d.AUC, auc)
		parts[s] = newComponents(component, auc, positive, clusters)
	}
	d.Cov = make([][]float64, len(scores))
	for i := range d.Cov {
		d.Cov[i] = make([]float64, len(scores))
		for j := range d.Cov[i] {
			d.Cov[i][j] = covariance(&parts[i], &parts[j], d.Positives, d.Negatives)
		}
	}
	return d, nil
}

// structuralComponents returns the area and the component of each image (V10 and V01
// of DeLong et al.): of a positive, the share of negatives with a lower score; of a
// negative, the share of positives with a higher score; ties count one half.
func structuralComponents(scores []float64, positive []bool, positives, negatives int) (auc float64, component []float64) {
	component = make([]float64, len(scores))
	var below [2]int // negatives, positives with a lower score
	sum := 0.0
	for tied := range ties(scores) {
		var now [2]int
		for _, i := range tied {
			now[indicator(positive[i])]++
		}
		won := float64(below[0]) + float64(now[0])/2
		lost := float64(positives-below[1]-now[1]) + float64(now[1])/2
		for _, i := range tied {
			if positive[i] {
				component[i] = won / float64(negatives)
				sum += won
			} else {
				component[i] = lost / float64(positives)
			}
		}
		below[0] += now[0]
		below[1] += now[1]
	}
	if positives == 0 || negatives == 0 {
		return math.NaN(), component
	}
	return sum / (float64(positives) * float64(negatives)), component
}

func indicator(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// components are the structural components of one score, less their mean,
// summed by cluster.
type components struct {
	positive, negative []float64 // by cluster
	// withPositive and withNegative count the clusters with at least one.
	withPositive, withNegative int
}

func newComponents(component []float64, auc float64, positive []bool, clusters [][]int) components {
	c := components{positive: make([]float64, len(clusters)), negative: make([]float64, len(clusters))}
	for u, rows := range clusters {
		for _, i := range rows {
			if positive[i] {
				c.positive[u] += component[i] - auc
			} else {
				c.negative[u] += component[i] - auc
			}
		}
		isPositive := func(i int) bool { return positive[i] }
		isNegative := func(i int) bool { return !positive[i] }
		c.withPositive += indicator(slices.ContainsFunc(rows, isPositive))
		c.withNegative += indicator(slices.ContainsFunc(rows, isNegative))
	}
	return c
}

// covariance is S10/M + S01/N + S11/(MN) + S11'/(MN) of Obuchowski (1997). S11 sums
// over clusters with positives and negatives, so it is 0 if clusters are images.
func covariance(a, b *components, positives, negatives int) float64 {
	if a.withPositive < 2 || a.withNegative < 2 {
		return math.NaN()
	}
	var s10, s01, s11 float64
	for u := range a.positive {
		s10 += a.positive[u] * b.positive[u]
		s01 += a.negative[u] * b.negative[u]
		s11 += a.positive[u]*b.negative[u] + b.positive[u]*a.negative[u]
	}
	m, n := float64(positives), float64(negatives)
	i10, i01, i := float64(a.withPositive), float64(a.withNegative), float64(len(a.positive))
	return s10*i10/(i10-1)/(m*m) + s01*i01/(i01-1)/(n*n) + s11*i/(i-1)/(m*n)
}

// SE returns the standard error of area i: the square root of its variance.
func (d *DeLong) SE(i int) float64 { return math.Sqrt(d.Cov[i][i]) }

// Interval returns the normal interval of area i, AUC +- z SE, cut off at 0 and
// 1 (as pROC's ci.auc does). An area of 1 has variance 0, and its interval without
// width says nothing. The interval is NaN if the area or its variance is NaN, or for
// a level outside (0, 1).
func (d *DeLong) Interval(i int, level float64) Interval {
	ci := normalInterval(d.AUC[i], d.SE(i), level)
	return Interval{max(0, ci.Low), min(1, ci.High)}
}

// normalInterval returns value -+ z SE, NaN if an argument is NaN or the level is
// outside (0, 1).
func normalInterval(value, se, level float64) Interval {
	if math.IsNaN(value) || math.IsNaN(se) || checkLevel(level) != nil {
		return undefinedInterval
	}
	z := distuv.UnitNormal.Quantile((1+level)/2) * se
	return Interval{value - z, value + z}
}

// LogitInterval returns the normal interval of the logarithm of the odds
// AUC/(1-AUC), whose standard error is SE/(AUC(1-AUC)), turned back into areas
// (Pepe 2003, section 5.2). It stays within (0, 1) and holds its level better
// than [DeLong.Interval] for high areas and few positives. It is NaN where
// [DeLong.Interval] is NaN, and for areas of 0 and 1.
func (d *DeLong) LogitInterval(i int, level float64) Interval {
	auc := d.AUC[i]
	if !(auc > 0 && auc < 1) {
		return undefinedInterval
	}
	ci := normalInterval(math.Log(auc/(1-auc)), d.SE(i)/(auc*(1-auc)), level)
	area := func(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }
	return Interval{area(ci.Low), area(ci.High)}
}

// DeLongTest is the paired test of two correlated areas.
type DeLongTest struct {
	// Difference is the second area less the first, SE its standard error.
	Difference, SE float64
	Z, P           float64 // P is two-sided
}

// Test compares area j with area i: z = (AUC_j - AUC_i) / SE, with
// SE^2 = Cov_ii + Cov_jj - 2 Cov_ij, and the two-sided normal p-value. Equal
// areas whose difference has no variance have z = 0 and p = 1; for others
// without variance (as when both models separate perfectly, one in the wrong
// direction) z and p are NaN.
func (d *DeLong) Test(i, j int) DeLongTest {
	t := DeLongTest{Difference: d.AUC[j] - d.AUC[i]}
	variance := d.Cov[i][i] + d.Cov[j][j] - 2*d.Cov[i][j]
	// Rounding may leave a variance of 0 slightly above or below 0.
	if scale := d.Cov[i][i] + d.Cov[j][j]; variance < 1e-14*scale {
		variance = 0
	}
	t.SE = math.Sqrt(variance)
	switch {
	case t.SE != 0:
		t.Z = t.Difference / t.SE
	case t.Difference != 0:
		t.Z = math.NaN()
	}
	t.P = 2 * distuv.UnitNormal.Survival(math.Abs(t.Z))
	return t
}

// Interval returns the normal interval of the difference; NaN if the difference or SE
// is NaN, or for a level outside (0, 1).
func (t DeLongTest) Interval(level float64) Interval {
	return normalInterval(t.Difference, t.SE, level)
}
