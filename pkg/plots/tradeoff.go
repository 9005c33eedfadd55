package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Tradeoff draws a quality against a cost on a logarithmic axis, such as accuracy
// against parameters or time. Labels stand beside the points, where there is room.
type Tradeoff struct {
	Series         []TradeoffSeries
	XLabel, YLabel string
	// CostName heads the column of costs in the data.
	CostName string
	Title    string
}

// TradeoffSeries is the points of one source.
type TradeoffSeries struct {
	Name   string
	Points []TradeoffPoint
	Color  color.Color // optional
	// Hollow points are drawn as rings.
	Hollow bool
}

// TradeoffPoint is one model.
type TradeoffPoint struct {
	Name string
	// Label is written beside the point; empty for none, as where the label
	// stands beside another point of the model.
	Label string
	Cost  float64 // above 0, in the unit that XLabel names
	Value float64 // in the unit that YLabel names; NaN, here or as Cost, leaves the point out
	// CI is drawn as a line; the zero value and NaN mean none.
	CI eval.Interval
}

func (p TradeoffPoint) drawn() bool { return isFinite(p.Value) && isFinite(p.Cost) }

func (p TradeoffPoint) hasCI() bool {
	return p.CI != (eval.Interval{}) && isFinite(p.CI.Low) && isFinite(p.CI.High)
}

// Height implements [Figure].
func (f *Tradeoff) Height(s Style) vg.Length {
	return min(s.Width*0.8, 36*s.FontSize) + 3*s.FontSize + titleHeight(s, f.Title)
}

// AddTo implements [Single]. The x axis has the logarithms to base 10 of the
// costs.
func (f *Tradeoff) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *Tradeoff) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *Tradeoff) addTo(p *plot.Plot, s Style) (legend, error) {
	key := legend{style: s}
	for i, series := range f.Series {
		for _, p := range series.Points {
			if p.drawn() && !(p.Cost > 0) {
				return key, fmt.Errorf("trade-off: the cost of %s is %v, not above 0", p.Name, p.Cost)
			}
		}
		if slices.ContainsFunc(series.Points, TradeoffPoint.drawn) {
			key.add(series.Name, glyphSample(series.glyph(i, s)))
		}
	}
	if len(key.entries) == 0 {
		return key, errors.New("trade-off: no point has both a cost and a value")
	}
	points := TradeoffPoints{f.Series, s}
	p.X.Label.Text, p.Y.Label.Text = f.XLabel, f.YLabel
	s.addGrid(p, true, true)
	p.Add(points)
	lowX, highX, lowY, highY := points.DataRange()
	p.X.Tick.Marker = logarithmic(logTicks)
	p.X.Min, p.X.Max = lowX-math.Log10(3), highX+math.Log10(1.8) // labels are wide
	air := max(0.1*(highY-lowY), 0.01)
	p.Y.Min, p.Y.Max = lowY-air, highY+air
	p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
	return key, nil
}

// logTicks labels 1, 2 and 5 times powers of ten, with k and M for thousands and
// millions; on a long axis only the powers.
func logTicks(low, high float64) []plot.Tick {
	long := math.Log10(high/low) > 2.5
	return decadeTicks(low, high, func(m, v float64) string {
		if m == 1 || !long && (m == 2 || m == 5) {
			return short(v)
		}
		return ""
	})
}

// short writes a number in few characters: 20k, 5M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

// Data implements [Figure].
func (f *Tradeoff) Data() [][]string {
	out := table{{"series", "name", cmp.Or(f.CostName, "cost"), "value", "low", "high"}}
	for _, series := range f.Series {
		for _, p := range series.Points {
			if !p.hasCI() {
				p.CI = noInterval
			}
			out.add(series.Name, p.Name, p.Cost, p.Value, p.CI)
		}
	}
	return out
}

// glyph returns the look of the points of the i-th series.
func (t TradeoffSeries) glyph(i int, s Style) draw.GlyphStyle {
	g := draw.GlyphStyle{Color: seriesColor(t.Color, i), Radius: s.FontSize * 0.3, Shape: draw.CircleGlyph{}}
	if t.Hollow {
		g.Shape = ring{s.line(g.Color)}
	}
	return g
}

// ring is a circle drawn with a line style; gonum's ring has a fixed line width.
type ring struct{ draw.LineStyle }

func (r ring) DrawGlyph(c *draw.Canvas, g draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(r.LineStyle)
	var path vg.Path
	path.Move(vg.Point{X: at.X + g.Radius, Y: at.Y})
	path.Arc(at, g.Radius, 0, 2*math.Pi)
	path.Close()
	c.Stroke(path)
}

type glyphSample draw.GlyphStyle

func (g glyphSample) Thumbnail(c *draw.Canvas) { c.DrawGlyph(draw.GlyphStyle(g), c.Center()) }

// TradeoffPoints is a plotter of points with their intervals and labels, at the
// logarithm to base 10 of their cost. Labels give way to points, intervals and
// other labels.
type TradeoffPoints struct {
	Series []TradeoffSeries
	Style  Style
}

// Plot implements [plot.Plotter].
func (b TradeoffPoints) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	radius := b.Style.FontSize * 0.3
	var taken []vg.Rectangle
	for i, series := range b.Series {
		for _, pt := range series.Points {
			if !pt.drawn() {
				continue
			}
			at := vg.Point{X: x(math.Log10(pt.Cost)), Y: y(pt.Value)}
			if pt.hasCI() {
				low, high := vg.Point{X: at.X, Y: y(pt.CI.Low)}, vg.Point{X: at.X, Y: y(pt.CI.High)}
				taken = append(taken, rect(at.X-b.Style.LineWidth, low.Y, at.X+b.Style.LineWidth, high.Y))
				strokeInterval(c, b.Style.thin(seriesColor(series.Color, i)), low, high, vg.Point{})
			}
			c.DrawGlyph(series.glyph(i, b.Style), at)
			taken = append(taken, around(at, 2*radius, 2*radius))
		}
	}
	label := b.Style.textAt(smallText, draw.XCenter, draw.YCenter)
	// The last series, a user's own, has the first choice of places.
	for _, series := range slices.Backward(b.Series) {
		for _, pt := range series.Points {
			if !pt.drawn() || pt.Label == "" {
				continue
			}
			at := vg.Point{X: x(math.Log10(pt.Cost)), Y: y(pt.Value)}
			box := place(at, label.Width(pt.Label), b.Style.FontSize, radius, c.Rectangle, taken)
			taken = append(taken, box)
			if end := nearest(box, at); math.Hypot(float64(end.X-at.X), float64(end.Y-at.Y)) > 2.5*float64(radius) {
				c.StrokeLine2(b.Style.thin(muted), at.X, at.Y, end.X, end.Y)
			}
			c.FillText(label, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}, pt.Label)
		}
	}
}

// DataRange implements [plot.DataRanger].
func (b TradeoffPoints) DataRange() (xmin, xmax, ymin, ymax float64) {
	var x, y []float64
	for _, series := range b.Series {
		for _, pt := range series.Points {
			if !pt.drawn() {
				continue
			}
			x, y = append(x, math.Log10(pt.Cost)), append(y, pt.Value)
			if pt.hasCI() {
				y = append(y, pt.CI.Low, pt.CI.High)
			}
		}
	}
	xmin, xmax = extent(x)
	ymin, ymax = extent(y)
	return xmin, xmax, ymin, ymax
}

func around(at vg.Point, w, h vg.Length) vg.Rectangle {
	return rect(at.X-w/2, at.Y-h/2, at.X+w/2, at.Y+h/2)
}

// place finds room for a label beside a point. Of some places around the point it
// returns the first with the least area out of bounds or on taken rectangles.
func place(at vg.Point, w, h, radius vg.Length, bounds vg.Rectangle, taken []vg.Rectangle) vg.Rectangle {
	side, above := w/2+2*radius, h/2+1.5*radius
	var best vg.Rectangle
	least := math.Inf(1)
	for _, shift := range []vg.Point{
		{X: side}, {X: -side}, {Y: above}, {Y: -above},
		{X: side, Y: above}, {X: -side, Y: above}, {X: side, Y: -above}, {X: -side, Y: -above},
		{Y: 2 * above}, {Y: -2 * above}, {Y: 2.8 * above}, {Y: -2.8 * above}, {X: side, Y: 2 * above}, {X: -side, Y: 2 * above}, {X: side, Y: -2 * above}, {X: -side, Y: -2 * above},
	} {
		box := around(at.Add(shift), w, h)
		cost := 2 * (float64(w*h) - overlap(box, bounds))
		for _, other := range taken {
			cost += overlap(box, other)
		}
		if cost < least-1e-6 {
			best, least = box, cost
		}
	}
	return best
}

// nearest returns the point nearest to at in a label's box, without the air above
// and below its letters.
func nearest(box vg.Rectangle, at vg.Point) vg.Point {
	air := (box.Max.Y - box.Min.Y) / 8
	return vg.Point{X: min(max(at.X, box.Min.X), box.Max.X), Y: min(max(at.Y, box.Min.Y+air), box.Max.Y-air)}
}

// overlap returns the area that two rectangles have in common.
func overlap(a, b vg.Rectangle) float64 {
	w := min(a.Max.X, b.Max.X) - max(a.Min.X, b.Min.X)
	h := min(a.Max.Y, b.Max.Y) - max(a.Min.Y, b.Min.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return float64(w * h)
}
