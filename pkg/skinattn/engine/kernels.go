package engine

import (
	"os"
	"strings"

	"github.com/gomlx/compute"

	"github.com/skinattn/skinattn/internal/simd"
)

// EnvKernels is the environment variable that, with the value off, has the engine compute predictions, and the convolutions of trainings. For these the value counts when the first engine of a
// process is opened.
const EnvKernels = "SKINATTN_KERNELS"

// Kernels returns the vector instructions with which the processor itself computes predictions, in place of the engine
// behind backend. ok is false where the engine is to do it: on a GPU, on a processor without such instructions, and where
// $SKINATTN_KERNELS is off.
func Kernels(backend compute.Backend) (level simd.Level, ok bool) {
	if kernelsOff() {
		return 0, false
	}
	if gpu, is := backend.(interface{ IsCUDA() bool }); is && gpu.IsCUDA() {
		return 0, false
	}
	return simd.Best()
}

// KernelsName names what Kernels returns, such as AVX-512; it is empty where the engine computes predictions.
func KernelsName(backend compute.Backend) string {
	level, ok := Kernels(backend)
	if !ok {
		return ""
	}
	return level.String()
}

func kernelsOff() bool { return strings.EqualFold(os.Getenv(EnvKernels), "off") }
