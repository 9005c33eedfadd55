package main

import (
	"fmt"
	"io"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// field is a field of a struct that a loop takes.
type field struct {
	name, kind string
	size       int
	doc        string
}

// record is a struct that loops take: its declaration in Go and its offsets in assembly come from here.
type record struct {
	name, doc string
	fields    []field
}

func pointer(name, doc string) field { return field{name, "unsafe.Pointer", 8, doc} }
func word(name, doc string) field    { return field{name, "int", 8, doc} }
func single(name, doc string) field  { return field{name, "float32", 4, doc} }

// epilogue has the fields that every convolution takes. The constants lo, hi bound the activation.
var epilogue = []field{
	pointer("bias", "a value for each filter"),
	pointer("residual", "nil: none"),
	word("residualStride", "bytes between positions"),
	single("lo", "the least output"),
	single("hi", "the greatest"),
	word("activation", "0: none, 1: at least lo, 2: between lo and hi, 3: hard swish, 4: hard sigmoid"),
	word("tail", "bits of the lanes of the last vector that count; 0: all of them"),
	pointer("mask", "the same for AVX2: all ones in each lane that counts"),
}

var structs = []record{tile, strip, loop, pooling, winogradInput, winogradOutput, winogradSums, lines, turning, spread, reducing, weighing, transforming, rows, outerTile, gathering, turnover, winogradWeights}

// tile is what a micro-kernel of a convolution takes.
var tile = record{"tile", "what a micro-kernel of a convolution takes: a few positions and a panel of filters, some times", append([]field{
	word("groups", "how many times the positions that the micro-kernel makes at once"),
	pointer("src", "what offsets count from"),
	word("srcStride", "bytes between positions, without offsets"),
	pointer("offsets", "*int32: elements of src to where each position reads, tap by tap; negative: zeros. nil: one tap, srcStride"),
	word("offsetsStep", "bytes of offsets from a tap to the next"),
	pointer("zeros", "as many as there are channels"),
	word("taps", ""),
	word("channels", "bytes"),
	pointer("kernel", "[taps][channels][filters of the panel]"),
	pointer("ahead", "what is on its way to the second cache while the sums are made"),
	word("aheadStep", "bytes of it for each channel"),
	pointer("dst", ""),
	word("dstStride", "bytes between positions"),
}, epilogue...)}

// strip is what a micro-kernel of a depthwise convolution takes.
var strip = record{"strip", "what a micro-kernel of a depthwise convolution takes: a run of positions in a row, all channels", append([]field{
	pointer("rows", "*[rows]unsafe.Pointer: the rows of the input"),
	word("count", "rows of the window"),
	word("offset", "bytes into the rows, where the window of the first position begins"),
	word("srcStride", "bytes between positions of the input"),
	word("groups", "how many times the positions that the loop makes at once"),
	word("blocks", "vectors of channels, apart from the tail"),
	pointer("kernel", "[vectors of channels][rows][columns][lanes]"),
	pointer("dst", ""),
	word("dstStride", "bytes between positions"),
}, epilogue...)}

func (r record) declare(w io.Writer) {
	fmt.Fprintf(w, "// %s is %s.\ntype %s struct {\n", r.name, r.doc, r.name)
	for _, f := range r.fields {
		comment := ""
		if f.doc != "" {
			comment = " // " + f.doc
		}
		fmt.Fprintf(w, "\t%s %s%s\n", f.name, f.kind, comment)
	}
	fmt.Fprint(w, "}\n\n")
}

// at is where a field lies, from the address of the struct.
func (r record) at(base reg.Register, name string) operand.Mem {
	at := 0
	for _, f := range r.fields {
		if f.name == name {
			return operand.Mem{Base: base, Disp: at}
		}
		at += f.size
	}
	panic(r.name + " has no field " + name)
}
