package bench

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// Result has the numbers of a measurement, in the JSON form of 'skinattn bench --json'.
type Result struct {
	Backbone string `json:"backbone"`
	Mode     string `json:"mode"`
	Batch    int    `json:"batch"`
	Size     int    `json:"size"`
	Engine   string `json:"engine"`
	// Kernels are the vector instructions that computed predictions; empty: the engine did.
	Kernels string `json:"kernels,omitempty"`
	// Devices shared the batches of a training; 0: one.
	Devices   int    `json:"devices,omitempty"`
	Precision string `json:"precision,omitempty"` // of a training; empty: float32
	// Work is what a step has beside the default regime's on the authors' network; see WorkOf.
	Work []string `json:"work,omitempty"`
	// Loaded is set if the first step may have loaded a program that was compiled before.
	Loaded bool `json:"program_cache,omitempty"`
	// Host has the numbers of the mode Host, which has no steps.
	Host *HostResult `json:"host,omitempty"`
	// Parameters counts all scalars of the network at this size, which tells
	// whether a peer's network is the same.
	Parameters int `json:"parameters"`

	// ImagesPerSecond is the batch over the median of StepSeconds.
	ImagesPerSecond float64   `json:"images_per_second"`
	StepSeconds     []float64 `json:"step_seconds"` // of the timed steps, in order
	// CompileSeconds is how much longer than the median the first step took:
	// building the graph, compiling it, and the first touch of its memory.
	CompileSeconds float64 `json:"compile_seconds"`
	// PeakRSSBytes is the largest resident memory of the process so far, 0 where
	// the system does not tell.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
}

// time fills in the times, from the seconds of the first step and of the timed steps.
func (r *Result) time(first float64, steps []float64) {
	r.StepSeconds = steps
	r.ImagesPerSecond = float64(r.Batch) / r.MedianStep()
	r.CompileSeconds = max(first-r.MedianStep(), 0)
}

// MedianStep is the median of StepSeconds, in seconds.
func (r *Result) MedianStep() float64 { return median(r.StepSeconds) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// peakRSS is the process's largest resident memory in bytes. Linux has it in
// /proc; getrusage would include the process before exec.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return parsePeakRSS(status)
}

// parsePeakRSS finds the line "VmHWM:  12345 kB".
func parsePeakRSS(status []byte) int64 {
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
