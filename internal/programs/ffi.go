//go:build cgo && linux

package programs

/*
#include <stdlib.h>
#include "ffi.h"
*/
import "C"
import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/skinattn/skinattn/internal/convolve"
	"github.com/skinattn/skinattn/internal/simd"
)

// registerConvolutions makes the custom call of internal/convolve known to a plug-in.
func registerConvolutions(api *C.PJRT_Api) error {
	if _, ok := simd.Best(); !ok {
		return errors.ErrUnsupported
	}
	name := C.CString(convolve.Target)
	defer C.free(unsafe.Pointer(name))
	if wrong := C.skinattn_ffi_register(api, name); wrong != nil {
		return errors.New(C.GoString(wrong))
	}
	var ended atomic.Int64 // calls
	go func() {
		var wrong *C.char
		for {
			call := C.skinattn_ffi_next(wrong)
			wrong = compute(call)
			ended.Store(int64(call.number))
		}
	}()
	for range convolve.Cores() - 1 {
		go func() {
			var seen C.int64_t
			for {
				seen = C.skinattn_ffi_help(seen)
				convolve.Help(func() bool { return ended.Load() >= int64(seen) })
			}
		}()
	}
	return nil
}

// compute answers a custom call of internal/convolve: nil, or what went wrong.
func compute(c *C.skinattn_convolution) (wrong *C.char) {
	defer func() {
		if r := recover(); r != nil {
			wrong = C.CString(fmt.Sprintf("computing a convolution: %v", r))
		}
	}()
	var dims [3][4]int
	size := [3]int{1, 1, 1}
	for i := range dims {
		for axis := range dims[i] {
			dims[i][axis] = int(c.dims[i][axis])
			size[i] *= dims[i][axis]
		}
	}
	g, err := convolve.FromNumbers(unsafe.Slice((*int64)(unsafe.Pointer(c.geometry)), int(c.numbers)), dims)
	if err == nil {
		floats := func(p *C.float, n int) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(p)), n) }
		level, _ := simd.Best()
		err = g.Run(level, floats(c.operands[0], size[0]), floats(c.operands[1], size[1]), floats(c.result, size[2]))
	}
	if err != nil {
		return C.CString(err.Error())
	}
	return nil
}
