package engine

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// flagSet is what XLA is told on the CPU.
type flagSet struct {
	always []string
	wide   []string // also on a processor with wideVectors
}

// xlaFlags has the flags by wheel: XLA ends the process on one that it does not
// know.
//
// The scheduler decides in which order a graph's operations run. The default
// keeps all nine taps of each depthwise convolution's gradient alive at once, so
// that they could run side by side: 3.6 GB of working memory for MobileNetV2 at
// 224 px and batch 32, in place of 1.4.
//
// XLA uses vectors of 256 bits unless asked for more. Those of 512 take 5 to 10 %
// off a training step, now that it does not wait for memory most of the time (see
// internal/allocator).
var xlaFlags = map[string]flagSet{
	"lammps-jax-pjrt-cpu 0.11.2": {
		always: []string{"--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"},
		wide:   []string{"--xla_cpu_prefer_vector_width=512"},
	},
}

// wideVectors says whether the processor has 512-bit vectors that are worth
// using. The first ones that had them lower their clock for it, for all that
// runs; VBMI2 came with the generations that hardly do or don't.
func wideVectors() bool { return cpu.X86.HasAVX512VBMI2 }

// list gives the flags for a processor with or without wide vectors.
func (f flagSet) list(wide bool) []string {
	if wide {
		return slices.Concat(f.always, f.wide)
	}
	return f.always
}

// prepareXLA sets the environment variables that XLA reads when the first plug-in
// is loaded. C code sees them too: cgo passes them on.
func prepareXLA(flags []string) error {
	if os.Getenv("TF_CPP_MIN_LOG_LEVEL") == "" {
		// Errors only: XLA otherwise tells about itself on standard error.
		if err := os.Setenv("TF_CPP_MIN_LOG_LEVEL", "2"); err != nil {
			return fmt.Errorf("setting TF_CPP_MIN_LOG_LEVEL: %w", err)
		}
	}
	own := os.Getenv("XLA_FLAGS")
	if all := addFlags(own, flags); all != own {
		if err := os.Setenv("XLA_FLAGS", all); err != nil {
			return fmt.Errorf("setting XLA_FLAGS: %w", err)
		}
	}
	return nil
}

// addFlags puts those flags that are missing before the user's own: the last of a
// name counts, so theirs do. XLA takes a text that does not begin with a dash for
// the name of a file of flags; that stays alone.
func addFlags(own string, flags []string) string {
	have := strings.Fields(own)
	if len(have) > 0 && !strings.HasPrefix(have[0], "-") {
		return own
	}
	var missing []string
	for _, f := range flags {
		if !slices.Contains(have, f) {
			missing = append(missing, f)
		}
	}
	return strings.TrimSpace(strings.Join(missing, " ") + " " + own)
}
