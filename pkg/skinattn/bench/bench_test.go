package bench

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// The pure Go engine needs no plug-in and does not compile, so a measurement at
// the smallest size is quick.
func TestMeasure(t *testing.T) {
	eng := testengine.Named(t, engine.Go)
	for _, mode := range Modes {
		t.Run(mode, func(t *testing.T) {
			cfg := Config{Backbone: "mobilenet_v2", Mode: mode, Size: 32, Batch: 1, WarmUp: 1, Steps: 1, Seed: 1}
			r, err := Measure(context.Background(), eng, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.StepSeconds) != cfg.Steps || r.StepSeconds[0] <= 0 {
				t.Errorf("step times %v, want %d above 0", r.StepSeconds, cfg.Steps)
			}
			if want := float64(cfg.Batch) / r.StepSeconds[0]; r.ImagesPerSecond != want {
				t.Errorf("%g images/s, want %g", r.ImagesPerSecond, want)
			}
			// 1,354,714 at 224 px, where 4x4x1920 features reach the last layer; here 1x1x1920.
			if want := 1_354_714 - 7*1920*(4*4-1*1); r.Parameters != want {
				t.Errorf("%d parameters, want %d", r.Parameters, want)
			}
			if runtime.GOOS == "linux" && r.PeakRSSBytes < 10<<20 {
				t.Errorf("peak memory %d bytes", r.PeakRSSBytes)
			}
		})
	}
}

func TestMeasureStops(t *testing.T) {
	eng := testengine.Named(t, engine.Go)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Measure(ctx, eng, Config{Backbone: "mobilenet_v2", Mode: Infer, Size: 32, Batch: 1, Steps: 1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	good := Config{Backbone: "mobilenet_v2", Mode: Infer, Size: 32, Batch: 1, Steps: 1}
	for name, change := range map[string]func(*Config){
		"backbone": func(c *Config) { c.Backbone = "lenet" },
		"mode":     func(c *Config) { c.Mode = "both" },
		"size":     func(c *Config) { c.Size = -1 },
		"batch":    func(c *Config) { c.Batch = 0 },
		"warm-up":  func(c *Config) { c.WarmUp = -1 },
		"steps":    func(c *Config) { c.Steps = 0 },
	} {
		cfg := good
		change(&cfg)
		if _, err := Measure(context.Background(), nil, cfg); err == nil {
			t.Errorf("%s: no error for %+v", name, cfg)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		name            string
		first           float64
		steps           []float64
		median, perSec  float64
		compile         float64
		orderMustRemain []float64
	}{
		{"odd", 20, []float64{3, 1, 2}, 2, 16, 18, []float64{3, 1, 2}},
		{"even", 20, []float64{4, 1, 3, 2}, 2.5, 12.8, 17.5, []float64{4, 1, 3, 2}},
		{"one", 4, []float64{.5}, .5, 64, 3.5, []float64{.5}},
		{"first is not slower", 1, []float64{2}, 2, 16, 0, []float64{2}},
	} {
		r := Result{Batch: 32}
		r.time(c.first, c.steps)
		if r.MedianStep() != c.median || r.ImagesPerSecond != c.perSec || r.CompileSeconds != c.compile {
			t.Errorf("%s: median %g, %g images/s, compile %g; want %g, %g, %g", c.name,
				r.MedianStep(), r.ImagesPerSecond, r.CompileSeconds, c.median, c.perSec, c.compile)
		}
		if diff := cmp.Diff(c.orderMustRemain, r.StepSeconds); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", c.name, diff)
		}
	}
}

// Scripts rely on these names.
func TestJSONKeys(t *testing.T) {
	text, err := json.Marshal(Result{})
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	want := []string{"backbone", "batch", "compile_seconds", "engine", "images_per_second", "mode",
		"parameters", "peak_rss_bytes", "size", "step_seconds"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(object))); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestParsePeakRSS(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t  1953284 kB\nVmRSS:\t 5 kB\n": 1953284 * 1024,
		"Name:\tx\n":     0,
		"VmHWM:\n":       0,
		"VmHWM: much kB": 0,
		"":               0,
	} {
		if got := parsePeakRSS([]byte(status)); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
}

// What a regime does beside is measured, too, and named.
func TestMeasureRegime(t *testing.T) {
	eng := testengine.Named(t, engine.Go)
	reg, err := spec.Find("modern")
	if err != nil {
		t.Fatal(err)
	}
	net, err := skinattn.Resolve("mobilenet_v2", reg)
	if err != nil {
		t.Fatal(err)
	}
	net.Cut = "Conv1_relu"
	reg.EMA, reg.Mix.Mixup, reg.Accumulate = .9, .2, 2
	cfg := Config{Backbone: "mobilenet_v2", Size: 32, Batch: 2, Steps: 2, Seed: 1, Regime: &reg, Network: &net}
	for mode, want := range map[string][]string{
		Train: {"cut=Conv1_relu", "photos=48", WorkAffine, WorkColours, WorkMix, WorkAccumulate, WorkEMA},
		Infer: {"cut=Conv1_relu", "photos=48"},
	} {
		cfg.Mode = mode
		r, err := Measure(t.Context(), eng, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Work, want) || r.MedianStep() <= 0 {
			t.Errorf("%s: %v, want %v", mode, r.Work, want)
		}
	}
	// On features, the network after the cut.
	reg = spec.Regime{}
	if reg, err = spec.Find(spec.Demo); err != nil {
		t.Fatal(err)
	}
	reg.Freeze = []spec.Freeze{{Layers: spec.Backbone}}
	net.Oversample = 0
	cfg.FeatureCache, cfg.Mode = true, Train
	r, err := Measure(t.Context(), eng, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Work, []string{"cut=Conv1_relu", WorkFeatures}) {
		t.Errorf("%v", r.Work)
	}
	reg.Freeze = nil
	if _, err := Measure(t.Context(), eng, cfg); !errors.Is(err, training.ErrFeaturesTrained) {
		t.Errorf("a trained backbone: %v", err)
	}
}

func TestMeasureHost(t *testing.T) {
	if testing.Short() {
		t.Skip("generates photos")
	}
	r, err := MeasureHost(t.Context(), nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Host
	if r.Mode != Host || !h.Synthetic || h.Photos != 60 || h.PhotoSeconds <= 0 || h.PhotoSeconds > 1 || h.OpenSecondsPerGB <= 0 || h.SaveSeconds <= 0 || h.MetricsSecondsPer1000 <= 0 {
		t.Errorf("%+v", h)
	}
}
