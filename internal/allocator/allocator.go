//go:build cgo && linux && !asan && !msan

package allocator

/*
#include <stddef.h>
size_t skinattn_allocator_mapped(void);
*/
import "C"

// Mapped is how many bytes the kept and the used blocks take together; 0 where
// the package does nothing.
func Mapped() int { return int(C.skinattn_allocator_mapped()) }
