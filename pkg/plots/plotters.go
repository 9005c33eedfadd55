package plots

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Frame is a plotter that draws a box around the data area.
type Frame struct{ draw.LineStyle }

// Plot implements [plot.Plotter].
func (f Frame) Plot(c draw.Canvas, _ *plot.Plot) { strokeBox(c, f.LineStyle, c.Rectangle) }

// VerticalRule is a plotter that draws a line across the data area at X, if X
// lies within the axis.
type VerticalRule struct {
	X float64
	draw.LineStyle
}

// Plot implements [plot.Plotter].
func (r VerticalRule) Plot(c draw.Canvas, p *plot.Plot) {
	if r.X < p.X.Min || r.X > p.X.Max {
		return
	}
	x, _ := p.Transforms(&c)
	c.StrokeLine2(r.LineStyle, x(r.X), c.Min.Y, x(r.X), c.Max.Y)
}

// Thumbnail implements [plot.Thumbnailer].
func (r VerticalRule) Thumbnail(c *draw.Canvas) { lineSample(r.LineStyle).Thumbnail(c) }

// Band is a plotter that fills the area between Low and High at each X, such as
// the confidence band of a [Curve]. Points where Low or High is NaN are left out.
type Band struct {
	X, Low, High []float64
	// Color is the fill. Nil lets a [Curve] choose: its own colour at a quarter
	// of the opacity.
	Color color.Color
}

// Plot implements [plot.Plotter].
func (b Band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var points, lower []vg.Point
	for i, v := range b.X {
		if math.IsNaN(b.Low[i]) || math.IsNaN(b.High[i]) {
			continue
		}
		points = append(points, vg.Point{X: x(v), Y: y(b.High[i])})
		lower = append(lower, vg.Point{X: x(v), Y: y(b.Low[i])})
	}
	slices.Reverse(lower)
	if len(points) > 1 {
		c.FillPolygon(b.Color, append(points, lower...))
	}
}

// DataRange implements [plot.DataRanger].
func (b Band) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax = extent(b.X)
	ymin, ymax = extent(b.Low, b.High)
	return xmin, xmax, ymin, ymax
}

// Thumbnail implements [plot.Thumbnailer].
func (b Band) Thumbnail(c *draw.Canvas) { fillSample{b.Color}.Thumbnail(c) }

// translucent returns c at a quarter of its opacity.
func translucent(c color.Color) color.Color {
	rgba := color.NRGBAModel.Convert(c).(color.NRGBA)
	rgba.A /= 4
	return rgba
}

// IntervalRows is a plotter of estimates with their intervals, a row each, as in
// a forest plot: the first row is on top, at y = len(Values)-1, the last at y = 0.
type IntervalRows struct {
	Values    []float64       // NaN leaves a row empty
	Intervals []eval.Interval // nil for none; NaN for none in a row
	Marks     []IntervalMark  // one for each row, or a single one for all
}

// IntervalMark is the look of an estimate and of its interval.
type IntervalMark struct {
	Glyph draw.GlyphStyle
	Line  draw.LineStyle
	// Cap is half the height of the strokes at the ends of the interval; 0 draws
	// none.
	Cap vg.Length
}

func (r IntervalRows) mark(row int) IntervalMark {
	if len(r.Marks) == 1 {
		return r.Marks[0]
	}
	return r.Marks[row]
}

func (r IntervalRows) y(row int) float64 { return float64(len(r.Values) - 1 - row) }

// Plot implements [plot.Plotter].
func (r IntervalRows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, v := range r.Values {
		if math.IsNaN(v) {
			continue
		}
		at, mark := y(r.y(i)), r.mark(i)
		if ci := intervalAt(r.Intervals, i); ci.Defined() {
			strokeInterval(c, mark.Line, vg.Point{X: x(ci.Low), Y: at}, vg.Point{X: x(ci.High), Y: at}, vg.Point{Y: mark.Cap})
		}
		c.DrawGlyph(mark.Glyph, vg.Point{X: x(v), Y: at})
	}
}

// DataRange implements [plot.DataRanger].
func (r IntervalRows) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax = extent(r.Values, ends(r.Intervals))
	return xmin, xmax, -0.5, float64(len(r.Values)) - 0.5
}

// GlyphBoxes implements [plot.GlyphBoxer].
func (r IntervalRows) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	var boxes []plot.GlyphBox
	for i, v := range r.Values {
		if !math.IsNaN(v) {
			boxes = append(boxes, plot.GlyphBox{X: p.X.Norm(v), Y: p.Y.Norm(r.y(i)), Rectangle: r.mark(i).Glyph.Rectangle()})
		}
	}
	return boxes
}

// strokeInterval strokes the line from low to high and, if across is not zero,
// a cap at both ends that reaches by across to both sides.
func strokeInterval(c draw.Canvas, line draw.LineStyle, low, high, across vg.Point) {
	c.StrokeLine2(line, low.X, low.Y, high.X, high.Y)
	if across == (vg.Point{}) {
		return
	}
	for _, end := range []vg.Point{low, high} {
		c.StrokeLine2(line, end.X-across.X, end.Y-across.Y, end.X+across.X, end.Y+across.Y)
	}
}

// Histogram is a plotter of bars without gaps from y = 0: bar i reaches from
// From + i*Width to From + (i+1)*Width, in the units of the x axis.
type Histogram struct {
	From, Width float64
	Heights     []float64
	Color       color.Color
	Edge        draw.LineStyle
}

// Plot implements [plot.Plotter].
func (h Histogram) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, height := range h.Heights {
		if height > 0 {
			box := rect(x(h.edge(i)), y(0), x(h.edge(i+1)), y(height))
			c.FillPolygon(h.Color, corners(box))
			strokeBox(c, h.Edge, box)
		}
	}
}

func (h Histogram) edge(i int) float64 { return h.From + float64(i)*h.Width }

// DataRange implements [plot.DataRanger].
func (h Histogram) DataRange() (xmin, xmax, ymin, ymax float64) {
	_, top := extent(h.Heights)
	return h.From, h.edge(len(h.Heights)), 0, max(top, 0)
}

// Thumbnail implements [plot.Thumbnailer].
func (h Histogram) Thumbnail(c *draw.Canvas) { fillSample{h.Color}.Thumbnail(c) }

func strokeBox(c draw.Canvas, line draw.LineStyle, box vg.Rectangle) {
	c.StrokeLines(line, append(corners(box), box.Min))
}

func rect(left, bottom, right, top vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: right, Y: top}}
}

// corners returns the corners of a rectangle.
func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

// extent returns the lowest and the highest of the finite values, +Inf and -Inf
// if there is none.
func extent(values ...[]float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range slices.Concat(values...) {
		if isFinite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finite reports whether all values are finite.
func finite(values ...[]float64) bool {
	return !slices.ContainsFunc(slices.Concat(values...), func(v float64) bool { return !isFinite(v) })
}

// ends returns the lower and upper ends of intervals.
func ends(intervals []eval.Interval) []float64 {
	var out []float64
	for _, ci := range intervals {
		out = append(out, ci.Low, ci.High)
	}
	return out
}

// noInterval stands for an interval that is not known.
var noInterval = eval.Interval{Low: math.NaN(), High: math.NaN()}

// intervalAt returns an interval of a list, which may be nil.
func intervalAt(intervals []eval.Interval, i int) eval.Interval {
	if intervals == nil {
		return noInterval
	}
	return intervals[i]
}

// intervalOf returns the interval of a metric, undefined if m has none.
func intervalOf(m *eval.Metrics, path string) eval.Interval {
	if ci, ok := m.CI[path]; ok {
		return ci
	}
	return noInterval
}
