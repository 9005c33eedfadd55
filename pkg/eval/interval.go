package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a confidence interval.
type Interval struct{ Low, High float64 }

// holds reports whether a value lies in the interval, but for the rounding of sums that
// add the same numbers in another order.
func (ci Interval) holds(value float64) bool {
	slack := 1e-12 * max(1, math.Abs(value))
	return ci.Low-slack <= value && value <= ci.High+slack
}

var undefinedInterval = Interval{math.NaN(), math.NaN()}

// PercentileInterval returns the percentile bootstrap interval: the quantiles
// (1-level)/2 and (1+level)/2 of the replicates, interpolated linearly. NaN
// replicates are left out. Without other replicates, or for a level outside (0, 1),
// the interval is NaN.
func PercentileInterval(replicates []float64, level float64) Interval {
	return sortedPercentile(sortedDefined(replicates), level)
}

// BCaInterval returns the bias-corrected and accelerated bootstrap interval
// (Efron 1987). With G the distribution of the replicates and z the normal
// quantile of (1-level)/2 or (1+level)/2, its ends are the quantiles
//
//	Phi(z0 + (z0+z)/(1 - a(z0+z))),  z0 = Phi^-1(G(estimate)),
//
// of the replicates, interpolated linearly; replicates equal to the estimate
// count half in G. The acceleration a comes from the jackknife: with t_u the
// statistic without unit u and d_u = mean(t) - t_u, a = sum d^3 / (6 (sum
// d^2)^1.5), and 0 where all t_u are equal. Values agree with SciPy's
// stats.bootstrap for the same replicates.
//
// NaN replicates are left out. It is an error, and the interval NaN, if all
// replicates lie on one side of the estimate (then z0 is infinite) or if a jackknife
// value is NaN.
func BCaInterval(estimate float64, replicates, jackknife []float64, level float64) (Interval, error) {
	if len(jackknife) == 0 {
		return undefinedInterval, errors.New("BCa: no jackknife values")
	}
	return bcaInterval(estimate, sortedDefined(replicates), acceleration(jackknife, [][]int{upTo(len(jackknife))}), level)
}

func bcaInterval(estimate float64, sorted []float64, a, level float64) (Interval, error) {
	if err := checkLevel(level); err != nil {
		return undefinedInterval, err
	}
	if math.IsNaN(a) {
		return undefinedInterval, errors.New("BCa: undefined when one unit is left out")
	}
	if len(sorted) == 0 {
		return undefinedInterval, errors.New("BCa: no resamples")
	}
	below := sort.SearchFloat64s(sorted, estimate)
	upTo := sort.Search(len(sorted), func(i int) bool { return sorted[i] > estimate })
	z0 := distuv.UnitNormal.Quantile(float64(below+upTo) / 2 / float64(len(sorted)))
	if math.IsInf(z0, 0) {
		return undefinedInterval, errors.New("BCa: every resample is on the same side of the value")
	}
	end := func(tail float64) float64 {
		z := z0 + distuv.UnitNormal.Quantile(tail)
		return quantile(sorted, distuv.UnitNormal.CDF(z0+z/(1-a*z)))
	}
	return Interval{end((1 - level) / 2), end((1 + level) / 2)}, nil
}

// acceleration returns the BCa constant of a stratified jackknife (Davison and
// Hinkley 1997, equation 5.25): with l_u = (n_s - 1)(mean_s - t_u) for unit u of
// a stratum s of n_s units, sum l^3/n_s^3 / (6 (sum l^2/n_s^2)^1.5).
func acceleration(jackknife []float64, strata [][]int) float64 {
	var third, second float64
	for _, units := range strata {
		n := float64(len(units))
		mean := jackknife[units[0]] // differences from it are exactly 0 if all values are equal
		shift := 0.0
		for _, u := range units {
			shift += jackknife[u] - mean
		}
		mean += shift / n
		for _, u := range units {
			l := (n - 1) / n * (mean - jackknife[u])
			second += l * l
			third += l * l * l
		}
	}
	if second == 0 {
		return 0
	}
	return third / (6 * math.Pow(second, 1.5))
}

func sortedDefined(values []float64) []float64 {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(values)
	return values
}

func sortedPercentile(sorted []float64, level float64) Interval {
	if checkLevel(level) != nil {
		return undefinedInterval
	}
	tail := (1 - level) / 2
	return Interval{quantile(sorted, tail), quantile(sorted, 1-tail)}
}

func checkLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("level %v is not between 0 and 1", level)
	}
	return nil
}

// quantile interpolates linearly between the two nearest order statistics
// (Hyndman and Fan's type 7, the default of NumPy and R).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	position := q * float64(len(sorted)-1)
	low := int(position)
	if low >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	share := position - float64(low)
	return sorted[low] + share*(sorted[low+1]-sorted[low])
}
