package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The gradient of a 3x3 kernel in the form F(3x3, 4x4): a tile of the input is transformed as for the convolution, a tile of the cotangent by the
// transposed transform of the output, and what their 36 products sum up to by the transposed transform of the kernel.

// winogradSums is what the transform of the sums of products takes.
var winogradSums = record{"winogradSums", "what the transform of the sums of products takes: pairs of channel and filter", []field{
	pointer("src", "[36][pairs filled up to whole vectors]"),
	word("srcPlane", "bytes between matrices"),
	pointer("dst", "[9][pairs]"),
	word("dstTap", "bytes between taps"),
	word("blocks", "vectors of pairs, apart from the tail"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

// winogradCotangent makes two columns of points at once: along the rows of the tile, then along its columns. The values at a point and at its opposite have
// the even powers in common.
func (g *generator) winogradCotangent() {
	name := "winogradCotangent" + g.suffix
	g.begin(name, "winogradInput", name+" transforms a tile of the cotangent.")
	step := 4 * g.lanes()
	v := g.all(0, 8)
	t, u, w, mask := g.vector(8), g.vector(9), g.vector(10), g.vector(15)
	k := g.factors(16, "a", "b", "a2", "b2")
	base, stride, stride3, row := reg.RSI, reg.RDX, reg.RCX, reg.RBX
	matrices := planes{reg.R8, reg.R9, reg.R10, reg.R11}
	src, dst, to, blocks := reg.R12, reg.R13, reg.R14, reg.R15
	g.loadTail(winogradInput, mask)
	g.MOVQ(winogradInput.at(reg.RAX, "srcStride"), stride)
	g.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	g.MOVQ(winogradInput.at(reg.RAX, "srcRow"), row)
	matrices.load(g, winogradInput.at(reg.RAX, "dstPlane"))
	g.MOVQ(winogradInput.at(reg.RAX, "src"), src)
	g.MOVQ(winogradInput.at(reg.RAX, "dst"), dst)

	body := func(masked bool) {
		load := func(column int, r reg.Register) {
			if m := multiple(base, nil, stride, stride3, column); masked {
				g.loadMasked(m, mask, r)
			} else {
				g.VMOVUPS(m, r)
			}
		}
		for _, columns := range [][2]int{{0, 5}, {1, 2}, {3, 4}} {
			point := []string{"", "a", "", "b"}[columns[0]]
			g.MOVQ(src, base)
			for i := range 4 {
				x, y := v[2*i], v[2*i+1]
				load(0, x)
				if point == "" {
					load(3, y)
				} else {
					load(2, t)
					g.VFMADD231PS(k[point+"2"], t, x)
					load(1, u)
					load(3, t)
					g.VFMADD231PS(k[point+"2"], t, u)
					g.VMOVAPS(x, y)
					g.VFMADD231PS(k[point], u, x)
					g.VFNMADD231PS(k[point], u, y)
				}
				if i < 3 {
					g.ADDQ(row, base)
				}
			}
			for q, column := range columns {
				g.IMUL3Q(operand.Imm(uint64(column)), matrices.one, to)
				g.ADDQ(dst, to)
				store := func(i int, r reg.Register) { g.VMOVUPS(r, matrices.at(to, i)) }
				d := func(i int) reg.Register { return v[2*i+q] }
				store(0, d(0))
				store(5, d(3))
				for i, point := range []string{"a", "b"} {
					g.VMOVAPS(d(0), t)
					g.VFMADD231PS(k[point+"2"], d(2), t)
					g.VMOVAPS(d(1), u)
					g.VFMADD231PS(k[point+"2"], d(3), u)
					g.VMOVAPS(t, w)
					g.VFMADD231PS(k[point], u, w)
					store(1+2*i, w)
					g.VFNMADD231PS(k[point], u, t)
					store(2+2*i, t)
				}
			}
		}
	}
	g.blocks(winogradInput, blocks, body, func() {
		g.ADDQ(operand.Imm(uint64(step)), src)
		g.ADDQ(operand.Imm(uint64(step)), dst)
	})
	g.VZEROUPPER()
	g.RET()
}

// winogradSums makes one column of the kernel at a time.
func (g *generator) winogradSums() {
	name := "winogradSums" + g.suffix
	g.begin(name, "winogradSums", name+" transforms what products sum up to.")
	step := 4 * g.lanes()
	v := g.all(0, 6)
	t, u, w, mask := g.vector(6), g.vector(7), g.vector(8), g.vector(15)
	k := g.factors(16, "k0", "ka0", "ka1", "ka2", "kb0", "kb1", "kb2")
	base, base4, plane, plane3, plane6 := reg.RSI, reg.RDI, reg.RDX, reg.RCX, reg.R9
	src, dst, tap, to, blocks := reg.R10, reg.R11, reg.R12, reg.R13, reg.R14
	g.loadTail(winogradSums, mask)
	g.MOVQ(winogradSums.at(reg.RAX, "srcPlane"), plane)
	g.LEAQ(operand.Mem{Base: plane, Index: plane, Scale: 2}, plane3)
	g.LEAQ(operand.Mem{Base: plane3, Index: plane3, Scale: 1}, plane6)
	g.MOVQ(winogradSums.at(reg.RAX, "src"), src)
	g.MOVQ(winogradSums.at(reg.RAX, "dst"), dst)
	g.MOVQ(winogradSums.at(reg.RAX, "dstTap"), tap)

	// column makes a value of the kernel of the six along a line, in w. The second of a pair is an operand.
	column := func(x int, first func(i int, r reg.Register), second func(i int) operand.Op) {
		for _, pair := range []struct {
			at int
			r  reg.Register
		}{{1, t}, {3, u}} {
			first(pair.at, pair.r)
			if x == 1 {
				g.VSUBPS(second(pair.at+1), pair.r, pair.r)
			} else {
				g.VADDPS(second(pair.at+1), pair.r, pair.r)
			}
		}
		digit := []string{"0", "1", "2"}[x]
		switch x {
		case 0:
			first(0, w)
			g.VMULPS(k["k0"], w, w)
			g.VFMADD231PS(k["ka0"], t, w)
		case 1:
			g.VMULPS(k["ka1"], t, w)
		case 2:
			first(5, w)
			g.VFMADD231PS(k["ka2"], t, w)
		}
		g.VFMADD231PS(k["kb"+digit], u, w)
	}
	body := func(masked bool) {
		for x := range 3 {
			g.MOVQ(src, base)
			for i, r := range v {
				g.LEAQ(operand.Mem{Base: base, Index: plane, Scale: 4}, base4)
				at := func(j int) operand.Op { return multiple(base, base4, plane, plane3, j) }
				column(x, func(j int, r reg.Register) { g.VMOVUPS(at(j), r) }, at)
				g.VMOVAPS(w, r)
				if i < 5 {
					g.ADDQ(plane6, base)
				}
			}
			g.LEAQ(operand.Mem{Base: dst}, to)
			for range x {
				g.ADDQ(tap, to)
			}
			for y := range 3 {
				column(y, func(i int, r reg.Register) { g.VMOVAPS(v[i], r) }, func(i int) operand.Op { return v[i] })
				if m := (operand.Mem{Base: to}); masked {
					g.storeMasked(w, mask, m)
				} else {
					g.VMOVUPS(w, m)
				}
				if y < 2 {
					for range 3 {
						g.ADDQ(tap, to)
					}
				}
			}
		}
	}
	g.blocks(winogradSums, blocks, body, func() {
		g.ADDQ(operand.Imm(uint64(step)), src)
		g.ADDQ(operand.Imm(uint64(step)), dst)
	})
	g.VZEROUPPER()
	g.RET()
}
