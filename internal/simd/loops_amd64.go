package simd

import "unsafe"

func (l Level) loop(kind int, dst, x, y Map, shift []float32, positions, channels int, factor float32, a Activation) {
	vectors, tail, mask := l.vectors(channels)
	t := loop{
		dst: unsafe.Pointer(&dst.Data[0]), dstStride: 4 * dst.Stride,
		x: unsafe.Pointer(&x.Data[0]), xStride: 4 * x.Stride,
		y: unsafe.Pointer(&y.Data[0]), yStride: 4 * y.Stride,
		shift:     unsafe.Pointer(unsafe.SliceData(shift)),
		positions: positions, quads: vectors / 4, blocks: vectors % 4,
		factor: factor,
		tail:   tail,
		mask:   mask,
	}
	t.activation, t.lo, t.hi = a.parameters()
	if l == AVX512 {
		switch kind {
		case loopCopy:
			copyLoopAVX512(&t)
		case loopAffine:
			affineLoopAVX512(&t)
		case loopAdd:
			addLoopAVX512(&t)
		case loopMultiply:
			multiplyLoopAVX512(&t)
		case loopWeigh:
			weighLoopAVX512(&t)
		}
		return
	}
	switch kind {
	case loopCopy:
		copyLoopAVX2(&t)
	case loopAffine:
		affineLoopAVX2(&t)
	case loopAdd:
		addLoopAVX2(&t)
	case loopMultiply:
		multiplyLoopAVX2(&t)
	case loopWeigh:
		weighLoopAVX2(&t)
	}
}

func (l Level) pool(maximum bool, dst Map, w Window, n, channels int, start, scale float32) {
	var few [8]unsafe.Pointer
	rows := few[:0]
	for _, row := range w.Rows {
		rows = append(rows, unsafe.Pointer(&row[0]))
	}
	blocks, tail, mask := l.vectors(channels)
	t := pooling{
		rows: unsafe.Pointer(&rows[0]), count: len(rows), columns: w.Columns,
		srcStride: 4 * w.SrcStride, step: 4 * w.Step * w.SrcStride,
		positions: n, blocks: blocks,
		dst: unsafe.Pointer(&dst.Data[0]), dstStride: 4 * dst.Stride,
		start: start, scale: scale,
		tail: tail,
		mask: mask,
	}
	switch {
	case maximum && l == AVX512:
		maxPoolAVX512(&t)
	case maximum:
		maxPoolAVX2(&t)
	case l == AVX512:
		sumPoolAVX512(&t)
	default:
		sumPoolAVX2(&t)
	}
}

// vectors divides n values into whole vectors and the lanes of a last one that count, as bits and as a mask.
func (l Level) vectors(n int) (whole, tail int, mask unsafe.Pointer) {
	lanes := n % l.lanes()
	return n / l.lanes(), 1<<lanes - 1, unsafe.Pointer(&tailMasks[min(lanes, 8)])
}
