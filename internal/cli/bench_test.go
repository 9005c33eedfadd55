package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/bench"
)

func TestBenchConfigs(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags benchCommand
		want  []bench.Config
		usage bool // an error of usage
	}{
		{name: "the network's own size", flags: benchCommand{Devices: 1, Backbone: "mobilenet_v2", Mode: "infer", Batch: 32, Steps: 10},
			want: []bench.Config{{Backbone: "mobilenet_v2", Mode: "infer", Size: 224, Batch: 32, Steps: 10, Seed: 7}}},
		{name: "modes times sizes", flags: benchCommand{Devices: 1, Backbone: "mobilenet_v2", Mode: "both", Size: []int{128, 64}, Batch: 2, Steps: 3, Precision: new("bf16")},
			want: []bench.Config{
				{Backbone: "mobilenet_v2", Mode: "train", Size: 128, Batch: 2, Steps: 3, Seed: 7, Precision: "bf16"},
				{Backbone: "mobilenet_v2", Mode: "train", Size: 64, Batch: 2, Steps: 3, Seed: 7, Precision: "bf16"},
				{Backbone: "mobilenet_v2", Mode: "infer", Size: 128, Batch: 2, Steps: 3, Seed: 7, Precision: "bf16"},
				{Backbone: "mobilenet_v2", Mode: "infer", Size: 64, Batch: 2, Steps: 3, Seed: 7, Precision: "bf16"},
			}},
		{name: "devices that can't share the batch", flags: benchCommand{Devices: 2, Backbone: "mobilenet_v2", Mode: "train", Batch: 3, Steps: 3}, usage: true},
		{name: "size 0", flags: benchCommand{Devices: 1, Backbone: "mobilenet_v2", Mode: "both", Size: []int{128, 0}, Batch: 2, Steps: 3}, usage: true},
		{name: "batch 0", flags: benchCommand{Devices: 1, Backbone: "mobilenet_v2", Mode: "both", Steps: 3}, usage: true},
		{name: "steps 0", flags: benchCommand{Devices: 1, Backbone: "mobilenet_v2", Mode: "both", Batch: 2}, usage: true},
	} {
		got, err := c.flags.configs(7)
		var usage usageError
		if errors.As(err, &usage) != c.usage || (err != nil && !c.usage) {
			t.Errorf("%s: error %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, diff)
		}
	}
}

// program writes a shell script that stands for the skinattn binary.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMeasureApart(t *testing.T) {
	cfg := bench.Config{Backbone: "mobilenet_v2", Mode: "train", Size: 128, Batch: 2, Steps: 3, Seed: 7, Precision: "bf16"}
	ctx := context.Background()

	// The script answers with the arguments it was given.
	echo := program(t, `echo "{\"mode\": \"$*\", \"peak_rss_bytes\": 5}"`)
	result, err := measureApart(ctx, echo, "cpu", cfg, &benchCommand{ProgramCache: true, Devices: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := bench.Result{PeakRSSBytes: 5,
		Mode: "bench --json --quiet --engine cpu --program-cache=true --devices 2 --backbone mobilenet_v2 --mode train --size 128 --batch 2 --warm-up 0 --steps 3 --seed 7 --precision bf16"}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for script, text := range map[string]string{
		"echo chatter >&2; echo 'skinattn: out of memory: buy some' >&2; exit 1": "out of memory: buy some (exit status 1)",
		"exit 3":       "exit status 3",
		"kill -9 $$":   "signal: killed",
		"echo nothing": "invalid character",
	} {
		if _, err := measureApart(ctx, program(t, script), "cpu", cfg, &benchCommand{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v, want one with %q", script, err, text)
		}
	}

	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := measureApart(ctx, program(t, "exec sleep 60"), "cpu", cfg, &benchCommand{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped from outside: %v", err)
	}
}

func TestBenchTable(t *testing.T) {
	var out bytes.Buffer
	err := writeBenchTable(&out, []bench.Result{
		{Backbone: "mobilenet_v2", Mode: "train", Size: 128, Batch: 32, ImagesPerSecond: 32, StepSeconds: []float64{1, .9, 1.25}, CompileSeconds: 18.04, PeakRSSBytes: 1_234_567_890},
		{Backbone: "mobilenet_v2", Mode: "infer", Size: 224, Batch: 1, ImagesPerSecond: 100, StepSeconds: []float64{.01}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
      backbone   mode   px  batch  images/s     step  fastest  slowest  compile  peak memory
  mobilenet_v2  train  128     32      32.0  1.000 s  0.900 s  1.250 s   18.0 s      1.23 GB
  mobilenet_v2  infer  224      1     100.0  0.010 s  0.010 s  0.010 s    0.0 s      unknown
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
