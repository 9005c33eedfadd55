package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

type demoCommand struct {
	Out    string `help:"Folder for data, run and summary. The same command goes on with what was stopped there." default:"demo" placeholder:"DIR"`
	Images int    `help:"Synthetic photos." default:"600" placeholder:"N"`
	Size   int    `help:"Image width and height of the network in pixels." default:"64" placeholder:"PX"`
	Epochs int    `help:"Epochs (default: the regime's)." placeholder:"N"`
}

func (c *demoCommand) Run(s *session) error {
	outliveReader()
	switch {
	case c.Size < 1 || c.Size > maxSize:
		return usagef("--size is %d; it must be in 1 to %d pixels", c.Size, maxSize)
	case c.Images < 1:
		return usagef("--images is %d; it must be above 0", c.Images)
	case c.Epochs < 0:
		return usagef("--epochs is %d; it must not be negative", c.Epochs)
	}
	network := spec.Network{Backbone: pipeline.DemoBackbone, Cut: pipeline.DemoCut, Size: c.Size, SoftAttention: true}
	if err := (&pipeline.TrainOptions{Network: network}).CheckInput(); err != nil {
		return optionUsage(err)
	}
	eng, err := s.openEngine()
	if err != nil {
		return err
	}
	s.log("engine: " + eng.String())
	opts := pipeline.DemoOptions{
		Dir: c.Out, Images: c.Images, Size: c.Size, Epochs: c.Epochs, Seed: s.seed(),
		Watch: newTrainingBar(s), Generate: s.progress("drawing synthetic lesions"),
		Overlays: func(ctx context.Context, dir string, paths []string, size int) ([]attention.Overlay, error) {
			return s.overlaysOn(ctx, eng, dir, paths, size)
		},
	}
	err = pipeline.Demo(s.ctx, eng, opts)
	if errors.Is(err, training.ErrInterrupted) {
		return fmt.Errorf("%w; the same command goes on", err)
	}
	if err != nil {
		return err
	}
	evaluate := evaluateCommand{Inputs: []string{filepath.Join(c.Out, pipeline.DemoRun)}, Part: "test", Resamples: eval.DefaultOptions().Resamples, Unit: "lesion"}
	if err := evaluate.Run(s); err != nil {
		return err
	}
	s.log("summary: " + filepath.Join(c.Out, pipeline.DemoSummary) + " (open it in a browser; it ends with what to try next)")
	s.log("figures: " + filepath.Join(c.Out, pipeline.DemoFigures))
	return nil
}
