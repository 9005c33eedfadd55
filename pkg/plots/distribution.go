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

	"github.com/skinattn/skinattn/pkg/eval"
)

// Distribution draws counts by category as horizontal bars, the first category
// on top, with counts and shares written. Several series (the parts of a split)
// are stacked.
type Distribution struct {
	Categories []string
	Series     []CountSeries
	XLabel     string
	Title      string
}

// CountSeries is one colour of a [Distribution].
type CountSeries struct {
	Name   string
	Counts []int // one for each category
	Color  color.Color
}

// NewDistribution returns the counts of one series.
func NewDistribution(categories []string, counts []int) *Distribution {
	return &Distribution{Categories: categories, Series: []CountSeries{{Counts: counts}}, XLabel: "Images"}
}

// NewClassDistribution counts the true classes of p.
func NewClassDistribution(p *eval.Predictions) *Distribution {
	counts := make([]int, len(p.Classes))
	for _, t := range p.Truth {
		if t != eval.Unknown {
			counts[t]++
		}
	}
	return NewDistribution(p.Classes, counts)
}

// Height implements [Figure].
func (f *Distribution) Height(s Style) vg.Length {
	height := vg.Length(len(f.Categories))*1.7*s.FontSize + 4*s.FontSize + titleHeight(s, f.Title)
	if len(f.Series) > 1 {
		height += 1.7 * s.FontSize
	}
	return height
}

// totals returns the sum of the series for each category, and of all.
func (f *Distribution) totals() (byCategory []int, total int) {
	byCategory = make([]int, len(f.Categories))
	for _, series := range f.Series {
		for i, n := range series.Counts {
			byCategory[i] += n
			total += n
		}
	}
	return byCategory, total
}

// Draw implements [Figure].
func (f *Distribution) Draw(c draw.Canvas, s Style) error {
	for _, series := range f.Series {
		if len(series.Counts) != len(f.Categories) {
			return fmt.Errorf("distribution: series %q has %d counts for %d categories", series.Name, len(series.Counts), len(f.Categories))
		}
		if slices.ContainsFunc(series.Counts, func(n int) bool { return n < 0 }) {
			return fmt.Errorf("distribution: series %q has a negative count", series.Name)
		}
	}
	totals, total := f.totals()
	if total == 0 {
		return errors.New("distribution: all counts are zero")
	}
	p := s.newPlot(f.Title, f.XLabel, "")
	s.addGrid(p, true, false)
	p.Add(&stackedBars{f, s})
	rows := slices.Clone(f.Categories)
	slices.Reverse(rows)
	p.Y.Tick.Marker, p.Y.Tick.Length = nominal(rows), 0
	p.Y.Min, p.Y.Max = -0.5, float64(len(rows))-0.5
	p.X.Min, p.X.Max = 0, float64(slices.Max(totals))
	p.X.Tick.Marker = plot.TickerFunc(countTicks)
	c = s.margin(c)
	if len(f.Series) > 1 {
		key := legend{style: s}
		for i, series := range f.Series {
			key.add(series.Name, fillSample{series.color(i)})
		}
		c = key.above(c, p.DataCanvas(c).Min.X)
	}
	// The longest bar's label needs room at the right of the bar: the axis goes
	// on by what the label takes.
	widest := s.text(smallText).Width(barLabel(slices.Max(totals), total)) + s.FontSize
	data := p.DataCanvas(c)
	p.X.Max *= float64((data.Max.X - data.Min.X) / max(data.Max.X-data.Min.X-widest, s.FontSize))
	p.Draw(c)
	return nil
}

// countTicks are whole numbers with thousands set apart.
func countTicks(low, high float64) []plot.Tick {
	ticks := ticksAt(low, high, max(1, niceStep(high-low, 5)))
	for i := range ticks {
		ticks[i].Label = thousands(int(ticks[i].Value))
	}
	return ticks
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func barLabel(n, total int) string {
	return fmt.Sprintf("%s (%.1f %%)", thousands(n), 100*float64(n)/float64(total))
}

func (c CountSeries) color(i int) color.Color {
	if c.Color != nil {
		return c.Color
	}
	return SeriesColor(i)
}

// Data implements [Figure].
func (f *Distribution) Data() [][]string {
	out := [][]string{{"series", "category", "count"}}
	for _, series := range f.Series {
		for i, n := range series.Counts {
			out = append(out, []string{series.Name, f.Categories[i], strconv.Itoa(n)})
		}
	}
	return out
}

type stackedBars struct {
	f *Distribution
	s Style
}

func (b *stackedBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	totals, total := b.f.totals()
	for i := range b.f.Categories {
		row := float64(len(b.f.Categories) - 1 - i)
		below := 0
		for j, series := range b.f.Series {
			n := series.Counts[i]
			box := vg.Rectangle{
				Min: vg.Point{X: x(float64(below)), Y: y(row - 0.36)},
				Max: vg.Point{X: x(float64(below + n)), Y: y(row + 0.36)},
			}
			if n > 0 {
				c.FillPolygon(series.color(j), rectangle(box))
			}
			below += n
		}
		label := b.s.text(smallText)
		label.YAlign = draw.YCenter
		c.FillText(label, vg.Point{X: x(float64(below)) + b.s.FontSize*0.4, Y: y(row)}, barLabel(totals[i], total))
	}
}
