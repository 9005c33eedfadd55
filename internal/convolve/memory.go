package convolve

import (
	"slices"
	"sync"

	"github.com/skinattn/skinattn/internal/simd"
)

// free has memory that calls took and gave back: every step of a training takes the same again.
type free[T any] struct {
	sync.Mutex
	blocks [][]T // from the smallest
}

var (
	freeFloats  free[float32]
	freeOffsets free[int32]
)

func freeOf[T float32 | int32]() *free[T] {
	var f any = &freeFloats
	if _, is := f.(*free[T]); !is {
		f = &freeOffsets
	}
	return f.(*free[T])
}

// take returns n values, whatever they are.
func take[T float32 | int32](n int) []T {
	f := freeOf[T]()
	f.Lock()
	defer f.Unlock()
	i, _ := slices.BinarySearchFunc(f.blocks, n, func(b []T, n int) int { return cap(b) - n })
	// A large block is not spent on a small call.
	if i == len(f.blocks) || cap(f.blocks[i]) > 4*n+1<<16 {
		// The new block will stand for the one below.
		if i > 0 {
			f.blocks = slices.Delete(f.blocks, i-1, i)
		}
		return make([]T, n)
	}
	block := f.blocks[i]
	f.blocks = slices.Delete(f.blocks, i, i+1)
	return block[:n]
}

// give returns what take gave.
func give[T float32 | int32](block []T) {
	f := freeOf[T]()
	f.Lock()
	defer f.Unlock()
	i, _ := slices.BinarySearchFunc(f.blocks, cap(block), func(b []T, n int) int { return cap(b) - n })
	f.blocks = slices.Insert(f.blocks, i, block)
}

// shape tells packed kernels apart.
type shape struct {
	level                   simd.Level
	form                    simd.Shape // of a kernel in Winograd's form
	taps, channels, filters int        // taps: of a Conv, else 0
}

// packed is a kernel in the form in which it is computed with.
type packed interface{ Bytes() int }

// kept has packed kernels that no call uses: fresh memory of megabytes would be cleared by the system at each call.
var kept struct {
	sync.Mutex
	kernels map[shape][]packed
	bytes   int // of all
}

// mostKept is how many bytes of packed kernels are kept: more than a network has. Beyond it, all go: another network is computed.
const mostKept = 512 << 20

// takeKernel returns a kernel of a shape, whatever its values, and what gives it back.
func takeKernel[K packed](s shape, fresh func() K) (kernel K, giveBack func()) {
	kept.Lock()
	defer kept.Unlock()
	if list := kept.kernels[s]; len(list) > 0 {
		last := len(list) - 1
		kernel, kept.kernels[s] = list[last].(K), list[:last]
		kept.bytes -= kernel.Bytes()
	} else {
		kernel = fresh()
	}
	return kernel, func() {
		kept.Lock()
		defer kept.Unlock()
		kept.bytes += kernel.Bytes()
		if kept.kernels == nil || kept.bytes > mostKept {
			kept.kernels, kept.bytes = map[shape][]packed{}, kernel.Bytes()
		}
		kept.kernels[s] = append(kept.kernels[s], kernel)
	}
}

func takeConv(level simd.Level, taps, channels, filters int) (*simd.Conv, func()) {
	return takeKernel(shape{level: level, taps: taps, channels: channels, filters: filters}, func() *simd.Conv {
		c := simd.MakeConv(level, taps, channels, filters)
		c.BlockSums()
		return c
	})
}

func takeWinograd(level simd.Level, channels, filters int) (*simd.Winograd, func()) {
	return takeKernel(shape{level: level, form: simd.Square, channels: channels, filters: filters}, func() *simd.Winograd {
		w := simd.MakeWinograd(level, channels, filters)
		w.BlockSums()
		return w
	})
}

func takeLine(level simd.Level, form simd.Shape, channels, filters int) (*simd.Line, func()) {
	return takeKernel(shape{level: level, form: form, channels: channels, filters: filters}, func() *simd.Line {
		return simd.MakeLine(level, form, channels, filters)
	})
}
