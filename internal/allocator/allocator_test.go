//go:build cgo && linux && !asan && !msan

package allocator

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/skinattn/skinattn/internal/allocator/alloctest"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestMain(m *testing.M) {
	if p := alloctest.Malloc(mib); Mapped() != 0 {
		panic("importing the package replaces malloc")
	} else {
		Use()
		alloctest.Free(p) // glibc's block must find its way back
	}
	os.Exit(m.Run())
}

// needReplaced skips a test that needs the replaced functions.
func needReplaced(t *testing.T) {
	t.Helper()
	if !alloctest.Replaced {
		t.Skip("this C library's malloc is not replaced")
	}
}

func malloc(t *testing.T, size int) unsafe.Pointer {
	t.Helper()
	p := alloctest.Malloc(size)
	if p == nil {
		t.Fatalf("no memory for %d bytes", size)
	}
	return p
}

// fill writes numbers into a block: a word in each page, and the last words.
func fill(p unsafe.Pointer, size int, seed uint64) {
	b := unsafe.Slice((*byte)(p), size)
	for at := range words(size) {
		binary.NativeEndian.PutUint64(b[at:], seed+uint64(at))
	}
}

// filled reports whether the first part bytes of a block still have the values that
// fill wrote into a block of size bytes.
func filled(p unsafe.Pointer, size, part int, seed uint64) bool {
	b := unsafe.Slice((*byte)(p), part)
	for at := range words(size) {
		if at+8 <= part && binary.NativeEndian.Uint64(b[at:]) != seed+uint64(at) {
			return false
		}
	}
	return true
}

func words(size int) func(func(int) bool) {
	return func(yield func(int) bool) {
		at := 0
		for ; at+16 <= size; at += 4096 {
			if !yield(at) {
				return
			}
		}
		if size >= 8 {
			yield(size - 8)
		}
	}
}

func TestFreedBlockIsUsedAgain(t *testing.T) {
	needReplaced(t)
	for _, size := range []int{32 * kib, 40 * kib, mib, mib + 1, 3 * mib, 300 * mib} {
		p := malloc(t, size)
		mapped := Mapped()
		if mapped < size {
			t.Errorf("%d bytes are mapped, less than a block of %d", mapped, size)
		}
		alloctest.Free(p)
		for range 3 {
			again := malloc(t, size)
			if again != p {
				t.Errorf("the freed block of %d bytes at %p was not used again, but %p", size, p, again)
			}
			alloctest.Free(again)
		}
		if got := Mapped(); got != mapped {
			t.Errorf("%d bytes: %d are mapped, %d before", size, got, mapped)
		}
	}
	before := Mapped()
	alloctest.Free(malloc(t, 32*kib-1))
	if got := Mapped(); got != before {
		t.Errorf("a small block maps %d bytes", got-before)
	}
}

func TestReallocKeepsContents(t *testing.T) {
	for _, sizes := range [][]int{
		{100, 40 * kib, mib, 10 * mib, 33 * kib, 200}, // a block of glibc stays with glibc
		{40 * kib, mib, 10 * mib, 80 * mib, 2 * mib, 33 * kib, 200, 50 * kib},
		{32 * kib, 33 * kib, 31 * kib, 16 * kib, 15 * kib, 70 * kib},
	} {
		p := alloctest.Realloc(nil, sizes[0])
		fill(p, sizes[0], 1)
		for i, size := range sizes[1:] {
			p = alloctest.Realloc(p, size)
			if p == nil {
				t.Fatalf("no memory for %d bytes", size)
			}
			if old := sizes[i]; !filled(p, old, min(old, size), uint64(i+1)) {
				t.Errorf("growing or shrinking from %d to %d bytes changed the contents", old, size)
			}
			if got := alloctest.Usable(p); got < size {
				t.Errorf("%d bytes of %d can be used", got, size)
			}
			fill(p, size, uint64(i+2))
		}
		if alloctest.Realloc(p, 0) != nil { // C23 leaves it open; glibc frees
			t.Error("a block of no bytes came from realloc")
		}
	}
}

func TestReallocInPlace(t *testing.T) {
	needReplaced(t)
	p := malloc(t, 65*kib)
	if alloctest.Realloc(p, 66*kib) != p || alloctest.Realloc(p, 40*kib) != p {
		t.Error("a block was moved for a size that it has room for")
	}
	alloctest.Free(p)
	// realloc of no block returns an ordinary block.
	p = alloctest.Realloc(nil, 65*kib)
	if uintptr(p)%4096 != 0 {
		t.Errorf("realloc's new block is at %p", p)
	}
	alloctest.Free(p)
	if again := malloc(t, 65*kib); again != p {
		t.Errorf("realloc's block at %p was not kept", p)
	}
	alloctest.Free(p)
}

func TestAlignment(t *testing.T) {
	var all []unsafe.Pointer
	for _, alignment := range []int{8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 64 * kib, 2 * mib, 4 * mib} {
		for _, size := range []int{1, 100, 32 * kib, 50 * kib, mib, 5 * mib, 70 * mib} {
			p, err := alloctest.Aligned(alignment, size)
			if err != nil {
				t.Fatalf("%d bytes at a multiple of %d: %v", size, alignment, err)
			}
			if uintptr(p)%uintptr(alignment) != 0 {
				t.Errorf("%d bytes are at %p, not a multiple of %d", size, p, alignment)
			}
			if got := alloctest.Usable(p); got < size {
				t.Errorf("%d bytes of %d at a multiple of %d can be used", got, size, alignment)
			}
			fill(p, min(size, mib), uint64(alignment))
			all = append(all, p)
		}
	}
	for _, p := range all {
		alloctest.Free(p)
	}
	for _, alignment := range []int{0, 1, 4, 24, 4095, 12 * kib} {
		for _, size := range []int{100, mib} {
			if _, err := alloctest.Aligned(alignment, size); err != syscall.EINVAL {
				t.Errorf("%d bytes at a multiple of %d: error %v, want EINVAL", size, alignment, err)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	alloctest.Free(nil)
	if alloctest.Usable(nil) != 0 {
		t.Error("a block that isn't can be used")
	}
	if p := alloctest.Malloc(1 << 60); p != nil {
		t.Error("there is an exabyte of memory")
	}
	for _, size := range []int{0, 1, 7, 24, 4096, 32*kib - 1, 32 * kib, 32*kib + 1, 36 * kib, mib - 1, 2 * mib, 2*mib + 1, 100 * mib} {
		p := malloc(t, size)
		if got := alloctest.Usable(p); got < size {
			t.Errorf("%d bytes of %d can be used", got, size)
		}
		fill(p, size, 7)
		if !filled(p, size, size, 7) {
			t.Errorf("%d bytes do not keep what is written", size)
		}
		alloctest.Free(p)
	}
	p := alloctest.Calloc(3 * mib)
	for i, b := range unsafe.Slice((*byte)(p), 3*mib) {
		if b != 0 {
			t.Fatalf("byte %d of calloc's is %d", i, b)
		}
	}
	alloctest.Free(p)
}

// Blocks of all sizes, handed from thread to thread, never overlap.
func TestManyThreads(t *testing.T) {
	type held struct {
		p    unsafe.Pointer
		size int
		seed uint64
	}
	const workers, rounds = 8, 1000
	pass := make(chan held, workers)
	drop := func(h held) {
		if !filled(h.p, h.size, h.size, h.seed) {
			t.Errorf("a block of %d bytes was overwritten", h.size)
		}
		alloctest.Free(h.p)
	}
	var wg sync.WaitGroup
	for w := range uint64(workers) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(w, 1))
			var mine []held
			for i := range rounds {
				size := 1 << random.IntN(19)
				switch {
				case i%250 == 0:
					size = 64 * mib // these are also given back
				case i%20 == 0:
					size = mib
				}
				h := held{size: size + random.IntN(size), seed: random.Uint64()}
				if h.p = alloctest.Malloc(h.size); random.IntN(4) == 0 {
					h.p = alloctest.Realloc(h.p, h.size/2+1)
					h.size = h.size/2 + 1
				}
				if h.p == nil {
					t.Errorf("no memory for %d bytes", h.size)
					break
				}
				fill(h.p, h.size, h.seed)
				mine = append(mine, h)
				if len(mine) > 20 {
					at := random.IntN(len(mine))
					h, mine[at] = mine[at], mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					select {
					case pass <- h:
					default:
						select { // make room
						case other := <-pass:
							drop(other)
						default:
						}
						drop(h)
					}
				}
			}
			for _, h := range mine {
				drop(h)
			}
		})
	}
	wg.Wait()
	close(pass)
	for h := range pass {
		drop(h)
	}
}

func TestOldBlocksAreGivenBack(t *testing.T) {
	needReplaced(t)
	old := malloc(t, 128*mib)
	fill(old, 128*mib, 1)
	alloctest.Free(old)
	for range 20 {
		alloctest.Free(malloc(t, 70*mib))
	}
	// Other tests may have left blocks of the next size: a new one is mapped when
	// they are used up, perhaps in the place of the old one.
	before := Mapped()
	var others []unsafe.Pointer
	for Mapped() == before && len(others) < 200 {
		others = append(others, malloc(t, 97*mib))
	}
	if got := Mapped(); got >= before {
		t.Errorf("%d bytes are mapped, %d before: the old block was not given back", got, before)
	}
	last := others[len(others)-1]
	fill(last, 97*mib, 2)
	again := malloc(t, 128*mib)
	fill(again, 128*mib, 3)
	if !filled(last, 97*mib, 97*mib, 2) {
		t.Error("two blocks overlap")
	}
	alloctest.Free(again)
	for _, p := range others {
		alloctest.Free(p)
	}
}

// The search finds blocks that are mapped and given back many times, at the same
// addresses and with other sizes.
func TestAddressesComeBack(t *testing.T) {
	needReplaced(t)
	random := rand.New(rand.NewPCG(1, 2))
	var kept []unsafe.Pointer
	for i := range 400 {
		size := (64 + random.IntN(190)) * mib
		p := malloc(t, size)
		if got := alloctest.Usable(p); got < size {
			t.Fatalf("%d bytes of %d can be used", got, size)
		}
		fill(p, 4096, uint64(i))
		if kept = append(kept, p); len(kept) > 5 {
			at := random.IntN(len(kept))
			alloctest.Free(kept[at])
			kept = append(kept[:at], kept[at+1:]...)
		}
	}
	for _, p := range kept {
		alloctest.Free(p)
	}
	if got := Mapped(); got > 20<<30 {
		t.Errorf("%d bytes are mapped in the end", got)
	}
}

// A search must go on behind the slot of a block that was given back.
func TestManyBlocks(t *testing.T) {
	needReplaced(t)
	var large, small []unsafe.Pointer
	for range 40 {
		large = append(large, malloc(t, 66*mib))
	}
	for range 30000 {
		small = append(small, malloc(t, 32*kib))
	}
	for _, p := range large {
		alloctest.Free(p)
	}
	for range 20 { // now the earlier blocks are old
		alloctest.Free(malloc(t, 150*mib))
	}
	before := Mapped()
	var others []unsafe.Pointer
	for Mapped() == before && len(others) < 200 {
		others = append(others, malloc(t, 180*mib))
	}
	if Mapped() >= before {
		t.Error("nothing was given back")
	}
	for _, p := range small {
		if got := alloctest.Usable(p); got != 32*kib {
			t.Fatalf("a block of 32 KiB has %d bytes", got)
		}
	}
	for _, p := range append(small, others...) {
		alloctest.Free(p)
	}
}

// An allocation waits for a vast block that is about to be freed. A busy machine may free
// the block too late, so one success in several tries is enough.
func TestVastBlockIsWaitedFor(t *testing.T) {
	needReplaced(t)
	for i := range 20 {
		size := 520*mib + i*64*mib
		p := malloc(t, size)
		done := make(chan struct{})
		go func() {
			time.Sleep(2 * time.Millisecond)
			alloctest.Free(p)
			close(done)
		}()
		again := malloc(t, size)
		<-done
		alloctest.Free(again)
		if again == p {
			return
		}
	}
	t.Error("no vast block was waited for")
}
