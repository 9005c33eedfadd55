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
	"runtime"
	"runtime/cgo"
	"unsafe"

	"github.com/skinattn/skinattn/internal/convolve"
	"github.com/skinattn/skinattn/internal/parallel"
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
	// Go's functions run on XLA's threads, beside those that wait in C for XLA to end: each needs a processor of Go's, and would wait for one until Go notices, up to ten milliseconds later.
	parallel.Spare(2 * max(runtime.NumCPU(), parallel.Cores())) // XLA has threads for all cores
	return nil
}

//export skinattnConvolve
func skinattnConvolve(c *C.skinattn_convolution) *C.char { return compute(c) }

//export skinattnHelp
func skinattnHelp(task C.uintptr_t) {
	handle := cgo.Handle(task)
	help := handle.Value().(func())
	handle.Delete()
	help()
}

// cores are XLA's threads that compute.
func cores(c *C.skinattn_convolution) convolve.Cores {
	others := min(runtime.NumCPU(), parallel.Cores()) - 1
	return convolve.Cores{Others: others, Help: func(task func()) {
		for range others {
			if handle := cgo.NewHandle(task); C.skinattn_ffi_schedule(c, C.uintptr_t(handle)) == 0 {
				handle.Delete()
				return
			}
		}
	}}
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
		err = g.Run(level, cores(c), floats(c.operands[0], size[0]), floats(c.operands[1], size[1]), floats(c.result, size[2]))
	}
	if err != nil {
		return C.CString(err.Error())
	}
	return nil
}
