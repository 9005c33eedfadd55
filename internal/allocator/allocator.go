//go:build cgo && linux && !asan && !msan

package allocator

/*
#include <stddef.h>
size_t skinattn_allocator_mapped(void);
void skinattn_allocator_use(void);
*/
import "C"

// Use lets the program's malloc keep large blocks from now on. It does nothing
// where the package cannot replace malloc.
func Use() { C.skinattn_allocator_use() }

// Mapped returns the number of bytes in all blocks, used and kept; 0 where the
// package does nothing.
func Mapped() int { return int(C.skinattn_allocator_mapped()) }
