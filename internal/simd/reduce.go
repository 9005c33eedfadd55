package simd

import "fmt"

// Span has the neighbours that a value is a weighted sum of: as many as there are weights, from the first.
type Span struct {
	First   int
	Weights []float64 // none is negative
}

// Reduction is how rows of a length are made narrower: a pixel of the result is the weighted sum of a span. It is safe for use by several goroutines.
type Reduction struct {
	pixels int // of a row
	// All sums have the same number of terms, some with the weight 0, which change nothing.
	taps    int
	first   []int32   // bytes to where the pixels of each sum begin; they grow
	weights []float64 // [len(first)][taps]
	inner   int       // sums, from the first, that do not read the row's last pixel: the loops load four bytes where there are three
}

// NewReduction takes the span of each pixel of the result, for rows of so many pixels. No span begins before the one in front of it.
func NewReduction(spans []Span, pixels int) *Reduction {
	r := &Reduction{pixels: pixels, first: make([]int32, len(spans))}
	for i, s := range spans {
		if s.First < 0 || s.First+len(s.Weights) > pixels || i > 0 && s.First < spans[i-1].First {
			panic(fmt.Sprintf("simd: a sum of %d pixels from %d on, of %d", len(s.Weights), s.First, pixels))
		}
		r.taps = max(r.taps, len(s.Weights))
	}
	r.weights = make([]float64, len(spans)*r.taps)
	for i, s := range spans {
		first := min(s.First, pixels-r.taps)
		r.first[i] = int32(3 * first)
		copy(r.weights[i*r.taps+s.First-first:], s.Weights)
		if first+r.taps < pixels {
			r.inner = i + 1
		}
	}
	return r
}

// Len is the number of pixels of the result.
func (r *Reduction) Len() int { return len(r.first) }

// Row makes Len pixels of src, a row of three bytes a pixel: products and sums in double precision, one after the other, from 0 on.
func (r *Reduction) Row(l Level, dst []float64, src []uint8) {
	if len(src) != 3*r.pixels || len(dst) != 3*len(r.first) {
		panic(fmt.Sprintf("simd: a row of %d bytes in place of %d to %d values in place of %d", len(src), 3*r.pixels, len(dst), 3*len(r.first)))
	}
	done := 0
	if l != Generic && r.taps > 0 {
		done = r.row(dst, src)
	}
	for i := done; i < len(r.first); i++ {
		var red, green, blue float64
		at := src[r.first[i]:]
		for k, weight := range r.weights[i*r.taps : (i+1)*r.taps] {
			pixel := (*[3]uint8)(at[3*k:])
			// The conversions forbid fused multiply-add, so that every processor rounds alike.
			red += float64(float64(pixel[0]) * weight)
			green += float64(float64(pixel[1]) * weight)
			blue += float64(float64(pixel[2]) * weight)
		}
		dst[3*i], dst[3*i+1], dst[3*i+2] = red, green, blue
	}
}

// mostRows are summed without taking memory; photos that are reduced to a fifth have as many.
const mostRows = 12

// WeighRows makes weighted sums of rows, which are as long as dst: products and sums in double precision, one after the other, from 0 on, rounded at the end.
func (l Level) WeighRows(dst []float32, rows [][]float64, weights []float64) {
	if len(rows) != len(weights) {
		panic(fmt.Sprintf("simd: %d rows with %d weights", len(rows), len(weights)))
	}
	for _, row := range rows {
		_ = row[:len(dst)]
	}
	done := 0
	if l != Generic && len(rows) > 0 {
		done = weighRows(dst, rows, weights)
	}
	for i := done; i < len(dst); i++ {
		var sum float64
		for k, row := range rows {
			sum += float64(row[i] * weights[k])
		}
		dst[i] = float32(sum)
	}
}
