package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The loops that pack kernels anew: in training, weights change at every step.

// turnover is what the transposition takes.
var turnover = record{"turnover", "what the transposition takes: 8 rows, which become 8 columns", []field{
	pointer("src", ""),
	word("srcStride", "bytes between rows"),
	pointer("dst", ""),
	word("dstStride", "bytes between rows"),
	word("groups", "how many times 8 values of a row"),
}}

// winogradWeights is what the transform of a kernel takes.
var winogradWeights = record{"winogradWeights", "what the transform of a 3x3 kernel takes: a panel of filters, some channels", []field{
	pointer("src", "[9][channels][filters]"),
	word("srcTap", "bytes between taps"),
	word("srcRow", "bytes between channels"),
	pointer("dst", "[36][channels][filters of the panel]"),
	word("dstPlane", "bytes between matrices"),
	word("dstRow", "bytes between channels"),
	word("rows", "channels"),
	word("blocks", "vectors of filters, apart from the tail"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

func (g *generator) repack() {
	if !g.wide { // AVX-512 takes it, too: memory is slower
		g.turnover()
	}
	g.winogradKernel()
}

// turnover brings the rows i and i+4 together in the lanes of 128 bits, within which shuffles are fast.
func (g *generator) turnover() {
	name := "transpose" + g.suffix
	g.begin(name, "turnover", name+" makes columns of 8 rows.")
	src, src4, stride, stride3 := reg.RSI, reg.RDI, reg.RDX, reg.RCX
	dst, dst4, to, to3, groups := reg.R8, reg.R9, reg.R10, reg.R11, reg.RBX
	rows, t, columns := g.all(0, 4), g.all(4, 4), g.all(8, 4)
	g.MOVQ(turnover.at(reg.RAX, "src"), src)
	g.MOVQ(turnover.at(reg.RAX, "srcStride"), stride)
	g.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	g.LEAQ(operand.Mem{Base: src, Index: stride, Scale: 4}, src4)
	g.MOVQ(turnover.at(reg.RAX, "dst"), dst)
	g.MOVQ(turnover.at(reg.RAX, "dstStride"), to)
	g.LEAQ(operand.Mem{Base: to, Index: to, Scale: 2}, to3)
	g.MOVQ(turnover.at(reg.RAX, "groups"), groups)
	row := func(base, stride, stride3 reg.Register, i, disp int) operand.Mem {
		switch i {
		case 1, 2:
			return operand.Mem{Base: base, Index: stride, Scale: uint8(i), Disp: disp}
		case 3:
			return operand.Mem{Base: base, Index: stride3, Scale: 1, Disp: disp}
		}
		return operand.Mem{Base: base, Disp: disp}
	}
	next := g.label("group")
	g.Label(next)
	g.LEAQ(operand.Mem{Base: dst, Index: to, Scale: 4}, dst4)
	for side := range 2 {
		for i, r := range rows {
			g.VMOVUPS(row(src, stride, stride3, i, 16*side), xmm(r))
			g.VINSERTF128(operand.Imm(1), row(src4, stride, stride3, i, 16*side), r, r)
		}
		g.VUNPCKLPS(rows[1], rows[0], t[0])
		g.VUNPCKHPS(rows[1], rows[0], t[1])
		g.VUNPCKLPS(rows[3], rows[2], t[2])
		g.VUNPCKHPS(rows[3], rows[2], t[3])
		g.VUNPCKLPD(t[2], t[0], columns[0])
		g.VUNPCKHPD(t[2], t[0], columns[1])
		g.VUNPCKLPD(t[3], t[1], columns[2])
		g.VUNPCKHPD(t[3], t[1], columns[3])
		for i, r := range columns {
			g.VMOVUPS(r, row([]reg.Register{dst, dst4}[side], to, to3, i, 0))
		}
	}
	g.ADDQ(operand.Imm(32), src)
	g.ADDQ(operand.Imm(32), src4)
	g.LEAQ(operand.Mem{Base: dst4, Index: to, Scale: 4}, dst)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

// winogradKernel makes two columns of the matrices at once, first along the rows of the kernel, then along its columns. The values at a point and
// at its opposite have their even powers in common.
func (g *generator) winogradKernel() {
	name := "winogradKernel" + g.suffix
	g.begin(name, "winogradWeights", name+" transforms a panel of a 3x3 kernel.")
	step := 4 * g.lanes()
	v := g.all(0, 6)
	first, middle, last, t, u := g.vector(6), g.vector(7), g.vector(8), g.vector(9), g.vector(10)
	mask := g.vector(15)
	k := g.factors(16, "k0", "ka0", "ka1", "ka2", "kb0", "kb1", "kb2")
	tap := reg.RCX
	bases := []reg.Register{reg.RSI, reg.RDI, reg.RDX} // the rows of the kernel
	matrices := planes{reg.R8, reg.R9, reg.R10, reg.R11}
	tap3, dst, to, blocks, rows := reg.R12, reg.R13, reg.R14, reg.R15, reg.RBX
	srcRow, dstRow := g.AllocLocal(8), g.AllocLocal(8) // where the channel begins
	g.loadTail(winogradWeights, mask)
	g.MOVQ(winogradWeights.at(reg.RAX, "srcTap"), tap)
	g.LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, tap3)
	matrices.load(g, winogradWeights.at(reg.RAX, "dstPlane"))
	g.MOVQ(winogradWeights.at(reg.RAX, "src"), bases[0])
	g.MOVQ(bases[0], srcRow)
	g.MOVQ(winogradWeights.at(reg.RAX, "dst"), dst)
	g.MOVQ(dst, dstRow)
	g.MOVQ(winogradWeights.at(reg.RAX, "rows"), rows)

	body := func(masked bool) {
		load := func(y, x int, r reg.Register) {
			m := operand.Mem{Base: bases[y]}
			if x > 0 {
				m.Index, m.Scale = tap, uint8(x)
			}
			if masked {
				g.loadMasked(m, mask, r)
			} else {
				g.VMOVUPS(m, r)
			}
		}
		// opposite makes the values at a point and at its opposite.
		opposite := func(point string, d0, d1, d2, plus, minus reg.Register) {
			g.VMULPS(k[point+"0"], d0, minus)
			g.VFMADD231PS(k[point+"2"], d2, minus)
			g.VMOVAPS(minus, plus)
			g.VFMADD231PS(k[point+"1"], d1, plus)
			g.VFNMADD231PS(k[point+"1"], d1, minus)
		}
		for _, columns := range [][2]int{{0, 5}, {1, 2}, {3, 4}} {
			for y := range 3 {
				switch columns[0] {
				case 0:
					load(y, 0, first)
					g.VMULPS(k["k0"], first, v[2*y])
					load(y, 2, v[2*y+1])
				default:
					load(y, 0, first)
					load(y, 1, middle)
					load(y, 2, last)
					opposite([]string{"", "ka", "", "kb"}[columns[0]], first, middle, last, v[2*y], v[2*y+1])
				}
			}
			for q, column := range columns {
				g.IMUL3Q(operand.Imm(uint64(column)), matrices.one, to)
				g.ADDQ(dst, to)
				store := func(i int, r reg.Register) {
					if m := matrices.at(to, i); masked {
						g.storeMasked(r, mask, m)
					} else {
						g.VMOVUPS(r, m)
					}
				}
				d0, d1, d2 := v[q], v[2+q], v[4+q]
				g.VMULPS(k["k0"], d0, first)
				store(0, first)
				opposite("ka", d0, d1, d2, t, u)
				store(1, t)
				store(2, u)
				opposite("kb", d0, d1, d2, middle, last)
				store(3, middle)
				store(4, last)
				store(5, d2)
			}
		}
	}
	row := g.label("row")
	g.Label(row)
	g.MOVQ(srcRow, bases[0])
	g.LEAQ(operand.Mem{Base: bases[0], Index: tap3, Scale: 1}, bases[1])
	g.LEAQ(operand.Mem{Base: bases[0], Index: tap3, Scale: 2}, bases[2])
	g.MOVQ(dstRow, dst)
	g.blocks(winogradWeights, blocks, body, func() {
		for _, base := range append(bases, dst) {
			g.ADDQ(operand.Imm(uint64(step)), base)
		}
	})
	g.MOVQ(winogradWeights.at(reg.RAX, "srcRow"), blocks)
	g.ADDQ(blocks, srcRow)
	g.MOVQ(winogradWeights.at(reg.RAX, "dstRow"), blocks)
	g.ADDQ(blocks, dstRow)
	g.DECQ(rows)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}
