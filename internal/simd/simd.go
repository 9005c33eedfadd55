// Package simd has the arithmetic of predictions, for processors of the amd64 kind with AVX2 and FMA or with AVX-512:
// convolutions with packed kernels, depthwise convolutions and a few loops over vectors of channels, in float32. KernelGradient is for training.
//
// A feature map is NHWC. Its positions lie at a stride of its own, at least the number of channels, so that maps can be
// parts of a wider one: a concatenation is made by writing its parts where they belong.
//
// Every sum has one order: the bias, then kernel offsets in rows, their input channels inside of them, one fused multiply-add each, then
// residual, then activation. The results do not depend on the instructions, the number of rows computed at once, or how the work is
// divided among threads: two machines give equal bytes.
//
// Nothing here starts a goroutine: the caller divides the work, and every function may run at the same time as any other as long as they write to
// different places. The functions panic where a slice is too short for what they are asked; the assembly reads and writes inside of the slices alone.
//
// How to divide work well:
//   - positions in multiples of 24 (a micro-kernel makes 12, 8 or 6 at once; the rest costs a little more), or of 7 with AVX-512;
//   - a tile of a convolution reads its input from the first or second cache: some hundred positions at a time, until input and output together fill
//     half of the second cache (512 KiB). In an inverted residual block, a strip of rows goes through expansion, depthwise and projection before the next one begins;
//   - a kernel that exceeds the second cache (Conv.Bytes) is read once for each call: give it as many positions as there are, and divide by filters
//     (Conv.Parts) rather than by positions where the positions are few;
//   - a 3x3 convolution of stride 1 for which WinogradPays is a Winograd: threads divide its tiles (ComputeTiles), or its filters (Parts) if the kernel is
//     large, say above 4 MiB;
//   - where the channels are few (an image's 3) and the map is padded and dense, a row of the window is one tap: NewConv(level, kernel, kh, kw*cin, filters) with
//     the offsets of the rows. The kernel's layout and the order of additions stay the same;
//   - in training, where kernels change at every step, MakeConv and MakeWinograd have the memory and Repack fills it, in parts (RepackPart) that threads divide
//     before any of them computes.
package simd

//go:generate go -C ../../tools run ./simd ../internal/simd

import "math"

// Level is a set of vector instructions.
type Level int

// The levels, from the least. Generic is plain Go, for tests.
const (
	Generic Level = iota
	AVX2
	AVX512
)

// String is the name of a level.
func (l Level) String() string { return [...]string{"generic", "AVX2", "AVX-512"}[l] }

// Best is the highest level of this processor and operating system; ok is false if it has neither AVX2 with FMA nor AVX-512.
func Best() (level Level, ok bool) {
	levels := Levels()
	level = levels[len(levels)-1]
	return level, level != Generic
}

// Levels are the levels that this processor and operating system have, from Generic.
func Levels() []Level { return levels }

// Epilogue says what a sum begins with, the bias, and what happens to it before it is stored: residual, then activation.
type Epilogue struct {
	Bias       []float32 // a value for each output channel; nil: none
	Activation Activation
	// Residual is added to the output channels of a position before the activation: position i of the output takes Residual[i*ResidualStride:].
	// It may be the output itself. nil: none. A depthwise convolution takes none.
	Residual       []float32
	ResidualStride int
}

// Activation is a function of one value. At most one of ReLU, HardSwish and HardSigmoid is set; the zero value changes nothing. Each keeps NaN.
type Activation struct {
	ReLU        bool    // max(v, 0)
	Max         float32 // with ReLU: min(max(v, 0), Max); 0: no upper limit
	HardSwish   bool    // v * relu6(v+3) * (1/6)
	HardSigmoid bool    // relu6(v+3) * (1/6)
}

// Apply is the activation of one value.
func (a Activation) Apply(v float32) float32 {
	kind, lo, hi := a.parameters()
	limit := func(v float32) float32 {
		if lo > v {
			v = lo
		}
		if hi < v {
			v = hi
		}
		return v
	}
	switch kind {
	case activationLeast, activationLimits:
		return limit(v)
	case activationHardSwish:
		return float32(v*limit(v+3)) * (1. / 6)
	case activationHardSigmoid:
		return limit(v+3) * (1. / 6)
	}
	return v
}

// The kinds of activations as the assembly knows them.
const (
	activationNone = iota
	activationLeast
	activationLimits
	activationHardSwish
	activationHardSigmoid
)

// parameters are what the assembly takes: the kind and the limits.
func (a Activation) parameters() (kind int, lo, hi float32) {
	switch {
	case a.HardSwish:
		return activationHardSwish, 0, 6
	case a.HardSigmoid:
		return activationHardSigmoid, 0, 6
	case a.ReLU && a.Max > 0:
		return activationLimits, 0, a.Max
	case a.ReLU:
		return activationLeast, 0, float32(math.Inf(1))
	}
	return activationNone, 0, 0
}

// fma is a*b+c, rounded once, as the instructions give it.
func fma(a, b, c float32) float32 {
	product := float64(a) * float64(b) // exact
	sum := float64(product) + float64(c)
	if math.IsInf(sum, 0) || math.IsNaN(sum) {
		return float32(sum)
	}
	// Rounding to odd at first makes the second rounding right.
	rest := sum - product
	lost := (product - (sum - rest)) + (float64(c) - rest)
	if bits := math.Float64bits(sum); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	return float32(sum)
}
