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

// NewDeLong returns the areas of scores[0], scores[1], ... of the same images,
// of which positive[i] tells the truth, with the covariance of DeLong, DeLong
// and Clarke-Pearson (1988), by the midranks of Sun and Xu (2014):
// O(n log n), where the definition compares all pairs.
//
// With clusters, which names the lesion of each image (empty: one of its own),
// the covariance is Obuchowski's (1997), which sums the structural
// components of a cluster before it squares them: photos of one lesion are not
// independent. If every image has a cluster of its own, both are the same.
//
// Without two positives and two negatives (clusters with a positive, with a
// negative) areas or covariances are NaN. Scores that are NaN, or slices of
// different lengths, are errors.
func NewDeLong(positive []bool, clusters []string, scores ...[]float64) (*DeLong, error) {
	n := len(positive)
	if len(clusters) != 0 && len(clusters) != n {
		return nil, fmt.Errorf("DeLong: %d truths but %d clusters", n, len(clusters))
	}
	if len(scores) == 0 {
		return nil, errors.New("DeLong: no scores")
	}
	d := &DeLong{}
	for _, is := range positive {
		if is {
			d.Positives++
		}
	}
	d.Negatives = n - d.Positives
	unit, units := clusterNumbers(n, clusters)
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
		parts[s] = newComponents(component, auc, positive, unit, units)
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

// structuralComponents returns the area and, for each image, the share of
// images of the other truth that it is ranked rightly against, ties one half
// (V10 and V01 of DeLong et al.). A positive of midrank t among all images and
// x among the positives is above t - x negatives.
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
	// withPositive and withNegative are the numbers of clusters that have one.
	withPositive, withNegative int
}

func newComponents(component []float64, auc float64, positive []bool, unit []int, units int) components {
	c := components{positive: make([]float64, units), negative: make([]float64, units)}
	seen := [2][]bool{make([]bool, units), make([]bool, units)}
	for i, v := range component {
		u := unit[i]
		if positive[i] {
			c.positive[u] += v - auc
		} else {
			c.negative[u] += v - auc
		}
		if k := indicator(positive[i]); !seen[k][u] {
			seen[k][u] = true
			if positive[i] {
				c.withPositive++
			} else {
				c.withNegative++
			}
		}
	}
	return c
}

// covariance is S10/M + S01/N + S11/(MN) + S11'/(MN) of Obuchowski (1997),
// where S11 is of clusters with both positives and negatives only, and so 0
// without clusters.
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

// clusterNumbers numbers the clusters; an empty name is a cluster of its own.
func clusterNumbers(n int, clusters []string) (unit []int, units int) {
	unit = make([]int, n)
	at := make(map[string]int)
	for i := range unit {
		if len(clusters) == 0 || clusters[i] == "" {
			unit[i] = units
			units++
			continue
		}
		u, ok := at[clusters[i]]
		if !ok {
			u = units
			at[clusters[i]] = u
			units++
		}
		unit[i] = u
	}
	return unit, units
}

// SE returns the standard error of area i: the root of its variance.
func (d *DeLong) SE(i int) float64 { return math.Sqrt(d.Cov[i][i]) }

// Interval returns the normal interval of area i, AUC +- z SE, cut off at 0 and
// 1 (as pROC's ci.auc does). An area of 1 has no variance, and an interval
// without width that says nothing. NaN where the area or its variance is, or for a
// level outside (0, 1).
func (d *DeLong) Interval(i int, level float64) Interval {
	se := d.SE(i)
	if math.IsNaN(se) || math.IsNaN(d.AUC[i]) || checkLevel(level) != nil {
		return undefinedInterval
	}
	z := distuv.UnitNormal.Quantile((1+level)/2) * se
	return Interval{max(0, d.AUC[i]-z), min(1, d.AUC[i]+z)}
}

// LogitInterval returns the normal interval of the logarithm of the odds
// AUC/(1-AUC), whose standard error is SE/(AUC(1-AUC)), turned back into areas
// (Pepe 2003, section 5.2). It stays within (0, 1) and holds its level better
// than [DeLong.Interval] for high areas and few positives. NaN where that is,
// and for areas of 0 and 1.
func (d *DeLong) LogitInterval(i int, level float64) Interval {
	auc, se := d.AUC[i], d.SE(i)
	if math.IsNaN(se) || !(auc > 0 && auc < 1) || checkLevel(level) != nil {
		return undefinedInterval
	}
	centre := math.Log(auc / (1 - auc))
	half := distuv.UnitNormal.Quantile((1+level)/2) * se / (auc * (1 - auc))
	area := func(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }
	return Interval{area(centre - half), area(centre + half)}
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
// without variance (as when both models separate perfectly, one the wrong way
// round) z and p are NaN.
func (d *DeLong) Test(i, j int) DeLongTest {
	t := DeLongTest{Difference: d.AUC[j] - d.AUC[i]}
	variance := d.Cov[i][i] + d.Cov[j][j] - 2*d.Cov[i][j]
	// Rounding may leave a little of a variance that is 0.
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

// Interval returns the normal interval of the difference. NaN where it is
// undefined, or for a level outside (0, 1).
func (t DeLongTest) Interval(level float64) Interval {
	if math.IsNaN(t.SE) || math.IsNaN(t.Difference) || checkLevel(level) != nil {
		return undefinedInterval
	}
	z := distuv.UnitNormal.Quantile((1+level)/2) * t.SE
	return Interval{t.Difference - z, t.Difference + z}
}
