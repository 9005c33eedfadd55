package main

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/bench"
)

// markdown is a report as tables for docs/gpu.md. speeds are the values of the last step.
func (r *report) markdown(speeds []bench.Result) string {
	var b strings.Builder
	where := strings.Join(r.GPUs, "; ")
	if where == "" {
		where = fmt.Sprintf("%s, %d cores", r.Environment.CPU, r.Environment.Cores)
	}
	kind := ""
	if r.Quick {
		kind = ", every step small"
	}
	fmt.Fprintf(&b, "Engine `%s` on %s%s, %s, %.0f s:\n\n", r.Engine, where, kind, r.Date, r.Seconds)
	b.WriteString("| step | result | seconds | |\n|---|---|---|---|\n")
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "| %s | %s | %.0f | %s |\n", s.Name, s.Result, s.Seconds, s.Detail)
	}
	if len(speeds) > 0 {
		b.WriteString("\n| network | mode | px | batch | images/s |\n|---|---|---|---|---|\n")
	}
	for _, s := range speeds {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %.3g |\n", s.Backbone, s.Mode, s.Size, s.Batch, s.ImagesPerSecond)
	}
	return b.String()
}
