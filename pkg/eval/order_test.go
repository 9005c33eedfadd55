package eval

import (
	"math"
	"slices"
	"testing"
)

// The radix sort gives what Go's stable sort gives: for values of all signs and sizes, with
// ties, and for probabilities that were float32.
func TestByRisingIsGosStableSort(t *testing.T) {
	rng := newRNG(7)
	for name, draw := range map[string]func() float64{
		"any":         func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(2000)-1000) },
		"float32":     func() float64 { return float64(rng.Float32()) },
		"ties":        func() float64 { return float64(rng.IntN(7)) / 4 },
		"equal":       func() float64 { return .25 },
		"both zeros":  func() float64 { return math.Copysign(0, rng.NormFloat64()) },
		"sums":        func() float64 { return float64(rng.Float32()) + float64(rng.Float32()) },
		"infinities":  func() float64 { return math.Inf(rng.IntN(2)*2 - 1) },
		"subnormal":   func() float64 { return math.Float64frombits(rng.Uint64N(1 << 20)) },
		"of one byte": func() float64 { return float64(rng.IntN(256)) },
	} {
		for _, n := range []int{0, 1, fewValues - 1, fewValues, 5000} {
			values := make([]float64, n)
			for i := range values {
				values[i] = draw()
			}
			want := make([]uint32, n)
			for i := range want {
				want[i] = uint32(i)
			}
			slices.SortStableFunc(want, func(a, b uint32) int {
				switch {
				case values[a] < values[b]:
					return -1
				case values[a] > values[b]:
					return 1
				}
				return 0
			})
			if !slices.Equal(byRising(values), want) {
				t.Errorf("%s, %d values: another order", name, n)
			}
		}
	}
}
