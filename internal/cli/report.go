package cli

import (
	"context"
	"fmt"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	runreport "github.com/skinattn/skinattn/pkg/skinattn/report" // report is the function that prints errors
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type reportCommand struct {
	Runs []string `arg:"" name:"run" help:"Run folders; the others are compared with the first."`
	Out  string   `help:"HTML file to write." required:"" placeholder:"FILE"`
	Maps bool     `help:"With --data: beside each photo, where Soft-Attention looks; takes the run's weights."`
}

func (c *reportCommand) Run(s *session) (err error) {
	opts := runreport.Options{Intervals: eval.DefaultOptions()}
	opts.Intervals.Seed = s.seed()
	if s.Data != "" {
		if opts.Data, err = s.openData(); err != nil {
			return err
		}
	}
	if c.Maps {
		if opts.Data == nil {
			return usagef("--maps takes the photos: give --data DIR")
		}
		opts.Overlays = s.overlays
	}
	page, err := runreport.Make(s.ctx, c.Runs, opts)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(c.Out, page); err != nil {
		return err
	}
	if s.JSON {
		return s.answer(map[string]any{"report": c.Out, "bytes": len(page)})
	}
	_, err = fmt.Fprintln(s.stdout, c.Out)
	return err
}

// overlays shows where the network of a run looks in photos.
func (s *session) overlays(ctx context.Context, dir string, paths []string, size int) ([]attention.Overlay, error) {
	eng, err := s.predictionEngine()
	if err != nil {
		return nil, err
	}
	return s.overlaysOn(ctx, eng, dir, paths, size)
}

// overlaysOn is overlays on an engine that is open.
func (s *session) overlaysOn(ctx context.Context, eng *engine.Engine, dir string, paths []string, size int) ([]attention.Overlay, error) {
	folder, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	network, err := checkpoint.LoadModel(folder, eng, s.log)
	if err != nil {
		return nil, err
	}
	defer network.Close()
	return attention.Overlays(ctx, network, paths, size)
}
