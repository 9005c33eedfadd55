package simd

import "golang.org/x/sys/cpu"

// levels are found once: cpu asks the processor and the operating system.
var levels = func() []Level {
	levels := []Level{Generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		levels = append(levels, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW {
			levels = append(levels, AVX512)
		}
	}
	return levels
}()
