package cli

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
)

type figuresCommand struct {
	Inputs []string `arg:"" name:"run-or-csv" help:"Run folders or predictions CSV files; several are drawn side by side."`
	Out    string   `help:"Folder for the figures." required:"" placeholder:"DIR"`
	Style  string   `help:"Size and type: paper, paper-wide or talk." default:"paper" placeholder:"NAME"`
	Format []string `help:"File formats: ${enum}." default:"svg,png" enum:"svg,pdf,png" placeholder:"NAME,..."`
}

// Help is the command's long help.
func (figuresCommand) Help() string {
	return `Examples:
  skinattn figures runs/mnv2 --out figures
  skinattn figures results/* --out figures --style talk --format png

With --data (or $SKINATTN_DATA) also a gallery of melanomas and nevi and samples of each class.`
}

// Run draws.
func (c *figuresCommand) Run(s *session) error {
	style, err := plots.ParseStyle(c.Style)
	if err != nil {
		return usageError{err}
	}
	intervals := eval.DefaultOptions()
	intervals.Seed = s.seed()
	opts := pipeline.FigureOptions{Style: style, Formats: c.Format, Intervals: intervals}
	if s.Data != "" {
		if opts.Photos, err = s.openData(); err != nil {
			return err
		}
	}
	paths, err := pipeline.Figures(c.Inputs, c.Out, opts)
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(paths)
	}
	for _, path := range paths {
		fmt.Fprintln(s.stdout, path)
	}
	return nil
}
