package reproduce

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/figures"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// figure is a figure of the paper with bars, drawn from a table. Its caption is in
// pages/figures.md.
type figure struct {
	id    string // as printed
	table string // id of the table with its numbers
	label string // of the value axis
	// rows are drawn as series over the columns of the table or, with one column,
	// as groups.
	rows   []string
	column string
}

// paperFigures are all figures of the paper that are drawn from data.
var paperFigures = []figure{
	{id: "10", table: "A3", label: "F1",
		rows: []string{"DenseNet201 with Augmented Data", "DenseNet201 with Metadata and WeightLoss"}},
	{id: "11", table: "A3", label: "F1",
		rows: []string{"InceptionResNetV2 with Augmented Data", "InceptionResNetV2 with Metadata and WeightLoss"}},
	{id: "12", table: "A4", label: "Recall",
		rows: []string{"DenseNet201 with Augmented Data", "DenseNet201 with Metadata and WeightLoss"}},
	{id: "13", table: "A4", label: "Recall",
		rows: []string{"InceptionResNetV2 with Augmented Data", "InceptionResNetV2 with Metadata and WeightLoss"}},
	{id: "15", table: "7", label: "AUROC, macro",
		column: "AUC(MD)"},
}

// bars collects a figure's numbers: as printed, as logged, and of every protocol with
// runs.
func (r *Report) bars(f figure) *plots.Bars {
	t := r.Tables[slices.IndexFunc(r.Tables, func(t *Table) bool { return t.ID == f.table })]
	chosen := func(keep func(Cell) bool, group func(Cell) string) (cells []Cell, groups []string) {
		for _, c := range t.Cells {
			if keep(c) {
				cells, groups = append(cells, c), append(groups, group(c))
			}
		}
		return cells, groups
	}
	b := &plots.Bars{YLabel: f.label}
	if f.column != "" { // one series of networks
		cells, networks := chosen(func(c Cell) bool { return c.Column == f.column }, func(c Cell) string { return r.title(c.Backbone) })
		b.Groups, b.Series = networks, series("", cells)
		return b
	}
	b.Rule = true // before the mean
	for _, row := range f.rows {
		var cells []Cell
		cells, b.Groups = chosen(func(c Cell) bool { return c.Row == row }, func(c Cell) string { return c.Column })
		prefix := "AD"
		if cells[0].Regime == paper.Metadata {
			prefix = "MD"
		}
		b.Series = append(b.Series, series(prefix+", ", cells)...)
	}
	return b
}

// series are the bars of the cells, a series for each source that has a number.
func series(prefix string, cells []Cell) []plots.BarSeries {
	var out []plots.BarSeries
	add := func(name string, of func(Cell) (float64, eval.Interval)) {
		s := plots.BarSeries{Name: prefix + name}
		for _, c := range cells {
			v, ci := of(c)
			s.Values, s.Intervals = append(s.Values, v), append(s.Intervals, ci)
		}
		if slices.ContainsFunc(s.Values, func(v float64) bool { return !math.IsNaN(v) }) {
			out = append(out, s)
		}
	}
	add("as printed", func(c Cell) (float64, eval.Interval) { return c.Printed.Value(), noInterval })
	add("as logged", func(c Cell) (float64, eval.Interval) { return c.Logged.Value(), noInterval })
	for _, protocol := range split.Columns() {
		add(protocol.Column.Head, func(c Cell) (float64, eval.Interval) { return c.Ours[protocol.Name].one() })
	}
	return out
}

// one is the number for a figure: the mean of the first repeated setting, or the
// first run's value with its interval.
func (o Ours) one() (float64, eval.Interval) {
	switch {
	case len(o.Repeated) > 0:
		return o.Repeated[0].Mean, noInterval
	case len(o.Values) > 0:
		return o.Values[0].Value, o.Values[0].CI
	}
	return math.NaN(), noInterval
}

// drawFigures draws all figures, each as SVG with its numbers as CSV.
func (r *Report) drawFigures() ([]file, error) {
	var files []file
	draw := func(name string, f plots.Figure, style plots.Style) error {
		var svg bytes.Buffer
		if err := plots.Encode(&svg, "svg", f, style); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		files = append(files, file{name + ".svg", svg.Bytes()}, file{name + ".csv", render.CSV(f.Data())})
		return nil
	}
	for _, f := range paperFigures {
		style := plots.PaperWide()
		if f.column != "" { // names of networks are longer than names of classes
			style.Width *= 1.5
		}
		if err := draw("figures/figure-"+f.id, r.bars(f), style); err != nil {
			return nil, err
		}
	}
	style := plots.PaperWide()
	style.Width *= 0.75
	parameters, seconds := figures.CostFigures(r.costPoints())
	err := errors.Join(draw("figures/table-6-parameters", parameters, style), draw("figures/table-6-seconds", seconds, style))
	if err != nil {
		return nil, err
	}
	studied, err := r.StudyFigures()
	if err != nil {
		return nil, err
	}
	for _, f := range studied {
		if err := draw(f.Name, f.Figure, studyStyle()); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// studyStyle has room for two columns of names and numbers.
func studyStyle() plots.Style {
	style := plots.PaperWide()
	style.Width *= 1.5
	style.DPI = 150 // for docs/img
	return style
}

// costPoints are the runs that stand for a metadata network of the paper.
func (r *Report) costPoints() []figures.CostPoint {
	var points []figures.CostPoint
	for _, run := range r.Runs {
		backbone := run.config.Network.Backbone
		if !run.fills(backbone, paper.Metadata) {
			continue
		}
		points = append(points, figures.CostPoint{Name: run.config.Data.Protocol, Accuracy: run.metrics.Accuracy, CI: run.metrics.CI["accuracy"],
			Parameters: r.networks[backbone].Trained, Seconds: run.seconds})
	}
	return points
}

// figuresView is the data of pages/figures.md.
type figuresView struct {
	embedded map[string][]byte // pictures inside the page; nil: the page links to files
}

// Address is the address of a picture: its file, or a data URL with its content.
func (v figuresView) Address(name string) (string, error) {
	if v.embedded == nil {
		return name, nil
	}
	content, ok := v.embedded[name]
	if !ok {
		return "", fmt.Errorf("there is no picture %s", name)
	}
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(content), nil
}
