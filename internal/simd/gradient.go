package simd

import (
	"fmt"
	"math"
)

// KernelGradient adds up the gradient of a convolution's kernel [taps channels filters]: for each tap, the sum over positions of the channels that the position sees under
// the tap times the filters of the output's cotangent at the position.
//
// The order of the sums is fixed, and the same on all levels: GradientBlock positions make a block, the last may be shorter; within a block, one fused multiply-add
// for each position, in order, beginning with zero; then one addition of the block's sum to what was there. A position that sees padding is a product with zero like any other:
// where the cotangent is infinite, that gives NaN. Calls for whole blocks, one after the other, give the bits of one call for all of them.
//
// A tap of few channels is slow: where the channels are an image's 3 and the map is padded and dense, a row of the window is one tap of kw*3 channels, as for a Conv.
type KernelGradient struct {
	Level                   Level
	Taps, Channels, Filters int
}

// GradientBlock is how many positions are summed before they are added to the gradient. Results depend on it. A panel of 32 filters has 32 KiB of a block's cotangent,
// which streams from the second cache; a shorter block adds to the gradient more often.
const GradientBlock = 256

// gradientFilters is how many filters of a block go through all taps and channels before the next at most: 256 KiB of cotangents in the second cache.
const gradientFilters = 256

// gatheredChannels is how many channels of a block are copied at once: a cache line of each position.
const gatheredChannels = 16

// Scratch is how many values of scratch Add needs. Each goroutine has its own.
func (g KernelGradient) Scratch() int {
	if g.Level == Generic {
		return g.Filters
	}
	// The filters of the last panel are whole vectors. 15 values lead to where a cache line begins.
	return GradientBlock*(min((g.Filters+15)/16*16, gradientFilters)+gatheredChannels) + 15
}

// Add adds to sums [taps channels filters], dense and row-major, what positions contribute. There are len(offsets)/Taps of them. offsets has, tap by tap
// (offsets[tap*positions+i]), where in src the channels begin that a position sees under a tap; negative: zeros (padding). The cotangent of position i
// is cotangent[i*stride : i*stride+Filters].
func (g KernelGradient) Add(sums []float32, src []float32, offsets []int32, cotangent []float32, stride int, scratch []float32) {
	if g.Taps < 1 || g.Channels < 1 || g.Filters < 1 || len(sums) < g.Taps*g.Channels*g.Filters {
		panic(fmt.Sprintf("simd: a kernel's gradient of %d values for %d taps, %d channels and %d filters", len(sums), g.Taps, g.Channels, g.Filters))
	}
	n := checkReads(offsets, g.Taps, g.Channels, src)
	if n == 0 {
		return
	}
	if stride < 0 || (n-1)*stride+g.Filters > len(cotangent) || (min(n, GradientBlock)-1)*stride > math.MaxInt32 {
		panic(fmt.Sprintf("simd: %d positions of %d filters at a stride of %d in a cotangent of %d", n, g.Filters, stride, len(cotangent)))
	}
	if len(scratch) < g.Scratch() {
		panic(fmt.Sprintf("simd: a scratch of %d for %d", len(scratch), g.Scratch()))
	}
	for from := 0; from < n; from += GradientBlock {
		to := min(from+GradientBlock, n)
		if g.Level == Generic {
			g.generic(sums, src, offsets, cotangent[from*stride:], stride, from, to, n, scratch)
		} else {
			g.block(sums, src, offsets, cotangent[from*stride:], stride, from, to, n, scratch)
		}
	}
}

// generic adds the positions from..to-1 of n. cotangent begins with that of the first.
func (g KernelGradient) generic(sums, src []float32, offsets []int32, cotangent []float32, stride, from, to, n int, scratch []float32) {
	block := scratch[:g.Filters]
	for tap := range g.Taps {
		for ch := range g.Channels {
			clear(block)
			for i, at := range offsets[tap*n+from : tap*n+to] {
				v := float32(0)
				if at >= 0 {
					v = src[int(at)+ch]
				}
				for f, y := range cotangent[i*stride : i*stride+g.Filters] {
					block[f] = fma(v, y, block[f])
				}
			}
			for f, sum := range block {
				sums[(tap*g.Channels+ch)*g.Filters+f] += sum
			}
		}
	}
}
