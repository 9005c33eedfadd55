package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// smallData are synthetic photos of a size that trains in a moment.
func smallData(t *testing.T) *ham10000.Dataset {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // folder of the image cache
	dir := t.TempDir()
	if err := synthetic.Generate(context.Background(), dir, synthetic.Options{Images: 80, Seed: 5}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// smallOptions train the first layers of MobileNetV2 for an epoch.
func smallOptions(t *testing.T, data *ham10000.Dataset, name string) TrainOptions {
	t.Helper()
	reg, err := spec.For(name, "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	reg.Epochs, reg.Batch = 1, 16
	if reg.Copies.PerClass > 0 {
		reg.Copies.PerClass, reg.Copies.Batch = 12, 4
	}
	network, err := skinattn.Resolve("mobilenet_v2", reg)
	if err != nil {
		t.Fatal(err)
	}
	network.Size, network.Cut = 32, "Conv1_relu"
	return TrainOptions{
		Data: data, Network: network, Regime: reg,
		Protocol: split.Grouped, Seed: 1, Weights: RandomWeights, Dir: filepath.Join(t.TempDir(), "run"),
	}
}

func TestEveryRegimeGoesTheWholeWay(t *testing.T) {
	data, eng := smallData(t), testengine.Open(t)
	for _, name := range spec.Names() {
		t.Run(name, func(t *testing.T) {
			opts := smallOptions(t, data, name)
			if err := Train(context.Background(), eng, opts); err != nil {
				t.Fatal(err)
			}
			folder, err := run.Open(opts.Dir)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := folder.Config()
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Data.SourceSize != "320x240" { // by synthetic.Generate
				t.Errorf("photos of %q", cfg.Data.SourceSize)
			}
			if cfg.Regime.Name != name || cfg.Network.Metadata != opts.Regime.Network.Metadata || cfg.Network.Resize != opts.Regime.Network.Resize {
				t.Errorf("config.json has regime %+v and network %+v", cfg.Regime, cfg.Network)
			}
			if _, err := folder.Metrics(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFastDevRunIsAWholeRun(t *testing.T) {
	data, eng := smallData(t), testengine.Open(t)
	opts := smallOptions(t, data, "modern")
	opts.Regime.Epochs, opts.Regime.Batch = 30, 5
	opts.FastDevRun, opts.TensorBoard = true, true
	if err := Train(context.Background(), eng, opts); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Open(opts.Dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := folder.Config()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := folder.Split()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parts.Part(split.Train)); !cfg.FastDevRun || cfg.Regime.Epochs != 2 || n != 15 {
		t.Errorf("%d photos to train on, configuration %+v", n, cfg.Regime)
	}
	for _, name := range []string{run.HistoryFile, run.RecallFile, run.MetricsFile, run.PredictionsFile("val"), run.PredictionsFile("test")} {
		if !folder.Has(name) {
			t.Errorf("%s is missing", name)
		}
	}
	if events, _ := filepath.Glob(folder.Path(filepath.Join(run.TensorBoardDir, "events.out.tfevents.*"))); len(events) != 1 {
		t.Errorf("event files: %v", events)
	}
	// The thinned 70/10/20 split of 80 photos still has every class that fits.
	classes := map[string]bool{}
	for _, row := range parts.Part(split.Train) {
		classes[row.Dx] = true
	}
	if len(classes) < 5 {
		t.Errorf("only %v are left to train on", classes)
	}
}

func TestFindRate(t *testing.T) {
	data, eng := smallData(t), testengine.Open(t)
	opts := smallOptions(t, data, "demo")
	found, err := FindRate(context.Background(), eng, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Points) < 10 || found.Suggestion <= 0 || found.Suggestion > found.Lowest/10 {
		t.Errorf("%d points, suggestion %g, lowest %g", len(found.Points), found.Suggestion, found.Lowest)
	}
	if _, err := os.Stat(found.Figure); err != nil {
		t.Error(err)
	}
	if _, err := run.Open(opts.Dir); err == nil {
		t.Error("the folder has become a run")
	}
}

// The regimes and the table of backbones agree on the authors' pixels, cuts and
// heads.
func TestRegimesAgreeWithTheBackbones(t *testing.T) {
	for _, b := range backbone.Table {
		for name, pixels := range map[string]backbone.Pixels{
			"md/as-run": b.Preprocessing.Metadata, "ad/as-run": b.Preprocessing.Augmented,
			"md/as-printed": b.Preprocessing.Printed, "ad/as-printed": b.Preprocessing.Printed,
		} {
			reg, err := spec.For(name, b.Name)
			if err != nil {
				t.Fatal(err)
			}
			net, err := skinattn.Resolve(b.Name, reg)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%s, %s", net.Preprocess, net.ChannelOrder); pixels.Known() && got != pixels.String() {
				t.Errorf("%s on %s: pixels %s, the table has %s", name, b.Name, got, pixels)
			}
			cut, err := b.Cut(map[bool]string{true: b.AugmentedCut}[reg.Variant == spec.Augmented])
			if err != nil {
				t.Fatal(err)
			}
			if net.Cut != cut.Layer {
				t.Errorf("%s on %s: cut at %s, the table has %s", name, b.Name, net.Cut, cut.Layer)
			}
		}
	}
	for name, want := range map[string]spec.Pooling{"resnet50": spec.GAP, "resnet152": spec.GAP, "densenet201": ""} {
		reg, err := spec.For("ad/as-run", name)
		if err != nil {
			t.Fatal(err)
		}
		if net, err := skinattn.Resolve(name, reg); err != nil || net.Head != want {
			t.Errorf("ad/as-run on %s has head %q: %v", name, net.Head, err)
		}
	}
}
