package plots

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Forest draws values with their intervals as points and lines, a row each, in
// one panel or several (one a metric), with the numbers at the right.
type Forest struct {
	Rows   []string // the first on top
	Panels []ForestPanel
	// Columns of panels; 0 means two where there is room.
	Columns int
	// Differences, not values: numbers have a sign, and a line marks zero.
	Differences bool
	Title       string
}

// ForestPanel is one quantity, a value for each row.
type ForestPanel struct {
	Label     string
	Values    []float64       // NaN leaves a row empty
	Intervals []eval.Interval // nil for none, NaN for none of a row
	// Decimals of the numbers at the right; 0 means 3.
	Decimals int
}

// ForestMetrics are the metrics that [NewForest] compares by default, as paths of
// package eval.
var ForestMetrics = []string{"accuracy", "balanced_accuracy", "macro_f1", "auroc_macro"}

// NewForest compares runs by metrics, a panel a metric; no metrics means
// [ForestMetrics]. One run alone gets a single panel with a row a metric.
func NewForest(metrics []string, runs ...Run) (*Forest, error) {
	if len(runs) == 0 {
		return nil, errors.New("forest: no run to draw")
	}
	if len(metrics) == 0 {
		metrics = ForestMetrics
	}
	f := &Forest{}
	for _, run := range runs {
		f.Rows = append(f.Rows, run.Name)
	}
	for _, path := range metrics {
		p := ForestPanel{Label: eval.Label(path)}
		for _, run := range runs {
			v, ci, err := run.value(path)
			if err != nil {
				return nil, fmt.Errorf("forest: %w", err)
			}
			p.Values, p.Intervals = append(p.Values, v), append(p.Intervals, ci)
		}
		f.Panels = append(f.Panels, p)
	}
	if len(runs) > 1 {
		return f, nil
	}
	one := &Forest{Panels: []ForestPanel{{Label: "Value"}}}
	for _, p := range f.Panels {
		all := &one.Panels[0]
		one.Rows, all.Values, all.Intervals = append(one.Rows, p.Label), append(all.Values, p.Values[0]), append(all.Intervals, p.Intervals[0])
	}
	return one, nil
}

func (f *Forest) columns(s Style) int {
	columns := f.Columns
	if columns <= 0 && s.Width > 45*s.FontSize {
		columns = 2
	}
	return max(1, min(columns, len(f.Panels)))
}

// Height implements [Figure].
func (f *Forest) Height(s Style) vg.Length {
	lines, _ := panelGrid(max(1, len(f.Panels)), f.columns(s))
	return vg.Length(lines)*(vg.Length(len(f.Rows))*1.6+3.2)*s.FontSize + s.FontSize + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *Forest) Draw(c draw.Canvas, s Style) error {
	if len(f.Rows) == 0 || len(f.Panels) == 0 {
		return errors.New("forest: there is nothing to draw")
	}
	for _, p := range f.Panels {
		if len(p.Values) != len(f.Rows) || p.Intervals != nil && len(p.Intervals) != len(f.Rows) {
			return fmt.Errorf("forest: panel %s has %d values and %d intervals for %d rows", p.Label, len(p.Values), len(p.Intervals), len(f.Rows))
		}
	}
	defined := func(v float64) bool { return !math.IsNaN(v) }
	if !slices.ContainsFunc(f.Panels, func(p ForestPanel) bool { return slices.ContainsFunc(p.Values, defined) }) {
		return errors.New("forest: no value is defined")
	}
	c = s.addTitle(s.margin(c), f.Title)
	mark := IntervalMark{Glyph: draw.GlyphStyle{Color: Blue, Radius: s.FontSize * 0.25, Shape: draw.BoxGlyph{}}, Line: s.line(Blue), Cap: s.FontSize * 0.22}
	lines, columns := panelGrid(len(f.Panels), f.columns(s))
	width := (c.Max.X - c.Min.X) / vg.Length(columns)
	for column := range columns {
		var plots []*plot.Plot
		var panels []ForestPanel
		room := vg.Length(0)
		for i := column; i < len(f.Panels); i += columns {
			panel := f.Panels[i]
			p := s.NewPlot("", panel.Label, "")
			s.addGrid(p, true, false)
			if f.Differences {
				p.Add(VerticalRule{0, s.rule(muted)})
			}
			p.Add(IntervalRows{panel.Values, panel.Intervals, []IntervalMark{mark}})
			p.X.Min, p.X.Max = panel.span(f.Differences)
			p.X.Tick.Marker = plot.TickerFunc(fewTicks)
			s.nominalRows(&p.Y, f.Rows)
			for r := range f.Rows {
				room = max(room, s.text(smallText).Width(panel.text(r, f.Differences)))
			}
			plots, panels = append(plots, p), append(panels, panel)
		}
		area := c
		area.Min.X = c.Min.X + width*vg.Length(column)
		area.Max.X = area.Min.X + width - room - 1.2*s.FontSize
		if column < columns-1 { // off the next column's names
			area.Max.X -= 2 * s.FontSize
		}
		if missing := lines - len(plots); missing > 0 { // a shorter last column
			area.Min.Y += (c.Max.Y - c.Min.Y) / vg.Length(len(plots)+missing)
		}
		for i, data := range stack(area, s.FontSize*0.8, plots, slices.Repeat([]float64{1}, len(plots))) {
			row := (data.Max.Y - data.Min.Y) / vg.Length(len(f.Rows))
			for r := range f.Rows {
				at := vg.Point{X: data.Max.X + s.FontSize*0.8, Y: data.Max.Y - row*(vg.Length(r)+0.5)}
				c.FillText(s.textAt(smallText, draw.XLeft, draw.YCenter), at, panels[i].text(r, f.Differences))
			}
		}
	}
	return nil
}

// span returns the range of the values and intervals, and of zero for differences, with
// some air.
func (p ForestPanel) span(differences bool) (low, high float64) {
	low, high = extent(p.Values, ends(p.Intervals))
	if differences {
		low, high = min(low, 0), max(high, 0)
	}
	air := 0.06 * (high - low)
	if !(air > 0) {
		air = 0.05
	}
	return low - air, high + air
}

// text returns the number in row r with its interval.
func (p ForestPanel) text(r int, signed bool) string {
	if math.IsNaN(p.Values[r]) {
		return "–"
	}
	sign := ""
	if signed {
		sign = "+"
	}
	verb := fmt.Sprintf("%%%s.%df", sign, cmp.Or(p.Decimals, 3))
	return strings.TrimSpace(fmt.Sprintf(verb, p.Values[r]) + " " + eval.FormatCI(intervalAt(p.Intervals, r), verb))
}

// Data implements [Figure].
func (f *Forest) Data() [][]string {
	out := table{{"metric", "row", "value", "low", "high"}}
	for _, p := range f.Panels {
		for r, name := range f.Rows {
			out.add(p.Label, name, p.Values[r], intervalAt(p.Intervals, r))
		}
	}
	return out
}
