package plots

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/plot"
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

// AddTo implements [Single]. The x axis has the logarithms to base 10 of the
// rates.
func (f *RateRange) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *RateRange) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *RateRange) addTo(p *plot.Plot, s Style) (legend, error) {
	if len(f.Rates) < 2 || len(f.Losses) != len(f.Rates) || len(f.Smooth) != len(f.Rates) {
		return legend{}, fmt.Errorf("learning rate range: %d rates, %d losses and %d smooth ones; at least 2 of each are needed, equally many",
			len(f.Rates), len(f.Losses), len(f.Smooth))
	}
	low, high := extent(f.Rates)
	if !(low > 0) || !finite(f.Rates, f.Losses, f.Smooth) {
		return legend{}, errors.New("learning rate range: rates must be above 0 and losses numbers")
	}
	p.X.Label.Text, p.Y.Label.Text = "Learning rate", "Loss"
	s.addGrid(p, false, true)
	exponents := make([]float64, len(f.Rates))
	for i, rate := range f.Rates {
		exponents[i] = math.Log10(rate)
	}
	for _, curve := range []struct {
		losses []float64
		style  draw.LineStyle
	}{{f.Losses, s.thin(muted)}, {f.Smooth, s.line(SeriesColor(0))}} {
		line, err := newLine(exponents, curve.losses, curve.style)
		if err != nil {
			return legend{}, fmt.Errorf("learning rate range: %w", err)
		}
		p.Add(line)
	}
	p.X.Tick.Marker = logarithmic(evenDecades)
	p.X.Min, p.X.Max = math.Log10(low), math.Log10(high)
	p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
	if f.Marked > 0 {
		p.Add(VerticalRule{math.Log10(f.Marked), s.rule(ink)})
	}
	return legend{}, nil
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
	out := table{{"learning_rate", "loss", "smooth"}}
	for i, rate := range f.Rates {
		out.add(rate, f.Losses[i], f.Smooth[i])
	}
	return out
}
