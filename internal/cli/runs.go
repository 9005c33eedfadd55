package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/likeness"
	"github.com/skinattn/skinattn/pkg/skinattn/release"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type runsCommand struct {
	Migrate runsMigrateCommand `cmd:"" help:"Bring run folders of older versions to the present format."`
	Release runsReleaseCommand `cmd:"" help:"Make a released model of a finished run: calibrated, with a model card, without training state."`
	Unusual runsUnusualCommand `cmd:"" help:"Make and measure the score that tells photos unlike all that a run was trained on."`
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

type runsUnusualCommand struct {
	Dir    string   `arg:"" name:"run" help:"Run folder with its weights, or a released model, whose card and checksums are written anew."`
	Others []string `help:"More pictures to measure it on, JPEG or PNG: a folder for each kind." placeholder:"DIR" sep:"none"`
}

func (c *runsUnusualCommand) Run(s *session) error {
	data, err := s.openData()
	if err != nil {
		return err
	}
	folder, err := run.Open(c.Dir)
	if err != nil {
		return err
	}
	opts := likeness.FitOptions{Data: data, Log: s.log, Progress: s.progress}
	for _, dir := range c.Others {
		paths, err := s.photosBelow(dir)
		if err != nil {
			return err
		}
		opts.Others = append(opts.Others, likeness.Set{Name: filepath.Base(dir), Paths: paths})
	}
	eng, err := s.predictionEngine()
	if err != nil {
		return err
	}
	network, err := checkpoint.LoadModel(folder, eng, s.log)
	if err != nil {
		return err
	}
	defer network.Close()
	unusual, err := likeness.Fit(s.ctx, eng, network, folder, opts)
	if err != nil {
		return err
	}
	if err := errors.Join(folder.WriteUnusual(unusual), release.Seal(c.Dir)); err != nil {
		return err
	}
	if s.JSON {
		return s.answer(unusual)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: unusual above %.3f, as %d of %d validation photos are\n", folder.Path(run.UnusualFile), unusual.Threshold, unusual.Above, unusual.N)
	for _, other := range unusual.Compared {
		fmt.Fprintf(&text, "  %s (%d): AUROC %.3f, %s unusual\n", other.Pictures, other.N, other.AUROC, percent(other.Unusual))
	}
	_, err = io.WriteString(s.stdout, text.String())
	return err
}
