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
	taps, channels, filters int
}

// packed has packed kernels that no call uses, by shape: fresh memory of megabytes would be cleared by the system at each call.
var packed struct {
	sync.Mutex
	convs     map[shape][]*simd.Conv
	winograds map[shape][]*simd.Winograd
	bytes     int // of all
}

// mostPacked is how many bytes of packed kernels are kept: more than a network has. Beyond it, all go: another network is computed.
const mostPacked = 512 << 20

// keep makes room for so many bytes. The lock is held.
func keep(bytes int) {
	if packed.bytes += bytes; packed.bytes > mostPacked {
		packed.convs, packed.winograds, packed.bytes = nil, nil, bytes
	}
}

func packedConv(level simd.Level, taps, channels, filters int) *simd.Conv {
	packed.Lock()
	defer packed.Unlock()
	if c := pop(packed.convs, shape{level, taps, channels, filters}); c != nil {
		packed.bytes -= c.Bytes()
		return c
	}
	c := simd.MakeConv(level, taps, channels, filters)
	c.BlockSums()
	return c
}

func giveConv(c *simd.Conv) {
	packed.Lock()
	defer packed.Unlock()
	keep(c.Bytes())
	push(&packed.convs, shape{c.Level, c.Taps, c.Channels, c.Filters}, c)
}

func packedWinograd(level simd.Level, channels, filters int) *simd.Winograd {
	packed.Lock()
	defer packed.Unlock()
	if w := pop(packed.winograds, shape{level, 9, channels, filters}); w != nil {
		packed.bytes -= w.Bytes()
		return w
	}
	w := simd.MakeWinograd(level, channels, filters)
	w.BlockSums()
	return w
}

func giveWinograd(w *simd.Winograd) {
	packed.Lock()
	defer packed.Unlock()
	keep(w.Bytes())
	push(&packed.winograds, shape{w.Level, 9, w.Channels, w.Filters}, w)
}

func pop[K comparable, V any](lists map[K][]*V, key K) *V {
	list := lists[key]
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1]
	lists[key] = list[:len(list)-1]
	return last
}

func push[K comparable, V any](lists *map[K][]*V, key K, value *V) {
	if *lists == nil {
		*lists = map[K][]*V{}
	}
	(*lists)[key] = append((*lists)[key], value)
}
