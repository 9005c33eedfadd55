package reproduce

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// figure is one of the paper's figures that is drawn from a table: bars.
type figure struct {
	id      string // as printed
	caption string // what it shows
	table   string // that has its numbers
	label   string // of the value axis
	// rows are drawn as series over the columns of the table or, with one column,
	// as groups.
	rows   []string
	column string
}

// figures are all figures of the paper that are drawn from data.
var figures = []figure{
	{id: "10", caption: "F1 by class, DenseNet201", table: "A3", label: "F1",
		rows: []string{"DenseNet201 with Augmented Data", "DenseNet201 with Metadata and WeightLoss"}},
	{id: "11", caption: "F1 by class, InceptionResNetV2", table: "A3", label: "F1",
		rows: []string{"InceptionResNetV2 with Augmented Data", "InceptionResNetV2 with Metadata and WeightLoss"}},
	{id: "12", caption: "Recall by class, DenseNet201", table: "A4", label: "Recall",
		rows: []string{"DenseNet201 with Augmented Data", "DenseNet201 with Metadata and WeightLoss"}},
	{id: "13", caption: "Recall by class, InceptionResNetV2", table: "A4", label: "Recall",
		rows: []string{"InceptionResNetV2 with Augmented Data", "InceptionResNetV2 with Metadata and WeightLoss"}},
	{id: "15", caption: "AUROC, mean over classes, of the metadata networks", table: "7", label: "AUROC, macro",
		column: "AUC(MD)"},
}

func (f figure) file() string { return "figures/figure-" + f.id }

// bars puts a figure's numbers together: as printed, as logged, and of every
// column of ours that has any.
func (r *Report) bars(f figure) *plots.Bars {
	var t *Table
	for _, candidate := range r.Tables {
		if candidate.ID == f.table {
			t = candidate
		}
	}
	b := &plots.Bars{YLabel: f.label}
	if f.column != "" { // one series of networks
		var cells []Cell
		for _, c := range t.Cells {
			if c.Column == f.column {
				cells = append(cells, c)
				b.Groups = append(b.Groups, r.title(c.Backbone))
			}
		}
		b.Series = series("", cells)
		return b
	}
	for _, row := range f.rows {
		var cells []Cell
		for _, c := range t.Cells {
			if c.Row == row {
				cells = append(cells, c)
			}
		}
		if len(b.Groups) == 0 {
			for _, c := range cells {
				b.Groups = append(b.Groups, c.Column)
			}
			b.Rule = true // before the mean
		}
		prefix := "AD"
		if cells[0].Regime == paper.Metadata {
			prefix = "MD"
		}
		b.Series = append(b.Series, series(prefix+", ", cells)...)
	}
	return b
}

// series are the bars of some cells, one for each source that has a number.
func series(prefix string, cells []Cell) []plots.BarSeries {
	none := eval.Interval{Low: math.NaN(), High: math.NaN()}
	var out []plots.BarSeries
	add := func(name string, of func(Cell) (float64, eval.Interval)) {
		s := plots.BarSeries{Name: prefix + name}
		some := false
		for _, c := range cells {
			v, ci := of(c)
			some = some || !math.IsNaN(v)
			s.Values, s.Intervals = append(s.Values, v), append(s.Intervals, ci)
		}
		if some {
			out = append(out, s)
		}
	}
	add("as printed", func(c Cell) (float64, eval.Interval) { return c.Printed.Value(), none })
	add("as logged", func(c Cell) (float64, eval.Interval) { return c.Logged.Value(), none })
	for _, protocol := range split.Protocols {
		add(protocol.Column.Head, func(c Cell) (float64, eval.Interval) { return c.Ours[protocol.Name].one() })
	}
	return out
}

// one is a single number for a picture: the mean of the first repeated setting,
// or the first run with its interval.
func (o Ours) one() (float64, eval.Interval) {
	none := eval.Interval{Low: math.NaN(), High: math.NaN()}
	switch {
	case len(o.Repeated) > 0:
		return o.Repeated[0].Mean, none
	case len(o.Values) > 0:
		return o.Values[0].Value, o.Values[0].CI
	}
	return math.NaN(), none
}

// Files of Table 6 as a picture.
const (
	parametersFigure = "figures/table-6-parameters"
	secondsFigure    = "figures/table-6-seconds"
)

// drawFigures draws all figures, each as SVG with its numbers as CSV.
func (r *Report) drawFigures() ([]file, error) {
	var files []file
	draw := func(name string, f plots.Figure, style plots.Style) error {
		var svg, data bytes.Buffer
		if err := plots.Encode(&svg, "svg", f, style); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		if err := csv.NewWriter(&data).WriteAll(f.Data()); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		files = append(files, file{name + ".svg", svg.Bytes()}, file{name + ".csv", data.Bytes()})
		return nil
	}
	for _, f := range figures {
		style := plots.PaperWide()
		if f.column != "" { // names of networks are longer than those of classes
			style.Width *= 1.5
		}
		if err := draw(f.file(), r.bars(f), style); err != nil {
			return nil, err
		}
	}
	style := plots.PaperWide()
	style.Width *= 0.75
	parameters, seconds := CostFigures(r.costPoints())
	if err := draw(parametersFigure, parameters, style); err != nil {
		return nil, err
	}
	if err := draw(secondsFigure, seconds, style); err != nil {
		return nil, err
	}
	return files, nil
}

// figuresPage shows the figures; address gives the address of a picture.
func (r *Report) figuresPage(p *page, address func(name string) string) {
	p.heading(1, "Figures")
	p.paragraph("The figures of the paper that are drawn from data, with the value axis from 0. AD and MD as in the tables; ours are the mean of the first setting with several seeds, or the first run with its interval. " +
		"Figures 2 to 9 are drawings, 1 and 14 show photos.")
	for _, f := range figures {
		p.heading(2, "Figure %s", f.id)
		p.paragraph(fmt.Sprintf("![%s](%s)", f.caption, address(f.file()+".svg")))
		p.paragraph(fmt.Sprintf("%s. Numbers: Table %s, [csv](%s.csv).", f.caption, f.table, f.file()))
	}
	p.heading(2, "Table 6 as a picture")
	p.paragraph("Accuracy against parameters and against the training time of an epoch: the table's three networks as printed, the authors' metadata runs as logged (parameters of the network as trained), and our runs of those rows. Times of different machines and image sizes can't be compared; the authors trained two of their networks on a CPU.")
	for _, f := range []struct{ name, what string }{{parametersFigure, "Accuracy against parameters"}, {secondsFigure, "Accuracy against seconds an epoch"}} {
		p.paragraph(fmt.Sprintf("![%s](%s)", f.what, address(f.name+".svg")))
		p.paragraph(fmt.Sprintf("%s. Numbers: [csv](%s.csv).", f.what, f.name))
	}
}
