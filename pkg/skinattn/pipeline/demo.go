package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/figures"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// Folders of a demo.
const (
	DemoData = "data"
	DemoRun  = "run"
)

// DemoBackbone is the demo's network, cut at DemoCut: at the demo's 64 pixels the attention map
// has 4 x 4 positions there. At the authors' cut, for 224 pixels, it would have 2 x 2, which
// show nothing.
const (
	DemoBackbone = "mobilenet_v2"
	DemoCut      = "block_13_expand_relu"
)

// ErrOtherDemo says that a folder has a demo with other options.
var ErrOtherDemo = errors.New("has a run on other images")

// DemoOptions are the options of Demo.
type DemoOptions struct {
	Dir      string
	Images   int // synthetic photos
	Size     int // pixels, of the network's input
	Epochs   int // 0: the regime's
	Seed     uint64
	Watch    training.Watcher
	Generate func(done, total int) // progress of the photos
	// Overlays lays the attention maps of the run in a folder over photos; nil leaves them out.
	// Package attention, on this package's floor, has it.
	Overlays func(ctx context.Context, run string, paths []string, size int) ([]attention.Overlay, error)
}

// Demo goes the whole way on synthetic lesions, in Dir: data, split, training,
// predictions, metrics (Dir/run), figures, attention maps and a summary page. A run in Dir with the
// same options goes on.
func Demo(ctx context.Context, eng *engine.Engine, opts DemoOptions) error {
	dataDir, runDir := filepath.Join(opts.Dir, DemoData), filepath.Join(opts.Dir, DemoRun)
	_, notBegun := run.Open(runDir)
	synth := synthetic.Options{Images: opts.Images, Seed: opts.Seed, Masks: true}
	if !synthetic.Complete(dataDir, synth) {
		if notBegun == nil {
			return fmt.Errorf("%s %w", opts.Dir, ErrOtherDemo)
		}
		if err := synthetic.Generate(ctx, dataDir, synth, opts.Generate); err != nil {
			return fmt.Errorf("making the synthetic lesions: %w", err)
		}
	}
	data, err := ham10000.Open(dataDir)
	if err != nil {
		return err
	}
	reg, err := spec.Find(spec.Demo)
	if err != nil {
		return err
	}
	if opts.Epochs > 0 {
		reg.Epochs = opts.Epochs
	}
	network, err := skinattn.Resolve(DemoBackbone, reg)
	if err != nil {
		return err
	}
	network.Size, network.Cut = cmp.Or(opts.Size, network.Size), DemoCut
	if err := Train(ctx, eng, TrainOptions{
		Data: data, Network: network, Regime: reg,
		Protocol: split.Grouped, Seed: opts.Seed, Weights: RandomWeights,
		Dir: runDir, Resume: notBegun == nil, ChangeEpochs: opts.Epochs > 0, Watch: opts.Watch,
	}); err != nil {
		return err
	}
	drawn, err := figures.Draw(ctx, []string{runDir}, filepath.Join(opts.Dir, DemoFigures), figures.Options{
		Style: plots.Paper(), Formats: []string{"svg"}, Intervals: eval.DefaultOptions(), Data: data})
	if err != nil {
		return err
	}
	drawn = slices.DeleteFunc(drawn, func(path string) bool { return filepath.Base(path) == figures.ContactSheet }) // the page shows each
	var maps []demoFigure
	if opts.Overlays != nil {
		if maps, err = opts.drawMaps(ctx, data); err != nil {
			return err
		}
	}
	return writeDemoSummary(opts.Dir, drawn, maps)
}
