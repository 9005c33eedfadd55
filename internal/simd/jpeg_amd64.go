package simd

import "unsafe"

// JPEG has the loops over samples of JPEG pictures, for processors with AVX2. The plain forms, whose bits they give, are in internal/jpeg, which has nothing to
// do with levels beside: HasJPEG is false where there are no loops, and then the functions panic.
//
// The functions on rows make whole groups of 16 samples and return how many samples they have made.

// HasJPEG says whether there are loops for JPEG.
func HasJPEG() bool { return len(levels) > 1 }

// InverseDCT writes the samples of the coefficients of a block, times their steps, to eight rows that are stride apart.
func InverseDCT(out []uint8, stride int, block *[64]int16, quant *[64]uint16) {
	_ = out[7*stride : 7*stride+8]
	_ = out[:8:stride] // rows do not overlap
	inverseDCTAVX2(&transforming{block: unsafe.Pointer(block), quant: unsafe.Pointer(quant), out: unsafe.Pointer(&out[0]), stride: stride})
}

// SumRows makes out[i] = 3*near[i]+far[i].
func SumRows(out []uint16, near, far []uint8) int {
	groups := len(near) / 16
	n := 16 * groups
	if n > 0 {
		out, far = out[:n], far[:n]
		sumRowsAVX2(&rows{out: unsafe.Pointer(&out[0]), a: unsafe.Pointer(&near[0]), b: unsafe.Pointer(&far[0]), groups: groups})
	}
	return n
}

// DoubleRow makes out[2*i] = (3*sums[i+1]+sums[i]+even)/16 and out[2*i+1] = (3*sums[i+1]+sums[i+2]+odd)/16. The results fit into bytes.
func DoubleRow(out []uint8, sums []uint16, even, odd int) int {
	groups := (len(sums) - 2) / 16
	n := 16 * groups
	if n > 0 {
		out = out[:2*n]
		doubleRowAVX2(&rows{out: unsafe.Pointer(&out[0]), a: unsafe.Pointer(&sums[1]), groups: groups, even: even, odd: odd})
	}
	return max(n, 0)
}

// ConvertYCbCr makes pixels of red, green and blue.
func ConvertYCbCr(out, luma, cb, cr []uint8) int {
	groups := len(luma) / 16
	n := 16 * groups
	if n > 0 {
		out, cb, cr = out[:3*n], cb[:n], cr[:n]
		convertYCbCrAVX2(&rows{out: unsafe.Pointer(&out[0]), a: unsafe.Pointer(&luma[0]), b: unsafe.Pointer(&cb[0]), c: unsafe.Pointer(&cr[0]), groups: groups})
	}
	return n
}
