package simd

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded makes a slice that ends where a page begins that nobody may touch (or begins where such a page ends).
func guarded(t testing.TB, n int, atEnd bool) []float32 { return guardedOf[float32](t, n, atEnd) }

// guardedOf is guarded for other numbers.
func guardedOf[T any](t testing.TB, n int, atEnd bool) []T {
	t.Helper()
	page := unix.Getpagesize()
	bytes := n * int(unsafe.Sizeof(*new(T)))
	size := (bytes + page - 1) / page * page
	all, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(all) })
	for _, edge := range [][]byte{all[:page], all[page+size:]} {
		if err := unix.Mprotect(edge, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	from := page
	if atEnd {
		from += size - bytes
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&all[from])), n)
}
