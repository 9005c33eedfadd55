package plots

import (
	"errors"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Distribution draws counts by category as horizontal bars, the first category
// on top, with the counts written. Stacked bars also have the category's share of
// all counts.
type Distribution struct {
	Categories []string
	Series     []CountSeries
	Layout     BarLayout
	XLabel     string
	Title      string
}

// BarLayout is how several series of counts share the row of a category.
type BarLayout int

const (
	// LayoutStacked stacks the series, as parts of a whole.
	LayoutStacked BarLayout = iota
	// LayoutBeside draws the series beside each other: they are no parts of a
	// whole, such as images and lesions.
	LayoutBeside
	// LayoutComposition stacks each series' share of the category: all bars are
	// equally long. A category without counts is left blank.
	LayoutComposition
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

// NewClassDistribution counts the true classes of t.
func NewClassDistribution(t *eval.Table) *Distribution {
	confusion := t.Confusion()
	counts := make([]int, len(confusion))
	for k := range counts {
		counts[k] = confusion.Support(k)
	}
	return NewDistribution(t.Classes(), counts)
}

// Height implements [Figure].
func (f *Distribution) Height(s Style) vg.Length {
	row := 1.7
	if f.Layout == LayoutBeside {
		row = max(row, 1.25*float64(len(f.Series))+0.3)
	}
	height := vg.Length(float64(len(f.Categories))*row)*s.FontSize + 4*s.FontSize + titleHeight(s, f.Title)
	if len(f.Series) > 1 {
		height += 1.7 * s.FontSize
	}
	return height
}

func (f *Distribution) bars(s Style) CountBars { return CountBars{f.Series, f.Layout, s} }

func (f *Distribution) validate() error {
	for _, series := range f.Series {
		if len(series.Counts) != len(f.Categories) {
			return fmt.Errorf("distribution: series %q has %d counts for %d categories", series.Name, len(series.Counts), len(f.Categories))
		}
		if slices.ContainsFunc(series.Counts, func(n int) bool { return n < 0 }) {
			return fmt.Errorf("distribution: series %q has a negative count", series.Name)
		}
	}
	if _, total := f.bars(Style{}).totals(); total == 0 {
		return errors.New("distribution: all counts are zero")
	}
	return nil
}

// addAxes adds all but the bars.
func (f *Distribution) addAxes(p *plot.Plot, s Style) legend {
	p.X.Label.Text = f.XLabel
	s.addGrid(p, true, false)
	s.nominalRows(&p.Y, f.Categories)
	p.X.Tick.Marker = plot.TickerFunc(countTicks)
	if f.Layout == LayoutComposition {
		p.X.Tick.Marker = plot.TickerFunc(percentTicks)
	}
	p.X.Min, p.X.Max, _, _ = f.bars(s).DataRange()
	key := legend{style: s}
	for i, series := range f.Series {
		key.add(series.Name, fillSample{seriesColor(series.Color, i)})
	}
	return key
}

func (f *Distribution) addTo(p *plot.Plot, s Style) (legend, error) {
	if err := f.validate(); err != nil {
		return legend{}, err
	}
	key := f.addAxes(p, s)
	p.Add(f.bars(s))
	return key, nil
}

// AddTo implements [Single].
func (f *Distribution) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure]. The axis goes on behind the longest bar by the room
// that the bar's label takes.
func (f *Distribution) Draw(c draw.Canvas, s Style) error {
	if err := f.validate(); err != nil {
		return err
	}
	p := s.NewPlot("", "", "")
	key := f.addAxes(p, s)
	c = key.outside(s.addTitle(s.margin(c), f.Title), p)
	data := p.DataCanvas(c)
	room := f.bars(s).labelWidth() + s.FontSize
	p.X.Max *= float64((data.Max.X - data.Min.X) / max(data.Max.X-data.Min.X-room, s.FontSize))
	p.Add(f.bars(s))
	p.Draw(c)
	return nil
}

func percentTicks(float64, float64) []plot.Tick { return inPercent(ticksAt(0, 1, 0.25)) }

// inPercent labels ticks at shares with percentages.
func inPercent(ticks []plot.Tick) []plot.Tick {
	for i := range ticks {
		ticks[i].Label = fmt.Sprintf("%.0f %%", 100*ticks[i].Value)
	}
	return ticks
}

// countTicks returns whole numbers with commas between thousands.
func countTicks(low, high float64) []plot.Tick {
	ticks := wholeTicks(5)(low, high)
	for i := range ticks {
		ticks[i].Label = eval.FormatThousands(int(ticks[i].Value))
	}
	return ticks
}

func barLabel(n, total int) string {
	return fmt.Sprintf("%s (%.1f %%)", eval.FormatThousands(n), 100*float64(n)/float64(total))
}

// Data implements [Figure].
func (f *Distribution) Data() [][]string {
	out := table{{"series", "category", "count"}}
	for _, series := range f.Series {
		for i, n := range series.Counts {
			out.add(series.Name, f.Categories[i], n)
		}
	}
	return out
}

// CountBars is a plotter of counts as horizontal bars with the counts written at
// their ends: a row for each category, the first of n at y = n-1, the last at
// y = 0. In the composition layout the x axis has shares, else counts.
type CountBars struct {
	Series []CountSeries
	Layout BarLayout
	Style  Style
}

// rowShare is the part of a category's row that its bars fill.
const rowShare = 0.72

// totals returns the sum of the series for each category, and of all.
func (b CountBars) totals() (byCategory []int, total int) {
	for _, series := range b.Series {
		if byCategory == nil {
			byCategory = make([]int, len(series.Counts))
		}
		for i, n := range series.Counts {
			byCategory[i] += n
			total += n
		}
	}
	return byCategory, total
}

// walk calls bar for each bar with its ends on the x axis, and its lower edge and
// height on the y axis, and label for each text with the place that it follows.
func (b CountBars) walk(bar func(series int, from, to, bottom, height float64), label func(x, y float64, text string)) {
	totals, total := b.totals()
	for i := range totals {
		row := float64(len(totals) - 1 - i)
		below := 0.0
		for j, series := range b.Series {
			n := float64(series.Counts[i])
			switch b.Layout {
			case LayoutBeside:
				height := rowShare / float64(len(b.Series))
				bottom := row + rowShare/2 - float64(j+1)*height
				bar(j, 0, n, bottom, height)
				label(n, bottom+height/2, eval.FormatThousands(series.Counts[i]))
				continue
			case LayoutComposition:
				if totals[i] == 0 {
					continue
				}
				n /= float64(totals[i])
			}
			bar(j, below, below+n, row-rowShare/2, rowShare)
			below += n
		}
		switch b.Layout {
		case LayoutStacked:
			label(below, row, barLabel(totals[i], total))
		case LayoutComposition:
			label(1, row, eval.FormatThousands(totals[i]))
		}
	}
}

// Plot implements [plot.Plotter].
func (b CountBars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	b.walk(func(j int, from, to, bottom, height float64) {
		if to > from {
			c.FillPolygon(seriesColor(b.Series[j].Color, j), corners(rect(x(from), y(bottom), x(to), y(bottom+height))))
		}
	}, func(at, row float64, text string) {
		c.FillText(b.label(), vg.Point{X: x(at) + b.offset(), Y: y(row)}, text)
	})
}

func (b CountBars) label() text.Style { return b.Style.textAt(smallText, draw.XLeft, draw.YCenter) }

// offset is the gap between a bar and its label.
func (b CountBars) offset() vg.Length { return b.Style.FontSize * 0.4 }

// labelWidth returns the width of the widest label.
func (b CountBars) labelWidth() (width vg.Length) {
	b.walk(func(int, float64, float64, float64, float64) {}, func(_, _ float64, text string) { width = max(width, b.label().Width(text)) })
	return width
}

// DataRange implements [plot.DataRanger].
func (b CountBars) DataRange() (xmin, xmax, ymin, ymax float64) {
	totals, _ := b.totals()
	b.walk(func(_ int, _, to, _, _ float64) { xmax = max(xmax, to) }, func(x, _ float64, _ string) { xmax = max(xmax, x) })
	return 0, xmax, -0.5, float64(len(totals)) - 0.5
}

// GlyphBoxes implements [plot.GlyphBoxer]: the labels.
func (b CountBars) GlyphBoxes(p *plot.Plot) (boxes []plot.GlyphBox) {
	b.walk(func(int, float64, float64, float64, float64) {}, func(x, y float64, text string) {
		boxes = append(boxes, plot.GlyphBox{X: p.X.Norm(x), Y: p.Y.Norm(y), Rectangle: b.label().Rectangle(text).Add(vg.Point{X: b.offset()})})
	})
	return boxes
}
