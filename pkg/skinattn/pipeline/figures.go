package pipeline

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// FigureOptions say how figures are drawn.
type FigureOptions struct {
	Style   plots.Style
	Formats []string // svg, pdf, png
	// Intervals say how those of the bars are found; the zero value draws none.
	Intervals eval.Options
	// Photos, if not nil, gives the photos of a gallery and of class samples.
	Photos *ham10000.Dataset
}

var figureFormats = []string{"svg", "pdf", "png"}

// figureInput is a run or a predictions file to draw.
type figureInput struct {
	name, path string // path of the predictions
	history    string // of a run, empty otherwise
	table      *eval.Predictions
}

// readFigureInputs reads everything before anything is drawn, and sees to it
// that no two inputs would write the same files.
func readFigureInputs(inputs []string) ([]figureInput, error) {
	var all []figureInput
	taken := map[string]string{}
	for _, input := range inputs {
		in := figureInput{name: strings.TrimSuffix(filepath.Base(filepath.Clean(input)), ".csv"), path: input}
		info, err := os.Stat(input)
		if err != nil {
			return nil, fmt.Errorf("reading predictions: %w", err)
		}
		if info.IsDir() {
			in.path = filepath.Join(input, run.PredictionsFile("test"))
			in.history = filepath.Join(input, run.HistoryFile)
			if _, err := os.Stat(in.path); err != nil {
				return nil, fmt.Errorf("%s has no %s; a run has it when its training is finished", input, run.PredictionsFile("test"))
			}
		}
		if other, ok := taken[in.name]; ok {
			return nil, fmt.Errorf("%s and %s would both be drawn as %q; rename one", other, input, in.name)
		}
		taken[in.name] = input
		if in.table, err = eval.ReadFile(in.path); err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	return all, nil
}

type namedFigure struct {
	name   string
	figure plots.Figure
}

// Figures draws every figure that the inputs, run folders or predictions CSV
// files, allow, into the folder out, each with its numbers as CSV beside it. It
// returns the paths of the pictures.
func Figures(inputs []string, out string, opts FigureOptions) ([]string, error) {
	tables, err := readFigureInputs(inputs)
	if err != nil {
		return nil, err
	}
	for _, format := range opts.Formats {
		if !slices.Contains(figureFormats, format) {
			return nil, fmt.Errorf("figure format %q is unknown; choose of %s", format, strings.Join(figureFormats, ", "))
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for the figures: %w", err)
	}
	var drawn []string
	save := func(name string, figure plots.Figure) error {
		for _, format := range opts.Formats {
			path := filepath.Join(out, name+"."+format)
			if err := plots.SaveWithData(path, figure, opts.Style); err != nil {
				return err
			}
			drawn = append(drawn, path)
		}
		return nil
	}
	var runs []plots.Run
	for _, in := range tables {
		table, name := in.table, in.name
		metrics, err := eval.Evaluate(table, opts.Intervals)
		if err != nil {
			return drawn, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		runs = append(runs, plots.Run{Name: name, Metrics: metrics})
		prefix := ""
		if len(tables) > 1 {
			prefix = name + "-"
		}
		shares := plots.NewConfusionMatrix(metrics)
		shares.Normalize = plots.ByTruth
		roc, err := plots.NewROC(table)
		if err != nil {
			return drawn, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		pr, err := plots.NewPR(table)
		if err != nil {
			return drawn, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		reliability, err := plots.NewReliability(table)
		if err != nil {
			return drawn, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		figures := []namedFigure{
			{"confusion", plots.NewConfusionMatrix(metrics)},
			{"confusion-by-truth", shares},
			{"roc", roc},
			{"precision-recall", pr},
			{"reliability", reliability},
			{"classes", plots.NewClassDistribution(table)},
		}
		if _, err := os.Stat(in.history); err == nil {
			h, err := plots.ReadHistory(in.history)
			if err != nil {
				return drawn, err
			}
			curves := plots.NewLearningCurves(h)
			if keepsLast(filepath.Dir(in.history)) {
				curves.Best = math.NaN()
			}
			figures = append(figures, namedFigure{"learning", curves})
		}
		if opts.Photos != nil {
			g, err := gallery(table, opts.Photos)
			if err != nil {
				return drawn, fmt.Errorf("drawing %s: %w", in.path, err)
			}
			if g != nil {
				figures = append(figures, namedFigure{"gallery", g})
			}
		}
		for _, f := range figures {
			if err := save(prefix+f.name, f.figure); err != nil {
				return drawn, err
			}
		}
	}
	if opts.Photos != nil {
		samples, err := classSamples(opts.Photos)
		if err != nil {
			return drawn, err
		}
		if samples != nil {
			if err := save("class-samples", samples); err != nil {
				return drawn, err
			}
		}
	}
	f1, err := plots.NewF1Bars(runs...)
	if err != nil {
		return drawn, err
	}
	recall, err := plots.NewRecallBars(runs...)
	if err != nil {
		return drawn, err
	}
	if err := save("f1", f1); err != nil {
		return drawn, err
	}
	return drawn, save("recall", recall)
}

// keepsLast says whether a run kept its last weights, whatever their validation
// accuracy.
func keepsLast(dir string) bool {
	folder, err := run.Open(dir)
	if err != nil {
		return false
	}
	cfg, err := folder.Config()
	return err == nil && cfg.Regime != nil && cfg.Regime.Select == regime.SelectLast
}
