package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

type evaluateCommand struct {
	Inputs    []string `arg:"" name:"run-or-csv" help:"Run folders (their test predictions) or predictions CSV files."`
	Part      string   `help:"Which predictions of a run: ${enum}." enum:"test,val" default:"test" placeholder:"PART"`
	Resamples int      `help:"Bootstrap resamples for the intervals; 0: none." default:"2000" placeholder:"N"`
	Unit      string   `help:"What is resampled: ${enum}." enum:"lesion,image" default:"lesion" placeholder:"WORD"`
}

// Help is the command's long help.
func (evaluateCommand) Help() string {
	return `Examples:
  skinattn evaluate runs/mnv2
  skinattn evaluate results/mobilenet_v2-grouped/predictions-test.csv --json`
}

// Run evaluates each input.
func (c *evaluateCommand) Run(s *session) error {
	opts := eval.DefaultOptions()
	opts.Resamples, opts.Seed = c.Resamples, s.seed()
	if err := opts.Unit.UnmarshalText([]byte(c.Unit)); err != nil {
		return usageError{err}
	}
	if c.Resamples < 0 {
		return usagef("--resamples is %d; it must not be negative", c.Resamples)
	}
	var answers []*eval.Metrics
	for _, input := range c.Inputs {
		path, note, err := c.predictions(input)
		if err != nil {
			return err
		}
		table, err := eval.ReadFile(path)
		if err != nil {
			return err
		}
		if table.Len() == 0 {
			return fmt.Errorf("evaluating %s: no predictions below the header", path)
		}
		metrics, err := eval.Evaluate(table, opts)
		if err != nil {
			return fmt.Errorf("evaluating %s: %w", path, err)
		}
		answers = append(answers, metrics)
		if !s.JSON {
			fmt.Fprintf(s.stdout, "%s%s\n%s", path, note, metrics.Table())
		}
	}
	switch {
	case !s.JSON:
		return nil
	case len(answers) == 1:
		return s.answer(answers[0])
	default:
		return s.answer(answers)
	}
}

// predictions finds the CSV file of an input and what must be said beside its
// numbers.
func (c *evaluateCommand) predictions(input string) (path, note string, err error) {
	info, err := os.Stat(input)
	if err != nil {
		return "", "", fmt.Errorf("reading predictions: %w", err)
	}
	if !info.IsDir() {
		return input, "", nil
	}
	path = filepath.Join(input, run.PredictionsFile(c.Part))
	if _, err := os.Stat(path); err != nil {
		return "", "", fmt.Errorf("%s has no %s; a run has it when its training is finished", input, run.PredictionsFile(c.Part))
	}
	parts, err := split.ReadFile(filepath.Join(input, run.SplitFile))
	if err != nil {
		return path, "", nil // predictions alone are enough
	}
	if rate := parts.LeakRate().Overall.Value(); rate > 0 {
		note = fmt.Sprintf(" (leaky: %s of the held-out images show a lesion that was trained on)", percent(rate))
	}
	return path, note, nil
}
