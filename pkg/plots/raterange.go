package plots

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// RateRange draws a learning rate range test: the loss of each step over its
// learning rate, and its moving average.
type RateRange struct {
	Rates, Losses, Smooth []float64
	// Marked is a rate to mark; NaN for none.
	Marked float64
	Title  string
}

// Height implements [Figure].
func (f *RateRange) Height(s Style) vg.Length {
	return 3*s.FontSize + titleHeight(s, f.Title) + min(s.Width*0.6, 24*s.FontSize)
}

// Draw implements [Figure].
func (f *RateRange) Draw(c draw.Canvas, s Style) error {
	if len(f.Rates) < 2 || len(f.Losses) != len(f.Rates) || len(f.Smooth) != len(f.Rates) {
		return fmt.Errorf("learning rate range: %d rates, %d losses and %d smooth ones; at least 2 of each are needed, equally many",
			len(f.Rates), len(f.Losses), len(f.Smooth))
	}
	p := s.newPlot(f.Title, "Learning rate", "Loss")
	s.addGrid(p, false, true)
	low, high := math.Inf(1), math.Inf(-1)
	for j, values := range [][]float64{f.Losses, f.Smooth} {
		points := make(plotter.XYs, len(f.Rates))
		for i, rate := range f.Rates {
			if !(rate > 0) || !isFinite(rate) || !isFinite(values[i]) {
				return errors.New("learning rate range: rates must be above 0 and losses numbers")
			}
			points[i] = plotter.XY{X: math.Log10(rate), Y: values[i]}
			low, high = min(low, rate), max(high, rate)
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("learning rate range: %w", err)
		}
		if line.LineStyle = s.thin(muted); j == 1 {
			line.LineStyle = s.line(SeriesColor(0))
		}
		p.Add(line)
	}
	p.X.Tick.Marker = logarithmic(evenDecades)
	p.X.Min, p.X.Max = math.Log10(low), math.Log10(high)
	p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
	if f.Marked > 0 {
		p.Add(verticalRule{math.Log10(f.Marked), s.dashedThin(ink)})
	}
	p.Draw(s.margin(c))
	return nil
}

// evenDecades labels every second power of ten: decades would be crowded here.
func evenDecades(low, high float64) []plot.Tick {
	ticks := decades(low, high)
	for i := range ticks {
		if int(math.Round(math.Log10(ticks[i].Value)))%2 != 0 {
			ticks[i].Label = ""
		}
	}
	return ticks
}

// Data implements [Figure].
func (f *RateRange) Data() [][]string {
	out := [][]string{{"learning_rate", "loss", "smooth"}}
	for i, rate := range f.Rates {
		out = append(out, []string{cell(rate), cell(f.Losses[i]), cell(f.Smooth[i])})
	}
	return out
}
