package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
)

// SaliencyForest draws the mean metrics of several methods' maps with their
// intervals, a panel a metric and a row a method: filled circles for measured
// methods, rings for baselines, a pyramid for the ceiling.
type SaliencyForest struct {
	Methods []string
	Metrics []saliency.Metric
	Means   []saliency.Means // by method
	Title   string
}

// NewSaliencyForest returns the figure of all images of a summary, for the
// metrics that compare maps with masks.
func NewSaliencyForest(s *saliency.Summary) *SaliencyForest {
	return &SaliencyForest{
		Methods: s.Methods,
		Metrics: []saliency.Metric{saliency.MassInside, saliency.Pointing, saliency.IoU, saliency.AUC},
		Means:   s.Groups[0].Means,
	}
}

// Height implements [Figure].
func (f *SaliencyForest) Height(s Style) vg.Length {
	_, columns := f.layout(s, s.Width)
	rows := max(1, (len(f.Metrics)+columns-1)/columns)
	return vg.Length(rows)*f.panelHeight(s) + titleHeight(s, f.Title)
}

// panelHeight returns the height of a panel with its axis.
func (f *SaliencyForest) panelHeight(s Style) vg.Length {
	return vg.Length(len(f.Methods))*1.5*s.FontSize + 4*s.FontSize
}

// layout returns the room for the methods' names, and the number of panels side by
// side in the given width: all, or the largest number that keeps them wide enough.
func (f *SaliencyForest) layout(s Style, width vg.Length) (room vg.Length, columns int) {
	const narrowest = 9 // font sizes
	for _, method := range f.Methods {
		room = max(room, s.text(smallText).Width(methodLabel(method)))
	}
	room += s.FontSize
	fit := int((width - room + s.panelGap()) / (narrowest*s.FontSize + s.panelGap()))
	return room, max(1, min(fit, len(f.Metrics)))
}

// panelGap returns the space between panels, for the numbers at the ends of their
// axes.
func (s Style) panelGap() vg.Length { return 1.6 * s.FontSize }

// Draw implements [Figure].
func (f *SaliencyForest) Draw(c draw.Canvas, s Style) error {
	if len(f.Methods) == 0 || len(f.Metrics) == 0 || len(f.Means) != len(f.Methods) {
		return fmt.Errorf("saliency forest: %d methods, %d metrics and the means of %d", len(f.Methods), len(f.Metrics), len(f.Means))
	}
	room, columns := f.layout(s, s.Width)
	c = s.addTitle(s.margin(c), f.Title)
	width := (c.Max.X-c.Min.X-room+s.panelGap())/vg.Length(columns) - s.panelGap()
	rows := (len(f.Metrics) + columns - 1) / columns
	height := (c.Max.Y - c.Min.Y) / vg.Length(rows)
	for i, metric := range f.Metrics {
		p := s.NewPlot("", metric.Label(), "")
		s.addGrid(p, true, false)
		rows := f.rows(metric, s)
		p.Add(rows)
		p.X.Min, p.X.Max = tenths(extent(rows.Values, ends(rows.Intervals)))
		p.Y.Min, p.Y.Max = -0.6, float64(len(f.Methods))-0.4
		p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.LineStyle.Width = plot.ConstantTicks(nil), 0, 0
		p.X.Tick.Marker = plot.TickerFunc(fewTicks)
		panel := c
		panel.Min.X += room + vg.Length(i%columns)*(width+s.panelGap())
		panel.Max.X = panel.Min.X + width
		panel.Max.Y -= vg.Length(i/columns) * height
		panel.Min.Y = panel.Max.Y - height
		p.Draw(panel)
		if i%columns == 0 {
			area := p.DataCanvas(panel)
			_, y := p.Transforms(&area)
			for k, method := range f.Methods {
				c.FillText(s.textAt(smallText, draw.XRight, draw.YCenter), vg.Point{X: panel.Min.X - s.FontSize/2, Y: y(rows.y(k))}, methodLabel(method))
			}
		}
	}
	return nil
}

// methodLabel returns a method's name without its kind.
func methodLabel(method string) string {
	return method[strings.Index(method, ":")+1:]
}

// Data implements [Figure].
func (f *SaliencyForest) Data() [][]string {
	out := table{{"method", "metric", "value", "low", "high"}}
	for k, method := range f.Methods {
		for _, metric := range f.Metrics {
			e := f.Means[k][metric]
			out.add(method, metric, e.Value, e.CI)
		}
	}
	return out
}

// rows returns the estimates of a metric.
func (f *SaliencyForest) rows(metric saliency.Metric, s Style) IntervalRows {
	var rows IntervalRows
	for k, method := range f.Methods {
		e := f.Means[k][metric]
		hue, glyph := color.Color(Blue), draw.GlyphDrawer(draw.CircleGlyph{})
		switch saliency.KindOf(method) {
		case saliency.Baseline:
			hue, glyph = Orange, draw.RingGlyph{}
		case saliency.Ceiling:
			hue, glyph = Green, draw.PyramidGlyph{}
		}
		rows.Values, rows.Intervals = append(rows.Values, e.Value), append(rows.Intervals, e.CI)
		rows.Marks = append(rows.Marks, IntervalMark{Glyph: draw.GlyphStyle{Color: hue, Radius: 0.28 * s.FontSize, Shape: glyph}, Line: s.line(hue)})
	}
	return rows
}

// tenths widens a range to steps of a tenth within [0, 1.02]; an empty range
// becomes [0, 1].
func tenths(low, high float64) (from, to float64) {
	if low > high {
		return 0, 1
	}
	return max(math.Floor(low*10-.25)/10, 0), min(math.Ceil(high*10+.25)/10, 1.02)
}

// SaliencyCurves draws mean deletion and insertion curves side by side.
type SaliencyCurves struct {
	Curves *saliency.Curves
	// Methods are the methods drawn, in this order.
	Methods []string
	Title   string
}

// NewSaliencyCurves returns the figure of the measured methods and of the named
// baselines. Names that the curves lack are left out.
func NewSaliencyCurves(c *saliency.Curves, baselines ...string) *SaliencyCurves {
	f := &SaliencyCurves{Curves: c}
	for _, method := range c.Methods {
		if saliency.KindOf(method) == saliency.Measured || slices.Contains(baselines, method) {
			f.Methods = append(f.Methods, method)
		}
	}
	return f
}

// curve returns the shares and mean probabilities of a method, nil if it has none.
func (f *SaliencyCurves) curve(metric saliency.Metric, method string) (x, y []float64) {
	if at := slices.Index(f.Curves.Methods, method); at >= 0 {
		for i := range f.Curves.Steps + 1 {
			x, y = append(x, f.Curves.Share(i)), append(y, f.Curves.Mean(metric, at, i))
		}
	}
	return x, y
}

// Height implements [Figure].
func (f *SaliencyCurves) Height(s Style) vg.Length {
	return min(s.Width*0.55, 26*s.FontSize) + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *SaliencyCurves) Draw(c draw.Canvas, s Style) error {
	if f.Curves.Images == 0 || len(f.Methods) == 0 {
		return errors.New("deletion and insertion curves: there is nothing to draw")
	}
	c = s.addTitle(s.margin(c), f.Title)
	key := legend{style: s}
	lines := make([]draw.LineStyle, len(f.Methods))
	for k, method := range f.Methods {
		lines[k] = s.line(SeriesColor(k))
		if saliency.KindOf(method) != saliency.Measured {
			lines[k] = s.dashed(lines[k], 4, 2)
		}
		key.add(methodLabel(method), lineSample(lines[k]))
	}
	c = key.above(c, c.Min.X)
	left, right := c, c
	left.Max.X = c.Center().X - s.FontSize/2
	right.Min.X = c.Center().X + s.FontSize/2
	for _, panel := range []struct {
		metric saliency.Metric
		x      string
		canvas draw.Canvas
	}{{saliency.Deletion, "Share of pixels deleted", left}, {saliency.Insertion, "Share of pixels inserted", right}} {
		p := s.NewPlot("", panel.x, "Probability")
		s.addGrid(p, true, true)
		for k, method := range f.Methods {
			x, y := f.curve(panel.metric, method)
			if x == nil {
				return fmt.Errorf("deletion and insertion curves: method %q has none", method)
			}
			line, err := newLine(x, y, lines[k])
			if err != nil {
				return fmt.Errorf("deletion and insertion curves: %w", err)
			}
			p.Add(line)
		}
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
		p.X.Tick.Marker, p.Y.Tick.Marker = unitTicks(0.2), unitTicks(0.2)
		p.Draw(panel.canvas)
	}
	return nil
}

// Data implements [Figure].
func (f *SaliencyCurves) Data() [][]string {
	out := table{{"curve", "method", "share", "probability"}}
	for _, metric := range []saliency.Metric{saliency.Deletion, saliency.Insertion} {
		for _, method := range f.Methods {
			x, y := f.curve(metric, method)
			for i, share := range x {
				out.add(metric, method, strconv.FormatFloat(share, 'g', 6, 64), y[i])
			}
		}
	}
	return out
}
