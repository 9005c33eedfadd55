package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Run is a named set of metrics to compare with others.
type Run struct {
	Name    string
	Metrics *eval.Metrics
}

// Bars draws one value per group and series side by side: a metric by class for
// one or more runs.
type Bars struct {
	Groups []string
	Series []BarSeries
	YLabel string
	// YMin is where the value axis begins. Bars compare by length, so anything
	// but 0 exaggerates differences.
	YMin float64
	// YMax is where it ends; 0 means the next tenth above the highest value or
	// interval, 1 at most for shares.
	YMax float64
	// Rule separates the last group (an average) from the others.
	Rule  bool
	Title string
}

// BarSeries is one colour of bars.
type BarSeries struct {
	Name string
	// Values has one for each group; NaN leaves the place empty.
	Values []float64
	// Intervals are drawn as error bars; nil for none, NaN for none of one bar.
	Intervals []eval.Interval
	// Color is optional.
	Color color.Color
}

// NewF1Bars compares the F1 of each class and their macro mean.
func NewF1Bars(runs ...Run) (*Bars, error) { return NewMetricBars("f1", "macro_f1", "F1", runs...) }

// NewRecallBars compares the recall of each class and their mean.
func NewRecallBars(runs ...Run) (*Bars, error) {
	return NewMetricBars("recall", "macro_recall", "Recall", runs...)
}

// NewMetricBars compares a per-class metric and its average over classes, which
// stand in metrics.json under the names perClass and average (empty for no
// average). All runs must have the same classes. Intervals are drawn where the
// metrics have them.
func NewMetricBars(perClass, average, label string, runs ...Run) (*Bars, error) {
	if len(runs) == 0 {
		return nil, errors.New("bars: no run to draw")
	}
	classes := runs[0].Metrics.Classes
	f := &Bars{Groups: append([]string(nil), classes...), YLabel: label, Rule: average != ""}
	paths := make([]string, len(classes))
	for k, class := range classes {
		paths[k] = eval.ClassPath(class, perClass)
	}
	if average != "" {
		f.Groups = append(f.Groups, "macro")
		paths = append(paths, average)
	}
	for _, run := range runs {
		if got := strings.Join(run.Metrics.Classes, ","); got != strings.Join(classes, ",") {
			return nil, fmt.Errorf("bars: run %s has the classes %s, run %s has %s", run.Name, got, runs[0].Name, strings.Join(classes, ","))
		}
		series := BarSeries{Name: run.Name}
		for _, path := range paths {
			v, ok := run.Metrics.Value(path)
			if !ok {
				return nil, fmt.Errorf("bars: there is no metric %s", path)
			}
			ci, ok := run.Metrics.CI[path]
			if !ok {
				ci = eval.Interval{Low: math.NaN(), High: math.NaN()}
			}
			series.Values = append(series.Values, v)
			series.Intervals = append(series.Intervals, ci)
		}
		f.Series = append(f.Series, series)
	}
	return f, nil
}

// Height implements [Figure].
func (f *Bars) Height(s Style) vg.Length {
	return min(s.Width*0.62, 20*s.FontSize+s.Width*0.15) + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *Bars) Draw(c draw.Canvas, s Style) error {
	if len(f.Groups) == 0 || len(f.Series) == 0 {
		return errors.New("bars: there is nothing to draw")
	}
	for _, series := range f.Series {
		if len(series.Values) != len(f.Groups) || series.Intervals != nil && len(series.Intervals) != len(f.Groups) {
			return fmt.Errorf("bars: series %s has %d values and %d intervals for %d groups", series.Name, len(series.Values), len(series.Intervals), len(f.Groups))
		}
	}
	p := s.newPlot("", "", f.YLabel)
	s.addGrid(p, false, true)
	p.Add(&barPlotter{f, s})
	p.Y.Min, p.Y.Max = f.YMin, f.yMax()
	p.Y.Tick.Marker = plot.TickerFunc(barTicks)
	if p.Y.Max <= p.Y.Min {
		return fmt.Errorf("bars: the value axis from %v to %v is empty", p.Y.Min, p.Y.Max)
	}
	s.nominalAxis(&p.X, f.Groups)
	c = s.addTitle(s.margin(c), f.Title)
	if len(f.Series) > 1 {
		key := legend{style: s}
		for i, series := range f.Series {
			key.add(series.Name, fillSample{series.color(i)})
		}
		c = key.above(c, p.DataCanvas(c).Min.X)
	}
	p.Draw(c)
	return nil
}

func (f *Bars) yMax() float64 {
	if f.YMax != 0 {
		return f.YMax
	}
	top := 0.0
	for _, series := range f.Series {
		for i, v := range series.Values {
			if v > top {
				top = v
			}
			if series.Intervals != nil && series.Intervals[i].High > top {
				top = series.Intervals[i].High
			}
		}
	}
	return max(math.Ceil(top*10-1e-9)/10, f.YMin+0.1)
}

func (b BarSeries) color(i int) color.Color {
	if b.Color != nil {
		return b.Color
	}
	return SeriesColor(i)
}

// Data implements [Figure].
func (f *Bars) Data() [][]string {
	out := [][]string{{"series", "group", "value", "low", "high"}}
	for _, series := range f.Series {
		for i, group := range f.Groups {
			row := []string{series.Name, group, cell(series.Values[i]), "", ""}
			if series.Intervals != nil {
				row[3], row[4] = cell(series.Intervals[i].Low), cell(series.Intervals[i].High)
			}
			out = append(out, row)
		}
	}
	return out
}

// barPlotter draws the bars; unlike gonum's BarChart, their width is a share of
// the axis, whatever the size of the canvas.
type barPlotter struct {
	f *Bars
	s Style
}

// groupShare is the part of a group's room that its bars fill.
const groupShare = 0.78

func (b *barPlotter) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	bottom := y(p.Y.Min)
	width := groupShare / float64(len(b.f.Series))
	for i, series := range b.f.Series {
		for g, v := range series.Values {
			if math.IsNaN(v) {
				continue
			}
			left := float64(g) - groupShare/2 + float64(i)*width
			box := vg.Rectangle{Min: vg.Point{X: x(left), Y: bottom}, Max: vg.Point{X: x(left + width), Y: y(min(v, p.Y.Max))}}
			if box.Max.Y > bottom {
				c.FillPolygon(series.color(i), rectangle(box))
				c.StrokeLines(b.s.thin(color.White), append(rectangle(box), box.Min))
			}
			if series.Intervals != nil {
				b.errorBar(c, p, (box.Min.X+box.Max.X)/2, (box.Max.X-box.Min.X)/5, series.Intervals[g])
			}
		}
	}
	if b.f.Rule {
		at := x(float64(len(b.f.Groups)) - 1.5)
		c.StrokeLine2(b.s.dashedThin(muted), at, c.Min.Y, at, c.Max.Y)
	}
}

// errorBar draws an interval with caps, cut off at the axis' ends.
func (b *barPlotter) errorBar(c draw.Canvas, p *plot.Plot, x, cap vg.Length, ci eval.Interval) {
	if math.IsNaN(ci.Low) || math.IsNaN(ci.High) || ci.High < p.Y.Min {
		return
	}
	_, y := p.Transforms(&c)
	low, high := y(max(ci.Low, p.Y.Min)), y(min(ci.High, p.Y.Max))
	line := b.s.thin(ink)
	cap = min(cap, b.s.FontSize/4)
	c.StrokeLine2(line, x, low, x, high)
	for _, end := range []vg.Length{low, high} {
		c.StrokeLine2(line, x-cap, end, x+cap, end)
	}
}

func (s Style) dashedThin(c color.Color) draw.LineStyle {
	line := s.thin(c)
	line.Dashes = []vg.Length{2 * s.LineWidth, 2 * s.LineWidth}
	return line
}
