package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The Winograd form F(4x4, 3x3) takes tiles of 6x6 positions of the input to 36 products and these to 4x4 positions of the output. Its transforms
// evaluate polynomials at 0, a, -a, b, -b and infinity.

// winogradInput is what the transform of a tile of the input takes, and that of a tile of the output's cotangent.
var winogradInput = record{"winogradInput", "what the transform of a tile takes: 6x6 positions of the input or 4x4 of the cotangent, all channels", []field{
	pointer("src", ""),
	word("srcStride", "bytes between columns"),
	word("srcRow", "bytes between rows"),
	pointer("dst", "[36][...]: the tile's channels in each of the matrices"),
	word("dstPlane", "bytes between matrices"),
	word("blocks", "vectors of channels, apart from the tail"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

// winogradOutput is what the transform of the products takes.
var winogradOutput = record{"winogradOutput", "what the transform of a tile's products takes: 4x4 positions, all filters", append([]field{
	pointer("src", "[36][...]: the tile's filters in each of the matrices"),
	word("srcPlane", "bytes between matrices"),
	pointer("dst", ""),
	word("dstStride", "bytes between columns"),
	word("dstRow", "bytes between rows"),
	word("residualRow", "bytes between rows"),
	word("rows", "of the output that exist: 1 to 4"),
	word("columns", "of the output that exist: 1 to 4"),
	word("blocks", "vectors of filters, apart from the tail"),
}, epilogue...)}

func (g *generator) winograd() {
	g.winogradInput()
	g.winogradOutput()
	g.winogradCotangent()
	g.winogradSums()
}

// planes are the registers that lead to the six matrices of a column of points.
type planes struct{ one, six, eighteen, thirty reg.Register }

// load makes the multiples of what leads from a matrix to the next.
func (p planes) load(g *generator, from operand.Mem) {
	g.MOVQ(from, p.one)
	g.LEAQ(operand.Mem{Base: p.one, Index: p.one, Scale: 2}, p.six)
	g.ADDQ(p.six, p.six)
	g.LEAQ(operand.Mem{Base: p.six, Index: p.six, Scale: 2}, p.eighteen)
	g.LEAQ(operand.Mem{Base: p.six, Index: p.six, Scale: 4}, p.thirty)
}

// at is where the values for a row of the points lie, from those for the first one.
func (p planes) at(column reg.Register, row int) operand.Mem {
	m := operand.Mem{Base: column}
	switch row {
	case 1, 2, 4:
		m.Index, m.Scale = p.six, uint8(row)
	case 3:
		m.Index, m.Scale = p.eighteen, 1
	case 5:
		m.Index, m.Scale = p.thirty, 1
	}
	return m
}

// multiple is the place so many strides behind a base, or behind base4, which lies four of them further.
func multiple(base, base4, stride, stride3 reg.Register, n int) operand.Mem {
	m := operand.Mem{Base: base}
	if n >= 4 {
		m.Base = base4
	}
	switch n % 4 {
	case 1, 2:
		m.Index, m.Scale = stride, uint8(n%4)
	case 3:
		m.Index, m.Scale = stride3, 1
	}
	return m
}

// blocks writes the loop over the vectors of a record, and what comes for its tail.
func (g *generator) blocks(r record, counter reg.Register, body func(masked bool), next func()) {
	block, tail, done := g.label("block"), g.label("tail"), g.label("done")
	g.MOVQ(r.at(reg.RAX, "blocks"), counter)
	g.TESTQ(counter, counter)
	g.JE(operand.LabelRef(tail))
	g.Label(block)
	body(false)
	next()
	g.DECQ(counter)
	g.JNE(operand.LabelRef(block))
	g.Label(tail)
	g.CMPQ(r.at(reg.RAX, "tail"), operand.Imm(0))
	g.JE(operand.LabelRef(done))
	body(true)
	g.Label(done)
}

// loadTail prepares the mask of a record's tail if it has one.
func (g *generator) loadTail(r record, mask reg.Register) {
	none := g.label("noMask")
	g.CMPQ(r.at(reg.RAX, "tail"), operand.Imm(0))
	g.JE(operand.LabelRef(none))
	g.loadMask(r, mask)
	g.Label(none)
}

// factor is a constant: a register where there are enough, else memory.
type factor = operand.Op

// factors loads constants into registers from the given one on, or leaves them in memory.
func (g *generator) factors(from int, names ...string) map[string]factor {
	m := map[string]factor{}
	for i, name := range names {
		m[name] = g.constant(name)
		if g.wide {
			r := g.vector(from + i)
			g.VMOVUPS(g.constant(name), r)
			m[name] = r
		}
	}
	return m
}

func (g *generator) winogradInput() {
	name := "winogradInput" + g.suffix
	g.begin(name, "winogradInput", name+" transforms a tile of the input.")
	step := 4 * g.lanes()
	v := g.all(0, 12)
	t, u, mask := g.vector(12), g.vector(13), g.vector(15)
	k := g.factors(16, "a", "b", "a2", "b2", "a2b2", "a2+b2")
	base, base4, stride, stride3, row := reg.RSI, reg.RDI, reg.RDX, reg.RCX, reg.RBX
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
			m := multiple(base, base4, stride, stride3, column)
			if masked {
				g.loadMasked(m, mask, r)
			} else {
				g.VMOVUPS(m, r)
			}
		}
		for _, columns := range [][2]int{{0, 5}, {1, 2}, {3, 4}} {
			// Along the rows.
			g.MOVQ(src, base)
			for i := range 6 {
				g.LEAQ(operand.Mem{Base: base, Index: stride, Scale: 4}, base4)
				x, y := v[2*i], v[2*i+1]
				if columns[0] == 0 {
					load(4, x)
					load(2, t)
					g.VFNMADD231PS(k["a2+b2"], t, x)
					load(0, u)
					g.VFMADD231PS(k["a2b2"], u, x)
					load(5, y)
					load(3, t)
					g.VFNMADD231PS(k["a2+b2"], t, y)
					load(1, u)
					g.VFMADD231PS(k["a2b2"], u, y)
				} else {
					other, point := k["b2"], k["a"]
					if columns[0] == 3 {
						other, point = k["a2"], k["b"]
					}
					load(4, x)
					load(2, t)
					g.VFNMADD231PS(other, t, x)
					load(3, y)
					load(1, u)
					g.VFNMADD231PS(other, u, y)
					g.VMOVAPS(x, t)
					g.VFNMADD231PS(point, y, t)
					g.VFMADD231PS(point, y, x)
					v[2*i+1] = t // the names change, not the values
					t = y
				}
				if i < 5 {
					g.ADDQ(row, base)
				}
			}
			// Along the columns.
			for q, column := range columns {
				g.IMUL3Q(operand.Imm(uint64(column)), matrices.one, to)
				g.ADDQ(dst, to)
				store := func(i int, r reg.Register) { g.VMOVUPS(r, matrices.at(to, i)) }
				d := func(i int) reg.Register { return v[2*i+q] }
				g.VMOVAPS(d(4), t)
				g.VFNMADD231PS(k["a2+b2"], d(2), t)
				g.VFMADD231PS(k["a2b2"], d(0), t)
				store(0, t)
				g.VFNMADD231PS(k["a2+b2"], d(3), d(5))
				g.VFMADD231PS(k["a2b2"], d(1), d(5))
				store(5, d(5))
				even, odd := d(0), d(5)
				g.VMOVAPS(d(4), even)
				g.VFNMADD231PS(k["b2"], d(2), even)
				g.VMOVAPS(d(3), odd)
				g.VFNMADD231PS(k["b2"], d(1), odd)
				g.VMOVAPS(even, u)
				g.VFMADD231PS(k["a"], odd, u)
				store(1, u)
				g.VFNMADD231PS(k["a"], odd, even)
				store(2, even)
				g.VFNMADD231PS(k["a2"], d(2), d(4))
				g.VFNMADD231PS(k["a2"], d(1), d(3))
				g.VMOVAPS(d(4), d(2))
				g.VFMADD231PS(k["b"], d(3), d(2))
				store(3, d(2))
				g.VFNMADD231PS(k["b"], d(3), d(4))
				store(4, d(4))
			}
		}
	}
	saved, savedT := append([]reg.Register(nil), v...), t
	g.blocks(winogradInput, blocks, body, func() {
		copy(v, saved)
		t = savedT
		g.ADDQ(operand.Imm(uint64(step)), src)
		g.ADDQ(operand.Imm(uint64(step)), dst)
	})
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) winogradOutput() {
	name := "winogradOutput" + g.suffix
	g.begin(name, "winogradOutput", name+" transforms the products of a tile.")
	step := 4 * g.lanes()
	v := g.all(0, 12)
	t, u, w, mask := g.vector(12), g.vector(13), g.vector(14), g.vector(15)
	k := g.factors(16, "a", "b", "a2", "b2", "a3", "b3")
	base, base4, plane, plane3, plane6 := reg.RSI, reg.RDI, reg.RDX, reg.RCX, reg.R9
	src, channel, blocks := reg.R10, reg.RBX, reg.R11
	to, stride, row, column := reg.R12, reg.R13, reg.R14, reg.R15
	g.loadTail(winogradOutput, mask)
	g.MOVQ(winogradOutput.at(reg.RAX, "srcPlane"), plane)
	g.LEAQ(operand.Mem{Base: plane, Index: plane, Scale: 2}, plane3)
	g.LEAQ(operand.Mem{Base: plane3, Index: plane3, Scale: 1}, plane6)
	g.MOVQ(winogradOutput.at(reg.RAX, "src"), src)
	g.XORQ(channel, channel)

	// There are not enough registers for all columns of the output at once: the even ones, which need sums, then the odd ones, which need differences.
	body := func(masked bool) {
		for odd := range 2 {
			g.LEAQ(operand.Mem{Base: src, Index: channel, Scale: 1}, base)
			for i := range 6 {
				g.LEAQ(operand.Mem{Base: base, Index: plane, Scale: 4}, base4)
				m := func(j int) operand.Mem { return multiple(base, base4, plane, plane3, j) }
				x, y := v[2*i], v[2*i+1]
				g.VMOVUPS(m(1), t)
				g.VMOVUPS(m(3), u)
				if odd == 0 {
					g.VADDPS(m(2), t, t)
					g.VADDPS(m(4), u, u)
					g.VADDPS(m(0), t, x)
					g.VADDPS(u, x, x)
					g.VMULPS(k["a2"], t, y)
					g.VFMADD231PS(k["b2"], u, y)
				} else {
					g.VSUBPS(m(2), t, t)
					g.VSUBPS(m(4), u, u)
					g.VMULPS(k["a"], t, x)
					g.VFMADD231PS(k["b"], u, x)
					g.VMOVUPS(m(5), y)
					g.VFMADD231PS(k["a3"], t, y)
					g.VFMADD231PS(k["b3"], u, y)
				}
				if i < 5 {
					g.ADDQ(plane6, base)
				}
			}
			var outputs []reg.Register
			for q := range 2 {
				d := func(i int) reg.Register { return v[2*i+q] }
				g.VADDPS(d(2), d(1), t)
				g.VSUBPS(d(2), d(1), d(1))
				g.VADDPS(d(4), d(3), u)
				g.VSUBPS(d(4), d(3), d(3))
				g.VADDPS(d(0), t, d(0))
				g.VADDPS(u, d(0), d(0))
				g.VMULPS(k["a"], d(1), d(2))
				g.VFMADD231PS(k["b"], d(3), d(2))
				g.VMULPS(k["a2"], t, d(4))
				g.VFMADD231PS(k["b2"], u, d(4))
				g.VFMADD231PS(k["a3"], d(1), d(5))
				g.VFMADD231PS(k["b3"], d(3), d(5))
				outputs = append(outputs, d(0), d(2), d(4), d(5))
			}
			g.MOVQ(winogradOutput.at(reg.RAX, "bias"), to)
			bias := operand.Mem{Base: to, Index: channel, Scale: 1}
			if masked {
				g.loadMasked(bias, mask, t)
			} else {
				g.VMOVUPS(bias, t)
			}
			for _, o := range outputs {
				g.VADDPS(t, o, o)
			}
			// each does something with the outputs that exist and where they lie.
			each := func(base, strideName, rowName string, do func(o reg.Register, m operand.Mem)) {
				g.MOVQ(winogradOutput.at(reg.RAX, base), to)
				g.ADDQ(channel, to)
				g.MOVQ(winogradOutput.at(reg.RAX, strideName), stride)
				g.MOVQ(winogradOutput.at(reg.RAX, rowName), row)
				for q := range 2 {
					done := g.label("done")
					c := 2*q + odd
					g.CMPQ(winogradOutput.at(reg.RAX, "columns"), operand.Imm(uint64(c)))
					g.JLE(operand.LabelRef(done))
					g.IMUL3Q(operand.Imm(uint64(c)), stride, column)
					g.ADDQ(to, column)
					for r := range 4 {
						if r > 0 {
							g.CMPQ(winogradOutput.at(reg.RAX, "rows"), operand.Imm(uint64(r)))
							g.JLE(operand.LabelRef(done))
							g.ADDQ(row, column)
						}
						do(outputs[4*q+r], operand.Mem{Base: column})
					}
					g.Label(done)
				}
			}
			noResidual := g.label("noResidual")
			g.CMPQ(winogradOutput.at(reg.RAX, "residual"), operand.Imm(0))
			g.JE(operand.LabelRef(noResidual))
			each("residual", "residualStride", "residualRow", func(o reg.Register, m operand.Mem) {
				if masked {
					g.loadMasked(m, mask, t)
					g.VADDPS(t, o, o)
				} else {
					g.VADDPS(m, o, o)
				}
			})
			g.Label(noResidual)
			g.activate(winogradOutput, outputs, []reg.Register{t, u, w})
			each("dst", "dstStride", "dstRow", func(o reg.Register, m operand.Mem) {
				if masked {
					g.storeMasked(o, mask, m)
				} else {
					g.VMOVUPS(o, m)
				}
			})
		}
	}
	g.blocks(winogradOutput, blocks, body, func() { g.ADDQ(operand.Imm(uint64(step)), channel) })
	g.VZEROUPPER()
	g.RET()
}
