package simd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDepthwise(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1500 {
		rows, cols, stride, channels, n := 1+r.IntN(7), 3+2*r.IntN(3), 1+r.IntN(2), 1+r.IntN(50), 1+r.IntN(20)
		atEnd := r.IntN(2) == 0
		srcStride, dstStride := channels+r.IntN(3)*r.IntN(5), channels+r.IntN(3)*r.IntN(5)
		kernel := random(r, make([]float32, rows*cols*channels))
		var src [][]float32
		for range rows {
			src = append(src, random(r, guarded(t, ((n-1)*stride+cols-1)*srcStride+channels, atEnd)))
		}
		dst := random(r, guarded(t, (n-1)*dstStride+channels, atEnd))
		before := slices.Clone(dst)
		e := Epilogue{Activation: activations[r.IntN(len(activations))]}
		if r.IntN(3) > 0 {
			e.Bias = random(r, guarded(t, channels, atEnd))
		}
		what := fmt.Sprintf("%dx%d, stride %d, %d channels, %d positions, bias %v, %+v", rows, cols, stride, channels, n, e.Bias != nil, e.Activation)
		NewDepthwise(Generic, kernel, rows, cols, stride, channels).Row(dst, dstStride, src, srcStride, n, e)
		want := slices.Clone(dst)
		for i := range n {
			for c := range channels {
				sum := 0.
				for tap := range rows * cols {
					sum += float64(kernel[tap*channels+c]) * float64(src[tap/cols][(i*stride+tap%cols)*srcStride+c])
				}
				if e.Bias != nil {
					sum += float64(e.Bias[c])
				}
				if got := want[i*dstStride+c]; !near(got, reference(e.Activation, sum), rows*cols) {
					t.Fatalf("%s: position %d, channel %d: %v, want %v", what, i, c, got, reference(e.Activation, sum))
				}
			}
		}
		for _, level := range Levels()[1:] {
			copy(dst, before)
			NewDepthwise(level, kernel, rows, cols, stride, channels).Row(dst, dstStride, src, srcStride, n, e)
			if at := sameBits(dst, want); at >= 0 {
				t.Fatalf("%s: %v has %v at position %d, channel %d, plain Go %v", what, level, dst[at], at/dstStride, at%dstStride, want[at])
			}
		}
	}
}
