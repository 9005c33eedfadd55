package simd

import "unsafe"

func (w *Winograd) transformInput(to []float32, plane int, src Image) {
	lanes := w.Level.lanes()
	tail := w.Channels % lanes
	t := winogradInput{
		src: unsafe.Pointer(&src.Data[0]), srcStride: 4 * src.Stride, srcRow: 4 * src.RowStride,
		dst: unsafe.Pointer(&to[0]), dstPlane: 4 * plane,
		blocks: w.Channels / lanes, tail: 1<<tail - 1, mask: unsafe.Pointer(&tailMasks[min(tail, 8)]),
	}
	if w.Level == AVX512 {
		winogradInputAVX512(&t)
	} else {
		winogradInputAVX2(&t)
	}
}

// transformOutput makes the filters from one to another.
func (w *Winograd) transformOutput(dst Image, from []float32, plane, cols int, e Epilogue, first, last int) {
	lanes := w.Level.lanes()
	tail := (last - first) % lanes
	t := winogradOutput{
		src: unsafe.Pointer(&from[first]), srcPlane: 4 * plane,
		dst: unsafe.Pointer(&dst.Data[first]), dstStride: 4 * dst.Stride, dstRow: 4 * dst.RowStride,
		rows: dst.Rows, columns: dst.Cols,
		blocks: (last - first) / lanes, tail: 1<<tail - 1, mask: unsafe.Pointer(&tailMasks[min(tail, 8)]),
		bias: unsafe.Pointer(&w.zeros[first]),
	}
	if e.Bias != nil {
		t.bias = unsafe.Pointer(&e.Bias[first])
	}
	if e.Residual != nil {
		t.residual = unsafe.Pointer(&e.Residual[first])
		t.residualStride, t.residualRow = 4*e.ResidualStride, 4*e.ResidualStride*cols
	}
	t.activation, t.lo, t.hi = e.Activation.parameters()
	if w.Level == AVX512 {
		winogradOutputAVX512(&t)
	} else {
		winogradOutputAVX2(&t)
	}
}
