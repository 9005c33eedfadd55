package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turning is what the loop takes that interpolates the pixels of a turned photo.
var turning = record{"turning", "what the loop over pixels of a turned photo takes", []field{
	pointer("dst", "three floats a pixel"),
	pointer("src", "the photo, three floats a pixel"),
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
		g.jpeg()
	}
}

// turn interpolates two pixels at once, each in a lane of 128 bits of which the last float is idle. A Tap is such a lane, too. Half of the time goes
// into loads; pixels are brought together by blends, which have twice the ports of shuffles, so that wider vectors would gain nothing.
func (g *generator) turn() {
	g.begin("turnPixels"+g.suffix, "turning", "turnPixels"+g.suffix+" interpolates pixels between four of the photo.")
	dst, src, taps, groups := reg.RDI, reg.RSI, reg.RDX, reg.RCX
	above, below, nextAbove, nextBelow := reg.R8, reg.R9, reg.R10, reg.R11
	g.MOVQ(turning.at(reg.RAX, "dst"), dst)
	g.MOVQ(turning.at(reg.RAX, "src"), src)
	g.MOVQ(turning.at(reg.RAX, "taps"), taps)
	g.MOVQ(turning.at(reg.RAX, "groups"), groups)
	a, b, c, d := g.vector(0), g.vector(1), g.vector(2), g.vector(3)
	tap, right, down, dense, second := g.vector(4), g.vector(5), g.vector(6), g.vector(7), g.all(8, 4)
	g.VMOVUPS(g.table("dense", []uint32{0, 1, 2, 4, 5, 6, 3, 7}), dense)
	next := g.label("pixels")
	g.Label(next)
	g.VMOVUPS(operand.Mem{Base: taps}, tap)
	for i, at := range []reg.Register{above, below, nextAbove, nextBelow} {
		g.MOVLQSX(operand.Mem{Base: taps, Disp: []int{0, 4, 16, 20}[i]}, at)
	}
	for i, to := range []reg.Register{a, b, c, d} {
		from := operand.Mem{Base: src, Index: above, Scale: 4, Disp: i % 2 * 12}
		other := operand.Mem{Base: src, Index: nextAbove, Scale: 4, Disp: i % 2 * 12}
		if i >= 2 {
			from.Index, other.Index = below, nextBelow
		}
		g.VMOVUPS(from, to.(reg.Vec).AsX())
		g.VBROADCASTF128(other, second[i])
		g.VBLENDPS(operand.Imm(0xF0), second[i], to, to)
	}
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
	g.VMOVUPS(a.(reg.Vec).AsX(), operand.Mem{Base: dst})
	g.VEXTRACTF128(operand.Imm(1), a, b.(reg.Vec).AsX())
	g.VMOVLPS(b.(reg.Vec).AsX(), operand.Mem{Base: dst, Disp: 16})
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
