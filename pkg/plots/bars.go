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

// value returns a metric and its interval, NaN if there is none.
func (r Run) value(path string) (float64, eval.Interval, error) {
	v, ok := r.Metrics.Value(path)
	if !ok {
		return v, noInterval, fmt.Errorf("run %s has no metric %s; metrics.json has the names", r.Name, path)
	}
	return v, intervalOf(r.Metrics, path), nil
}

// Bars draws one value per group and series side by side: a metric by class for
// one or more runs.
type Bars struct {
	Groups []string
	Series []BarSeries
	YLabel string
	// YMin is the lower end of the value axis. Readers compare the lengths of
	// bars: any other value than 0 exaggerates differences.
	YMin float64
	// YMax is the upper end of the value axis; 0 means the next tenth above the
	// highest value or interval.
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

// NewMetricBars compares a metric by class, and its average over classes, between
// runs. perClass and average are their names in metrics.json; an empty average
// draws none. It fails if the runs differ in their classes or a metric is missing.
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
			v, ci, err := run.value(path)
			if err != nil {
				return nil, fmt.Errorf("bars: %w", err)
			}
			series.Values, series.Intervals = append(series.Values, v), append(series.Intervals, ci)
		}
		f.Series = append(f.Series, series)
	}
	return f, nil
}

// Height implements [Figure].
func (f *Bars) Height(s Style) vg.Length {
	return min(s.Width*0.62, 20*s.FontSize+s.Width*0.15) + titleHeight(s, f.Title)
}

// AddTo implements [Single].
func (f *Bars) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *Bars) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *Bars) addTo(p *plot.Plot, s Style) (legend, error) {
	key := legend{style: s}
	if len(f.Groups) == 0 || len(f.Series) == 0 {
		return key, errors.New("bars: there is nothing to draw")
	}
	for i, series := range f.Series {
		if len(series.Values) != len(f.Groups) || series.Intervals != nil && len(series.Intervals) != len(f.Groups) {
			return key, fmt.Errorf("bars: series %s has %d values and %d intervals for %d groups", series.Name, len(series.Values), len(series.Intervals), len(f.Groups))
		}
		key.add(series.Name, fillSample{seriesColor(series.Color, i)})
	}
	p.Y.Label.Text = f.YLabel
	s.addGrid(p, false, true)
	p.Add(GroupedBars{f.Series, s})
	if f.Rule {
		p.Add(VerticalRule{float64(len(f.Groups)) - 1.5, s.rule(muted)})
	}
	p.Y.Min, p.Y.Max = f.YMin, f.yMax()
	p.Y.Tick.Marker = plot.TickerFunc(barTicks)
	if p.Y.Max <= p.Y.Min {
		return key, fmt.Errorf("bars: the value axis from %v to %v is empty", p.Y.Min, p.Y.Max)
	}
	s.nominalColumns(p, f.Groups)
	return key, nil
}

func (f *Bars) yMax() float64 {
	if f.YMax != 0 {
		return f.YMax
	}
	_, _, _, top := GroupedBars{Series: f.Series}.DataRange()
	return max(math.Ceil(top*10-1e-9)/10, f.YMin+0.1)
}

// Data implements [Figure].
func (f *Bars) Data() [][]string {
	out := table{{"series", "group", "value", "low", "high"}}
	for _, series := range f.Series {
		for i, group := range f.Groups {
			out.add(series.Name, group, series.Values[i], intervalAt(series.Intervals, i))
		}
	}
	return out
}

// GroupedBars is a plotter of bars side by side, with their intervals as error
// bars; group g stands around x = g. Unlike gonum's BarChart, the width of a bar
// is a share of the axis for every size of the canvas, and bars begin at the
// lower end of the value axis.
type GroupedBars struct {
	Series []BarSeries
	Style  Style
}

// groupShare is the part of a group's room that its bars fill.
const groupShare = 0.78

// Plot implements [plot.Plotter].
func (b GroupedBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	bottom := y(p.Y.Min)
	width := groupShare / float64(len(b.Series))
	for i, series := range b.Series {
		for g, v := range series.Values {
			if math.IsNaN(v) {
				continue
			}
			left := float64(g) - groupShare/2 + float64(i)*width
			box := rect(x(left), bottom, x(left+width), y(min(v, p.Y.Max)))
			if box.Max.Y > bottom {
				c.FillPolygon(seriesColor(series.Color, i), corners(box))
				strokeBox(c, b.Style.thin(color.White), box)
			}
			middle := (box.Min.X + box.Max.X) / 2
			if ci := intervalAt(series.Intervals, g); ci.Defined() && ci.High >= p.Y.Min {
				strokeInterval(c, b.Style.thin(ink), // cut off at the ends of the axis
					vg.Point{X: middle, Y: y(max(ci.Low, p.Y.Min))}, vg.Point{X: middle, Y: y(min(ci.High, p.Y.Max))},
					vg.Point{X: min((box.Max.X-box.Min.X)/5, b.Style.FontSize/4)})
			}
		}
	}
}

// DataRange implements [plot.DataRanger].
func (b GroupedBars) DataRange() (xmin, xmax, ymin, ymax float64) {
	groups := 0
	for _, series := range b.Series {
		_, top := extent(series.Values, ends(series.Intervals))
		groups, ymax = max(groups, len(series.Values)), max(ymax, top)
	}
	return -0.5, float64(groups) - 0.5, 0, ymax
}
