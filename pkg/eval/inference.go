package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// McNemar returns the exact two-sided p-value of McNemar's (1947) test. Model A alone
// classifies onlyA images correctly, model B alone onlyB; under the hypothesis, each
// of these images falls to either model with probability one half. The p-value is
// twice the smaller binomial tail, at most 1; without such images it is 1, and for
// negative counts NaN.
func McNemar(onlyA, onlyB int) float64 {
	if onlyA < 0 || onlyB < 0 {
		return math.NaN()
	}
	if onlyA == onlyB {
		return 1
	}
	n := onlyA + onlyB
	tail := distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(onlyA, onlyB)))
	return min(1, 2*tail)
}

// Wilson returns Wilson's (1927) score interval, without continuity correction,
// of a proportion with the given successes in n trials. With p = successes/n and z
// the normal quantile, its ends are
//
//	(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
//
// It holds its level for few trials and for p near 0 or 1, unlike p -+ z SE. It
// takes trials as independent: with several photos of a lesion, use the bootstrap
// by lesion. NaN without trials, or unless 0 <= successes <= n.
func Wilson(successes, n int, level float64) Interval {
	if n < 1 || successes < 0 || successes > n || checkLevel(level) != nil {
		return undefinedInterval
	}
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	count, p := float64(n), float64(successes)/float64(n)
	centre := p + z*z/(2*count)
	half := z * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	scale := 1 + z*z/count
	ci := Interval{(centre - half) / scale, (centre + half) / scale}
	// Without rounding, the ends are 0 and 1 here.
	if successes == 0 {
		ci.Low = 0
	}
	if successes == n {
		ci.High = 1
	}
	return ci
}

// Summary is the mean of a metric over runs, such as seeds or folds.
type Summary struct {
	N    int
	Mean float64
	SD   float64 // standard deviation with divisor N-1; NaN for a single run
	// CI is the t interval of the mean: Mean -+ t SD/sqrt(N) with N-1 degrees of
	// freedom. It covers the variation over runs alone, not over images. Folds share
	// training images, which makes the interval too narrow (Bengio and Grandvalet
	// 2004).
	CI Interval
}

// Summarize returns mean, standard deviation and t interval (Student 1908) of
// values. Without values, the results are NaN. A NaN value is an error: a metric that
// a run lacks can't be left out silently.
func Summarize(values []float64, level float64) (Summary, error) {
	s := Summary{N: len(values), Mean: math.NaN(), SD: math.NaN(), CI: undefinedInterval}
	if err := checkLevel(level); err != nil {
		return s, err
	}
	if i := slices.IndexFunc(values, math.IsNaN); i >= 0 {
		return s, fmt.Errorf("value %d of %d is undefined", i+1, len(values))
	}
	if len(values) == 0 {
		return s, nil
	}
	s.Mean = stat.Mean(values, nil)
	if s.N < 2 {
		return s, nil
	}
	s.SD = stat.StdDev(values, nil)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(s.N - 1)}.Quantile((1 + level) / 2)
	half := t * s.SD / math.Sqrt(float64(s.N))
	s.CI = Interval{s.Mean - half, s.Mean + half}
	return s, nil
}

// Holm returns the p-values adjusted for their number by Holm's (1979)
// step-down procedure: in rising order p_1..p_m, the running maximum of
// (m-i+1) p_i, at most 1. If the tests with an adjusted value of at most alpha are
// rejected, the chance of any false rejection is at most alpha, even if the tests
// depend on each other. A NaN stays NaN and does not count as a test. A value
// outside [0, 1] is an error.
func Holm(p []float64) ([]float64, error) {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if v < 0 || v > 1 {
			return nil, fmt.Errorf("Holm: p-value %d is %v", i+1, v)
		}
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, float64(len(order)-rank)*p[i]))
		adjusted[i] = most
	}
	return adjusted, nil
}
