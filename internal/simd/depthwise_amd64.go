package simd

import "unsafe"

func (d *Depthwise) row(dst []float32, dstStride int, src [][]float32, srcStride, n int, e Epilogue) {
	var rows [maxRows]unsafe.Pointer
	for r := range d.Rows {
		rows[r] = unsafe.Pointer(unsafe.SliceData(src[r]))
	}
	blocks, tail, mask := d.Level.vectors(d.Channels)
	t := strip{
		rows:      unsafe.Pointer(&rows[0]),
		count:     d.Rows,
		srcStride: 4 * srcStride,
		blocks:    blocks,
		kernel:    unsafe.Pointer(&d.packed[0]),
		dstStride: 4 * dstStride,
		bias:      unsafe.Pointer(&d.zeros[0]),
		tail:      tail,
		mask:      mask,
	}
	if e.Bias != nil {
		t.bias = unsafe.Pointer(&e.Bias[0])
	}
	t.activation, t.lo, t.hi = e.Activation.parameters()
	i := 0
	for _, positions := range depthwisePositions {
		t.groups = (n - i) / positions
		if t.groups == 0 {
			continue
		}
		t.offset = 4 * i * d.Stride * srcStride
		t.dst = unsafe.Pointer(&dst[i*dstStride])
		if d.Level == AVX512 {
			depthwiseAVX512(d.Cols, d.Stride, positions, &t)
		} else {
			depthwiseAVX2(d.Cols, d.Stride, positions, &t)
		}
		i += t.groups * positions
	}
}
