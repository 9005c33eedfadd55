package pipeline

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// smallData are synthetic photos of a size that trains in a moment.
func smallData(t *testing.T) *ham10000.Dataset {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // where the image cache goes
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
	reg, err := regime.For(name, "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	reg.Epochs, reg.Batch = 1, 16
	if reg.Copies.PerClass > 0 {
		reg.Copies.PerClass, reg.Copies.Batch = 12, 4
	}
	return TrainOptions{
		Data: data, Backbone: "mobilenet_v2", Size: 32, Cut: "Conv1_relu", Regime: reg,
		Protocol: split.Grouped, Seed: 1, Weights: RandomWeights, Dir: filepath.Join(t.TempDir(), "run"),
	}
}

func TestEveryRegimeGoesTheWholeWay(t *testing.T) {
	data, eng := smallData(t), openTestEngine(t)
	for _, name := range regime.Names() {
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
			if cfg.Regime.Name != name || cfg.Network.Metadata != cfg.Regime.Metadata || cfg.Network.Resize != cfg.Regime.Resize {
				t.Errorf("config.json has regime %+v and network %+v", cfg.Regime, cfg.Network)
			}
			if _, err := eval.ReadMetricsFile(folder.Path(run.MetricsFile)); err != nil {
				t.Error(err)
			}
		})
	}
}
