package plots

import (
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

// Tradeoff draws a quality against a cost: accuracy against parameters, or
// against time. The cost has a logarithmic axis. Points are named where there is
// room for it.
type Tradeoff struct {
	Series         []TradeoffSeries
	XLabel, YLabel string
	// CostName heads the column of costs in the data.
	CostName string
	Title    string
}

// TradeoffSeries are points of one source.
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
	// Label is written beside the point; empty for none, as where another point
	// of the model has it.
	Label string
	Cost  float64 // above 0
	Value float64 // NaN leaves the point out, as does a NaN cost
	// CI is drawn as a line; the zero value and NaN mean none.
	CI eval.Interval
}

func (p TradeoffPoint) drawn() bool { return isFinite(p.Value) && isFinite(p.Cost) }

func (p TradeoffPoint) hasCI() bool {
	return p.CI != (eval.Interval{}) && isFinite(p.CI.Low) && isFinite(p.CI.High)
}

func (s TradeoffSeries) color(i int) color.Color {
	if s.Color != nil {
		return s.Color
	}
	return SeriesColor(i)
}

// Height implements [Figure].
func (f *Tradeoff) Height(s Style) vg.Length {
	return min(s.Width*0.8, 36*s.FontSize) + 3*s.FontSize + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *Tradeoff) Draw(c draw.Canvas, s Style) error {
	lowX, highX, lowY, highY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	key := legend{style: s}
	for i, series := range f.Series {
		some := false
		for _, p := range series.Points {
			if !p.drawn() {
				continue
			}
			if !(p.Cost > 0) {
				return fmt.Errorf("trade-off: the cost of %s is %v, not above 0", p.Name, p.Cost)
			}
			some = true
			lowX, highX = min(lowX, p.Cost), max(highX, p.Cost)
			lowY, highY = min(lowY, p.Value), max(highY, p.Value)
			if p.hasCI() {
				lowY, highY = min(lowY, p.CI.Low), max(highY, p.CI.High)
			}
		}
		if some {
			key.add(series.Name, glyphSample(f.glyph(i, s)))
		}
	}
	if math.IsInf(lowX, 1) {
		return errors.New("trade-off: no point has both a cost and a value")
	}
	p := s.newPlot("", f.XLabel, f.YLabel)
	p.X.Tick.Marker = logarithmic(logTicks)
	p.X.Min, p.X.Max = math.Log10(lowX/3), math.Log10(highX*1.8) // labels are wide
	air := max(0.1*(highY-lowY), 0.01)
	p.Y.Min, p.Y.Max = lowY-air, highY+air
	p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
	s.addGrid(p, true, true)
	p.Add(&tradeoffPlotter{f, s})
	c = s.addTitle(s.margin(c), f.Title)
	if len(key.entries) > 1 {
		c = key.above(c, p.DataCanvas(c).Min.X)
	}
	p.Draw(c)
	return nil
}

// logTicks are 1, 2 and 5 times powers of ten, with thousands and millions as k
// and M; powers alone where there would be many.
func logTicks(low, high float64) []plot.Tick {
	steps := []float64{1, 2, 5}
	if math.Log10(high/low) > 2.5 {
		steps = []float64{1}
	}
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.0; m < 10; m++ {
			tick := plot.Tick{Value: m * math.Pow(10, e)}
			if tick.Value < low || tick.Value > high {
				continue
			}
			for _, labelled := range steps {
				if m == labelled {
					tick.Label = short(tick.Value)
				}
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
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
	cost := f.CostName
	if cost == "" {
		cost = "cost"
	}
	out := [][]string{{"series", "name", cost, "value", "low", "high"}}
	for _, series := range f.Series {
		for _, p := range series.Points {
			row := []string{series.Name, p.Name, cell(p.Cost), cell(p.Value), "", ""}
			if p.hasCI() {
				row[4], row[5] = cell(p.CI.Low), cell(p.CI.High)
			}
			out = append(out, row)
		}
	}
	return out
}

func (f *Tradeoff) glyph(i int, s Style) draw.GlyphStyle {
	g := draw.GlyphStyle{Color: f.Series[i].color(i), Radius: s.FontSize * 0.3, Shape: draw.CircleGlyph{}}
	if f.Series[i].Hollow {
		g.Shape = ring{s.line(g.Color)}
	}
	return g
}

// ring is a circle of the style's line, which gonum's is not.
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

// tradeoffPlotter draws intervals, points and labels.
type tradeoffPlotter struct {
	f *Tradeoff
	s Style
}

func (b *tradeoffPlotter) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	radius := b.s.FontSize * 0.3
	var taken []vg.Rectangle
	for i, series := range b.f.Series {
		for _, pt := range series.Points {
			if !pt.drawn() {
				continue
			}
			at := vg.Point{X: x(math.Log10(pt.Cost)), Y: y(pt.Value)}
			if pt.hasCI() {
				taken = append(taken, vg.Rectangle{Min: vg.Point{X: at.X - b.s.LineWidth, Y: y(pt.CI.Low)}, Max: vg.Point{X: at.X + b.s.LineWidth, Y: y(pt.CI.High)}})
				c.StrokeLine2(b.s.thin(series.color(i)), at.X, y(pt.CI.Low), at.X, y(pt.CI.High))
			}
			c.DrawGlyph(b.f.glyph(i, b.s), at)
			taken = append(taken, around(at, 2*radius, 2*radius))
		}
	}
	label := b.s.text(smallText)
	label.XAlign, label.YAlign = draw.XCenter, draw.YCenter
	// The last series, a user's own, has the first choice of places.
	for _, series := range slices.Backward(b.f.Series) {
		for _, pt := range series.Points {
			if !pt.drawn() || pt.Label == "" {
				continue
			}
			at := vg.Point{X: x(math.Log10(pt.Cost)), Y: y(pt.Value)}
			box := place(at, label.Width(pt.Label), b.s.FontSize, radius, c.Rectangle, taken)
			taken = append(taken, box)
			if end := nearest(box, at); math.Hypot(float64(end.X-at.X), float64(end.Y-at.Y)) > 2.5*float64(radius) {
				c.StrokeLine2(b.s.thin(muted), at.X, at.Y, end.X, end.Y)
			}
			c.FillText(label, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}, pt.Label)
		}
	}
}

func around(at vg.Point, w, h vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: at.X - w/2, Y: at.Y - h/2}, Max: vg.Point{X: at.X + w/2, Y: at.Y + h/2}}
}

// place finds room for a label beside a point: of some places around it the
// first that overlaps least with what is taken or lies out of bounds.
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

// nearest is the point of a label's box, less the air around its letters, that
// is nearest to at.
func nearest(box vg.Rectangle, at vg.Point) vg.Point {
	air := (box.Max.Y - box.Min.Y) / 8
	return vg.Point{X: min(max(at.X, box.Min.X), box.Max.X), Y: min(max(at.Y, box.Min.Y+air), box.Max.Y-air)}
}

// overlap is the area that two rectangles have in common.
func overlap(a, b vg.Rectangle) float64 {
	w := min(a.Max.X, b.Max.X) - max(a.Min.X, b.Min.X)
	h := min(a.Max.Y, b.Max.Y) - max(a.Min.Y, b.Min.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return float64(w * h)
}
