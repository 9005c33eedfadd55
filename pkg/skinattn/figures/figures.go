package figures

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Options say how figures are drawn.
type Options struct {
	Style   plots.Style
	Formats []string // svg, pdf, png
	// Intervals say how those of values and curves are found; the zero value
	// draws none.
	Intervals eval.Options
	// Metrics are those of the forest plot, by path of package eval; nil means
	// plots.ForestMetrics.
	Metrics []string
	// Data, if not nil, is described in figures too, and gives the photos of a
	// gallery and of class samples, where it has them.
	Data *ham10000.Dataset
}

var formats = []string{"svg", "pdf", "png"}

// ContactSheet is the picture of all figures, beside them.
const ContactSheet = "contact-sheet.png"

// source is a run or a predictions file to draw.
type source struct {
	name, path string // path of the predictions
	label      string // short name in legends, unique
	dir        string // of a run, empty otherwise
	table      *eval.Table
	split      *split.Split // nil if there is none
	config     *run.Config  // nil if there is none
	epochs     []run.Epoch  // nil if there is no history
	metrics    *eval.Metrics
}

// readInputs reads everything before anything is drawn, and sees to it
// that no two inputs would write the same files.
func readInputs(inputs []string) ([]source, error) {
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
			err = in.readRun()
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

// readRun loads a run folder. Only the predictions file is required.
func (in *source) readRun() error {
	folder := &run.Folder{Dir: in.dir}
	in.path = folder.Path(run.PredictionsFile(split.Test))
	var err error
	if in.table, err = folder.Predictions(split.Test); err != nil {
		return err
	}
	if in.split, err = folder.Split(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if in.epochs, err = folder.History(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch cfg, err := folder.Config(); {
	case err == nil:
		in.config = &cfg
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// shortNames are the inputs' names without the words, between hyphens, that all
// have: legends have little room.
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
			return names
		}
	}
	return short
}

// Draw draws every figure that the inputs, run folders or predictions CSV
// files, allow, into the folder out, each with its numbers as CSV beside it, and
// all on one page, [ContactSheet]. It returns the paths of the pictures.
//
// Several inputs are compared in figures of their own; those of one input then
// have its name before theirs. If ctx is done before the intervals are found, its
// error is returned.
func Draw(ctx context.Context, inputs []string, out string, opts Options) ([]string, error) {
	all, err := readInputs(inputs)
	if err != nil {
		return nil, err
	}
	for _, format := range opts.Formats {
		if !slices.Contains(formats, format) {
			return nil, fmt.Errorf("figure format %q is unknown; choose of %s", format, strings.Join(formats, ", "))
		}
	}
	var figures []plots.NamedFigure
	for i := range all {
		in := &all[i]
		if in.metrics, err = eval.Evaluate(ctx, in.table, opts.Intervals); err != nil {
			return nil, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		own, err := in.figures(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		for _, f := range own {
			if len(all) > 1 {
				f.Name = in.name + "-" + f.Name
			}
			figures = append(figures, f)
		}
	}
	compared, err := comparisons(all, opts)
	if err != nil {
		return nil, err
	}
	figures = append(figures, compared...)
	if opts.Data != nil {
		figures = append(figures, OfData(opts.Data.Stats())...)
		samples, err := classSamples(opts.Data)
		if err != nil {
			return nil, err
		}
		if samples != nil {
			figures = append(figures, plots.NamedFigure{Name: "class-samples", Figure: samples})
		}
	}
	return Save(figures, out, opts.Style, opts.Formats)
}

// Save writes figures in every format into the folder out, making it if
// need be, each with its numbers as CSV beside it, and a contact sheet of all. It
// returns the paths of the pictures.
func Save(figures []plots.NamedFigure, out string, style plots.Style, formats []string) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for the figures: %w", err)
	}
	var drawn []string
	for _, f := range figures {
		for _, format := range formats {
			path := filepath.Join(out, f.Name+"."+format)
			if err := plots.SaveWithData(path, f.Figure, style); err != nil {
				return drawn, err
			}
			drawn = append(drawn, path)
		}
	}
	sheet := &plots.ContactSheet{Figures: figures}
	path := filepath.Join(out, ContactSheet)
	if err := plots.Save(path, sheet, sheet.Style(style)); err != nil {
		return drawn, err
	}
	return append(drawn, path), nil
}

// figures are those of one input.
func (in *source) figures(ctx context.Context, opts Options) ([]plots.NamedFigure, error) {
	var figures []plots.NamedFigure
	add := func(name string, f plots.Figure) { figures = append(figures, plots.NamedFigure{Name: name, Figure: f}) }

	shares := plots.NewConfusionMatrix(in.metrics)
	shares.Normalize = plots.NormalizeByTruth
	add("confusion", plots.NewConfusionMatrix(in.metrics))
	add("confusion-by-truth", shares)

	roc, err := plots.NewROC(in.table)
	if err != nil {
		return nil, err
	}
	add("roc", roc)
	if opts.Intervals.Resamples > 0 {
		bands, err := eval.NewROCBands(ctx, in.table, plots.BandGrid(), opts.Intervals)
		if err != nil {
			return nil, err
		}
		roc.AddBands(in.table.Classes(), bands, nil)
		panels, err := plots.NewROCPanels(in.table, in.metrics, bands)
		if err != nil {
			return nil, err
		}
		add("roc-by-class", panels)
	}
	pr, err := plots.NewPR(in.table)
	if err != nil {
		return nil, err
	}
	add("precision-recall", pr)
	add("reliability", plots.NewReliability(in.table))
	add("classes", in.classes())

	if in.epochs != nil {
		curves := plots.NewLearningCurves(&plots.History{Values: run.Columns(in.epochs)})
		if in.keepsLast() {
			curves.Best = math.NaN()
		}
		add("learning", curves)
	}
	if audit, err := in.audit(); err != nil {
		return nil, err
	} else if audit != nil && audit.HeldOut.Leaked > 0 && audit.HeldOut.Leaked < audit.HeldOut.Images {
		effect, err := eval.MeasureLeak(ctx, in.table, audit.IsLeaked, opts.Intervals)
		if err != nil {
			return nil, err
		}
		recall, err := plots.NewLeakEffect(effect)
		if err != nil {
			return nil, err
		}
		add("recall-leaked", recall)
	}
	if opts.Data != nil {
		shown, err := gallery(in.table, opts.Data)
		if err != nil {
			return nil, err
		}
		if shown != nil {
			add("gallery", shown)
		}
	}
	return figures, nil
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

// audit sets the images that were predicted against the training part of the
// split; nil without a split.
func (in *source) audit() (*eval.LeakAudit, error) {
	if in.split == nil {
		return nil, nil
	}
	predicted := map[string]bool{}
	for _, id := range in.table.Predictions().ImageIDs {
		predicted[id] = true
	}
	images := slices.DeleteFunc(in.split.Images(), func(im eval.SplitImage) bool {
		return im.Part != string(split.Train) && !predicted[im.ImageID]
	})
	return eval.AuditLeakage(images, string(split.Train))
}

// keepsLast says whether a run kept its last weights, whatever their validation
// accuracy.
func (in *source) keepsLast() bool {
	return in.config != nil && in.config.Regime != nil && in.config.Regime.Select == spec.SelectLast
}

// comparisons are the figures of all inputs together.
func comparisons(all []source, opts Options) ([]plots.NamedFigure, error) {
	var runs []plots.Run
	var audits []plots.NamedAudit
	for _, in := range all {
		runs = append(runs, plots.Run{Name: in.label, Metrics: in.metrics})
		audit, err := in.audit()
		if err != nil {
			return nil, err
		}
		if audit != nil && audit.HeldOut.Leaked > 0 { // a split by lesion has nothing to show
			audits = append(audits, plots.NamedAudit{Name: in.label, Audit: audit})
		}
	}
	var figures []plots.NamedFigure
	for _, bars := range []struct{ file, metric, average, label string }{
		{"f1", "f1", "macro_f1", "F1"}, {"recall", "recall", "macro_recall", "Recall"}, {"auroc", "auroc", "auroc_macro", "AUROC"},
	} {
		f, err := plots.NewMetricBars(bars.metric, bars.average, bars.label, runs...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, plots.NamedFigure{Name: bars.file, Figure: f})
	}
	forest, err := plots.NewForest(opts.Metrics, runs...)
	if err != nil {
		return nil, err
	}
	figures = append(figures, plots.NamedFigure{Name: "forest", Figure: forest})
	if len(audits) > 0 {
		f, err := plots.NewLeakBars(all[0].table.Classes(), audits...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, plots.NamedFigure{Name: "leak", Figure: f})
	}
	points, err := costPoints(all)
	if err != nil || len(points) == 0 {
		return figures, err
	}
	parameters, seconds := CostFigures(points)
	return append(figures, plots.NamedFigure{Name: "accuracy-parameters", Figure: parameters}, plots.NamedFigure{Name: "accuracy-seconds", Figure: seconds}), nil
}

// costPoints are the runs whose network is known.
func costPoints(all []source) ([]CostPoint, error) {
	var points []CostPoint
	for _, in := range all {
		if in.config == nil {
			continue
		}
		network, err := skinattn.NewNetwork(in.config.Network)
		if err != nil {
			return nil, fmt.Errorf("counting the parameters of %s: %w", in.dir, err)
		}
		p := CostPoint{Name: in.label, Accuracy: in.metrics.Accuracy, CI: in.metrics.CI["accuracy"], Seconds: run.Median(in.epochs, func(e run.Epoch) float64 { return e.Seconds })}
		p.Parameters, _ = network.Graph.Parameters()
		points = append(points, p)
	}
	return points, nil
}
