package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// chart is a small line chart as inline SVG. Colours are classes of the page's style
// sheet, so that they follow the theme; the text beside a chart says in words or in a
// table what it shows.
type chart struct {
	title, description string // for readers who do not see it
	x, y               axis
	body               strings.Builder
}

// axis is a linear scale.
type axis struct {
	label    string
	low, top float64
	ticks    []float64
}

// Size of every chart in the units of its viewBox, and of the plotted part within.
const (
	chartWidth, chartHeight           = 360, 300
	plotLeft, plotTop, plotWide, plot = 52, 12, 296, 240
)

// unit is an axis of shares.
func unit(label string) axis { return axis{label, 0, 1, []float64{0, .25, .5, .75, 1}} }

// upTo is an axis from 0 to a round number at or above the largest value.
func upTo(label string, values ...[]float64) axis {
	largest := 0.0
	for _, some := range values {
		for _, v := range some {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				largest = max(largest, v)
			}
		}
	}
	if largest == 0 {
		largest = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(largest)))
	for _, factor := range []float64{.2, .5, 1, 2} { // 5 to 2 steps
		if largest <= 5*step*factor {
			step *= factor
			break
		}
	}
	a := axis{label: label}
	for i := 0; a.top < largest; i++ {
		a.top = step * float64(i)
		a.ticks = append(a.ticks, a.top)
	}
	return a
}

// px and py place a value, in the units of the viewBox; values beyond the axis are put at
// its ends.
func (c *chart) px(v float64) float64 {
	return plotLeft + plotWide*min(max((v-c.x.low)/(c.x.top-c.x.low), 0), 1)
}

func (c *chart) py(v float64) float64 {
	return plotTop + plot*(1-min(max((v-c.y.low)/(c.y.top-c.y.low), 0), 1))
}

// line draws points in order; a NaN interrupts the line.
func (c *chart) line(class string, xs, ys []float64) {
	var path strings.Builder
	pen := "M"
	for i, x := range xs {
		if math.IsNaN(x) || math.IsNaN(ys[i]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, c.px(x), c.py(ys[i]))
		pen = "L"
	}
	fmt.Fprintf(&c.body, `<path class="line %s" d="%s"/>`, class, path.String())
}

// dots draws a circle at each point with a text that shows on pointing at it.
func (c *chart) dots(class string, xs, ys []float64, texts []string) {
	for i, x := range xs {
		fmt.Fprintf(&c.body, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="3.5"><title>%s</title></circle>`,
			class, c.px(x), c.py(ys[i]), template.HTMLEscapeString(texts[i]))
	}
}

// svg is the whole picture.
func (c *chart) svg() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight,
		template.HTMLEscapeString(c.title+". "+c.description))
	for _, tick := range c.x.ticks {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			c.px(tick), plotTop, plotTop+plot, c.px(tick), plotTop+plot+16, number(tick))
	}
	for _, tick := range c.y.ticks {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, c.py(tick), plotLeft+plotWide, plotLeft-6, c.py(tick)+4, number(tick))
	}
	fmt.Fprintf(&b, `<text class="label" x="%d" y="%d" text-anchor="middle">%s</text>`, plotLeft+plotWide/2, chartHeight-6, template.HTMLEscapeString(c.x.label))
	fmt.Fprintf(&b, `<text class="label" transform="translate(13 %d) rotate(-90)" text-anchor="middle">%s</text>`, plotTop+plot/2, template.HTMLEscapeString(c.y.label))
	b.WriteString(c.body.String())
	b.WriteString("</svg>")
	return template.HTML(b.String()) // made of numbers, class names of this package and escaped text
}

// number writes a tick.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'g', 4, 64) }
