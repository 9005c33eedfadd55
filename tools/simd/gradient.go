package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// outerTile is what a micro-kernel of a kernel's gradient takes.
var outerTile = record{"outerTile", "what a micro-kernel of a kernel's gradient takes: a few channels and a panel of filters, the positions of a block", []field{
	pointer("src", "where the tile's channels lie for the offset 0"),
	pointer("offsets", "*int32: elements of src to where each position reads; negative: zeros"),
	pointer("zeros", "as many as the tile has channels"),
	pointer("cotangent", "the panel's filters of the first position"),
	word("stride", "bytes between the filters of positions"),
	pointer("next", "what is read soon: a cache line for each position is fetched into the second cache"),
	pointer("nextOffsets", "*int32: elements of next to where the lines are"),
	word("positions", "at least 1"),
	pointer("sums", "what the tile is added to"),
	word("sumsStride", "bytes between channels"),
	word("tail", "as a convolution's"),
	pointer("mask", "as a convolution's"),
}}

// gathering is what the loops take that copy what positions read.
var gathering = record{"gathering", "what the loops take that copy a few eighths of values of each position to one place", []field{
	pointer("src", "what offsets count from"),
	pointer("offsets", "*int32: elements of src to where each position reads; negative: zeros"),
	pointer("zeros", "as many as are copied of a position"),
	pointer("dst", "one position after the other, filled with zeros up to whole vectors"),
	word("positions", "at least 1"),
	word("tail", "bits of the lanes of the last vector that count"),
	pointer("mask", "the same for AVX2"),
}}

// outerChannels is how many channels a micro-kernel takes at once at most.
func (l *level) outerChannels() int {
	if l.wide {
		return 8
	}
	return 4
}

// outerEighths is how many eighths of filters a micro-kernel takes at once at most.
func (l *level) outerEighths() int {
	if l.wide {
		return 6
	}
	return 3
}

func (g *generator) outer() {
	fmt.Fprintf(&g.stubs, "// outerChannels%s is how many channels a micro-kernel of a kernel's gradient takes at most.\nconst outerChannels%[1]s = %d\n\n", g.suffix, g.outerChannels())
	var tiles, gathers string
	for eighths := 1; eighths <= g.outerEighths(); eighths++ {
		for channels := 1; channels <= g.outerChannels(); channels++ {
			g.outerKernel(shape{channels, eighths})
			tiles += fmt.Sprintf("case %d<<4 | %d:\nouter%[2]dx%[3]d%s(t)\n", eighths, channels, 8*eighths, g.suffix)
		}
		g.gather(eighths)
		gathers += fmt.Sprintf("case %d:\ngather%d%s(t)\n", eighths, 8*eighths, g.suffix)
	}
	fmt.Fprintf(&g.stubs, "// outer%s adds up a tile with the micro-kernel of so many channels and eighths of filters.\nfunc outer%[1]s(channels, eighths int, t *outerTile) {\nswitch eighths<<4 | channels {\n%sdefault:\npanic(\"simd: no such micro-kernel\")\n}\n}\n\n", g.suffix, tiles)
	fmt.Fprintf(&g.stubs, "// gather%s copies so many eighths of values of each position.\nfunc gather%[1]s(eighths int, t *gathering) {\nswitch eighths {\n%sdefault:\npanic(\"simd: no such loop\")\n}\n}\n\n", g.suffix, gathers)
}

// outerKernel writes the micro-kernel of a shape, whose positions are channels here: accumulators in registers, the cotangent that streams through, and for each
// channel a scalar that is broadcast from where it lies in the map.
func (g *generator) outerKernel(s shape) {
	name := fmt.Sprintf("outer%dx%d%s", s.positions, 8*s.eighths, g.suffix)
	g.begin(name, "outerTile", fmt.Sprintf("%s adds up %d channels of %d filters.", name, s.positions, 8*s.eighths))
	vectors := s.vectors(g.level)
	sized := func(rs []reg.Register) []reg.Register { // the last vector may be a half
		for v := range rs {
			if s.lanes(g.level) == 8 || s.eighths%2 == 1 && v == vectors-1 {
				rs[v] = half(rs[v])
			}
		}
		return rs
	}
	var accumulators [][]reg.Register
	for i := range s.positions {
		accumulators = append(accumulators, sized(g.all(i*vectors, vectors)))
	}
	next := s.positions * vectors
	filters := sized(g.all(next, vectors))
	next += vectors
	broadcasts := g.all(next, g.registers()-next)
	step := 4 * s.lanes(g.level)
	src, offsets, zeros, cotangent, stride, position, sums, sumsStride, at := reg.RSI, reg.RDI, reg.RDX, reg.RBX, reg.RCX, reg.R9, reg.R10, reg.R11, reg.R12
	soon, soonOffsets, line := reg.R13, reg.R14, reg.R15
	g.MOVQ(outerTile.at(reg.RAX, "src"), src)
	g.MOVQ(outerTile.at(reg.RAX, "zeros"), zeros)
	g.SUBQ(src, zeros) // what leads from src to the zeros
	g.MOVQ(outerTile.at(reg.RAX, "cotangent"), cotangent)
	g.MOVQ(outerTile.at(reg.RAX, "stride"), stride)
	g.MOVQ(outerTile.at(reg.RAX, "sums"), sums)
	g.MOVQ(outerTile.at(reg.RAX, "sumsStride"), sumsStride)
	g.MOVQ(outerTile.at(reg.RAX, "next"), soon)
	// The offsets are counted from their ends, up to zero.
	g.MOVQ(outerTile.at(reg.RAX, "positions"), position)
	g.MOVQ(outerTile.at(reg.RAX, "offsets"), offsets)
	g.LEAQ(operand.Mem{Base: offsets, Index: position, Scale: 4}, offsets)
	g.MOVQ(outerTile.at(reg.RAX, "nextOffsets"), soonOffsets)
	g.LEAQ(operand.Mem{Base: soonOffsets, Index: position, Scale: 4}, soonOffsets)
	g.NEGQ(position)
	// What the tile is added to is on its way to the first cache meanwhile.
	g.MOVQ(sums, at)
	for i, row := range accumulators {
		for line := 0; line < 32*s.eighths; line += 64 {
			g.PREFETCHT0(operand.Mem{Base: at, Disp: line})
		}
		if i < s.positions-1 {
			g.ADDQ(sumsStride, at)
		}
		for _, a := range row {
			g.VXORPS(a, a, a)
		}
	}
	nextPosition := g.label("position")
	g.Label(nextPosition)
	g.MOVLQSX(operand.Mem{Base: offsets, Index: position, Scale: 4}, at)
	g.MOVLQSX(operand.Mem{Base: soonOffsets, Index: position, Scale: 4}, line)
	g.SHLQ(operand.Imm(2), at)
	g.CMOVQMI(zeros, at)
	g.PREFETCHT1(operand.Mem{Base: soon, Index: line, Scale: 4})
	for v, y := range filters {
		g.VMOVUPS(operand.Mem{Base: cotangent, Disp: v * step}, y)
	}
	for i, row := range accumulators {
		from := operand.Mem{Base: src, Index: at, Scale: 1, Disp: 4 * i}
		if vectors == 1 && g.wide {
			g.VFMADD231PS_BCST(from, filters[0], row[0])
			continue
		}
		b := broadcasts[i%len(broadcasts)]
		g.VBROADCASTSS(from, like(b, row[0]))
		for v, a := range row {
			g.VFMADD231PS(filters[v], like(b, a), a)
		}
	}
	g.ADDQ(stride, cotangent)
	g.INCQ(position)
	g.JNE(operand.LabelRef(nextPosition))

	tail, done := g.label("tail"), g.label("done")
	add := func(masked bool) {
		for i, row := range accumulators {
			for v, a := range row {
				m := operand.Mem{Base: sums, Disp: v * step}
				if masked && v == vectors-1 {
					old := like(filters[0], a)
					mask := like(broadcasts[0], a)
					g.loadMasked(m, mask, old)
					g.VADDPS(a, old, a)
					g.storeMasked(a, mask, m)
					continue
				}
				g.VADDPS(m, a, a)
				g.VMOVUPS(a, m)
			}
			if i < s.positions-1 {
				g.ADDQ(sumsStride, sums)
			}
		}
	}
	g.CMPQ(outerTile.at(reg.RAX, "tail"), operand.Imm(0))
	g.JNE(operand.LabelRef(tail))
	add(false)
	g.JMP(operand.LabelRef(done))
	g.Label(tail)
	g.loadMask(outerTile, like(broadcasts[0], accumulators[0][vectors-1]))
	add(true)
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// gather writes the loop that copies so many eighths of values of each position.
func (g *generator) gather(eighths int) {
	name := fmt.Sprintf("gather%d%s", 8*eighths, g.suffix)
	g.begin(name, "gathering", fmt.Sprintf("%s copies %d values of each position.", name, 8*eighths))
	s := shape{1, eighths}
	vectors := s.vectors(g.level)
	step := 4 * s.lanes(g.level)
	values := g.all(0, vectors)
	for v := range values {
		if s.lanes(g.level) == 8 || eighths%2 == 1 && v == vectors-1 {
			values[v] = half(values[v])
		}
	}
	mask := like(g.vector(vectors), values[vectors-1])
	src, offsets, zeros, dst, positions, at := reg.RSI, reg.RDI, reg.RDX, reg.RBX, reg.R9, reg.R12
	g.MOVQ(gathering.at(reg.RAX, "src"), src)
	g.MOVQ(gathering.at(reg.RAX, "offsets"), offsets)
	g.MOVQ(gathering.at(reg.RAX, "zeros"), zeros)
	g.SUBQ(src, zeros)
	g.MOVQ(gathering.at(reg.RAX, "dst"), dst)
	g.MOVQ(gathering.at(reg.RAX, "positions"), positions)
	g.loadMask(gathering, mask)
	next := g.label("position")
	g.Label(next)
	g.MOVLQSX(operand.Mem{Base: offsets}, at)
	g.SHLQ(operand.Imm(2), at)
	g.CMOVQMI(zeros, at)
	if eighths == 2 {
		// The next channels of a map are copied soon.
		g.PREFETCHT0(operand.Mem{Base: src, Index: at, Scale: 1, Disp: 64})
	}
	for v, r := range values {
		from := operand.Mem{Base: src, Index: at, Scale: 1, Disp: v * step}
		if v == vectors-1 {
			g.loadMasked(from, mask, r)
		} else {
			g.VMOVUPS(from, r)
		}
		g.VMOVUPS(r, operand.Mem{Base: dst, Disp: v * step})
	}
	g.ADDQ(operand.Imm(4), offsets)
	g.ADDQ(operand.U32(uint32(vectors*step)), dst)
	g.DECQ(positions)
	g.JNE(operand.LabelRef(next))
	g.VZEROUPPER()
	g.RET()
}
