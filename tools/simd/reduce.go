package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The loops that reduce photos with antialiasing compute in double precision, a pixel in a vector of four. They are of AVX2 alone: AVX-512 takes them, too.

// reducing is what the loop takes that makes a row narrower.
var reducing = record{"reducing", "what the loop takes that reduces a row of pixels", []field{
	pointer("dst", "three doubles a pixel"),
	pointer("src", "three bytes a pixel"),
	pointer("first", "*int32: where the pixels of each sum begin, in bytes of src"),
	pointer("weights", "[pixels][taps] doubles"),
	word("taps", "of each sum"),
	word("pixels", "to make"),
}}

// weighing is what the loop takes that sums rows.
var weighing = record{"weighing", "what the loop takes that sums rows with weights", []field{
	pointer("dst", "floats"),
	pointer("rows", "*[taps]unsafe.Pointer: rows of doubles"),
	pointer("weights", "[taps] doubles"),
	word("taps", ""),
	word("groups", "how many times 16 values"),
}}

func (g *generator) reduce() {
	g.reduceRow()
	g.weighRows()
}

// reduceRow loads four bytes where a pixel has three, and stores four sums, of which the next pixel's overwrite the last.
func (g *generator) reduceRow() {
	g.begin("reduceRow"+g.suffix, "reducing", "reduceRow"+g.suffix+" makes pixels of a narrower row, each a weighted sum of neighbours.")
	dst, src, first, weights, taps, pixels := reg.RDI, reg.RSI, reg.RDX, reg.RBX, reg.R8, reg.RCX
	at, left := reg.R9, reg.R10
	g.MOVQ(reducing.at(reg.RAX, "dst"), dst)
	g.MOVQ(reducing.at(reg.RAX, "src"), src)
	g.MOVQ(reducing.at(reg.RAX, "first"), first)
	g.MOVQ(reducing.at(reg.RAX, "weights"), weights)
	g.MOVQ(reducing.at(reg.RAX, "taps"), taps)
	g.MOVQ(reducing.at(reg.RAX, "pixels"), pixels)
	sum, pixel, weight := g.vector(0), g.vector(1), g.vector(2)
	next, tap := g.label("pixels"), g.label("taps")
	g.Label(next)
	g.MOVLQSX(operand.Mem{Base: first}, at)
	g.ADDQ(src, at)
	g.MOVQ(taps, left)
	g.VXORPD(sum, sum, sum)
	g.Label(tap)
	g.VPMOVZXBD(operand.Mem{Base: at}, xmm(pixel))
	g.VCVTDQ2PD(xmm(pixel), pixel)
	g.VBROADCASTSD(operand.Mem{Base: weights}, weight)
	g.VMULPD(weight, pixel, pixel)
	g.VADDPD(pixel, sum, sum)
	g.ADDQ(operand.Imm(3), at)
	g.ADDQ(operand.Imm(8), weights)
	g.DECQ(left)
	g.JNE(operand.LabelRef(tap))
	g.VMOVUPD(sum, operand.Mem{Base: dst})
	g.ADDQ(operand.Imm(24), dst)
	g.ADDQ(operand.Imm(4), first)
	g.DECQ(pixels)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

// weighRows makes 16 values at once.
func (g *generator) weighRows() {
	g.begin("weighRows"+g.suffix, "weighing", "weighRows"+g.suffix+" makes floats of weighted sums of rows of doubles.")
	dst, rows, weights, taps, groups := reg.RDI, reg.RSI, reg.RDX, reg.R8, reg.RCX
	row, tap, offset := reg.R9, reg.R10, reg.R11
	g.MOVQ(weighing.at(reg.RAX, "dst"), dst)
	g.MOVQ(weighing.at(reg.RAX, "rows"), rows)
	g.MOVQ(weighing.at(reg.RAX, "weights"), weights)
	g.MOVQ(weighing.at(reg.RAX, "taps"), taps)
	g.MOVQ(weighing.at(reg.RAX, "groups"), groups)
	sums, products, weight := g.all(0, 4), g.all(4, 4), g.vector(8)
	next, more := g.label("values"), g.label("rows")
	g.XORQ(offset, offset)
	g.Label(next)
	for _, sum := range sums {
		g.VXORPD(sum, sum, sum)
	}
	g.XORQ(tap, tap)
	g.Label(more)
	g.MOVQ(operand.Mem{Base: rows, Index: tap, Scale: 8}, row)
	g.VBROADCASTSD(operand.Mem{Base: weights, Index: tap, Scale: 8}, weight)
	for i, product := range products {
		g.VMULPD(operand.Mem{Base: row, Index: offset, Scale: 8, Disp: 32 * i}, weight, product)
		g.VADDPD(product, sums[i], sums[i])
	}
	g.INCQ(tap)
	g.CMPQ(tap, taps)
	g.JNE(operand.LabelRef(more))
	for i, sum := range sums {
		g.VCVTPD2PSY(sum, xmm(sum))
		g.VMOVUPS(xmm(sum), operand.Mem{Base: dst, Index: offset, Scale: 4, Disp: 16 * i})
	}
	g.ADDQ(operand.Imm(16), offset)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}
