package report

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// section is what the page shows of one run.
type section struct {
	Name, ID string
	Answer   string // the numbers to remember, in a sentence
	Leak     string // about photos of lesions that were trained on
	Leaky    bool
	Notes    []string // what the page lacks, and why

	Facts     []fact // configuration and environment
	Command   string // trains the run again; empty for an imported network
	Parts     []partRow
	Curves    []figure
	Epochs    []run.Epoch
	KeptEpoch int

	Overall, PerClass []metricRow
	Columns           []string // of PerClass
	Confusion         []confusionRow
	ROC               figure
	Targets           []target // classes and groups that can be told from the rest
	Reliability       []figure
	Calibration       string
	Groups            []groupTable

	dir     string
	config  run.Config
	table   *eval.Table
	metrics *eval.Metrics
	client  clientRun
}

type fact struct{ Name, Value, Help string }

// figure is a chart with its text. Legend has the class of each line's colour.
type figure struct {
	Chart   template.HTML
	Caption string
	Legend  []legendEntry
}

type legendEntry struct{ Colour, Text string }

type partRow struct {
	Part            string
	Images, Lesions int
	ByClass         []int
}

// metricRow is a metric of all images, or the metrics of a class.
type metricRow struct {
	Name, Help string
	Values     []metricValue
}

type metricValue struct{ Value, CI string }

type confusionRow struct {
	Class string
	Total int
	Cells []confusionCell
}

type confusionCell struct {
	Truth, Predicted int
	Count            int
	Share            string // of the row, in percent
	Depth            int    // of the colour, 0 to 9
	Right            bool
	Label            string
}

// target is a class or group for the operating point.
type target struct {
	Name, Label string
	Classes     []int
	Points      []pointRow
}

type pointRow struct{ Rule, Threshold, Sensitivity, Specificity string }

func newSection(ctx context.Context, dir, name string, number int, opts Options) (*section, error) {
	folder, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &section{Name: name, ID: fmt.Sprintf("run%d", number+1), dir: dir}
	if s.config, err = folder.Config(); err != nil {
		return nil, err
	}
	if s.table, err = folder.Predictions(split.Test); err != nil {
		return nil, err
	}
	if s.metrics, err = folder.Metrics(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !s.metrics.Matches(s.table, opts.Intervals) {
		if s.metrics, err = eval.Evaluate(ctx, s.table, opts.Intervals); err != nil {
			return nil, err
		}
	}
	s.addFacts(folder)
	for _, add := range []func(*run.Folder) error{s.addSplit, s.addHistory, s.addMetrics, s.addROC, s.addReliability} {
		if err := add(folder); err != nil {
			return nil, err
		}
	}
	s.client = newClientRun(name, s.table)
	if err := s.addData(ctx, opts); err != nil {
		return nil, err
	}
	s.answer()
	return s, nil
}

// answer says the numbers to remember.
func (s *section) answer() {
	m := s.metrics
	value := func(path string) string {
		v, _ := m.Value(path)
		return share(v) + ci(m.CI[path])
	}
	s.Answer = fmt.Sprintf("%s images: accuracy %s, balanced accuracy (mean recall) %s, AUROC %s (mean over classes).",
		eval.FormatThousands(m.N), value("accuracy"), value("balanced_accuracy"), value("auroc_macro"))
}

// addFacts lists the configuration, in the words of the options, and the environment.
func (s *section) addFacts(folder *run.Folder) {
	cfg := s.config
	add := func(name, value, help string) {
		if value != "" {
			s.Facts = append(s.Facts, fact{name, value, help})
		}
	}
	add("first weights", cfg.Init, "Where the weights began.")
	add("seed", fmt.Sprint(cfg.Seed), "Of everything random.")
	add("photos", cfg.Data.SourceSize, "Size of the photos on disk, in pixels.")
	for _, o := range spec.NetworkOptions() {
		add("network."+o.Path, o.Text(&cfg.Network), o.Help)
	}
	if cfg.Regime != nil {
		for _, o := range spec.RegimeOptions() {
			add("regime."+o.Path, o.Text(cfg.Regime), o.Help)
		}
	}
	if env, err := folder.Environment(); err == nil {
		add("computed by", env.Computes(), "Engine, processor.")
		add("version", env.Commit, "Commit of skinattn.")
	}
	var drawn split.Options
	if parts, err := folder.Split(); err == nil { // addSplit says what is wrong with it
		drawn = parts.Options
	}
	var err error
	if s.Command, err = pipeline.TrainCommand(cfg, drawn, "runs/again"); err != nil {
		s.Notes = append(s.Notes, err.Error())
	}
	if _, err := folder.CheckFingerprint(); err != nil {
		s.Notes = append(s.Notes, err.Error()+".")
	}
	for _, caveat := range folder.Caveats() {
		s.Notes = append(s.Notes, caveat+".")
	}
	if cfg.FastDevRun {
		s.Notes = append(s.Notes, "The run has a few batches only and shows whether everything works: its numbers mean nothing.")
	}
}

// addSplit counts the images by part and class, and says which reported images are of
// lesions that were trained on.
func (s *section) addSplit(folder *run.Folder) error {
	parts, err := folder.Split()
	if errors.Is(err, fs.ErrNotExist) {
		s.Leak = "The run has no split: whether its images are of lesions that were trained on is not known."
		s.Leaky = true
		return nil
	}
	if err != nil {
		return err
	}
	for _, count := range parts.Counts() {
		s.Parts = append(s.Parts, partRow{string(count.Part), count.Images, count.Lesions, count.ByClass[:]})
	}
	images := parts.Images()
	seen := eval.SeenIn(images, string(split.Train))
	byID := map[string]eval.SplitImage{}
	for _, im := range images {
		byID[im.ImageID] = im
	}
	var rate eval.LeakRate
	unlisted, reported := 0, s.table.Predictions()
	for i, id := range reported.ImageIDs {
		im, ok := byID[id]
		if !ok {
			unlisted++
			im = eval.SplitImage{ImageID: id}
			if reported.LesionIDs != nil {
				im.LesionID = reported.LesionIDs[i]
			}
		}
		rate.Add(seen(im))
	}
	if s.Leaky = rate.Leaked > 0; s.Leaky {
		s.Leak = fmt.Sprintf("The split leaks: %s of the %s reported images (%.1f %%) show lesions that were trained on, so the numbers are too good.",
			eval.FormatThousands(rate.Leaked), eval.FormatThousands(rate.Images), 100*rate.Share())
	} else {
		s.Leak = "No reported image shows a lesion that was trained on."
	}
	if protocol, err := split.Find(parts.Protocol); err == nil {
		s.Leak += fmt.Sprintf(" Protocol %s: %s.", protocol.Name, protocol.Summary)
		if selects := len(parts.Part(split.Test)) == 0 || len(parts.Part(split.Val)) == 0; selects && !protocol.OfficialTest {
			s.Leak += " The reported images also chose the epoch."
		}
	}
	if unlisted > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d reported images are not in the split; they are taken as not trained on.", unlisted))
	}
	return nil
}

// addHistory draws the training curves.
func (s *section) addHistory(folder *run.Folder) error {
	rows, err := folder.History()
	if errors.Is(err, fs.ErrNotExist) {
		s.Notes = append(s.Notes, "The run has no history: it was not trained here.")
		return nil
	}
	if err != nil || len(rows) == 0 {
		return err
	}
	s.Epochs, s.KeptEpoch = rows, s.config.KeptEpoch(rows)
	column := func(of func(run.Epoch) float64) (values []float64) {
		for _, row := range rows {
			values = append(values, of(row))
		}
		return values
	}
	epochs := column(func(e run.Epoch) float64 { return float64(e.Epoch) })
	draw := func(title string, y axis, lines ...[]float64) figure {
		c := &chart{title: title, description: "The table below has the values.", x: upTo("epoch", epochs), y: y}
		legend := []string{"training", "validation", "validation, balanced"}
		f := figure{Caption: title}
		for i, values := range lines {
			c.line(fmt.Sprintf("c%d", i), epochs, values)
			f.Legend = append(f.Legend, legendEntry{fmt.Sprintf("c%d", i), legend[i]})
		}
		f.Chart = c.svg()
		return f
	}
	trainLoss, valLoss := column(func(e run.Epoch) float64 { return e.TrainLoss }), column(func(e run.Epoch) float64 { return e.ValLoss })
	s.Curves = []figure{
		draw("Loss by epoch (training: weighted by class, with dropout)", upTo("loss", trainLoss, valLoss), trainLoss, valLoss),
		draw("Accuracy by epoch", unit("accuracy"), column(func(e run.Epoch) float64 { return e.TrainAccuracy }),
			column(func(e run.Epoch) float64 { return e.ValAccuracy }), column(func(e run.Epoch) float64 { return e.ValBalancedAccuracy })),
	}
	return nil
}

// classColumns are the metrics of a class that the page shows.
var classColumns = []string{"precision", "recall", "specificity", "f1", "auroc", "ap"}

func (s *section) addMetrics(*run.Folder) error {
	m := s.metrics
	value := func(path string) metricValue {
		v, _ := m.Value(path)
		return metricValue{share(v), strings.TrimSpace(ci(m.CI[path]))}
	}
	for _, path := range []string{"accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "auroc_macro", "auroc_weighted", "ap_macro", "mcc", "kappa", "nll", "brier", "ece"} {
		s.Overall = append(s.Overall, metricRow{eval.Label(path), m.Undefined[path], []metricValue{value(path)}})
	}
	for _, column := range classColumns {
		s.Columns = append(s.Columns, eval.Label(column))
	}
	for _, c := range m.PerClass {
		row := metricRow{Name: c.Class, Help: fmt.Sprintf("%s, %d images", ham10000.ClassName(c.Class), c.Support)}
		for _, column := range classColumns {
			row.Values = append(row.Values, value(eval.ClassPath(c.Class, column)))
		}
		s.PerClass = append(s.PerClass, row)
	}
	for truth, counts := range m.Confusion {
		row := confusionRow{Class: m.Classes[truth], Total: m.Confusion.Support(truth)}
		for predicted, count := range counts {
			part := 0.
			if row.Total > 0 {
				part = float64(count) / float64(row.Total)
			}
			row.Cells = append(row.Cells, confusionCell{truth, predicted, count, fmt.Sprintf("%.0f %%", 100*part), int(math.Round(9 * part)), truth == predicted,
				fmt.Sprintf("images of %s predicted as %s", m.Classes[truth], m.Classes[predicted])})
		}
		s.Confusion = append(s.Confusion, row)
	}
	return nil
}

// addROC draws the curves of all classes, and lists the usual operating points.
func (s *section) addROC(*run.Folder) error {
	c := &chart{title: "ROC curves of all classes", description: "The table of metrics has the areas.", x: unit("1 - specificity"), y: unit("sensitivity")}
	c.line("chance", []float64{0, 1}, []float64{0, 1})
	s.ROC.Caption = "ROC curve of each class against the rest"
	for k, class := range s.metrics.Classes {
		curve, err := s.table.ROC(k)
		if err != nil {
			return err
		}
		colour := fmt.Sprintf("c%d", k%8)
		c.line(colour, curve.FPR, curve.TPR)
		s.ROC.Legend = append(s.ROC.Legend, legendEntry{colour, class + " " + share(curve.AUC)})
		s.addTarget(class, ham10000.ClassName(class), []int{k}, curve)
	}
	for _, g := range s.metrics.Groups {
		curve, err := s.table.GroupROC(eval.Group{Name: g.Class, Classes: g.Members})
		if err != nil {
			return err
		}
		var classes []int
		for k, class := range s.metrics.Classes {
			for _, member := range g.Members {
				if class == member {
					classes = append(classes, k)
				}
			}
		}
		s.addTarget(g.Class, strings.Join(g.Members, " or "), classes, curve)
	}
	s.ROC.Chart = c.svg()
	return nil
}

func (s *section) addTarget(name, label string, classes []int, curve *eval.ROC) {
	t := target{Name: name, Label: label, Classes: classes}
	for _, rule := range []struct {
		text string
		at   eval.OperatingPoint
	}{
		{"specificity at least .90", curve.AtSpecificity(.90)},
		{"specificity at least .95", curve.AtSpecificity(.95)},
		{"greatest sensitivity + specificity (Youden; chosen on these images)", curve.Youden()},
	} {
		t.Points = append(t.Points, pointRow{rule.text, share(rule.at.Threshold), share(rule.at.Sensitivity), share(rule.at.Specificity)})
	}
	s.Targets = append(s.Targets, t)
}

// addReliability draws reliability before and after temperature scaling, which is fitted
// on the validation part.
func (s *section) addReliability(folder *run.Folder) error {
	s.Reliability = []figure{reliability("as predicted", s.table)}
	val, err := folder.Predictions(split.Val)
	if errors.Is(err, fs.ErrNotExist) {
		s.Calibration = "Without predictions of a validation part there is no calibration."
		return nil
	}
	if err != nil {
		return err
	}
	reported := map[string]bool{}
	for _, id := range s.table.Predictions().ImageIDs {
		reported[id] = true
	}
	for _, id := range val.Predictions().ImageIDs {
		if reported[id] {
			s.Calibration = "The validation images are also the reported ones: a calibration fitted on them would flatter itself, so none is shown."
			return nil
		}
	}
	scaling, err := eval.FitTemperature(val)
	if err != nil {
		s.Calibration = err.Error() + "."
		return nil
	}
	calibrated, err := scaling.Apply(s.table)
	if err != nil {
		return err
	}
	s.Reliability = append(s.Reliability, reliability("after temperature scaling", calibrated))
	s.Calibration = fmt.Sprintf("Temperature %.3f, fitted on %d validation images. Log loss of the reported images: %s before, %s after.",
		scaling.Temperature(), scaling.N, share(s.metrics.NLL), share(scored(calibrated).NLL))
	return nil
}

func scored(t *eval.Table) *eval.Metrics {
	m, err := t.Score(nil, []eval.Group{})
	if err != nil {
		panic(err) // no groups, no counts: nothing can be wrong
	}
	return m
}

func reliability(title string, t *eval.Table) figure {
	c := &chart{title: "Accuracy against confidence, " + title, description: "The caption has the calibration error.", x: unit("confidence"), y: unit("accuracy")}
	c.line("chance", []float64{0, 1}, []float64{0, 1})
	var xs, ys []float64
	var texts []string
	for _, bin := range t.Reliability(eval.EqualMass, eval.ECEBins) {
		xs, ys = append(xs, bin.Confidence), append(ys, bin.Accuracy)
		texts = append(texts, fmt.Sprintf("%d images: confidence %s, accuracy %s", bin.Count, share(bin.Confidence), share(bin.Accuracy)))
	}
	c.line("c0", xs, ys)
	c.dots("c0", xs, ys, texts)
	return figure{Chart: c.svg(), Caption: fmt.Sprintf("Accuracy against confidence, %s: calibration error %s (%d bins of equal mass), %s (%[3]d of equal width)",
		title, share(t.ECE(eval.EqualMass, eval.ECEBins)), eval.ECEBins, share(t.ECE(eval.EqualWidth, eval.ECEBins)))}
}

// share writes a number of the page with three decimals.
func share(v float64) string {
	switch {
	case math.IsNaN(v):
		return "undefined"
	case math.IsInf(v, 1):
		return "above 1"
	}
	return fmt.Sprintf("%.3f", v)
}

// ci writes an interval behind a number, and nothing for an undefined one.
func ci(i eval.Interval) string {
	if !i.Defined() || i == (eval.Interval{}) {
		return ""
	}
	return " " + eval.FormatCI(i, "%.3f")
}
