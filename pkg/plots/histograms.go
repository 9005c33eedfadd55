package plots

import (
	"errors"
	"fmt"
	"image/color"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Histograms draws the distribution of one quantity in several groups, a small
// panel for each: shares of the group's known values in bins of equal width.
type Histograms struct {
	Groups []HistogramGroup
	// From is where the first bin begins, Width how wide each is.
	From, Width float64
	XLabel      string
	// YLabel is that of the shares; empty means "Share of known".
	YLabel string
	// Columns of panels; 0 means as square as can be.
	Columns int
	Title   string
}

// HistogramGroup is one panel.
type HistogramGroup struct {
	Name   string
	Counts []int // by bin; missing bins at the end count as empty
	// Missing counts what has no value; it is written in the panel.
	Missing int
}

func (g HistogramGroup) known() int {
	n := 0
	for _, count := range g.Counts {
		n += count
	}
	return n
}

func (f *Histograms) bins() int {
	n := 0
	for _, g := range f.Groups {
		n = max(n, len(g.Counts))
	}
	return n
}

// Height implements [Figure].
func (f *Histograms) Height(s Style) vg.Length {
	lines, columns := panelGrid(max(1, len(f.Groups)), f.Columns)
	panel := (s.Width - 5*s.FontSize) / vg.Length(columns) * 0.8
	return vg.Length(lines)*(panel+1.3*s.FontSize) + 3.5*s.FontSize + titleHeight(s, f.Title)
}

// Draw implements [Figure].
func (f *Histograms) Draw(c draw.Canvas, s Style) error {
	bins := f.bins()
	if !(f.Width > 0) {
		return fmt.Errorf("histograms: the width of bins is %v", f.Width)
	}
	top, all := 0.0, 0
	for _, g := range f.Groups {
		if slices.ContainsFunc(g.Counts, func(n int) bool { return n < 0 }) {
			return fmt.Errorf("histograms: group %s has a negative count", g.Name)
		}
		all += g.known()
		for _, count := range g.Counts {
			if count > 0 {
				top = max(top, float64(count)/float64(g.known()))
			}
		}
	}
	if all == 0 {
		return errors.New("histograms: there is no value")
	}
	var panels []*plot.Plot
	for _, g := range f.Groups {
		p := s.newPlot(g.Name, "", "")
		p.Title.Padding = s.FontSize * 0.15
		s.addGrid(p, false, true)
		p.Add(&shareBars{f, g, s})
		p.X.Min, p.X.Max = f.From, f.From+f.Width*float64(bins)
		p.Y.Min, p.Y.Max = 0, top*1.25 // room for the number
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(fewTicks), plot.TickerFunc(percentSteps)
		panels = append(panels, p)
	}
	y := f.YLabel
	if y == "" {
		y = "Share of known"
	}
	inner := s.sharedLabels(s.addTitle(s.margin(c), f.Title), f.XLabel, y)
	for i, area := range drawPanels(inner, s, panels, f.Columns) {
		label := s.text(smallText)
		label.YAlign = draw.YTop
		text := "n = " + thousands(f.Groups[i].known())
		if missing := f.Groups[i].Missing; missing > 0 {
			text += fmt.Sprintf(", %s missing", thousands(missing))
		}
		area.FillText(label, vg.Point{X: area.Min.X + s.FontSize*0.3, Y: area.Max.Y - s.FontSize*0.1}, text)
	}
	return nil
}

// Data implements [Figure]. Values that are missing have no bin.
func (f *Histograms) Data() [][]string {
	out := [][]string{{"group", "from", "to", "count", "share"}}
	for _, g := range f.Groups {
		known := float64(g.known())
		for i := range f.bins() {
			count := 0
			if i < len(g.Counts) {
				count = g.Counts[i]
			}
			from := f.From + float64(i)*f.Width
			out = append(out, []string{g.Name, cell(from), cell(from + f.Width), strconv.Itoa(count), cell(float64(count) / known)})
		}
		out = append(out, []string{g.Name, "", "", strconv.Itoa(g.Missing), ""})
	}
	return out
}

// percentSteps are two to four round percentages.
func percentSteps(low, high float64) []plot.Tick {
	ticks := ticksAt(low, high, niceStep(high-low, 3))
	for i := range ticks {
		ticks[i].Label = fmt.Sprintf("%.0f %%", 100*ticks[i].Value)
	}
	return ticks
}

// shareBars draws one histogram.
type shareBars struct {
	f *Histograms
	g HistogramGroup
	s Style
}

func (b *shareBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	known := float64(b.g.known())
	for i, n := range b.g.Counts {
		if n == 0 {
			continue
		}
		from := b.f.From + float64(i)*b.f.Width
		box := vg.Rectangle{Min: vg.Point{X: x(from), Y: y(0)}, Max: vg.Point{X: x(from + b.f.Width), Y: y(float64(n) / known)}}
		c.FillPolygon(Blue, rectangle(box))
		c.StrokeLines(b.s.thin(color.White), append(rectangle(box), box.Min))
	}
}
