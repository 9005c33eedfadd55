//go:build cgo && linux

// Package alloctest calls C's memory functions for the tests of package
// allocator: tests cannot use cgo themselves.
package alloctest

/*
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#if defined(__GLIBC__) && defined(__LP64__)
enum { replaced = 1 };
#else
enum { replaced = 0 };
#endif

// Through a pointer, so that the compiler cannot optimise calls of malloc away.
static void *(*volatile get)(size_t) = malloc;
static void *get_block(size_t size) { return get(size); }
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// Replaced reports whether package allocator replaces the malloc of this C library.
const Replaced = C.replaced == 1

// Malloc returns size bytes, nil if there are none.
func Malloc(size int) unsafe.Pointer { return C.get_block(C.size_t(size)) }

// Calloc returns size bytes that are 0.
func Calloc(size int) unsafe.Pointer { return C.calloc(1, C.size_t(size)) }

// Realloc gives a block another size and returns its new address.
func Realloc(p unsafe.Pointer, size int) unsafe.Pointer { return C.realloc(p, C.size_t(size)) }

// Aligned is posix_memalign.
func Aligned(alignment, size int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	if code := C.posix_memalign(&p, C.size_t(alignment), C.size_t(size)); code != 0 {
		return nil, syscall.Errno(code)
	}
	return p, nil
}

// Usable is malloc_usable_size.
func Usable(p unsafe.Pointer) int { return int(C.malloc_usable_size(p)) }

// Free gives a block back.
func Free(p unsafe.Pointer) { C.free(p) }
