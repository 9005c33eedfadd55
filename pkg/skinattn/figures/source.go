package figures

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// source is a run or a predictions file to draw.
type source struct {
	name, path string // path of the predictions
	label      string // short name in legends, unique
	dir        string // of a run, empty otherwise
	table      *eval.Table
	split      *split.Split // nil if there is none
	config     *run.Config  // nil if there is none
	metrics    *eval.Metrics
	bands      *eval.ROCBands   // nil without resamples
	audit      *eval.LeakAudit  // nil without a split
	effect     *eval.LeakEffect // of the leak on recall; nil if none or all of the images leak
	epochs     []run.Epoch      // nil if there is no history
}

// evaluate fills the fields that follow from the predictions and the split.
func (in *source) evaluate(ctx context.Context, opts eval.Options) (err error) {
	if in.metrics = in.stored(opts); in.metrics == nil {
		if in.metrics, err = eval.Evaluate(ctx, in.table, opts); err != nil {
			return err
		}
	}
	if opts.Resamples > 0 {
		if in.bands, err = eval.NewROCBands(ctx, in.table, plots.BandGrid(), opts); err != nil {
			return err
		}
	}
	if in.split == nil {
		return nil
	}
	if in.audit, err = in.auditSplit(); err != nil {
		return err
	}
	if leaked := in.audit.HeldOut.Leaked; leaked > 0 && leaked < in.audit.HeldOut.Images {
		in.effect, err = eval.MeasureLeak(ctx, in.table, in.audit.IsLeaked, opts)
	}
	return err
}

// stored returns the metrics of the run's metrics.json if [eval.Evaluate] would return
// the same, nil otherwise.
func (in *source) stored(opts eval.Options) *eval.Metrics {
	if in.dir == "" {
		return nil
	}
	found, err := (&run.Folder{Dir: in.dir}).Metrics()
	if err != nil || !found.Matches(in.table, opts) {
		return nil
	}
	return found
}

// readInputs reads everything before anything is drawn. It fails if two inputs
// would write the same files.
func readInputs(ctx context.Context, inputs []string, opts Options) ([]source, error) {
	var all []source
	taken := map[string]string{}
	for _, input := range inputs {
		in := source{name: strings.TrimSuffix(filepath.Base(filepath.Clean(input)), ".csv"), path: input}
		info, err := os.Stat(input)
		if err != nil {
			return nil, fmt.Errorf("reading predictions: %w", err)
		}
		if other, ok := taken[in.name]; ok {
			return nil, fmt.Errorf("%s and %s would both be drawn as %q; rename one", other, input, in.name)
		}
		taken[in.name] = input
		if info.IsDir() {
			in.dir = input
			err = in.readRun(ctx, opts)
		} else {
			in.table, err = eval.ReadPredictions(in.path)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	for i, label := range shortNames(all) {
		all[i].label = label
	}
	return all, nil
}

// readRun loads a run folder. Only the predictions file is required; figures that need
// a configuration are left out if config.json can't be read.
func (in *source) readRun(ctx context.Context, opts Options) error {
	folder := &run.Folder{Dir: in.dir}
	in.path = folder.Path(run.PredictionsFile(split.Test))
	var err error
	if in.table, err = folder.Predictions(split.Test); err != nil {
		return err
	}
	if in.split, err = folder.Split(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		in.split = nil
		if err := opts.tolerate(ctx, "figures of the split", err); err != nil {
			return err
		}
	}
	if in.epochs, err = folder.History(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		in.epochs = nil
		if err := opts.tolerate(ctx, "figures of the epochs", err); err != nil {
			return err
		}
	}
	if cfg, err := folder.Config(); err == nil {
		in.config = &cfg
	}
	return nil
}

// shortNames returns the inputs' names without the words, between hyphens, that
// all names share: legends have little room. Where a name would lose all its words, or
// two become equal, only the words go that all names begin or end with.
func shortNames(inputs []source) []string {
	names := make([]string, len(inputs))
	var common []string
	for i, in := range inputs {
		names[i] = in.name
		words := strings.Split(in.name, "-")
		if i == 0 {
			common = words
		}
		common = slices.DeleteFunc(slices.Clone(common), func(w string) bool { return !slices.Contains(words, w) })
	}
	if len(inputs) < 2 {
		return names
	}
	short := make([]string, len(names))
	for i, name := range names {
		words := slices.DeleteFunc(strings.Split(name, "-"), func(w string) bool { return slices.Contains(common, w) })
		short[i] = strings.Join(words, "-")
		if short[i] == "" || slices.Contains(short[:i], short[i]) {
			return trimEnds(names)
		}
	}
	return short
}

// trimEnds drops the words that all names begin with, then the words that all names
// end with, and leaves each name at least one word.
func trimEnds(names []string) []string {
	words := make([][]string, len(names))
	for i, name := range names {
		words[i] = strings.Split(name, "-")
	}
	shared := func(word func(words []string) string) bool {
		return !slices.ContainsFunc(words, func(w []string) bool { return len(w) < 2 || word(w) != word(words[0]) })
	}
	for shared(func(w []string) string { return w[0] }) {
		for i := range words {
			words[i] = words[i][1:]
		}
	}
	for shared(func(w []string) string { return w[len(w)-1] }) {
		for i := range words {
			words[i] = words[i][:len(words[i])-1]
		}
	}
	trimmed := make([]string, len(names))
	for i, w := range words {
		trimmed[i] = strings.Join(w, "-")
	}
	return trimmed
}

// classes counts the images by class and, where the split is known, by part.
func (in *source) classes() plots.Figure {
	if in.split == nil {
		return plots.NewClassDistribution(in.table)
	}
	classes := in.table.Classes()
	f := &plots.Distribution{Categories: classes, XLabel: "Images"}
	for _, part := range []split.Part{split.Train, split.Val, split.Test} {
		rows := in.split.Part(part)
		if len(rows) == 0 {
			continue
		}
		series := plots.CountSeries{Name: string(part), Counts: make([]int, len(classes))}
		for _, row := range rows {
			if k := slices.Index(classes, row.Dx); k >= 0 {
				series.Counts[k]++
			}
		}
		f.Series = append(f.Series, series)
	}
	return f
}

// auditSplit compares the images that were predicted with the training part of
// the split.
func (in *source) auditSplit() (*eval.LeakAudit, error) {
	predicted := map[string]bool{}
	for _, id := range in.table.Predictions().ImageIDs {
		predicted[id] = true
	}
	images := slices.DeleteFunc(in.split.Images(), func(im eval.SplitImage) bool {
		return im.Part != string(split.Train) && !predicted[im.ImageID]
	})
	return eval.AuditLeakage(images, string(split.Train))
}

// leaks reports whether the split is known and the predicted images share lesions with
// the training part.
func (in *source) leaks() bool { return in.audit != nil && in.audit.HeldOut.Leaked > 0 }

// keepsLast reports whether a run kept its last weights and not the best.
func (in *source) keepsLast() bool {
	return in.config != nil && in.config.Regime != nil && in.config.Regime.Select == spec.SelectLast
}
