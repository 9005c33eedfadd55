package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop is what the loops over the channels of positions take.
var loop = record{"loop", "what a loop over the channels of positions takes", []field{
	pointer("dst", ""),
	word("dstStride", "bytes between positions"),
	pointer("x", ""),
	word("xStride", "bytes between positions"),
	pointer("y", ""),
	word("yStride", "bytes between positions"),
	pointer("shift", "a value for each channel"),
	word("positions", ""),
	word("quads", "four vectors of channels"),
	word("blocks", "vectors of channels besides, apart from the tail"),
	single("factor", ""),
	single("unused", ""),
	single("lo", "the least output"),
	single("hi", "the greatest"),
	word("activation", "as a convolution's"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

// elementwise are the loops over one or two maps.
var elementwise = []struct{ name, doc string }{
	{"copy", "copies x"},
	{"affine", "makes x*y+shift, where y has a value for each channel"},
	{"add", "makes x+y*factor"},
	{"multiply", "makes x*y"},
	{"weigh", "makes x*y, where y has a value for each position"},
}

func (g *generator) loops() {
	for _, e := range elementwise {
		g.elementwise(e.name, e.doc)
	}
	g.pool("max", "makes the maximum of windows", func(x operand.Op, a reg.Register) { g.VMAXPS(x, a, a) })
	g.pool("sum", "makes the sum of windows times scale", func(x operand.Op, a reg.Register) { g.VADDPS(x, a, a) })
}

func (g *generator) elementwise(name, doc string) {
	function := name + "Loop" + g.suffix
	g.begin(function, "loop", function+" "+doc+", then the activation.")
	step := 4 * g.lanes()
	dst, x, y, shift, channel, count, positions := reg.RDI, reg.RSI, reg.RDX, reg.R9, reg.RBX, reg.RCX, reg.R10
	mask, factor := g.vector(15), g.vector(14)
	g.MOVQ(loop.at(reg.RAX, "dst"), dst)
	g.MOVQ(loop.at(reg.RAX, "x"), x)
	g.MOVQ(loop.at(reg.RAX, "y"), y)
	g.MOVQ(loop.at(reg.RAX, "shift"), shift)
	g.MOVQ(loop.at(reg.RAX, "positions"), positions)
	if name == "add" {
		g.VBROADCASTSS(loop.at(reg.RAX, "factor"), factor)
	}
	g.loadTail(loop, mask)

	body := func(n int, masked bool) {
		values, others := g.all(0, n), g.all(4, n)
		at := func(base reg.Register, i int) operand.Mem {
			return operand.Mem{Base: base, Index: channel, Scale: 1, Disp: i * step}
		}
		load := func(m operand.Mem, r reg.Register) {
			if masked {
				g.loadMasked(m, mask, r)
			} else {
				g.VMOVUPS(m, r)
			}
		}
		for i, v := range values {
			load(at(x, i), v)
		}
		for i, v := range values {
			switch name {
			case "affine":
				load(at(y, i), others[i])
				if masked {
					load(at(shift, i), g.vector(8))
					g.VFMADD213PS(g.vector(8), others[i], v)
				} else {
					g.VFMADD213PS(at(shift, i), others[i], v)
				}
			case "add":
				load(at(y, i), others[i])
				g.VFMADD231PS(others[i], factor, v)
			case "multiply":
				load(at(y, i), others[i])
				g.VMULPS(others[i], v, v)
			case "weigh":
				g.VMULPS(factor, v, v)
			}
		}
		g.activate(loop, values, g.all(8, 3))
		for i, v := range values {
			if masked {
				g.storeMasked(v, mask, at(dst, i))
			} else {
				g.VMOVUPS(v, at(dst, i))
			}
		}
	}
	next := g.label("position")
	g.Label(next)
	g.XORQ(channel, channel)
	if name == "weigh" {
		g.VBROADCASTSS(operand.Mem{Base: y}, factor)
	}
	for _, part := range []struct {
		field string
		n     int
	}{{"quads", 4}, {"blocks", 1}} {
		again, done := g.label(part.field), g.label("done")
		g.MOVQ(loop.at(reg.RAX, part.field), count)
		g.TESTQ(count, count)
		g.JE(operand.LabelRef(done))
		g.Label(again)
		body(part.n, false)
		g.ADDQ(operand.U32(uint32(part.n*step)), channel)
		g.DECQ(count)
		g.JNE(operand.LabelRef(again))
		g.Label(done)
	}
	noTail := g.label("noTail")
	g.CMPQ(loop.at(reg.RAX, "tail"), operand.Imm(0))
	g.JE(operand.LabelRef(noTail))
	body(1, true)
	g.Label(noTail)
	g.ADDQ(loop.at(reg.RAX, "dstStride"), dst)
	g.ADDQ(loop.at(reg.RAX, "xStride"), x)
	g.ADDQ(loop.at(reg.RAX, "yStride"), y)
	g.DECQ(positions)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}

// pooling is what the loops over windows take.
var pooling = record{"pooling", "what a loop over windows takes: a run of positions in a row, all channels", []field{
	pointer("rows", "*[rows]unsafe.Pointer: the rows of the input"),
	word("count", "rows of the window"),
	word("columns", "of the window"),
	word("offset", "bytes into the rows, where the window of the first position begins"),
	word("srcStride", "bytes between positions of the input"),
	word("step", "bytes from a window to the next"),
	word("positions", ""),
	word("blocks", "vectors of channels, apart from the tail"),
	pointer("dst", ""),
	word("dstStride", "bytes between positions"),
	single("start", "what each value begins with"),
	single("scale", "what each sum is multiplied with"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

func (g *generator) pool(name, doc string, join func(x operand.Op, a reg.Register)) {
	function := name + "Pool" + g.suffix
	g.begin(function, "pooling", fmt.Sprintf("%s %s.", function, doc))
	step := 4 * g.lanes()
	value, x, start, scale, mask := g.vector(0), g.vector(1), g.vector(2), g.vector(3), g.vector(4)
	offset, row, rows, column, columns, blocks, channel := reg.RBX, reg.RSI, reg.RCX, reg.RDI, reg.RDX, reg.R8, reg.R9
	stride, positions, dst, first := reg.R10, reg.R11, reg.R12, reg.R13
	g.VBROADCASTSS(pooling.at(reg.RAX, "start"), start)
	g.VBROADCASTSS(pooling.at(reg.RAX, "scale"), scale)
	g.loadTail(pooling, mask)
	g.MOVQ(pooling.at(reg.RAX, "srcStride"), stride)
	g.MOVQ(pooling.at(reg.RAX, "positions"), positions)
	g.MOVQ(pooling.at(reg.RAX, "dst"), dst)
	g.MOVQ(pooling.at(reg.RAX, "offset"), first)
	next, block, tail, done := g.label("position"), g.label("block"), g.label("tail"), g.label("done")
	body := func(masked bool) {
		g.VMOVUPS(start, value)
		g.MOVQ(pooling.at(reg.RAX, "rows"), row)
		g.MOVQ(pooling.at(reg.RAX, "count"), rows)
		nextRow, nextColumn := g.label("row"), g.label("column")
		g.Label(nextRow)
		g.MOVQ(operand.Mem{Base: row}, column)
		g.ADDQ(offset, column)
		g.MOVQ(pooling.at(reg.RAX, "columns"), columns)
		g.Label(nextColumn)
		if masked {
			g.loadMasked(operand.Mem{Base: column}, mask, x)
			join(x, value)
		} else {
			join(operand.Mem{Base: column}, value)
		}
		g.ADDQ(stride, column)
		g.DECQ(columns)
		g.JNE(operand.LabelRef(nextColumn))
		g.ADDQ(operand.Imm(8), row)
		g.DECQ(rows)
		g.JNE(operand.LabelRef(nextRow))
		if name == "sum" {
			g.VMULPS(scale, value, value)
		}
		to := operand.Mem{Base: dst, Index: channel, Scale: 1}
		if masked {
			g.storeMasked(value, mask, to)
		} else {
			g.VMOVUPS(value, to)
		}
	}
	g.Label(next)
	g.MOVQ(first, offset)
	g.XORQ(channel, channel)
	g.MOVQ(pooling.at(reg.RAX, "blocks"), blocks)
	g.TESTQ(blocks, blocks)
	g.JE(operand.LabelRef(tail))
	g.Label(block)
	body(false)
	g.ADDQ(operand.Imm(uint64(step)), offset)
	g.ADDQ(operand.Imm(uint64(step)), channel)
	g.DECQ(blocks)
	g.JNE(operand.LabelRef(block))
	g.Label(tail)
	g.CMPQ(pooling.at(reg.RAX, "tail"), operand.Imm(0))
	g.JE(operand.LabelRef(done))
	body(true)
	g.Label(done)
	g.ADDQ(pooling.at(reg.RAX, "step"), first)
	g.ADDQ(pooling.at(reg.RAX, "dstStride"), dst)
	g.DECQ(positions)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}
