package plots

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legend lists labels with a sample of their line or fill. Unlike gonum's, it
// can run in rows, and stands on a ground of its own when inside a panel.
type legend struct {
	style   Style
	entries []legendEntry
	// corner is the place inside the data area; nil means above the plot.
	corner *corner
}

type legendEntry struct {
	label  string
	sample plot.Thumbnailer
}

func (l *legend) add(label string, sample plot.Thumbnailer) {
	l.entries = append(l.entries, legendEntry{label, sample})
}

// heading adds a line of text alone.
func (l *legend) heading(text string) { l.add(text, nil) }

// metrics returns the width of a sample, the width of the gap after it, and the
// height of a line.
func (l *legend) metrics() (sample, gap, height vg.Length) {
	size := l.style.FontSize * smallText
	return 1.8 * size, 0.5 * size, 1.25 * size
}

func (l *legend) width(e legendEntry) vg.Length {
	sample, gap, _ := l.metrics()
	if e.sample == nil {
		return l.style.text(smallText).Width(e.label)
	}
	return sample + gap + l.style.text(smallText).Width(e.label)
}

// rows breaks the entries into lines that fit the width.
func (l *legend) rows(width vg.Length) [][]legendEntry {
	_, gap, _ := l.metrics()
	var rows [][]legendEntry
	used := vg.Length(0)
	for _, e := range l.entries {
		w := l.width(e)
		if len(rows) == 0 || used+w > width {
			rows = append(rows, nil)
			used = 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += w + 3*gap
	}
	return rows
}

// outside draws a legend that stands above its plot, if it has more than one
// entry, and returns the rest of c, for the plot.
func (l *legend) outside(c draw.Canvas, p *plot.Plot) draw.Canvas {
	if l.corner != nil || len(l.entries) < 2 {
		return c
	}
	return l.above(c, p.DataCanvas(c).Min.X)
}

// above draws the entries in rows along the top of c, from x on, and returns
// the canvas beneath.
func (l *legend) above(c draw.Canvas, x vg.Length) draw.Canvas {
	_, gap, height := l.metrics()
	rows := l.rows(c.Max.X - x)
	y := c.Max.Y
	for _, row := range rows {
		left := x
		for _, e := range row {
			l.draw(c, e, left, y)
			left += l.width(e) + 3*gap
		}
		y -= height
	}
	return draw.Crop(c, 0, 0, 0, y-c.Max.Y-l.style.FontSize/3)
}

// corner is a corner of the data area.
type corner struct{ right, top bool }

// inside draws a legend that stands in a corner of the data area c, its entries
// one beneath the other.
func (l *legend) inside(c draw.Canvas) {
	if l.corner == nil {
		return
	}
	_, gap, height := l.metrics()
	width := vg.Length(0)
	for _, e := range l.entries {
		width = max(width, l.width(e))
	}
	box := vg.Rectangle{Max: vg.Point{X: width + 2*gap, Y: height*vg.Length(len(l.entries)) + gap}}
	shift := c.Min.Add(vg.Point{X: gap, Y: gap})
	if l.corner.right {
		shift.X = c.Max.X - gap - box.Max.X
	}
	if l.corner.top {
		shift.Y = c.Max.Y - gap - box.Max.Y
	}
	box = box.Add(shift)
	c.FillPolygon(color.NRGBA{0xff, 0xff, 0xff, 0xd8}, corners(box))
	y := box.Max.Y - gap/2
	for _, e := range l.entries {
		l.draw(c, e, box.Min.X+gap, y)
		y -= height
	}
}

// draw puts an entry with its upper left corner at (x, y).
func (l *legend) draw(c draw.Canvas, e legendEntry, x, y vg.Length) {
	sample, gap, height := l.metrics()
	inset := height / 5
	icon := draw.Canvas{Canvas: c.Canvas, Rectangle: rect(x, y-height+inset, x+sample, y-inset)}
	textX := x
	if e.sample != nil {
		e.sample.Thumbnail(&icon)
		textX += sample + gap
	}
	c.FillText(l.style.textAt(smallText, draw.XLeft, draw.YCenter), vg.Point{X: textX, Y: y - height/2}, e.label)
}

// lineSample and fillSample draw the sample of an entry.
type lineSample draw.LineStyle

func (s lineSample) Thumbnail(c *draw.Canvas) {
	y := c.Center().Y
	c.StrokeLine2(draw.LineStyle(s), c.Min.X, y, c.Max.X, y)
}

type fillSample struct{ color.Color }

func (s fillSample) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(s.Color, corners(c.Rectangle))
}
