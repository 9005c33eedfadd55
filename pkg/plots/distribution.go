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
// on top, with counts written. Several series (the parts of a split) are
// stacked, and the share of each category in all stands beside its count.
type Distribution struct {
	Categories []string
	Series     []CountSeries
	Layout     Layout
	XLabel     string
	Title      string
}

// Layout is how the series of a [Distribution] share the row of a category.
type Layout int

const (
	// Stacked series are parts of a whole.
	Stacked Layout = iota
	// Beside each other: series that are no parts, such as images and lesions.
	Beside
	// Composition stacks shares of each category: all bars are equally long.
	// Categories of no count are left blank.
	Composition
)

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
	row := 1.7
	if f.Layout == Beside {
		row = max(row, 1.25*float64(len(f.Series))+0.3)
	}
	height := vg.Length(float64(len(f.Categories))*row)*s.FontSize + 4*s.FontSize + titleHeight(s, f.Title)
	if len(f.Series) > 1 {
		height += 1.7 * s.FontSize
	}
	return height
}

// totals returns the sum of the stacked series for each category, and of all.
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
	p := s.newPlot("", f.XLabel, "")
	s.addGrid(p, true, false)
	rows := slices.Clone(f.Categories)
	slices.Reverse(rows)
	s.nominalAxis(&p.Y, rows)
	p.X.Tick.Marker = plot.TickerFunc(countTicks)
	c = s.addTitle(s.margin(c), f.Title)
	if len(f.Series) > 1 {
		key := legend{style: s}
		for i, series := range f.Series {
			key.add(series.Name, fillSample{series.color(i)})
		}
		c = key.above(c, p.DataCanvas(c).Min.X)
	}
	// The longest bar's label needs room at the right of the bar: the axis goes
	// on by what the label takes.
	longest, widest := f.longest(totals, total)
	p.X.Min, p.X.Max = 0, longest
	if f.Layout == Composition {
		p.X.Tick.Marker = plot.TickerFunc(percentTicks)
	}
	p.Add(&countBars{f, s})
	data := p.DataCanvas(c)
	room := s.text(smallText).Width(widest) + s.FontSize
	p.X.Max *= float64((data.Max.X - data.Min.X) / max(data.Max.X-data.Min.X-room, s.FontSize))
	p.Draw(c)
	return nil
}

// longest returns the length of the longest bar and the widest of the labels at
// the ends of bars.
func (f *Distribution) longest(totals []int, total int) (bar float64, label string) {
	switch f.Layout {
	case Beside:
		n := 0
		for _, series := range f.Series {
			n = max(n, slices.Max(series.Counts))
		}
		return float64(n), thousands(n)
	case Composition:
		return 1, thousands(slices.Max(totals))
	}
	return float64(slices.Max(totals)), barLabel(slices.Max(totals), total)
}

func percentTicks(low, high float64) []plot.Tick {
	ticks := ticksAt(0, 1, 0.25)
	for i := range ticks {
		ticks[i].Label = fmt.Sprintf("%.0f %%", 100*ticks[i].Value)
	}
	return ticks
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

// countBars draws the bars of a Distribution with their labels.
type countBars struct {
	f *Distribution
	s Style
}

// rowShare is the part of a category's row that its bars fill.
const rowShare = 0.72

func (b *countBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	bar := func(from, to, bottom, height float64, fill color.Color) {
		if to > from {
			c.FillPolygon(fill, rectangle(vg.Rectangle{Min: vg.Point{X: x(from), Y: y(bottom)}, Max: vg.Point{X: x(to), Y: y(bottom + height)}}))
		}
	}
	write := func(at, row float64, text string) {
		label := b.s.text(smallText)
		label.YAlign = draw.YCenter
		c.FillText(label, vg.Point{X: x(at) + b.s.FontSize*0.4, Y: y(row)}, text)
	}
	totals, total := b.f.totals()
	for i := range b.f.Categories {
		row := float64(len(b.f.Categories) - 1 - i)
		below := 0.0
		for j, series := range b.f.Series {
			n := float64(series.Counts[i])
			switch b.f.Layout {
			case Beside:
				height := rowShare / float64(len(b.f.Series))
				bottom := row + rowShare/2 - float64(j+1)*height
				bar(0, n, bottom, height, series.color(j))
				write(n, bottom+height/2, thousands(series.Counts[i]))
				continue
			case Composition:
				if totals[i] == 0 {
					continue
				}
				n /= float64(totals[i])
			}
			bar(below, below+n, row-rowShare/2, rowShare, series.color(j))
			below += n
		}
		switch b.f.Layout {
		case Stacked:
			write(below, row, barLabel(totals[i], total))
		case Composition:
			write(1, row, thousands(totals[i]))
		}
	}
}
