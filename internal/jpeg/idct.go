package jpeg

import "github.com/skinattn/skinattn/internal/simd"

// The inverse DCT is libjpeg's "islow" (jidctint.c): the algorithm of C. Loeffler,
// A. Ligtenberg and G. Moschytz, "Practical fast 1-D DCT algorithms with 11
// multiplications" (ICASSP 1989), over the columns and then over the rows, in
// integers. The last bit of a sample depends on the places of the rounding: after the
// columns to 2 bits behind the point, after the rows to samples.

const (
	scaleBits  = 13 // behind the point of the constants
	columnBits = 2  // behind the point between the passes
	rowShift   = scaleBits + columnBits + 3
)

// Cosines and sums of cosines of multiples of pi/16, times sqrt(2), in scaleBits.
const (
	fix0_298631336 = 2446
	fix0_390180644 = 3196
	fix0_541196100 = 4433
	fix0_765366865 = 6270
	fix0_899976223 = 7373
	fix1_175875602 = 9633
	fix1_501321110 = 12299
	fix1_847759065 = 15137
	fix1_961570560 = 16069
	fix2_053119869 = 16819
	fix2_562915447 = 20995
	fix3_072711026 = 25172
)

// vectors says whether samples are made by internal/simd, which gives the bits of the code
// in this package.
var vectors = simd.HasJPEG()

// inverseDCT writes the 8x8 samples of the quantised coefficients b to out, whose
// rows are stride apart.
func inverseDCT(out []uint8, stride int, b *block, quant *[64]uint16) {
	if vectors {
		simd.InverseDCT(out, stride, (*[64]int16)(b), quant)
		return
	}
	inverseDCTPlain(out, stride, b, quant)
}

func inverseDCTPlain(out []uint8, stride int, b *block, quant *[64]uint16) {
	var columns [64]int32
	for x := range 8 {
		dc := int32(b[x]) * int32(quant[x])
		if b[8+x]|b[16+x]|b[24+x]|b[32+x]|b[40+x]|b[48+x]|b[56+x] == 0 {
			dc <<= columnBits
			for i := x; i < 64; i += 8 {
				columns[i] = dc
			}
			continue
		}
		const round = 1 << (scaleBits - columnBits - 1)
		const shift = scaleBits - columnBits
		e0, e1, e2, e3, o0, o1, o2, o3 := transform(dc,
			int32(b[8+x])*int32(quant[8+x]), int32(b[16+x])*int32(quant[16+x]), int32(b[24+x])*int32(quant[24+x]),
			int32(b[32+x])*int32(quant[32+x]), int32(b[40+x])*int32(quant[40+x]), int32(b[48+x])*int32(quant[48+x]),
			int32(b[56+x])*int32(quant[56+x]))
		columns[x] = (e0 + o0 + round) >> shift
		columns[8+x] = (e1 + o1 + round) >> shift
		columns[16+x] = (e2 + o2 + round) >> shift
		columns[24+x] = (e3 + o3 + round) >> shift
		columns[32+x] = (e3 - o3 + round) >> shift
		columns[40+x] = (e2 - o2 + round) >> shift
		columns[48+x] = (e1 - o1 + round) >> shift
		columns[56+x] = (e0 - o0 + round) >> shift
	}
	for y := range 8 {
		in := (*[8]int32)(columns[8*y:])
		row := (*[8]uint8)(out[y*stride:])
		// Half a step, and the level shift of T.81 A.3.1.
		const round = 1<<(rowShift-1) + 128<<rowShift
		e0, e1, e2, e3, o0, o1, o2, o3 := transform(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7])
		row[0] = clamp((e0 + o0 + round) >> rowShift)
		row[1] = clamp((e1 + o1 + round) >> rowShift)
		row[2] = clamp((e2 + o2 + round) >> rowShift)
		row[3] = clamp((e3 + o3 + round) >> rowShift)
		row[4] = clamp((e3 - o3 + round) >> rowShift)
		row[5] = clamp((e2 - o2 + round) >> rowShift)
		row[6] = clamp((e1 - o1 + round) >> rowShift)
		row[7] = clamp((e0 - o0 + round) >> rowShift)
	}
}

// transform is the inverse DCT of 8 values, sqrt(8) times as large and in
// scaleBits, before its last step: sample i is e[i]+o[i], sample 7-i is e[i]-o[i].
func transform(c0, c1, c2, c3, c4, c5, c6, c7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	// Even part: a rotation by 6/16 of pi.
	z := (c2 + c6) * fix0_541196100
	t2 := z - c6*fix1_847759065
	t3 := z + c2*fix0_765366865
	t0, t1 := (c0+c4)<<scaleBits, (c0-c4)<<scaleBits

	// Odd part.
	z5 := (c1 + c3 + c5 + c7) * fix1_175875602
	z1, z2 := (c1+c7)*-fix0_899976223, (c3+c5)*-fix2_562915447
	z3, z4 := (c3+c7)*-fix1_961570560+z5, (c1+c5)*-fix0_390180644+z5
	return t0 + t3, t1 + t2, t1 - t2, t0 - t3,
		c1*fix1_501321110 + z1 + z4, c3*fix3_072711026 + z2 + z3,
		c5*fix2_053119869 + z2 + z4, c7*fix0_298631336 + z1 + z3
}

// fillDC is inverseDCT for a block with a DC coefficient alone.
func fillDC(out []uint8, stride int, dc int16, quant *[64]uint16) {
	v := clamp((int32(dc)*int32(quant[0])+4)>>3 + 128)
	for y := range 8 {
		row := (*[8]uint8)(out[y*stride:])
		for x := range row {
			row[x] = v
		}
	}
}

func clamp(v int32) uint8 {
	if uint32(v) <= 255 {
		return uint8(v)
	}
	if v < 0 {
		return 0
	}
	return 255
}

// reconstruct makes the samples of a progressive component.
func (c *component) reconstruct() {
	for i := range c.coefficients {
		x, y := i%c.blocksX, i/c.blocksX
		inverseDCT(c.pix[8*(y*c.stride()+x):], c.stride(), &c.coefficients[i], c.quant)
	}
}
