package simd

import "unsafe"

// The functions return how many pixels or values they have made, from the first.

func (r *Reduction) row(dst []float64, src []uint8) int {
	pixels := min(r.inner, len(r.first)-1) // the loop stores four values where there are three
	if pixels <= 0 {
		return 0
	}
	reduceRowAVX2(&reducing{dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), first: unsafe.Pointer(&r.first[0]),
		weights: unsafe.Pointer(&r.weights[0]), taps: r.taps, pixels: pixels})
	return pixels
}

func weighRows(dst []float32, rows [][]float64, weights []float64) int {
	groups := len(dst) / 16
	if groups == 0 {
		return 0
	}
	var few [mostRows]unsafe.Pointer
	at := few[:0]
	for _, row := range rows {
		at = append(at, unsafe.Pointer(&row[0]))
	}
	weighRowsAVX2(&weighing{dst: unsafe.Pointer(&dst[0]), rows: unsafe.Pointer(&at[0]), weights: unsafe.Pointer(&weights[0]), taps: len(rows), groups: groups})
	return 16 * groups
}
