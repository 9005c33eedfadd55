package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwiseShape is a micro-kernel of a depthwise convolution: a window so many columns wide, and the positions made at once.
type depthwiseShape struct{ columns, stride, positions int }

var depthwisePositions = []int{7, 4, 2, 1}

func (s depthwiseShape) name(l *level) string {
	return fmt.Sprintf("depthwise%dby%dx%d%s", s.columns, s.stride, s.positions, l.suffix)
}

func (g *generator) depthwise() {
	var shapes []depthwiseShape
	for _, columns := range []int{3, 5, 7} {
		for _, stride := range []int{1, 2} {
			for _, positions := range depthwisePositions {
				shapes = append(shapes, depthwiseShape{columns, stride, positions})
			}
		}
	}
	for _, s := range shapes {
		g.depthwiseKernel(s)
	}
	fmt.Fprintf(&g.stubs, "// depthwise%s makes a strip with the micro-kernel of a window's columns, its stride and the positions made at once.\nfunc depthwise%[1]s(columns, stride, positions int, t *strip) {\nswitch columns<<8|stride<<4|positions {\n", g.suffix)
	for _, s := range shapes {
		fmt.Fprintf(&g.stubs, "case %d<<8|%d<<4|%d:\n%s(t)\n", s.columns, s.stride, s.positions, s.name(g.level))
	}
	fmt.Fprintf(&g.stubs, "default:\npanic(\"simd: no such micro-kernel\")\n}\n}\n\n")
}

func (g *generator) depthwiseKernel(s depthwiseShape) {
	g.begin(s.name(g.level), "strip", fmt.Sprintf("%s makes %d positions at once of a window of %d columns and stride %d.", s.name(g.level), s.positions, s.columns, s.stride))
	step := 4 * g.lanes()
	accumulators := g.all(0, s.positions)
	weights := g.all(s.positions, s.columns)
	x := g.vector(s.positions + s.columns)
	free := g.all(s.positions, g.registers()-s.positions)
	mask := g.vector(g.registers() - 1) // not free in AVX2 with 7 columns and 7 positions: loaded where it is needed

	offset := reg.RBX // bytes into the rows: the position and the channel
	stride, stride3 := reg.RSI, reg.RDI
	kernel, row, count := reg.RDX, reg.R8, reg.RCX
	bases := []reg.Register{reg.R9, reg.R10, reg.R11, reg.R12, reg.R13}
	blocks, channel := reg.R14, reg.R15
	groups := g.AllocLocal(8)
	start := g.AllocLocal(8)
	to := g.AllocLocal(8)

	g.MOVQ(strip.at(reg.RAX, "groups"), reg.RCX)
	g.MOVQ(reg.RCX, groups)
	g.MOVQ(strip.at(reg.RAX, "offset"), offset)
	g.MOVQ(offset, start)
	g.MOVQ(strip.at(reg.RAX, "dst"), reg.RCX)
	g.MOVQ(reg.RCX, to)

	nextGroup, nextBlock, tail, groupDone := g.label("group"), g.label("block"), g.label("tail"), g.label("groupDone")
	g.Label(nextGroup)
	g.MOVQ(start, offset)
	g.XORQ(channel, channel)
	g.MOVQ(strip.at(reg.RAX, "kernel"), kernel)
	g.MOVQ(strip.at(reg.RAX, "blocks"), blocks)
	g.TESTQ(blocks, blocks)
	g.JE(operand.LabelRef(tail))

	body := func(masked bool) {
		g.MOVQ(strip.at(reg.RAX, "bias"), reg.R8)
		from := operand.Mem{Base: reg.R8, Index: channel, Scale: 1}
		if masked {
			g.loadMask2(strip, mask)
			g.loadMasked(from, mask, accumulators[0])
		} else {
			g.VMOVUPS(from, accumulators[0])
		}
		for _, a := range accumulators[1:] {
			g.VMOVAPS(accumulators[0], a)
		}
		g.MOVQ(strip.at(reg.RAX, "srcStride"), stride)
		g.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
		g.MOVQ(strip.at(reg.RAX, "rows"), row)
		g.MOVQ(strip.at(reg.RAX, "count"), count)
		nextRow := g.label("row")
		g.Label(nextRow)
		g.MOVQ(operand.Mem{Base: row}, bases[0])
		g.ADDQ(offset, bases[0])
		inputs := (s.positions-1)*s.stride + s.columns
		for b := 1; 4*b < inputs; b++ {
			g.LEAQ(operand.Mem{Base: bases[b-1], Index: stride, Scale: 4}, bases[b])
		}
		if masked && !g.wide {
			g.MOVQ(strip.at(reg.RAX, "mask"), reg.RBP)
		}
		for k, w := range weights {
			g.VMOVUPS(operand.Mem{Base: kernel, Disp: k * step}, w)
		}
		for i := range inputs {
			m := operand.Mem{Base: bases[i/4]}
			switch i % 4 {
			case 1, 2:
				m.Index, m.Scale = stride, uint8(i%4)
			case 3:
				m.Index, m.Scale = stride3, 1
			}
			if masked {
				if !g.wide {
					g.VMOVUPS(operand.Mem{Base: reg.RBP}, x)
				}
				g.loadMasked(m, x, x)
			} else {
				g.VMOVUPS(m, x)
			}
			for p, a := range accumulators {
				if k := i - p*s.stride; k >= 0 && k < s.columns {
					g.VFMADD231PS(weights[k], x, a)
				}
			}
		}
		g.ADDQ(operand.U32(uint32(s.columns*step)), kernel)
		g.ADDQ(operand.Imm(8), row)
		g.DECQ(count)
		g.JNE(operand.LabelRef(nextRow))

		if masked {
			g.loadMask2(strip, mask)
		}
		g.activate(strip, accumulators, free)
		g.MOVQ(to, reg.R8)
		g.ADDQ(channel, reg.R8)
		g.MOVQ(strip.at(reg.RAX, "dstStride"), reg.R9)
		for p, a := range accumulators {
			if masked {
				g.storeMasked(a, mask, operand.Mem{Base: reg.R8})
			} else {
				g.VMOVUPS(a, operand.Mem{Base: reg.R8})
			}
			if p < s.positions-1 {
				g.ADDQ(reg.R9, reg.R8)
			}
		}
	}
	g.Label(nextBlock)
	body(false)
	g.ADDQ(operand.Imm(uint64(step)), offset)
	g.ADDQ(operand.Imm(uint64(step)), channel)
	g.DECQ(blocks)
	g.JNE(operand.LabelRef(nextBlock))
	g.Label(tail)
	g.CMPQ(strip.at(reg.RAX, "tail"), operand.Imm(0))
	g.JE(operand.LabelRef(groupDone))
	if g.wide {
		g.loadMask(strip, nil)
	}
	body(true)
	g.Label(groupDone)
	g.MOVQ(strip.at(reg.RAX, "srcStride"), reg.RCX)
	g.IMUL3Q(operand.U32(uint32(s.positions*s.stride)), reg.RCX, reg.RCX)
	g.ADDQ(reg.RCX, start)
	g.MOVQ(strip.at(reg.RAX, "dstStride"), reg.RCX)
	g.IMUL3Q(operand.U32(uint32(s.positions)), reg.RCX, reg.RCX)
	g.ADDQ(reg.RCX, to)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(nextGroup))
	g.VZEROUPPER()
	g.RET()
}

// loadMask2 loads the mask of AVX2 through R9; K1 has it with AVX-512.
func (g *generator) loadMask2(r record, into reg.Register) {
	if !g.wide {
		g.MOVQ(r.at(reg.RAX, "mask"), reg.R9)
		g.VMOVUPS(operand.Mem{Base: reg.R9}, into)
	}
}
