package plots

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Growth draws how measured values, such as a speed, change with what was varied: a row
// of panels for each thing that was measured, a column for each thing that was varied, a
// line a series. All axes are logarithmic: a straight line is a power law, and a slope of 1
// proportion.
type Growth struct {
	Rows    []string // what was measured: the labels of the vertical axes
	Columns []string // what was varied: the labels of the horizontal axes
	// Series has the names of the series in the order of the legend.
	Series []string
	Lines  []GrowthLine
	Title  string
}

// GrowthLine is a line of a [Growth].
type GrowthLine struct {
	Row, Column, Series int       // numbers in the figure's lists, from 0
	X, Y                []float64 // above 0, by rising X; a NaN among Y leaves a point out
}

// seriesShapes tell the series apart in print without colours.
var seriesShapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}

// growthMark is the mark of a series' points.
func growthMark(series int, s Style) draw.GlyphStyle {
	return draw.GlyphStyle{Color: SeriesColor(series), Radius: 0.22 * s.FontSize, Shape: seriesShapes[series%len(seriesShapes)]}
}

// markedSample is a line with a mark on it.
type markedSample struct {
	line lineSample
	mark glyphSample
}

func (m markedSample) Thumbnail(c *draw.Canvas) {
	m.line.Thumbnail(c)
	m.mark.Thumbnail(c)
}

// growthAspect is the height of a panel by its width.
const growthAspect = 0.8

// Height implements [Figure].
func (f *Growth) Height(s Style) vg.Length {
	return panelsHeight(s, len(f.Rows)*len(f.Columns), len(f.Columns), growthAspect, f.Title)
}

// Draw implements [Figure].
func (f *Growth) Draw(c draw.Canvas, s Style) error {
	if len(f.Lines) == 0 {
		return errors.New("growth: there is nothing to draw")
	}
	plots, err := f.panels(s)
	if err != nil {
		return fmt.Errorf("growth: %w", err)
	}
	c = s.addTitle(s.margin(c), f.Title)
	key := legend{style: s}
	for i, name := range f.Series {
		key.add(name, markedSample{lineSample(s.line(SeriesColor(i))), glyphSample(growthMark(i, s))})
	}
	drawPanels(key.above(c, c.Min.X), s, plots, len(f.Columns))
	return nil
}

// panels returns the plots with their lines, row by row.
func (f *Growth) panels(s Style) ([]*plot.Plot, error) {
	plots := make([]*plot.Plot, len(f.Rows)*len(f.Columns))
	for i := range plots {
		plots[i] = s.NewPlot("", "", "")
		s.addGrid(plots[i], true, true)
	}
	for _, line := range f.Lines {
		if line.Row >= len(f.Rows) || line.Column >= len(f.Columns) || line.Series >= len(f.Series) {
			return nil, fmt.Errorf("a line of row %d, column %d and series %d of %d, %d and %d", line.Row, line.Column, line.Series, len(f.Rows), len(f.Columns), len(f.Series))
		}
		points, err := line.points()
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.Rows[line.Row], f.Series[line.Series], err)
		}
		if len(points) == 0 {
			continue
		}
		drawn, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		drawn.LineStyle = s.line(SeriesColor(line.Series))
		marks.GlyphStyle = growthMark(line.Series, s)
		plots[line.Row*len(f.Columns)+line.Column].Add(drawn, marks)
	}
	for i, p := range plots {
		row, column := i/len(f.Columns), i%len(f.Columns)
		ticks, low, high := f.across(column)
		p.X.Min, p.X.Max, p.X.Tick.Marker = low, high, ticks
		p.Y.Min, p.Y.Max = f.along(row)
		p.Y.Tick.Marker = logarithmic(growthTicks)
		p.X.Padding, p.Y.Padding = s.FontSize/2, s.FontSize/2
		left, bottom := outer(i, len(plots), len(f.Columns))
		if left {
			p.Y.Label.Text = f.Rows[row]
		}
		if bottom {
			p.X.Label.Text = f.Columns[column]
		}
	}
	return plots, nil
}

// points returns the logarithms of a line's points.
func (l GrowthLine) points() (points plotter.XYs, err error) {
	if len(l.X) != len(l.Y) {
		return nil, fmt.Errorf("%d and %d coordinates", len(l.X), len(l.Y))
	}
	for i, x := range l.X {
		switch {
		case math.IsNaN(l.Y[i]):
		case !(x > 0 && l.Y[i] > 0):
			return nil, fmt.Errorf("%v at %v: both must be above 0", l.Y[i], x)
		default:
			points = append(points, plotter.XY{X: math.Log10(x), Y: math.Log10(l.Y[i])})
		}
	}
	return points, nil
}

// across returns a tick at every value that a column's lines have, and the ends of its axis.
func (f *Growth) across(column int) (ticks plot.ConstantTicks, low, high float64) {
	var values []float64
	for _, line := range f.Lines {
		if line.Column == column {
			values = append(values, line.X...)
		}
	}
	slices.Sort(values)
	for _, v := range slices.Compact(values) {
		ticks = append(ticks, plot.Tick{Value: math.Log10(v), Label: strconv.FormatFloat(v, 'g', -1, 64)})
	}
	if len(ticks) == 0 {
		return nil, 0, 1
	}
	return ticks, ticks[0].Value, ticks[len(ticks)-1].Value
}

// along returns the ends of a row's axis.
func (f *Growth) along(row int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, line := range f.Lines {
		for _, v := range line.Y {
			if line.Row == row && !math.IsNaN(v) {
				low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
			}
		}
	}
	if low > high {
		return 0, 1
	}
	return low, high
}

// growthTicks is logTicks, but labels every tick of an axis that has few.
func growthTicks(low, high float64) []plot.Tick {
	if high/low < 5 {
		return decadeTicks(low, high, func(_, v float64) string { return short(v) })
	}
	return logTicks(low, high)
}

// Data implements [Figure].
func (f *Growth) Data() [][]string {
	out := table{{"measured", "varied", "series", "x", "y"}}
	for _, line := range f.Lines {
		for i, x := range line.X {
			out.add(f.Rows[line.Row], f.Columns[line.Column], f.Series[line.Series], x, line.Y[i])
		}
	}
	return out
}
