package simd

import "unsafe"

// transposeRows makes columns of 8 rows, each 8*groups values long.
func transposeRows(dst []float32, dstStride int, src []float32, srcStride, groups int) {
	_, _ = dst[(8*groups-1)*dstStride+7], src[7*srcStride+8*groups-1]
	transposeAVX2(&turnover{src: unsafe.Pointer(&src[0]), srcStride: 4 * srcStride, dst: unsafe.Pointer(&dst[0]), dstStride: 4 * dstStride, groups: groups})
}

// packPanel transforms the channels from..to-1 of a panel's filters; src has the first channel's, the taps and the channels so many values apart.
func (w *Winograd) packPanel(p panel, src []float32, tap, row, from, to int) {
	_ = src[8*tap+(to-from-1)*row+p.filters-1]
	pitch := w.Level.pitch(p.eighths)
	blocks, tail, mask := w.Level.vectors(p.filters)
	t := winogradWeights{
		src: unsafe.Pointer(&src[0]), srcTap: 4 * tap, srcRow: 4 * row,
		dst: unsafe.Pointer(&w.products[0].packed[p.at+from*pitch]), dstPlane: 4 * w.apart, dstRow: 4 * pitch, rows: to - from,
		blocks: blocks, tail: tail, mask: mask,
	}
	if w.Level == AVX512 {
		winogradKernelAVX512(&t)
	} else {
		winogradKernelAVX2(&t)
	}
}
