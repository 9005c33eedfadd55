package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// FigureOptions say how figures are drawn.
type FigureOptions struct {
	Style   plots.Style
	Formats []string // svg, pdf, png
}

type namedFigure struct {
	name   string
	figure plots.Figure
}

// Figures draws every figure that the inputs, run folders or predictions CSV
// files, allow, into the folder out, each with its numbers as CSV beside it. It
// returns the paths of the pictures.
func Figures(inputs []string, out string, opts FigureOptions) ([]string, error) {
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
	for _, input := range inputs {
		path, history := input, ""
		if info, err := os.Stat(input); err == nil && info.IsDir() {
			path = filepath.Join(input, run.PredictionsFile("test"))
			history = filepath.Join(input, run.HistoryFile)
		}
		table, err := eval.ReadFile(path)
		if err != nil {
			return drawn, err
		}
		metrics, err := eval.Evaluate(table, eval.DefaultOptions())
		if err != nil {
			return drawn, err
		}
		name := strings.TrimSuffix(filepath.Base(filepath.Clean(input)), ".csv")
		runs = append(runs, plots.Run{Name: name, Metrics: metrics})
		prefix := ""
		if len(inputs) > 1 {
			prefix = name + "-"
		}
		shares := plots.NewConfusionMatrix(metrics)
		shares.Normalize = plots.ByTruth
		roc, err := plots.NewROC(table)
		if err != nil {
			return drawn, err
		}
		pr, err := plots.NewPR(table)
		if err != nil {
			return drawn, err
		}
		reliability, err := plots.NewReliability(table)
		if err != nil {
			return drawn, err
		}
		figures := []namedFigure{
			{"confusion", plots.NewConfusionMatrix(metrics)},
			{"confusion-by-truth", shares},
			{"roc", roc},
			{"precision-recall", pr},
			{"reliability", reliability},
			{"classes", plots.NewClassDistribution(table)},
		}
		if _, err := os.Stat(history); err == nil {
			h, err := plots.ReadHistory(history)
			if err != nil {
				return drawn, err
			}
			figures = append(figures, namedFigure{"learning", plots.NewLearningCurves(h)})
		}
		for _, f := range figures {
			if err := save(prefix+f.name, f.figure); err != nil {
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
