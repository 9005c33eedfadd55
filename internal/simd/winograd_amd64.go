package simd

import "unsafe"

func (l Level) transformInput(to []float32, plane int, tile Image, channels int) {
	t := l.tile(to, plane, tile, channels)
	if l == AVX512 {
		winogradInputAVX512(&t)
	} else {
		winogradInputAVX2(&t)
	}
}

func (l Level) transformCotangent(to []float32, plane int, tile Image, filters int) {
	t := l.tile(to, plane, tile, filters)
	if l == AVX512 {
		winogradCotangentAVX512(&t)
	} else {
		winogradCotangentAVX2(&t)
	}
}

func (l Level) tile(to []float32, plane int, tile Image, channels int) winogradInput {
	blocks, tail, mask := l.vectors(channels)
	return winogradInput{
		src: unsafe.Pointer(&tile.Data[0]), srcStride: 4 * tile.Stride, srcRow: 4 * tile.RowStride,
		dst: unsafe.Pointer(&to[0]), dstPlane: 4 * plane,
		blocks: blocks, tail: tail, mask: mask,
	}
}

// transformSums makes n pairs of channel and filter of all taps.
func (l Level) transformSums(out []float32, tap int, sums []float32, plane, n int) {
	blocks, tail, mask := l.vectors(n)
	t := winogradSums{
		src: unsafe.Pointer(&sums[0]), srcPlane: 4 * plane, dst: unsafe.Pointer(&out[0]), dstTap: 4 * tap,
		blocks: blocks, tail: tail, mask: mask,
	}
	if l == AVX512 {
		winogradSumsAVX512(&t)
	} else {
		winogradSumsAVX2(&t)
	}
}

// transformOutput makes the filters from one to another.
func (w *Winograd) transformOutput(dst Image, from []float32, plane, cols int, e Epilogue, first, last int) {
	blocks, tail, mask := w.Level.vectors(last - first)
	t := winogradOutput{
		src: unsafe.Pointer(&from[first]), srcPlane: 4 * plane,
		dst: unsafe.Pointer(&dst.Data[first]), dstStride: 4 * dst.Stride, dstRow: 4 * dst.RowStride,
		rows: dst.Rows, columns: dst.Cols,
		blocks: blocks, tail: tail, mask: mask,
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

func (l Level) lines(t lineTransform, dst []float32, dstStride int, src []float32, srcStride, n int) {
	blocks, tail, mask := l.vectors(n)
	values := &lines{
		src: unsafe.Pointer(&src[0]), srcStride: 4 * srcStride, dst: unsafe.Pointer(&dst[0]), dstStride: 4 * dstStride,
		blocks: blocks, tail: tail, mask: mask,
	}
	wide := l == AVX512
	switch {
	case t == lineInput && wide:
		lineInputAVX512(values)
	case t == lineInput:
		lineInputAVX2(values)
	case t == lineKernel && wide:
		lineKernelAVX512(values)
	case t == lineKernel:
		lineKernelAVX2(values)
	case t == lineOutput && wide:
		lineOutputAVX512(values)
	case t == lineOutput:
		lineOutputAVX2(values)
	case t == lineCotangent && wide:
		lineCotangentAVX512(values)
	case t == lineCotangent:
		lineCotangentAVX2(values)
	case t == lineSums && wide:
		lineSumsAVX512(values)
	case t == lineSums:
		lineSumsAVX2(values)
	}
}
