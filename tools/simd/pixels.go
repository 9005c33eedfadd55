package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turning is what the loop takes that interpolates the pixels of a turned photo.
var turning = record{"turning", "what the loop over pixels of a turned photo takes", []field{
	pointer("dst", "three floats a pixel"),
	pointer("src", "the photo, three floats or bytes a pixel"),
	pointer("taps", "a Tap for each pixel"),
	word("groups", "how many times the pixels that the loop makes at once: two"),
}}

// spread is what the loops over the values of pixels take.
var spread = record{"spread", "what a loop over values of pixels takes", []field{
	pointer("dst", "floats"),
	pointer("src", "bytes or floats"),
	word("groups", "how many times the values that the loop makes at once: a vector, or three"),
	pointer("scale", "three vectors: the factors of a pixel's channels, again and again"),
	pointer("shift", "three vectors: what is added"),
}}

func (g *generator) pixels() {
	g.widen()
	g.scale()
	if !g.wide { // AVX-512 takes these, too
		g.turn()
		g.reduce()
		g.jpeg()
	}
}

// turn interpolates two pixels at once, each in a lane of 128 bits of which the last float is idle. A Tap is such a lane, too. Half of the time goes
// into loads; pixels are brought together by blends, which have twice the ports of shuffles, so that wider vectors would gain nothing.
func (g *generator) turn() {
	g.turning("turnPixels", "floats", func(src reg.Register, at, next [2]reg.Register, to []reg.Register) {
		second := g.all(8, 4)
		for i, to := range to {
			disp := i % 2 * 12
			g.VMOVUPS(operand.Mem{Base: src, Index: at[i/2], Scale: 4, Disp: disp}, xmm(to))
			g.VBROADCASTF128(operand.Mem{Base: src, Index: next[i/2], Scale: 4, Disp: disp}, second[i])
			g.VBLENDPS(operand.Imm(0xF0), second[i], to, to)
		}
	}, nil)
	// A load of eight bytes has both pixels of a row.
	var parts [2]reg.Register // which of the bytes make the floats of the left one and of the right one
	g.turning("turnBytes", "bytes", func(src reg.Register, at, next [2]reg.Register, to []reg.Register) {
		for i := range at {
			left, right, second := to[2*i], to[2*i+1], g.vector(10+i)
			g.VPBROADCASTQ(operand.Mem{Base: src, Index: at[i], Scale: 1}, left)
			g.VPBROADCASTQ(operand.Mem{Base: src, Index: next[i], Scale: 1}, second)
			g.VPBLENDD(operand.Imm(0xF0), second, left, left)
			g.VPSHUFB(parts[1], left, right)
			g.VPSHUFB(parts[0], left, left)
			g.VCVTDQ2PS(left, left)
			g.VCVTDQ2PS(right, right)
		}
	}, func() {
		for i := range parts {
			const zero, none = 0x80808000, 0x80808080
			first := uint32(zero + 3*i)
			lane := []uint32{first, first + 1, first + 2, none}
			parts[i] = g.vector(8 + i)
			g.VMOVDQU(g.table([]string{"leftBytes", "rightBytes"}[i], append(lane, lane...)), parts[i])
		}
	})
}

// turning is a loop over pairs of pixels. load brings the left and the right pixels above and then those below to four registers, for pixels that begin at two
// places in the photo and for the next ones, which lie at two others; it may use the registers from the eighth on, which before fills.
func (g *generator) turning(name, kind string, load func(src reg.Register, at, next [2]reg.Register, to []reg.Register), before func()) {
	g.begin(name+g.suffix, "turning", name+g.suffix+" interpolates pixels between four of a photo of "+kind+".")
	dst, src, taps, groups := reg.RDI, reg.RSI, reg.RDX, reg.RCX
	above, below, nextAbove, nextBelow := reg.R8, reg.R9, reg.R10, reg.R11
	g.MOVQ(turning.at(reg.RAX, "dst"), dst)
	g.MOVQ(turning.at(reg.RAX, "src"), src)
	g.MOVQ(turning.at(reg.RAX, "taps"), taps)
	g.MOVQ(turning.at(reg.RAX, "groups"), groups)
	a, b, c, d := g.vector(0), g.vector(1), g.vector(2), g.vector(3)
	tap, right, down, dense := g.vector(4), g.vector(5), g.vector(6), g.vector(7)
	g.VMOVUPS(g.table("dense", []uint32{0, 1, 2, 4, 5, 6, 3, 7}), dense)
	if before != nil {
		before()
	}
	next := g.label("pixels")
	g.Label(next)
	g.VMOVUPS(operand.Mem{Base: taps}, tap)
	for i, at := range []reg.Register{above, below, nextAbove, nextBelow} {
		g.MOVLQSX(operand.Mem{Base: taps, Disp: []int{0, 4, 16, 20}[i]}, at)
	}
	load(src, [2]reg.Register{above, below}, [2]reg.Register{nextAbove, nextBelow}, []reg.Register{a, b, c, d})
	g.VPERMILPS(operand.Imm(0xAA), tap, right)
	g.VPERMILPS(operand.Imm(0xFF), tap, down)
	between := func(a, b, share reg.Register) { // a becomes a+(b-a)*share, rounded three times
		g.VSUBPS(a, b, b)
		g.VMULPS(share, b, b)
		g.VADDPS(b, a, a)
	}
	between(a, b, right)
	between(c, d, right)
	between(a, c, down)
	g.VPERMPS(a, dense, a)
	g.VMOVUPS(xmm(a), operand.Mem{Base: dst})
	g.VEXTRACTF128(operand.Imm(1), a, xmm(b))
	g.VMOVLPS(xmm(b), operand.Mem{Base: dst, Disp: 16})
	g.ADDQ(operand.Imm(32), taps)
	g.ADDQ(operand.Imm(24), dst)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) widen() {
	name := "widenBytes" + g.suffix
	g.begin(name, "spread", name+" makes floats of bytes.")
	dst, src, groups := reg.RDI, reg.RSI, reg.RCX
	g.MOVQ(spread.at(reg.RAX, "dst"), dst)
	g.MOVQ(spread.at(reg.RAX, "src"), src)
	g.MOVQ(spread.at(reg.RAX, "groups"), groups)
	next := g.label("values")
	v := g.vector(0)
	g.Label(next)
	g.VPMOVZXBD(operand.Mem{Base: src}, v)
	g.VCVTDQ2PS(v, v)
	g.VMOVUPS(v, operand.Mem{Base: dst})
	g.ADDQ(operand.Imm(uint64(g.lanes())), src)
	g.ADDQ(operand.Imm(uint64(4*g.lanes())), dst)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

// scale takes three vectors at once, after which the channels begin anew.
func (g *generator) scale() {
	name := "scalePixels" + g.suffix
	g.begin(name, "spread", name+" makes src*scale+shift, rounded twice, with a scale and a shift for each channel.")
	dst, src, groups, table := reg.RDI, reg.RSI, reg.RCX, reg.RDX
	g.MOVQ(spread.at(reg.RAX, "dst"), dst)
	g.MOVQ(spread.at(reg.RAX, "src"), src)
	g.MOVQ(spread.at(reg.RAX, "groups"), groups)
	values, scales, shifts := g.all(0, 3), g.all(3, 3), g.all(6, 3)
	step := 4 * g.lanes()
	g.MOVQ(spread.at(reg.RAX, "scale"), table)
	for i, r := range scales {
		g.VMOVUPS(operand.Mem{Base: table, Disp: i * step}, r)
	}
	g.MOVQ(spread.at(reg.RAX, "shift"), table)
	for i, r := range shifts {
		g.VMOVUPS(operand.Mem{Base: table, Disp: i * step}, r)
	}
	next := g.label("pixels")
	g.Label(next)
	for i, v := range values {
		g.VMULPS(operand.Mem{Base: src, Disp: i * step}, scales[i], v)
		g.VADDPS(shifts[i], v, v)
	}
	for i, v := range values {
		g.VMOVUPS(v, operand.Mem{Base: dst, Disp: i * step})
	}
	g.ADDQ(operand.Imm(uint64(3*step)), src)
	g.ADDQ(operand.Imm(uint64(3*step)), dst)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

// table puts numbers into the program.
func (g *generator) table(name string, values []uint32) operand.Mem {
	if !g.tables[name] {
		g.tables[name] = true
		g.StaticGlobal(name + g.suffix)
		g.DataAttributes(readOnly)
		for _, v := range values {
			g.AppendDatum(operand.U32(v))
		}
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name+g.suffix), 0)
}
