package engine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// allocatorTunables makes glibc keep and reuse the large buffers of XLA's CPU
// client, on huge pages: 1.1 times faster training, 1.17 times inference (see
// docs/performance.md). Those above 1 GiB go back to the system, which costs 7 %
// there: kept, a second one beside the first sometimes doubles the peak. The
// settings are read before main, so they must be in the environment when the
// process starts.
const allocatorTunables = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=17179869184:glibc.malloc.arena_max=1"

// xlaFlags are what XLA is told, by wheel: it ends the process on a flag that
// it does not know.
//
// The scheduler decides in which order a graph's operations run. The default
// keeps all nine taps of each depthwise convolution's gradient alive at once, so
// that they could run side by side: 3.6 GB of working memory for MobileNetV2 at
// 224 px and batch 32, in place of 1.4.
var xlaFlags = map[string]string{
	"lammps-jax-pjrt-cpu 0.11.2": "--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
}

// addXLAFlags puts a flag before the user's own in XLA_FLAGS, so that theirs
// count. XLA reads them when the first plug-in is loaded.
func addXLAFlags(flag string) error {
	own := os.Getenv("XLA_FLAGS")
	if flag == "" || strings.Contains(own, flag) {
		return nil
	}
	if err := os.Setenv("XLA_FLAGS", strings.TrimSpace(flag+" "+own)); err != nil {
		return fmt.Errorf("setting XLA_FLAGS: %w", err)
	}
	return nil
}

// tuned marks a process that TuneProcess has started again.
const tuned = "SKINATTN_TUNED"

// TuneProcess starts the running program again, in the same process, with the
// environment that XLA on the CPU runs best in. It returns when that is
// already so, or when it can't be done; it costs a few milliseconds. Call it
// first in main. Tunables that the user has set keep their values.
func TuneProcess() {
	if runtime.GOOS != "linux" || os.Getenv(tuned) != "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	tunables := allocatorTunables
	if own := os.Getenv("GLIBC_TUNABLES"); own != "" {
		tunables += ":" + own // the last of a name counts
	}
	env := append(os.Environ(), tuned+"=1", "GLIBC_TUNABLES="+tunables)
	if os.Getenv("TF_CPP_MIN_LOG_LEVEL") == "" {
		env = append(env, "TF_CPP_MIN_LOG_LEVEL=2") // XLA's start-up chatter
	}
	_ = syscall.Exec(self, os.Args, env) // on failure, just go on untuned
}
