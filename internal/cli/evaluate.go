package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

type evaluateCommand struct {
	Inputs      []string `arg:"" name:"run-or-csv" help:"Run folders (their test predictions) or predictions CSV files."`
	Part        string   `help:"Which predictions of a run: ${enum}." enum:"test,val" default:"test" placeholder:"PART"`
	Resamples   int      `help:"Bootstrap resamples for the intervals; 0: none." default:"2000" placeholder:"N"`
	Unit        string   `help:"What is resampled: ${enum}." enum:"lesion,image" default:"lesion" placeholder:"WORD"`
	BCa         bool     `help:"BCa intervals, corrected for bias and skewness, instead of percentiles; several times slower." name:"bca"`
	Stratified  bool     `help:"Resample each class by itself: intervals given the class counts."`
	Calibrate   string   `help:"Recalibrate the predictions first, fitted on these: a run folder (its validation predictions) or a CSV file." placeholder:"RUN-OR-CSV"`
	Calibration string   `help:"With --calibrate: ${enum} scaling." enum:"temperature,vector" default:"temperature" placeholder:"WORD"`
	Combine     string   `help:"Evaluate one combination of all inputs, which must be of the same images: mean, geometric or rank." xor:"several" placeholder:"WORD"`
	Compare     bool     `help:"Compare two inputs on the images that both have: differences, DeLong's and McNemar's tests." xor:"several"`
	Seeds       bool     `help:"Summarise the inputs as runs of several seeds: mean, standard deviation, t interval." xor:"several"`
	Leak        bool     `help:"Audit the split of a run, and judge leaked and clean test images apart." xor:"several"`
}

// evaluated is an input that was read.
type evaluated struct {
	path        string
	fit         string   // how the table was recalibrated, for people
	notes       []string // caveats of the run
	table       *eval.Table
	stored      *eval.Metrics // of a run's metrics.json; nil if there is none
	calibration *eval.Scaling // nil without --calibrate
}

// Run evaluates each input by itself or, as the flags say, compares, summarises or
// combines them.
func (c *evaluateCommand) Run(s *session) error {
	opts := eval.DefaultOptions()
	opts.Resamples, opts.Seed, opts.Stratified = c.Resamples, s.seed(), c.Stratified
	if c.BCa {
		opts.Method = eval.BCaCI
	}
	if err := opts.Unit.UnmarshalText([]byte(c.Unit)); err != nil {
		return usageError{err}
	}
	if c.Resamples < 0 {
		return usagef("--resamples is %d; it must not be negative", c.Resamples)
	}
	inputs, err := c.read()
	if err != nil {
		return err
	}
	switch {
	case c.Compare:
		return c.compare(s, inputs, opts)
	case c.Seeds:
		return c.seeds(s, inputs)
	case c.Leak:
		return c.leak(s, inputs, opts)
	case c.Combine != "":
		if inputs, err = c.combine(inputs); err != nil {
			return err
		}
	}
	var answers []any
	for _, in := range inputs {
		metrics := in.stored
		if !metrics.Matches(in.table, opts) {
			if metrics, err = eval.Evaluate(s.ctx, in.table, opts); err != nil {
				return fmt.Errorf("evaluating %s: %w", in.path, err)
			}
		}
		with := *metrics
		with.Notes = s.notes(slices.Concat(in.table.Notes(), metrics.Notes, in.notes)...) // stored metrics may be older than some note
		if !s.JSON {
			fmt.Fprintf(s.stdout, "%s%s\n%s", in.path, in.fit, with.Table())
			continue
		}
		metrics = &with
		var answer any = metrics
		if in.calibration != nil {
			if answer, err = withKey(metrics, "calibration", in.calibration); err != nil {
				return err
			}
		}
		answers = append(answers, answer)
	}
	if !s.JSON {
		return nil
	}
	return answerEach(s, answers)
}

// read reads the inputs and, with --calibrate, recalibrates them.
func (c *evaluateCommand) read() ([]evaluated, error) {
	var inputs []evaluated
	for _, input := range c.Inputs {
		in, err := readInput(input, split.Part(c.Part))
		if err != nil {
			return nil, err
		}
		if in.table.Len() == 0 {
			return nil, fmt.Errorf("evaluating %s: no predictions below the header", in.path)
		}
		inputs = append(inputs, in)
	}
	if c.Calibrate == "" {
		return inputs, nil
	}
	fitOn, err := readInput(c.Calibrate, split.Val)
	if err != nil {
		return nil, err
	}
	val, path := fitOn.table, fitOn.path
	fit := eval.FitTemperature
	if c.Calibration == "vector" {
		fit = eval.FitVector
	}
	scaling, err := fit(val)
	if err != nil {
		return nil, fmt.Errorf("calibrating on %s: %w", path, err)
	}
	fitted := make(map[string]bool, val.Len())
	for _, id := range val.Predictions().ImageIDs {
		fitted[id] = true
	}
	for i := range inputs {
		in := &inputs[i]
		for _, id := range in.table.Predictions().ImageIDs {
			if fitted[id] {
				return nil, fmt.Errorf("calibrating on %s: image %s is also in %s; fit on images that are not evaluated", path, id, in.path)
			}
		}
		if in.table, err = scaling.Apply(in.table); err != nil {
			return nil, fmt.Errorf("calibrating %s: %w", in.path, err)
		}
		in.calibration = scaling
		in.fit = fmt.Sprintf("\n%s, fitted on %s (%d images; their loss from %.3f to %.3f)", scalingName(scaling), path, scaling.N, scaling.NLLBefore, scaling.NLLAfter)
	}
	return inputs, nil
}

func scalingName(s *eval.Scaling) string {
	if s.Method == "temperature" {
		return fmt.Sprintf("temperature %.3f", s.Temperature())
	}
	return s.Method + " scaling"
}

// combine makes one input of all.
func (c *evaluateCommand) combine(inputs []evaluated) ([]evaluated, error) {
	var how eval.Combination
	if err := how.UnmarshalText([]byte(c.Combine)); err != nil {
		return nil, usageError{err}
	}
	one := evaluated{path: c.Combine + " of", fit: inputs[0].fit, calibration: inputs[0].calibration}
	var tables []*eval.Table
	for _, in := range inputs {
		tables = append(tables, in.table)
		one.path += " " + in.path
		one.notes = append(one.notes, of(in.path, in.notes)...)
	}
	var err error
	if one.table, err = eval.Combine(how, tables...); err != nil {
		return nil, err
	}
	return []evaluated{one}, nil
}

// compare compares the second input with the first.
func (c *evaluateCommand) compare(s *session, inputs []evaluated, opts eval.Options) error {
	if len(inputs) != 2 {
		return usagef("--compare takes two inputs, not %d", len(inputs))
	}
	a, b, shared := eval.Shared(inputs[0].table, inputs[1].table)
	if shared.Both == 0 {
		return fmt.Errorf("comparing: %s and %s have no photo in common; compare runs of one split", inputs[0].path, inputs[1].path)
	}
	comparison, err := eval.Compare(s.ctx, a, b, opts)
	if err != nil {
		return err
	}
	for i, in := range inputs {
		comparison.Notes = append(comparison.Notes, of(string(rune('A'+i)), in.notes)...)
	}
	comparison.Notes = s.notes(comparison.Notes...)
	if s.JSON {
		text, err := withKey(comparison, "inputs", []string{inputs[0].path, inputs[1].path})
		if err != nil {
			return err
		}
		return s.answerWith(text, "shared", shared)
	}
	for i, in := range inputs {
		fmt.Fprintf(s.stdout, "%c: %s%s\n", 'A'+i, in.path, in.fit)
	}
	if !shared.Same() {
		fmt.Fprintf(s.stdout, "the two were made on different photos: %d and %d, of which they share %d; only these are compared\n", shared.A, shared.B, shared.Both)
	}
	fmt.Fprint(s.stdout, comparison.Table())
	return nil
}

// seeds summarises the inputs.
func (c *evaluateCommand) seeds(s *session, inputs []evaluated) error {
	var runs []*eval.Metrics
	var paths []string
	for _, in := range inputs {
		metrics, err := in.table.Score(nil, nil)
		if err != nil {
			return fmt.Errorf("evaluating %s: %w", in.path, err)
		}
		runs, paths = append(runs, metrics), append(paths, in.path)
	}
	summary, err := eval.SummarizeRuns(runs, 0.95)
	if err != nil {
		return err
	}
	for i, in := range inputs {
		summary.Notes = append(summary.Notes, of(fmt.Sprintf("run %d", i+1), in.notes)...)
	}
	summary.Notes = s.notes(summary.Notes...)
	if s.JSON {
		return s.answerWith(summary, "inputs", paths)
	}
	for _, in := range inputs {
		fmt.Fprintf(s.stdout, "%s%s\n", in.path, in.fit)
	}
	fmt.Fprint(s.stdout, summary.Table())
	return nil
}

// leak audits the split of a run and measures the effect of its leak.
func (c *evaluateCommand) leak(s *session, inputs []evaluated, opts eval.Options) error {
	if len(inputs) != 1 {
		return usagef("--leak takes one run folder, not %d inputs", len(inputs))
	}
	parts, err := (&run.Folder{Dir: c.Inputs[0]}).Split()
	if err != nil {
		return fmt.Errorf("--leak needs a run folder with its split: %w", err)
	}
	audit, err := eval.AuditLeakage(parts.Images(), string(split.Train))
	if err != nil {
		return err
	}
	effect, err := eval.MeasureLeak(s.ctx, inputs[0].table, audit.IsLeaked, opts)
	if err != nil {
		return err
	}
	effect.Notes = s.notes(slices.Concat(effect.Notes, inputs[0].notes)...)
	if s.JSON {
		return s.answerWith(effect, "audit", audit)
	}
	fmt.Fprintf(s.stdout, "%s\nof the split's held-out images %s are of a lesion that was trained on:", inputs[0].path, percent(audit.HeldOut.Share()))
	for _, r := range audit.ByClass {
		fmt.Fprintf(s.stdout, " %s %s", r.Name, percent(r.Share()))
	}
	fmt.Fprintf(s.stdout, "\n%s", effect.Table())
	return nil
}

// of puts a name before each note.
func of(name string, notes []string) (named []string) {
	for _, note := range notes {
		named = append(named, name+": "+note)
	}
	return named
}

// readInput reads the predictions of a run folder or of a CSV file. The notes of a run say
// beside the numbers that its split leaks, or that this is not known, and how the run was
// resumed.
func readInput(input string, part split.Part) (in evaluated, err error) {
	info, err := os.Stat(input)
	if err != nil {
		return in, fmt.Errorf("reading predictions: %w", err)
	}
	if !info.IsDir() {
		in.path = input
		in.table, err = eval.ReadPredictions(input)
		return in, err
	}
	folder := &run.Folder{Dir: input}
	in.path = folder.Path(run.PredictionsFile(part))
	if in.table, err = folder.Predictions(part); err != nil {
		return in, err
	}
	if stored, err := folder.Metrics(); err == nil { // else they are computed
		in.stored = stored
	}
	if in.stored.Contradicts(in.table) {
		in.notes = append(in.notes, folder.Path(run.MetricsFile)+" was changed: its values are not those of the predictions, from which they are computed here")
	}
	in.notes = append(in.notes, runNotes(folder)...)
	return in, nil
}

// runNotes are the caveats of a run's numbers. Predictions alone are enough for numbers, so
// that a file that is missing or damaged is a caveat, too.
func runNotes(folder *run.Folder) (notes []string) {
	parts, err := folder.Split()
	if err != nil {
		notes = append(notes, fmt.Sprintf("it is not known whether the split leaks: %v", err))
	} else if rate := parts.LeakRate().Overall.Share(); rate > 0 {
		notes = append(notes, fmt.Sprintf("leaky: %s of the held-out images show a lesion that was trained on", percent(rate)))
	}
	return append(notes, folder.Caveats()...)
}
