package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// spansOf are n spans of a row of so many pixels, some of them empty of weight.
func spansOf(r *rand.Rand, n, pixels int) []Span {
	spans := make([]Span, n)
	for i := range spans {
		spans[i].First = r.IntN(pixels)
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.First - b.First })
	for i := range spans {
		s := &spans[i]
		for range 1 + r.IntN(pixels-s.First) {
			s.Weights = append(s.Weights, float64(r.IntN(4)/3)+r.Float64())
		}
	}
	return spans
}

// TestReduction holds the loops against the formula, for rows and results of awkward sizes, up to the last pixel.
func TestReduction(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for range 400 {
		pixels, n := 1+r.IntN(40), r.IntN(60)
		atEnd := r.IntN(2) == 0
		src := guardedBytes(t, r, 3*pixels, atEnd)
		spans := spansOf(r, n, pixels)
		truth := make([]float64, 3*n)
		for i, s := range spans {
			for k, weight := range s.Weights {
				for c := range 3 {
					truth[3*i+c] += float64(float64(src[3*(s.First+k)+c]) * weight)
				}
			}
		}
		reduction := NewReduction(spans, pixels)
		for _, level := range Levels() {
			dst := guardedOf[float64](t, max(3*n, 1), atEnd)[:3*n]
			reduction.Row(level, dst, src)
			for i := range dst {
				if math.Float64bits(dst[i]) != math.Float64bits(truth[i]) {
					t.Fatalf("%v: %d pixels to %d: %v at %d, want %v", level, pixels, n, dst[i], i, truth[i])
				}
			}
		}
	}
}

// TestReductionOutside: spans beyond the row or out of order, and rows of another size, are refused.
func TestReductionOutside(t *testing.T) {
	row := NewReduction([]Span{{1, []float64{1}}}, 4)
	for name, work := range map[string]func(){
		"beyond": func() { NewReduction([]Span{{3, []float64{1, 1}}}, 4) },
		"before": func() { NewReduction([]Span{{-1, []float64{1}}}, 4) },
		"back":   func() { NewReduction([]Span{{2, []float64{1}}, {1, []float64{1}}}, 4) },
		"short":  func() { row.Row(Generic, make([]float64, 3), make([]uint8, 9)) },
		"many":   func() { row.Row(Generic, make([]float64, 6), make([]uint8, 12)) },
		"rows":   func() { Generic.WeighRows(make([]float32, 2), make([][]float64, 1), nil) },
		"row":    func() { Generic.WeighRows(make([]float32, 2), [][]float64{{1}}, []float64{1}) },
	} {
		if !refuses(work) {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestWeighRows(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 300 {
		n, taps := r.IntN(80), r.IntN(2*mostRows)
		atEnd := r.IntN(2) == 0
		rows, weights := make([][]float64, taps), make([]float64, taps)
		truth := make([]float64, n)
		for k := range rows {
			rows[k] = guardedOf[float64](t, max(n, 1), atEnd)[:n]
			weights[k] = r.Float64()
			for i := range rows[k] {
				rows[k][i] = 255 * r.Float64()
				truth[i] += float64(rows[k][i] * weights[k])
			}
		}
		want := make([]float32, n)
		for i, v := range truth {
			want[i] = float32(v)
		}
		for _, level := range Levels() {
			dst := guarded(t, max(n, 1), atEnd)[:n]
			level.WeighRows(dst, rows, weights)
			if at := sameBits(dst, want); at >= 0 {
				t.Fatalf("%v: %d rows of %d: %v at %d, want %v", level, taps, n, dst[at], at, want[at])
			}
		}
	}
}
