package engine

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// flagSet holds the XLA_FLAGS for a CPU plug-in.
type flagSet struct {
	always []string
	wide   []string // only on a processor with wideVectors
}

// xlaFlags has the flags by wheel: XLA ends the process when it meets a flag that it
// does not know.
//
// The scheduler decides in which order a graph's operations run. The default keeps
// the products of all nine kernel offsets of each depthwise convolution's gradient
// alive at once, so that they could run side by side: 3.6 GB of working memory for
// MobileNetV2 at 224 px and batch 32, in place of 1.4.
//
// XLA uses vectors of 256 bits unless asked for more. Vectors of 512 bits take 5 to
// 10 % off a training step that does not wait for memory (see internal/allocator).
var xlaFlags = map[string]flagSet{
	"lammps-jax-pjrt-cpu 0.11.2": {
		always: []string{"--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"},
		wide:   []string{"--xla_cpu_prefer_vector_width=512"},
	},
}

// wideVectors reports whether the processor has 512-bit vectors that are worth
// using. The first processors with AVX-512 lower their clock while they use it;
// VBMI2 came with the generations that hardly do.
func wideVectors() bool { return cpu.X86.HasAVX512VBMI2 }

// list returns the flags for a processor with or without wide vectors.
func (f flagSet) list(wide bool) []string {
	if wide {
		return slices.Concat(f.always, f.wide)
	}
	return f.always
}

// setFlags adds flags to the environment variable XLA_FLAGS, which XLA reads when it
// loads the first plug-in; XLA has no other way in for them (go-xla v0.4.3 passes no
// debug options to the compiler). C code sees the variable: cgo passes it on.
func setFlags(flags []string) error {
	own := os.Getenv("XLA_FLAGS")
	if all := addFlags(own, flags); all != own {
		if err := os.Setenv("XLA_FLAGS", all); err != nil {
			return fmt.Errorf("setting XLA_FLAGS: %w", err)
		}
	}
	return nil
}

// addFlags puts the missing flags before the user's own: XLA uses the last value of
// a flag, so the user's value wins. XLA reads a text that does not begin with a dash
// as the name of a file of flags; addFlags returns such a text unchanged.
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
