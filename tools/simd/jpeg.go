package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The loops of decoding JPEG are of AVX2 alone: a block has rows of eight values, and bytes are packed within lanes of 128 bits. AVX-512 takes them, too.

// transforming is what the inverse DCT takes.
var transforming = record{"transforming", "what the inverse DCT of a block takes", []field{
	pointer("block", "*[64]int16: coefficients, in row-major order"),
	pointer("quant", "*[64]uint16: their steps"),
	pointer("out", "8 rows of 8 bytes"),
	word("stride", "bytes between rows"),
}}

// rows is what the loops over rows of samples take.
var rows = record{"rows", "what a loop over rows of samples takes", []field{
	pointer("out", ""),
	pointer("a", "a row; see the loop"),
	pointer("b", ""),
	pointer("c", ""),
	word("groups", "how many times 16 samples"),
	word("even", "what is added for even columns"),
	word("odd", "and for odd ones"),
}}

func (g *generator) jpeg() {
	g.inverseDCT()
	g.sumRows()
	g.doubleRow()
	g.convertYCbCr()
}

// broadcast is a number in all lanes of 32 bits of a vector in memory.
func (g *generator) broadcast(v int32) operand.Mem {
	values := make([]uint32, 8)
	for i := range values {
		values[i] = uint32(v)
	}
	sign, size := "", v
	if v < 0 {
		sign, size = "minus", -v
	}
	return g.table(fmt.Sprintf("all%s%d", sign, size), values)
}

// words is a pair of 16-bit numbers in all lanes of 32 bits.
func (g *generator) words(low, high int16) operand.Mem {
	return g.broadcast(int32(uint32(uint16(high))<<16 | uint32(uint16(low))))
}

func xmm(r reg.Register) reg.Register { return r.(reg.Vec).AsX() }

// inverseDCT computes with a vector for each row of coefficients, so that all columns are transformed at once; then a vector for each column.
func (g *generator) inverseDCT() {
	g.begin("inverseDCT"+g.suffix, "transforming", "inverseDCT"+g.suffix+" makes the samples of a block.")
	block, quant, out, stride := reg.RSI, reg.RDX, reg.RDI, reg.RCX
	g.MOVQ(transforming.at(reg.RAX, "block"), block)
	g.MOVQ(transforming.at(reg.RAX, "quant"), quant)
	g.MOVQ(transforming.at(reg.RAX, "out"), out)
	g.MOVQ(transforming.at(reg.RAX, "stride"), stride)
	v := g.all(0, 16)

	// Columns with a DC coefficient alone take a short cut, which differs where the sums overflow, in damaged files: a mask has them.
	g.VMOVDQU(operand.Mem{Base: block, Disp: 16}, xmm(v[0]))
	for row := 2; row < 8; row++ {
		g.VPOR(operand.Mem{Base: block, Disp: 16 * row}, xmm(v[0]), xmm(v[0]))
	}
	g.VPXOR(xmm(v[1]), xmm(v[1]), xmm(v[1]))
	g.VPCMPEQW(xmm(v[0]), xmm(v[1]), xmm(v[0]))
	mask := g.AllocLocal(64)
	g.VPMOVSXWD(xmm(v[0]), v[0])
	g.VMOVDQU(v[0], mask)

	load := func(row int, into reg.Register) {
		g.VPMOVSXWD(operand.Mem{Base: block, Disp: 16 * row}, into)
		g.VPMOVZXWD(operand.Mem{Base: quant, Disp: 16 * row}, v[15])
		g.VPMULLD(v[15], into, into)
	}
	for row := range 8 {
		load(row, v[row])
	}
	g.VPSLLD(operand.Imm(2), v[0], v[15])
	g.VMOVDQU(v[15], mask.Offset(32))
	columns := g.transform(v, 1<<10)
	for _, r := range columns {
		g.VPSRAD(operand.Imm(11), r, r)
	}
	free := others(v, columns)
	g.VMOVDQU(mask, free[0])
	for _, r := range columns {
		g.VMOVDQU(mask.Offset(32), free[1])
		g.VPBLENDVB(free[0], free[1], r, r)
	}
	columns = g.transpose(v, columns)
	samples := g.transform(append(columns, others(v, columns)...), 1<<17+128<<18)
	for _, r := range samples {
		g.VPSRAD(operand.Imm(18), r, r)
	}
	// Bytes 4*column+row of each lane, for four rows and four columns.
	for half := range 2 {
		c := samples[4*half:]
		g.VPACKSSDW(c[1], c[0], c[0])
		g.VPACKSSDW(c[3], c[2], c[2])
		g.VPACKUSWB(c[2], c[0], c[0])
		g.VPSHUFB(g.table("transposed", []uint32{0x0C080400, 0x0D090501, 0x0E0A0602, 0x0F0B0703, 0x0C080400, 0x0D090501, 0x0E0A0602, 0x0F0B0703}), c[0], c[0])
	}
	low, high := samples[1], samples[2]
	g.VPUNPCKLDQ(samples[4], samples[0], low)
	g.VPUNPCKHDQ(samples[4], samples[0], high)
	for half := range 2 {
		for _, r := range []reg.Register{low, high} {
			if half == 1 {
				g.VEXTRACTI128(operand.Imm(1), r, xmm(r))
			}
			g.VMOVQ(xmm(r), operand.Mem{Base: out})
			g.VMOVHPS(xmm(r), operand.Mem{Base: out, Index: stride, Scale: 1})
			if half == 0 || r == low {
				g.LEAQ(operand.Mem{Base: out, Index: stride, Scale: 2}, out)
			}
		}
	}
	g.VZEROUPPER()
	g.RET()
}

// others are the registers of all that are not among some.
func others(all, some []reg.Register) (rest []reg.Register) {
	for _, r := range all {
		found := false
		for _, s := range some {
			found = found || s == r
		}
		if !found {
			rest = append(rest, r)
		}
	}
	return rest
}

// transform is one pass of the inverse DCT of the first eight of 16 registers, before the shift; round is added. See internal/jpeg for the sums.
func (g *generator) transform(v []reg.Register, round int32) []reg.Register {
	c, t := v[:8], v[8:]
	multiply := func(k int32, x, into reg.Register) { g.VPMULLD(g.broadcast(k), x, into) }
	// Even part: e0 to e3.
	g.VPADDD(c[6], c[2], t[0])
	multiply(4433, t[0], t[0])
	multiply(-15137, c[6], c[6])
	multiply(6270, c[2], c[2])
	g.VPADDD(t[0], c[6], c[6]) // t2
	g.VPADDD(t[0], c[2], c[2]) // t3
	g.VPADDD(c[4], c[0], t[0])
	g.VPSUBD(c[4], c[0], t[1])
	for _, r := range t[:2] {
		g.VPSLLD(operand.Imm(13), r, r)
		g.VPADDD(g.broadcast(round), r, r)
	}
	e := []reg.Register{c[0], c[4], t[1], t[0]}
	g.VPADDD(c[2], t[0], e[0])
	g.VPADDD(c[6], t[1], e[1])
	g.VPSUBD(c[6], t[1], e[2])
	g.VPSUBD(c[2], t[0], e[3])
	// Odd part; c[2], c[6] and t[2:] are free.
	z1, z2, z3, z4, z5 := t[2], t[3], t[4], t[5], t[6]
	g.VPADDD(c[7], c[1], z1)
	g.VPADDD(c[5], c[3], z2)
	g.VPADDD(c[7], c[3], z3)
	g.VPADDD(c[5], c[1], z4)
	g.VPADDD(z1, z2, z5)
	multiply(9633, z5, z5)
	multiply(-7373, z1, z1)
	multiply(-20995, z2, z2)
	multiply(-16069, z3, z3)
	multiply(-3196, z4, z4)
	g.VPADDD(z5, z3, z3)
	g.VPADDD(z5, z4, z4)
	o := []reg.Register{c[1], c[3], c[5], c[7]}
	for i, part := range []struct {
		k    int32
		a, b reg.Register
	}{{12299, z1, z4}, {25172, z2, z3}, {16819, z2, z4}, {2446, z1, z3}} {
		multiply(part.k, o[i], o[i])
		g.VPADDD(part.a, o[i], o[i])
		g.VPADDD(part.b, o[i], o[i])
	}
	// Sample i is e[i]+o[i], sample 7-i e[i]-o[i].
	samples := make([]reg.Register, 8)
	for i, to := range []reg.Register{z1, z2, z3, z4} {
		g.VPADDD(o[i], e[i], to)
		g.VPSUBD(o[i], e[i], e[i])
		samples[i], samples[7-i] = to, e[i]
	}
	return samples
}

// transpose exchanges rows and columns of eight registers of eight values.
func (g *generator) transpose(all, r []reg.Register) []reg.Register {
	free := others(all, r)
	pairs := make([]reg.Register, 8)
	for i := 0; i < 8; i += 2 { // rows i and i+1
		g.VPUNPCKLDQ(r[i+1], r[i], free[i])
		g.VPUNPCKHDQ(r[i+1], r[i], free[i+1])
		pairs[i], pairs[i+1] = free[i], free[i+1]
	}
	fours := r // columns 0 and 4, 1 and 5, 2 and 6, 3 and 7 of rows 0 to 3, then of rows 4 to 7
	for i := range 2 {
		p, f := pairs[4*i:], fours[4*i:]
		g.VPUNPCKLQDQ(p[2], p[0], f[0])
		g.VPUNPCKHQDQ(p[2], p[0], f[1])
		g.VPUNPCKLQDQ(p[3], p[1], f[2])
		g.VPUNPCKHQDQ(p[3], p[1], f[3])
	}
	for i := range 4 {
		g.VPERM2I128(operand.Imm(0x20), fours[4+i], fours[i], free[i])
		g.VPERM2I128(operand.Imm(0x31), fours[4+i], fours[i], free[4+i])
	}
	return free
}

func (g *generator) beginRows(name, doc string) (out, a, b, c, groups reg.Register) {
	g.begin(name+g.suffix, "rows", name+g.suffix+" "+doc)
	out, a, b, c, groups = reg.RDI, reg.RSI, reg.RDX, reg.RBX, reg.RCX
	g.MOVQ(rows.at(reg.RAX, "out"), out)
	g.MOVQ(rows.at(reg.RAX, "a"), a)
	g.MOVQ(rows.at(reg.RAX, "b"), b)
	g.MOVQ(rows.at(reg.RAX, "c"), c)
	g.MOVQ(rows.at(reg.RAX, "groups"), groups)
	return out, a, b, c, groups
}

func (g *generator) endRows(next string, groups reg.Register) {
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) sumRows() {
	out, a, b, _, groups := g.beginRows("sumRows", "makes 3*a+b, words of bytes.")
	near, far := g.vector(0), g.vector(1)
	next := g.label("samples")
	g.Label(next)
	g.VPMOVZXBW(operand.Mem{Base: a}, near)
	g.VPMOVZXBW(operand.Mem{Base: b}, far)
	g.VPADDW(near, far, far)
	g.VPADDW(near, near, near)
	g.VPADDW(near, far, far)
	g.VMOVDQU(far, operand.Mem{Base: out})
	g.ADDQ(operand.Imm(16), a)
	g.ADDQ(operand.Imm(16), b)
	g.ADDQ(operand.Imm(32), out)
	g.endRows(next, groups)
}

func (g *generator) doubleRow() {
	out, a, _, _, groups := g.beginRows("doubleRow", "makes (3*a[i]+a[i-1]+even)>>4 and (3*a[i]+a[i+1]+odd)>>4, bytes in turn, of words.")
	even, odd, three, left, right := g.vector(0), g.vector(1), g.vector(2), g.vector(3), g.vector(4)
	g.VPBROADCASTW(rows.at(reg.RAX, "even"), even)
	g.VPBROADCASTW(rows.at(reg.RAX, "odd"), odd)
	next := g.label("samples")
	g.Label(next)
	g.VMOVDQU(operand.Mem{Base: a}, three)
	g.VPADDW(three, three, left)
	g.VPADDW(left, three, three)
	g.VPADDW(operand.Mem{Base: a, Disp: -2}, three, left)
	g.VPADDW(operand.Mem{Base: a, Disp: 2}, three, right)
	g.VPADDW(even, left, left)
	g.VPADDW(odd, right, right)
	g.VPSRLW(operand.Imm(4), left, left)
	g.VPSRLW(operand.Imm(4), right, right)
	g.VPSLLW(operand.Imm(8), right, right)
	g.VPOR(right, left, left)
	g.VMOVDQU(left, operand.Mem{Base: out})
	g.ADDQ(operand.Imm(32), a)
	g.ADDQ(operand.Imm(32), out)
	g.endRows(next, groups)
}

// convertYCbCr computes in words. A product with a constant of 16 bits behind the point is the whole part, by additions, and the rest, of which
// VPMULHW gives the upper half of twice the product: it is halved and rounded.
func (g *generator) convertYCbCr() {
	out, luma, cb, cr, groups := g.beginRows("convertYCbCr", "makes pixels of a row of luma (a) and two of chroma (b and c).")
	y, u, v, r, gr, b, t, w := g.vector(0), g.vector(1), g.vector(2), g.vector(3), g.vector(4), g.vector(5), g.vector(6), g.vector(7)
	next := g.label("samples")
	g.Label(next)
	g.VPMOVZXBW(operand.Mem{Base: luma}, y)
	for _, c := range []struct{ from, to reg.Register }{{cb, u}, {cr, v}} {
		g.VPMOVZXBW(operand.Mem{Base: c.from}, c.to)
		g.VPSUBW(g.words(128, 128), c.to, c.to)
	}
	rest := func(k int16, twice, to reg.Register) {
		g.VPMULHW(g.words(k, k), twice, to)
		g.VPADDW(g.words(1, 1), to, to)
		g.VPSRAW(operand.Imm(1), to, to)
	}
	g.VPADDW(v, v, t)
	rest(91881-1<<16, t, r)
	g.VPADDW(v, r, r)
	g.VPADDW(y, r, r)
	g.VPADDW(u, u, t)
	rest(116130-2<<16, t, b)
	g.VPADDW(t, b, b)
	g.VPADDW(y, b, b)
	// Green is rounded once, after the sum of both products.
	g.VPUNPCKLWD(v, u, t)
	g.VPUNPCKHWD(v, u, w)
	for _, sum := range []reg.Register{t, w} {
		g.VPMADDWD(g.words(-22554, -46802+1<<16), sum, sum)
		g.VPADDD(g.broadcast(1<<15), sum, sum)
		g.VPSRAD(operand.Imm(16), sum, sum)
	}
	g.VPACKSSDW(w, t, gr)
	g.VPSUBW(v, gr, gr)
	g.VPADDW(y, gr, gr)
	for _, c := range []reg.Register{r, gr, b} {
		g.VEXTRACTI128(operand.Imm(1), c, xmm(t))
		g.VPACKUSWB(xmm(t), xmm(c), xmm(c))
	}
	for i := range 3 {
		for k, c := range []reg.Register{r, gr, b} {
			to := t
			if k > 0 {
				to = w
			}
			g.VPSHUFB(g.interleaved(i, k), xmm(c), xmm(to))
			if k > 0 {
				g.VPOR(xmm(w), xmm(t), xmm(t))
			}
		}
		g.VMOVDQU(xmm(t), operand.Mem{Base: out, Disp: 16 * i})
	}
	g.ADDQ(operand.Imm(16), luma)
	g.ADDQ(operand.Imm(16), cb)
	g.ADDQ(operand.Imm(16), cr)
	g.ADDQ(operand.Imm(48), out)
	g.endRows(next, groups)
}

// interleaved brings 16 bytes of channel k to where they belong in part i of 16 pixels, and zeros elsewhere.
func (g *generator) interleaved(i, k int) operand.Mem {
	values := make([]uint32, 4)
	for at := range 16 {
		from := uint32(0x80)
		if place := 16*i + at; place%3 == k {
			from = uint32(place / 3)
		}
		values[at/4] |= from << (at % 4 * 8)
	}
	return g.table(fmt.Sprintf("interleaved%d%d", i, k), values)
}
