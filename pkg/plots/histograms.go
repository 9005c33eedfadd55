package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Histograms draws the distribution of one quantity in several groups, a small
// panel for each: shares of the group's known values in bins of equal width.
type Histograms struct {
	Groups []HistogramGroup
	// From is the lower end of the first bin and Width the width of every bin,
	// both in the unit of the quantity, which XLabel names.
	From, Width float64
	XLabel      string
	// YLabel names the shares; empty means "Share of known".
	YLabel string
	// Columns of panels; 0 means as square as can be.
	Columns int
	Title   string
}

// HistogramGroup is one panel.
type HistogramGroup struct {
	Name   string
	Counts []int // by bin; missing bins at the end count as empty
	// Missing is the number of cases without a value; it is written in the panel.
	Missing int
}

func (g HistogramGroup) known() int {
	n := 0
	for _, count := range g.Counts {
		n += count
	}
	return n
}

// shares returns the counts divided by their sum, NaN if that is 0.
func (g HistogramGroup) shares() []float64 {
	shares := make([]float64, len(g.Counts))
	for i, count := range g.Counts {
		shares[i] = float64(count) / float64(g.known())
	}
	return shares
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
	return panelsHeight(s, len(f.Groups), f.Columns, 0.8, f.Title)
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
		_, highest := extent(g.shares())
		top = max(top, highest)
	}
	if all == 0 {
		return errors.New("histograms: there is no value")
	}
	var panels []*plot.Plot
	for _, g := range f.Groups {
		p := s.newPanel(g.Name)
		s.addGrid(p, false, true)
		p.Add(Histogram{f.From, f.Width, g.shares(), Blue, s.thin(color.White)})
		p.X.Min, p.X.Max = f.From, f.From+f.Width*float64(bins)
		p.Y.Min, p.Y.Max = 0, top*1.25 // room for the number
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(fewTicks), plot.TickerFunc(percentSteps)
		panels = append(panels, p)
	}
	inner := s.sharedLabels(s.addTitle(s.margin(c), f.Title), f.XLabel, cmp.Or(f.YLabel, "Share of known"))
	for i, area := range drawPanels(inner, s, panels, f.Columns) {
		text := "n = " + eval.FormatThousands(f.Groups[i].known())
		if missing := f.Groups[i].Missing; missing > 0 {
			text += fmt.Sprintf(", %s missing", eval.FormatThousands(missing))
		}
		area.FillText(s.textAt(smallText, draw.XLeft, draw.YTop), vg.Point{X: area.Min.X + s.FontSize*0.3, Y: area.Max.Y - s.FontSize*0.1}, text)
	}
	return nil
}

// Data implements [Figure]. Values that are missing have no bin.
func (f *Histograms) Data() [][]string {
	out := table{{"group", "from", "to", "count", "share"}}
	for _, g := range f.Groups {
		known := float64(g.known())
		for i := range f.bins() {
			count := 0
			if i < len(g.Counts) {
				count = g.Counts[i]
			}
			from := f.From + float64(i)*f.Width
			out.add(g.Name, from, from+f.Width, count, float64(count)/known)
		}
		out.add(g.Name, "", "", g.Missing, "")
	}
	return out
}

// percentSteps returns two to four round percentages.
func percentSteps(low, high float64) []plot.Tick {
	return inPercent(ticksAt(low, high, niceStep(high-low, 3)))
}
