package figures

import (
	"context"
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// Entry is a row of [Set].
type Entry struct {
	// Name is the file without extension.
	Name string
	Of   Scope
	// Needs names the inputs that the figure needs, and Shows its content, both in
	// Markdown.
	Needs, Shows string
	// draw returns nil if the study lacks what the figure needs.
	draw func(*study) (plots.Figure, error)
}

// Scope says which inputs a figure covers.
type Scope int

const (
	OneInput  Scope = iota // a run folder or predictions file
	AllInputs              // all runs and predictions files together
	DataSet                // the data set
)

// study has the data of the figures.
type study struct {
	Options
	*source                 // of one input
	inputs  []source        // of all inputs
	stats   *ham10000.Stats // of a data set
}

// Set is the table of all figures, in the order of the contact sheet. The command
// line, its help and docs/figures.md follow it.
var Set = []Entry{
	{"confusion", OneInput, "predictions", "counts of images by true and predicted class", func(s *study) (plots.Figure, error) {
		return plots.NewConfusionMatrix(s.metrics), nil
	}},
	{"confusion-by-truth", OneInput, "predictions", "the same as shares of the true class", func(s *study) (plots.Figure, error) {
		f := plots.NewConfusionMatrix(s.metrics)
		f.Normalize = plots.NormalizeByTruth
		return f, nil
	}},
	{"roc", OneInput, "predictions", "one-vs-rest curves, macro, weighted and micro averages; band of the macro average", func(s *study) (plots.Figure, error) {
		f, err := plots.NewROC(s.table)
		if err == nil && s.bands != nil {
			f.AddBands(s.table.Classes(), s.bands, nil)
		}
		return f, err
	}},
	{"roc-by-class", OneInput, "predictions", "a panel a class, with area, its interval, and band", func(s *study) (plots.Figure, error) {
		if s.bands == nil {
			return nil, nil
		}
		return plots.NewROCPanels(s.table, s.metrics, s.bands)
	}},
	{"precision-recall", OneInput, "predictions", "one-vs-rest curves with average precision", func(s *study) (plots.Figure, error) {
		return plots.NewPR(s.table)
	}},
	{"reliability", OneInput, "predictions", "accuracy against confidence in 15 equal-mass bins; histogram of the confidences", func(s *study) (plots.Figure, error) {
		return plots.NewReliability(s.table), nil
	}},
	{"classes", OneInput, "predictions; better with `split.csv`", "images by class and part", func(s *study) (plots.Figure, error) {
		return s.classes(), nil
	}},
	{"learning", OneInput, "`history.csv`", "loss, accuracy and learning rate (four decades); the epoch that was kept, unless it is the last", func(s *study) (plots.Figure, error) {
		if s.epochs == nil {
			return nil, nil
		}
		f := plots.NewLearningCurves(run.Columns(s.epochs))
		if !s.keepsLast() {
			f.Best = float64(run.BestEpoch(s.epochs))
		}
		return f, nil
	}},
	{"recall-leaked", OneInput, "leaky `split.csv`", "recall on images whose lesion was trained on, beside the others", func(s *study) (plots.Figure, error) {
		if s.effect == nil {
			return nil, nil
		}
		return plots.NewLeakEffect(s.effect)
	}},
	{"gallery", OneInput, "predictions and photos of `--data`", "the surest melanomas and nevi, right and wrong (Figure 14)", func(s *study) (plots.Figure, error) {
		return gallery(s.table, s.Data)
	}},

	{"f1", AllInputs, "predictions", "bars of F1 by class and their mean", metricBars("f1", "macro_f1", "F1")},
	{"recall", AllInputs, "predictions", "the same of recall", metricBars("recall", "macro_recall", "Recall")},
	{"auroc", AllInputs, "predictions", "the same of the area under the ROC curve", metricBars("auroc", "auroc_macro", "AUROC")},
	{"forest", AllInputs, "predictions", "`--metric` with intervals, a panel a metric; with one input, a row a metric", func(s *study) (plots.Figure, error) {
		return plots.NewForest(s.Metrics, s.runs()...)
	}},
	{"leak", AllInputs, "leaky `split.csv`", "share of the reported images whose lesion was trained on, by class. Splits by lesion have none and are left out", func(s *study) (plots.Figure, error) {
		var audits []plots.NamedAudit
		for _, in := range s.inputs {
			if in.leaks() {
				audits = append(audits, plots.NamedAudit{Name: in.label, Audit: in.audit})
			}
		}
		if len(audits) == 0 {
			return nil, nil
		}
		return plots.NewLeakBars(s.inputs[0].table.Classes(), audits...)
	}},
	{"accuracy-parameters", AllInputs, "`config.json`", "Table 6 as a picture, with the inputs in it", func(s *study) (plots.Figure, error) {
		parameters, _, err := s.costs()
		return parameters, err
	}},
	{"accuracy-seconds", AllInputs, "`config.json`", "the same with the time of an epoch. Times of different machines and image sizes can't be compared", func(s *study) (plots.Figure, error) {
		_, seconds, err := s.costs()
		return seconds, err
	}},

	{"data-classes", DataSet, "data", "images and lesions by class", func(s *study) (plots.Figure, error) { return dataClasses(s.stats), nil }},
	{"data-sex", DataSet, "data", "shares of the sexes by class; unknown has a place of its own", func(s *study) (plots.Figure, error) { return dataSexes(s.stats), nil }},
	{"data-localization", DataSet, "data", "shares of the body sites by class; unknown has a place of its own", func(s *study) (plots.Figure, error) { return dataSites(s.stats), nil }},
	{"data-age", DataSet, "data", "histograms of age by class; missing ages are counted in the panel", func(s *study) (plots.Figure, error) { return dataAges(s.stats), nil }},
	{"class-samples", DataSet, "photos of `--data`", "four of each class (Figure 1)", func(s *study) (plots.Figure, error) { return classSamples(s.Data) }},
}

// draw returns the figures of a scope that the study allows.
func draw(ctx context.Context, of Scope, s *study) ([]plots.NamedFigure, error) {
	var figures []plots.NamedFigure
	for _, e := range Set {
		if e.Of != of {
			continue
		}
		f, err := e.draw(s)
		if err := s.tolerate(ctx, "figure "+e.Name, err); err != nil {
			return nil, err
		}
		if err == nil && f != nil {
			figures = append(figures, plots.NamedFigure{Name: e.Name, Figure: f})
		}
	}
	return figures, nil
}

// Summary lists the figures as lines of plain text: name and content.
func Summary() string {
	width := 0
	for _, e := range Set {
		width = max(width, len(e.Name))
	}
	var lines []string
	for _, e := range Set {
		lines = append(lines, fmt.Sprintf("  %-*s  %s", width, e.Name, strings.ReplaceAll(e.Shows, "`", "")))
	}
	return strings.Join(lines, "\n")
}

// Caption says what a figure of [Set] shows, as plain text; it is empty for another name.
func Caption(name string) string {
	for _, e := range Set {
		if e.Name == name {
			return strings.ReplaceAll(e.Shows, "`", "")
		}
	}
	return ""
}

// runs returns the metrics of all inputs under their short names.
func (s *study) runs() []plots.Run {
	var runs []plots.Run
	for _, in := range s.inputs {
		runs = append(runs, plots.Run{Name: in.label, Metrics: in.metrics})
	}
	return runs
}

// metricBars returns the constructor for bars of a metric by class and its
// average.
func metricBars(perClass, average, label string) func(*study) (plots.Figure, error) {
	return func(s *study) (plots.Figure, error) {
		return plots.NewMetricBars(perClass, average, label, s.runs()...)
	}
}

// costs returns the figures of the runs whose network is known, nil without such a run.
func (s *study) costs() (parameters, seconds plots.Figure, err error) {
	var points []CostPoint
	for _, in := range s.inputs {
		if in.config == nil {
			continue
		}
		network, err := skinattn.NewNetwork(in.config.Network)
		if err != nil {
			return nil, nil, fmt.Errorf("counting the parameters of %s: %w", in.dir, err)
		}
		p := CostPoint{Name: in.label, Accuracy: in.metrics.Accuracy, CI: in.metrics.CI["accuracy"], Seconds: run.Median(in.epochs, func(e run.Epoch) float64 { return e.Seconds })}
		p.Parameters, _ = network.Graph.Parameters()
		points = append(points, p)
	}
	if len(points) > 0 {
		parameters, seconds = CostFigures(points)
	}
	return parameters, seconds, nil
}
