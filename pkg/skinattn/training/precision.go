package training

import (
	"fmt"

	"golang.org/x/sys/cpu"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// PrecisionError says that an engine can't train in a regime's precision.
type PrecisionError struct{ Precision, Engine string }

func (e *PrecisionError) Error() string {
	return fmt.Sprintf("the engine %s does not train in %s", e.Engine, e.Precision)
}

// CheckEngine returns an error if an engine can't train by a regime: a *BatchError or a
// *PrecisionError.
func CheckEngine(reg *spec.Regime, eng *engine.Engine) error {
	if reg.Precision != "" && eng.Kind == engine.Go {
		return &PrecisionError{reg.Precision, eng.Kind}
	}
	return CheckDevices(reg, eng.Devices)
}

// PrecisionNote says what a regime's precision does not gain on an engine; it is empty if
// there is nothing to say.
func PrecisionNote(reg *spec.Regime, eng *engine.Engine) string {
	if reg.Precision != spec.BFloat16 || eng.Kind != engine.CPU {
		return ""
	}
	if cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 {
		return "bf16 on the CPU: matrix products are computed in bfloat16, convolutions in float32 after rounding, which gains nothing"
	}
	return "this processor has no bfloat16 units (avx512_bf16, amx_bf16): bf16 is computed in float32 after rounding, which is slower than float32"
}
