package cli

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/release"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type runsCommand struct {
	Migrate runsMigrateCommand `cmd:"" help:"Bring run folders of older versions to the present format."`
	Release runsReleaseCommand `cmd:"" help:"Make a released model of a finished run: calibrated, with a model card, without training state."`
}

type runsReleaseCommand struct {
	Dir string `arg:"" name:"run" help:"Run folder, finished."`
	Out string `help:"Folder of the released model, models/NAME in the repository; it must not be there yet." required:"" placeholder:"DIR"`
}

func (c *runsReleaseCommand) Run(s *session) error {
	data, err := s.openData()
	if err != nil {
		return err
	}
	made, err := release.Make(s.ctx, release.Options{Run: c.Dir, Out: c.Out, Data: data, Log: s.log})
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(made)
	}
	confidence := made.Calibration.Confidence
	_, err = fmt.Fprintf(s.stdout, "%s: %d files, %.1f MB, %s; uncertain below %.2f (%d of %d validation photos, %s of them right)\n", made.Out, made.Files, float64(made.Bytes)/1e6,
		scalingName(made.Calibration.Scaling), confidence.Threshold, confidence.Below, confidence.N, percent(confidence.AccuracyBelow()))
	return err
}

type runsMigrateCommand struct {
	Runs []string `arg:"" name:"run" help:"Run folders."`
}

func (c *runsMigrateCommand) Run(s *session) error {
	var data *ham10000.Dataset
	if s.Data != "" {
		var err error
		if data, err = s.openData(); err != nil {
			return err
		}
	}
	migrated := []run.Migrated{}
	for _, dir := range c.Runs {
		m, err := run.Migrate(s.ctx, dir, data)
		if err != nil {
			return err
		}
		migrated = append(migrated, m)
		if !s.JSON {
			what := "has the present format"
			if m.Changed {
				what = "migrated"
			}
			if m.SourceSize != "" {
				what += ", photos of " + m.SourceSize
			} else {
				what += ", size of its photos not recorded"
			}
			fmt.Fprintf(s.stdout, "%s: %s\n", dir, what)
		}
	}
	if s.JSON {
		return s.answer(migrated)
	}
	return nil
}
