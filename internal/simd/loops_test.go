package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 1500 {
		positions, channels := 1+r.IntN(9), 1+r.IntN(150)
		atEnd := r.IntN(2) == 0
		newMap := func(channels int, mayBeOne bool) Map {
			stride := channels + r.IntN(2)*r.IntN(9)
			if mayBeOne && r.IntN(2) == 0 {
				stride = 0
			}
			return Map{random(r, guarded(t, (positions-1)*stride+channels, atEnd)), stride}
		}
		dst, x, y, w := newMap(channels, false), newMap(channels, false), newMap(channels, true), newMap(1, true)
		scale, shift := random(r, guarded(t, channels, atEnd)), random(r, guarded(t, channels, atEnd))
		factor := float32(r.NormFloat64())
		a := activations[r.IntN(len(activations))]
		if r.IntN(10) == 0 { // in place
			x = dst
		}
		before := slices.Clone(dst.Data)
		for name, loop := range map[string]struct {
			run   func(l Level)
			value func(i, c int) float64
		}{
			"apply":  {func(l Level) { l.Apply(dst, x, positions, channels, a) }, func(i, c int) float64 { return float64(x.Data[i*x.Stride+c]) }},
			"affine": {func(l Level) { l.Affine(dst, x, scale, shift, positions, channels, a) }, func(i, c int) float64 { return float64(x.Data[i*x.Stride+c])*float64(scale[c]) + float64(shift[c]) }},
			"add": {func(l Level) { l.Add(dst, x, y, factor, positions, channels, a) }, func(i, c int) float64 {
				return float64(x.Data[i*x.Stride+c]) + float64(y.Data[i*y.Stride+c])*float64(factor)
			}},
			"multiply": {func(l Level) { l.Multiply(dst, x, y, positions, channels, a) }, func(i, c int) float64 { return float64(x.Data[i*x.Stride+c]) * float64(y.Data[i*y.Stride+c]) }},
			"weigh":    {func(l Level) { l.Weigh(dst, x, w, positions, channels, a) }, func(i, c int) float64 { return float64(x.Data[i*x.Stride+c]) * float64(w.Data[i*w.Stride]) }},
		} {
			what := fmt.Sprintf("%s of %d positions, %d channels, strides %d %d %d, %+v", name, positions, channels, dst.Stride, x.Stride, y.Stride, a)
			copy(dst.Data, before)
			want := slices.Clone(before)
			for i := range positions {
				for c := range channels {
					want[i*dst.Stride+c] = float32(reference(a, loop.value(i, c)))
				}
			}
			loop.run(Generic)
			plain := slices.Clone(dst.Data)
			for i := range plain {
				if !near(plain[i], float64(want[i]), 1) {
					t.Fatalf("%s: %v at %d, want %v", what, plain[i], i, want[i])
				}
			}
			for _, level := range Levels()[1:] {
				copy(dst.Data, before)
				loop.run(level)
				if at := sameBits(dst.Data, plain); at >= 0 {
					t.Fatalf("%s: %v has %v at %d, plain Go %v", what, level, dst.Data[at], at, plain[at])
				}
			}
		}
	}
}

func TestPooling(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 1000 {
		rows, columns, step, channels, n := 1+r.IntN(10), 1+r.IntN(6), r.IntN(4), 1+r.IntN(50), 1+r.IntN(9)
		atEnd := r.IntN(2) == 0
		w := Window{Columns: columns, SrcStride: channels + r.IntN(2)*r.IntN(5), Step: step}
		for range rows {
			w.Rows = append(w.Rows, random(r, guarded(t, ((n-1)*step+columns-1)*w.SrcStride+channels, atEnd)))
		}
		stride := channels + r.IntN(2)*r.IntN(5)
		dst := Map{random(r, guarded(t, (n-1)*stride+channels, atEnd)), stride}
		before := slices.Clone(dst.Data)
		scale := 1 / float32(rows*columns)
		for _, maximum := range []bool{true, false} {
			run := func(l Level) []float32 {
				copy(dst.Data, before)
				if maximum {
					l.Max(dst, w, n, channels)
				} else {
					l.Sum(dst, w, scale, n, channels)
				}
				return slices.Clone(dst.Data)
			}
			plain := run(Generic)
			what := fmt.Sprintf("max %v, %d rows, %d columns, step %d, %d channels, %d positions", maximum, rows, columns, step, channels, n)
			for i := range n {
				for c := range channels {
					greatest, sum := math.Inf(-1), 0.
					for _, row := range w.Rows {
						for k := range columns {
							v := float64(row[(i*step+k)*w.SrcStride+c])
							greatest, sum = math.Max(greatest, v), sum+v
						}
					}
					want := sum / float64(rows*columns)
					if maximum {
						want = greatest
					}
					if got := plain[i*stride+c]; !near(got, want, rows*columns) {
						t.Fatalf("%s: %v at position %d, channel %d, want %v", what, got, i, c, want)
					}
				}
			}
			for _, level := range Levels()[1:] {
				got := run(level)
				if at := sameBits(got, plain); at >= 0 {
					t.Fatalf("%s: %v has %v at %d, plain Go %v", what, level, got[at], at, plain[at])
				}
			}
		}
	}
}

func TestSpecialValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	negative := float32(math.Copysign(0, -1))
	in := []float32{nan, inf, -inf, negative, 0, 1e-45, -1e-45, math.MaxFloat32, -3, 3, 6.5, -2.9999998}
	for _, a := range activations {
		want := make([]float32, len(in))
		for i, v := range in {
			want[i] = a.Apply(v)
		}
		if want[0] == want[0] {
			t.Errorf("%+v makes %v of NaN", a, want[0])
		}
		for _, level := range Levels() {
			got := make([]float32, len(in))
			level.Apply(Map{got, len(in)}, Map{in, len(in)}, 1, len(in), a)
			for i := range in {
				if got[i] != want[i] && (got[i] == got[i] || want[i] == want[i]) || math.Signbit(float64(got[i])) != math.Signbit(float64(want[i])) && got[i] == got[i] {
					t.Errorf("%v: %+v makes %v of %v, want %v", level, a, got[i], in[i], want[i])
				}
			}
		}
	}
	// A NaN or an infinity of the input reaches each filter that has no zero for it, and no other position.
	for _, level := range Levels() {
		for _, special := range []float32{nan, inf} {
			kernel := []float32{1, 2, 3, 4, 5, 6}
			src := []float32{1, special, 1, 1}
			dst := make([]float32, 6)
			NewConv(level, kernel, 1, 2, 3).ComputeRows(dst, 3, src, 2, 2, Epilogue{})
			for i, v := range dst {
				if finite := v-v == 0; finite != (i >= 3) {
					t.Errorf("%v: %v gives %v", level, special, dst)
				}
			}
		}
	}
}
