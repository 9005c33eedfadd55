package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// level is a set of vector instructions.
type level struct {
	name, suffix string
	wide         bool // 16 lanes and 32 registers, else 8 and 16
}

var (
	avx2   = &level{"avx2", "AVX2", false}
	avx512 = &level{"avx512", "AVX512", true}
)

func (l *level) lanes() int {
	if l.wide {
		return 16
	}
	return 8
}

// generator writes the loops of a level.
type generator struct {
	*build.Context
	*level
	stubs  bytes.Buffer
	labels int
	tables map[string]bool // that are in the program
}

func newGenerator(l *level) *generator {
	g := &generator{Context: build.NewContext(), level: l, tables: map[string]bool{}}
	g.ConstraintExpr("amd64")
	return g
}

// vector is a whole vector register.
func (g *generator) vector(i int) reg.Register {
	if g.wide {
		return reg.LookupPhysical(reg.KindVector, reg.Index(i), reg.S512)
	}
	return reg.LookupPhysical(reg.KindVector, reg.Index(i), reg.S256)
}

// half is the lower 8 lanes of a vector register.
func half(r reg.Register) reg.Register { return r.(reg.Vec).AsY() }

// all gives the registers from..from+n-1.
func (g *generator) all(from, n int) []reg.Register {
	var rs []reg.Register
	for i := range n {
		rs = append(rs, g.vector(from+i))
	}
	return rs
}

// label makes a name of its own in the function.
func (g *generator) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

func (g *generator) begin(name, argument, doc string) {
	g.Function(name)
	g.Attributes(build.NOSPLIT)
	g.SignatureExpr("func(t *byte)")
	g.Doc(doc)
	fmt.Fprintf(&g.stubs, "// %s\n//\n//go:noescape\nfunc %s(t *%s)\n\n", doc, name, argument)
	g.Load(g.Param("t"), reg.RAX)
}

// constants are vectors that have a value in all lanes. a and b are the points of the Winograd transforms: the products of their powers are exact,
// and the error is about a third of that of 1 and 2.
var constants = []struct {
	name  string
	value float32
}{
	{"three", 3}, {"sixth", 1. / 6},
	{"a", a}, {"b", b}, {"a2", a * a}, {"b2", b * b}, {"a3", a * a * a}, {"b3", b * b * b}, {"a2b2", a * a * b * b}, {"a2+b2", a*a + b*b},
	// A kernel's values at a point: the powers over the products of the distances to the other points.
	{"k0", 1 / (a * a * b * b)},
	{"ka0", 1 / (2 * a * a * (a*a - b*b))}, {"ka1", 1 / (2 * a * (a*a - b*b))}, {"ka2", 1 / (2 * (a*a - b*b))},
	{"kb0", 1 / (2 * b * b * (b*b - a*a))}, {"kb1", 1 / (2 * b * (b*b - a*a))}, {"kb2", 1 / (2 * (b*b - a*a))},
}

const a, b = 0.625, 1.5

// symbol is the name of a constant in assembly.
func (g *generator) symbol(name string) string {
	return strings.ReplaceAll(name, "+", "plus") + g.suffix
}

const readOnly = build.RODATA | build.NOPTR

func (g *generator) constants() {
	for _, c := range constants {
		g.vectorOf(c.name, c.value)
	}
}

// vectorOf writes a constant: a vector that has a value in all lanes.
func (g *generator) vectorOf(name string, value float32) {
	g.StaticGlobal(g.symbol(name))
	g.DataAttributes(readOnly)
	for range g.lanes() {
		g.AppendDatum(operand.U32(math.Float32bits(value)))
	}
}

func (g *generator) constant(name string) operand.Mem {
	return operand.NewDataAddr(operand.NewStaticSymbol(g.symbol(name)), 0)
}

// like is the part of a register that is as wide as another.
func like(r, other reg.Register) reg.Register {
	if other.Size() == 32 {
		return half(r)
	}
	return r
}

// activate applies the activation of a record to accumulators. It uses three free registers and R8.
func (g *generator) activate(r record, accumulators, free []reg.Register) {
	relu, clamp, sigmoid, done := g.label("relu"), g.label("clamp"), g.label("sigmoid"), g.label("activated")
	lo, hi, t := free[0], free[1], free[2]
	g.MOVQ(r.at(reg.RAX, "activation"), reg.R8)
	g.TESTQ(reg.R8, reg.R8)
	g.JE(operand.LabelRef(done))
	g.VBROADCASTSS(r.at(reg.RAX, "lo"), lo)
	g.CMPQ(reg.R8, operand.Imm(1))
	g.JE(operand.LabelRef(relu))
	g.VBROADCASTSS(r.at(reg.RAX, "hi"), hi)
	// The value is the second operand of each comparison: a NaN goes through.
	limit := func(v reg.Register) {
		g.VMAXPS(v, like(lo, v), v)
		g.VMINPS(v, like(hi, v), v)
	}
	g.CMPQ(reg.R8, operand.Imm(2))
	g.JE(operand.LabelRef(clamp))
	g.CMPQ(reg.R8, operand.Imm(4))
	g.JE(operand.LabelRef(sigmoid))
	for _, a := range accumulators {
		gate := like(t, a)
		g.VADDPS(g.constant("three"), a, gate)
		limit(gate)
		g.VMULPS(gate, a, a)
		g.VMULPS(g.constant("sixth"), a, a)
	}
	g.JMP(operand.LabelRef(done))
	g.Label(sigmoid)
	for _, a := range accumulators {
		g.VADDPS(g.constant("three"), a, a)
		limit(a)
		g.VMULPS(g.constant("sixth"), a, a)
	}
	g.JMP(operand.LabelRef(done))
	g.Label(relu)
	for _, a := range accumulators {
		g.VMAXPS(a, like(lo, a), a)
	}
	g.JMP(operand.LabelRef(done))
	g.Label(clamp)
	for _, a := range accumulators {
		limit(a)
	}
	g.Label(done)
}

// loadMask prepares the mask of the tail: K1, or a vector register.
func (g *generator) loadMask(r record, into reg.Register) {
	if g.wide {
		g.KMOVW(r.at(reg.RAX, "tail"), reg.K1)
		return
	}
	g.MOVQ(r.at(reg.RAX, "mask"), reg.R8)
	g.VMOVUPS(operand.Mem{Base: reg.R8}, into)
}

// loadMasked loads the lanes of the tail; the others are zeros.
func (g *generator) loadMasked(from operand.Mem, mask, into reg.Register) {
	if g.wide {
		g.VMOVUPS_Z(from, reg.K1, into)
	} else {
		g.VMASKMOVPS(from, mask, into)
	}
}

func (g *generator) storeMasked(from, mask reg.Register, to operand.Mem) {
	if g.wide {
		g.VMOVUPS(from, reg.K1, to)
	} else {
		g.VMASKMOVPS(from, mask, to)
	}
}
