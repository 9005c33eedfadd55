package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The registers of the convolutions besides the record in RAX: where each position reads. The first few, betweenSums, are also what leads to the next sums and stores the last.
var positionRegisters = []reg.Register{reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.R14, reg.R15, reg.RBX, reg.RBP}

const betweenSums = 3

// shape is what a micro-kernel makes: so many positions of a panel that is so many times 8 filters wide.
type shape struct{ positions, eighths int }

// lanes is how wide the vectors of a shape are: where 24 filters are left, three half vectors are faster than a whole one and a half.
func (s shape) lanes(l *level) int {
	if s.eighths == 1 || s.eighths == 3 {
		return 8
	}
	return l.lanes()
}

func (s shape) vectors(l *level) int {
	return (s.eighths*8 + s.lanes(l) - 1) / s.lanes(l)
}

func (l *level) shapes() []shape {
	var shapes []shape
	add := func(eighths int, positions ...int) {
		for _, p := range positions {
			shapes = append(shapes, shape{p, eighths})
		}
	}
	if l.wide {
		// Larger tiles would fit into the registers, but store more vectors one after the other than the processor takes besides the sums of the next tile.
		add(1, 12, 8, 4, 2, 1)
		add(2, 8, 4, 2, 1)
		add(3, 8, 4, 2, 1)
		add(4, 8, 7, 4, 2, 1) // maps of 7 and 14 columns are whole sevens
		add(5, 6, 4, 2, 1)
		add(6, 6, 4, 2, 1)
		return shapes
	}
	add(1, 12, 8, 4, 2, 1)
	add(2, 6, 4, 2, 1)
	add(3, 4, 2, 1)
	return shapes
}

func (s shape) name(l *level) string {
	return fmt.Sprintf("conv%dx%d%s", s.positions, s.eighths*8, l.suffix)
}

func (g *generator) convolutions() {
	for _, s := range g.shapes() {
		g.convolution(s)
	}
	fmt.Fprintf(&g.stubs, "// conv%s makes a tile with the micro-kernel of so many positions and eighths of filters.\nfunc conv%[1]s(positions, eighths int, t *tile) {\nswitch eighths<<4 | positions {\n", g.suffix)
	for _, s := range g.shapes() {
		fmt.Fprintf(&g.stubs, "case %d<<4 | %d:\n%s(t)\n", s.eighths, s.positions, s.name(g.level))
	}
	fmt.Fprintf(&g.stubs, "default:\npanic(\"simd: no such micro-kernel\")\n}\n}\n\n")
	fmt.Fprintf(&g.stubs, "// positions%s has, by eighths of filters, the positions of the micro-kernels, from the most.\nvar positions%[1]s = [...][]int{\n", g.suffix)
	for eighths := 1; eighths <= 6; eighths++ {
		list := ""
		for _, s := range g.shapes() {
			if s.eighths == eighths {
				list += fmt.Sprintf("%d,", s.positions)
			}
		}
		if list != "" {
			fmt.Fprintf(&g.stubs, "%d: {%s},\n", eighths, list)
		}
	}
	fmt.Fprint(&g.stubs, "}\n\n")
}

// convolution writes the micro-kernel of a shape: accumulators in registers, panels of the kernel that stream through, and for each position
// a scalar that is broadcast.
func (g *generator) convolution(s shape) {
	g.begin(s.name(g.level), "tile", fmt.Sprintf("%s makes %d positions of %d filters.", s.name(g.level), s.positions, s.eighths*8))
	vectors := s.vectors(g.level)
	sized := func(v int, r reg.Register) reg.Register { // the last vector may be a half
		if s.lanes(g.level) == 8 || s.eighths%2 == 1 && v == vectors-1 {
			return half(r)
		}
		return r
	}
	var accumulators [][]reg.Register
	next := 0
	take := func(n int) []reg.Register {
		next += n
		return g.all(next-n, n)
	}
	for range s.positions {
		row := take(vectors)
		for v := range row {
			row[v] = sized(v, row[v])
		}
		accumulators = append(accumulators, row)
	}
	weights := take(vectors)
	for v := range weights {
		weights[v] = sized(v, weights[v])
	}
	free := take(g.registers() - next)
	broadcasts := free
	step := 4 * s.lanes(g.level)

	offsets, taps, zeros, end := g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)
	src, firstOffsets, groups, dst, residual := g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)
	channels, tap, position := reg.RCX, reg.RCX, positionRegisters
	kernel := reg.RDX
	// Where the kernel is fetched from ahead, and by how much that moves. The first registers are needed between the sums, too.
	ahead := positionRegisters[max(s.positions, betweenSums):]

	nextGroup, readRows, sum := g.label("group"), g.label("rows"), g.label("sum")
	g.MOVQ(tile.at(reg.RAX, "groups"), reg.RSI)
	g.MOVQ(reg.RSI, groups)
	g.MOVQ(tile.at(reg.RAX, "offsets"), reg.RSI)
	g.MOVQ(reg.RSI, firstOffsets)
	g.MOVQ(tile.at(reg.RAX, "src"), reg.RSI)
	g.MOVQ(reg.RSI, src)
	g.MOVQ(tile.at(reg.RAX, "dst"), reg.RSI)
	g.MOVQ(reg.RSI, dst)
	g.MOVQ(tile.at(reg.RAX, "residual"), reg.RSI)
	g.MOVQ(reg.RSI, residual)

	fetches := len(ahead) >= 2
	if fetches {
		g.MOVQ(tile.at(reg.RAX, "ahead"), ahead[0])
		g.MOVQ(tile.at(reg.RAX, "aheadStep"), ahead[1])
	}
	g.Label(nextGroup)
	g.MOVQ(tile.at(reg.RAX, "kernel"), kernel)
	g.MOVQ(tile.at(reg.RAX, "bias"), reg.RSI)
	for v, first := range accumulators[0] {
		g.VMOVUPS(operand.Mem{Base: reg.RSI, Disp: v * step}, first)
		for _, row := range accumulators[1:] {
			g.VMOVAPS(first, row[v])
		}
	}
	// The residual is on its way to the first cache while the sums are made.
	noPrefetch := g.label("noPrefetch")
	g.MOVQ(residual, reg.RSI)
	g.TESTQ(reg.RSI, reg.RSI)
	g.JE(operand.LabelRef(noPrefetch))
	g.MOVQ(tile.at(reg.RAX, "residualStride"), reg.RDI)
	for i := range s.positions {
		for line := 0; line < 32*s.eighths; line += 64 {
			g.PREFETCHT0(operand.Mem{Base: reg.RSI, Disp: line})
		}
		if i < s.positions-1 {
			g.ADDQ(reg.RDI, reg.RSI)
		}
	}
	g.Label(noPrefetch)
	// end is where the channels end for offset 0, zeros is what leads from there to the zeros.
	g.MOVQ(src, reg.RSI)
	g.MOVQ(firstOffsets, tap)
	g.TESTQ(tap, tap)
	g.JE(operand.LabelRef(readRows))
	g.MOVQ(tap, offsets)
	g.MOVQ(tile.at(reg.RAX, "zeros"), reg.RDI)
	g.SUBQ(reg.RSI, reg.RDI)
	g.MOVQ(reg.RDI, zeros)
	g.ADDQ(tile.at(reg.RAX, "channels"), reg.RSI)
	g.MOVQ(reg.RSI, end)
	g.MOVQ(tile.at(reg.RAX, "taps"), reg.RSI)
	g.MOVQ(reg.RSI, taps)
	nextTap, nextChannel := g.label("tap"), g.label("channel")
	g.Label(nextTap)
	g.MOVQ(offsets, tap)
	for i := range s.positions {
		g.MOVLQSX(operand.Mem{Base: tap, Disp: 4 * i}, position[i])
		g.SHLQ(operand.Imm(2), position[i])
		g.CMOVQMI(zeros, position[i])
		g.ADDQ(end, position[i])
	}
	g.ADDQ(tile.at(reg.RAX, "offsetsStep"), tap)
	g.MOVQ(tap, offsets)
	g.Label(sum)
	g.MOVQ(tile.at(reg.RAX, "channels"), channels)
	g.NEGQ(channels)
	g.Label(nextChannel)
	for v, w := range weights {
		g.VMOVUPS(operand.Mem{Base: kernel, Disp: v * step}, w)
	}
	if fetches {
		g.PREFETCHT1(operand.Mem{Base: ahead[0]})
		g.ADDQ(ahead[1], ahead[0])
	}
	for i, row := range accumulators {
		from := operand.Mem{Base: position[i], Index: channels, Scale: 1}
		if vectors == 1 && g.wide {
			g.VFMADD231PS_BCST(from, weights[0], row[0])
			continue
		}
		b := broadcasts[i%len(broadcasts)]
		g.VBROADCASTSS(from, like(b, row[0]))
		for v, a := range row {
			g.VFMADD231PS(weights[v], like(b, a), a)
		}
	}
	g.ADDQ(operand.U32(uint32(vectors*step)), kernel)
	g.ADDQ(operand.Imm(4), channels)
	g.JNE(operand.LabelRef(nextChannel))
	g.DECQ(taps)
	g.JNE(operand.LabelRef(nextTap))

	g.finish(accumulators, append(weights, broadcasts...), step, dst, residual)
	// The next positions.
	g.MOVQ(tile.at(reg.RAX, "srcStride"), reg.RSI)
	g.IMUL3Q(operand.Imm(uint64(s.positions)), reg.RSI, reg.RSI)
	g.MOVQ(firstOffsets, reg.RDI)
	noOffsets := g.label("noOffsets")
	g.TESTQ(reg.RDI, reg.RDI)
	g.JE(operand.LabelRef(noOffsets))
	g.ADDQ(operand.Imm(uint64(4*s.positions)), reg.RDI)
	g.MOVQ(reg.RDI, firstOffsets)
	g.Label(noOffsets)
	g.ADDQ(reg.RSI, src)
	g.DECQ(groups)
	g.JNE(operand.LabelRef(nextGroup))
	g.VZEROUPPER()
	g.RET()

	// Without offsets the positions are one stride apart, and there is one tap.
	g.Label(readRows)
	g.MOVQ(operand.I32(1), taps)
	g.ADDQ(tile.at(reg.RAX, "channels"), reg.RSI)
	g.MOVQ(tile.at(reg.RAX, "srcStride"), channels)
	for i := 1; i < s.positions; i++ {
		g.LEAQ(operand.Mem{Base: position[i-1], Index: channels, Scale: 1}, position[i])
	}
	g.JMP(operand.LabelRef(sum))
}

func (l *level) registers() int {
	if l.wide {
		return 32
	}
	return 16
}

// finish adds the residual, applies the activation and stores the accumulators of a tile; dst and residual are where it lies, which it leads to the next.
func (g *generator) finish(accumulators [][]reg.Register, free []reg.Register, step int, dst, residual operand.Mem) {
	for i := range free {
		free[i] = g.vector(int(free[i].(reg.Physical).PhysicalIndex()))
	}
	var every []reg.Register
	for _, row := range accumulators {
		every = append(every, row...)
	}
	last := len(accumulators[0]) - 1
	mask := like(free[1], accumulators[0][last])
	// each does something with the vectors of each position, the last of them under the mask or not.
	each := func(base operand.Mem, stride string, whole, masked func(a reg.Register, m operand.Mem)) {
		tail, done := g.label("tail"), g.label("done")
		g.MOVQ(base, reg.RSI)
		g.MOVQ(tile.at(reg.RAX, stride), reg.RDI)
		run := func(end func(a reg.Register, m operand.Mem)) {
			for _, row := range accumulators {
				for v, a := range row {
					do := whole
					if v == last {
						do = end
					}
					do(a, operand.Mem{Base: reg.RSI, Disp: v * step})
				}
				g.ADDQ(reg.RDI, reg.RSI)
			}
		}
		g.CMPQ(tile.at(reg.RAX, "tail"), operand.Imm(0))
		g.JNE(operand.LabelRef(tail))
		run(whole)
		g.JMP(operand.LabelRef(done))
		g.Label(tail)
		g.loadMask(tile, mask)
		run(masked)
		g.Label(done)
		g.MOVQ(reg.RSI, base)
	}
	noResidual := g.label("noResidual")
	g.CMPQ(tile.at(reg.RAX, "residual"), operand.Imm(0))
	g.JE(operand.LabelRef(noResidual))
	each(residual, "residualStride",
		func(a reg.Register, m operand.Mem) { g.VADDPS(m, a, a) },
		func(a reg.Register, m operand.Mem) {
			t := like(free[0], a)
			g.loadMasked(m, mask, t)
			g.VADDPS(t, a, a)
		})
	g.Label(noResidual)
	g.activate(tile, every, free)
	each(dst, "dstStride",
		func(a reg.Register, m operand.Mem) { g.VMOVUPS(a, m) },
		func(a reg.Register, m operand.Mem) { g.storeMasked(a, mask, m) })
}
