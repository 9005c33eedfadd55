package plots

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// surround is the room around a plot's data that its axes and labels take.
type surround struct{ left, right, bottom, top vg.Length }

func surroundOf(p *plot.Plot, c draw.Canvas) surround {
	d := p.DataCanvas(c)
	return surround{d.Min.X - c.Min.X, c.Max.X - d.Max.X, d.Min.Y - c.Min.Y, c.Max.Y - d.Max.Y}
}

// stack draws plots beneath each other with their data areas in line. The heights
// of the data areas are proportional to shares. It returns the data areas.
func stack(c draw.Canvas, gap vg.Length, plots []*plot.Plot, shares []float64) []draw.Canvas {
	around := make([]surround, len(plots))
	var left, right vg.Length
	room, total := c.Max.Y-c.Min.Y-gap*vg.Length(len(plots)-1), 0.0
	for i, p := range plots {
		around[i] = surroundOf(p, c)
		left, right = max(left, around[i].left), max(right, around[i].right)
		room -= around[i].bottom + around[i].top
		total += shares[i]
	}
	var areas []draw.Canvas
	top := c.Max.Y
	for i, p := range plots {
		area := c
		area.Max.Y = top
		area.Min.Y = top - around[i].top - around[i].bottom - room*vg.Length(shares[i]/total)
		area.Min.X += left - around[i].left
		area.Max.X -= right - around[i].right
		p.Draw(area)
		areas = append(areas, p.DataCanvas(area))
		top = area.Min.Y - gap
	}
	return areas
}

// panelGrid returns the number of lines and columns for n small panels of equal
// size; 0 columns means as square as can be.
func panelGrid(n, columns int) (lines, cols int) {
	if columns <= 0 {
		columns = int(math.Ceil(math.Sqrt(float64(n))))
	}
	columns = max(1, min(columns, n))
	return (n + columns - 1) / columns, columns
}

// panelsHeight returns the height of a figure of n small panels, given the height
// of a panel by its width.
func panelsHeight(s Style, n, columns int, aspect float64, title string) vg.Length {
	lines, columns := panelGrid(max(1, n), columns)
	panel := (s.Width - 5*s.FontSize) / vg.Length(columns) * vg.Length(aspect)
	return vg.Length(lines)*(panel+1.3*s.FontSize) + 3.5*s.FontSize + titleHeight(s, title)
}

// newPanel returns an empty plot for a small panel with a name.
func (s Style) newPanel(name string) *plot.Plot {
	p := s.NewPlot(wrapName(name, panelNameWidth), "", "")
	p.Title.Padding = s.FontSize * 0.15
	return p
}

// drawPanels draws plots of equal data areas line by line. Only the outer panels
// get labels at their ticks. It returns the data areas.
func drawPanels(c draw.Canvas, s Style, plots []*plot.Plot, columns int) []draw.Canvas {
	lines, columns := panelGrid(len(plots), columns)
	rows := make([][]*plot.Plot, lines)
	for i := range rows {
		rows[i] = make([]*plot.Plot, columns)
		copy(rows[i], plots[i*columns:])
	}
	for i, p := range plots {
		left, bottom := outer(i, len(plots), columns)
		if !left {
			p.Y.Tick.Marker = unlabelled{p.Y.Tick.Marker}
		}
		if !bottom {
			p.X.Tick.Marker = unlabelled{p.X.Tick.Marker}
		}
	}
	tiles := draw.Tiles{Rows: lines, Cols: columns, PadX: s.FontSize * 0.6, PadY: s.FontSize * 0.5}
	canvases := plot.Align(rows, tiles, c)
	var areas []draw.Canvas
	for i, p := range plots {
		area := canvases[i/columns][i%columns]
		p.Draw(area)
		areas = append(areas, p.DataCanvas(area))
	}
	return areas
}

// outer reports whether panel i of n is the leftmost of its line, and whether it
// is the lowest of its column.
func outer(i, n, columns int) (left, bottom bool) {
	_, columns = panelGrid(n, columns)
	return i%columns == 0, i+columns >= n
}

// addTitle writes a title along the top of c and returns the rest of c.
func (s Style) addTitle(c draw.Canvas, title string) draw.Canvas {
	if title == "" {
		return c
	}
	c.FillText(s.textAt(1, draw.XCenter, draw.YTop), vg.Point{X: c.Center().X, Y: c.Max.Y}, title)
	return draw.Crop(c, 0, 0, 0, -titleHeight(s, title))
}

// titleHeight is the height of a title with its gap, 0 without a title.
func titleHeight(s Style, title string) vg.Length {
	if title == "" {
		return 0
	}
	return 1.8 * s.FontSize
}

// sharedLabels writes one label for the horizontal axes of all panels and one
// for the vertical axes, and returns the rest of c.
func (s Style) sharedLabels(c draw.Canvas, x, y string) draw.Canvas {
	label := s.textAt(1, draw.XCenter, draw.YBottom)
	room := 1.6 * s.FontSize
	if x != "" {
		c.FillText(label, vg.Point{X: c.Center().X, Y: c.Min.Y}, x)
		c = draw.Crop(c, 0, 0, room, 0)
	}
	if y != "" {
		label.Rotation, label.YAlign = math.Pi/2, draw.YTop
		c.FillText(label, vg.Point{X: c.Min.X, Y: c.Center().Y}, y)
		c = draw.Crop(c, room, 0, 0, 0)
	}
	return c
}

// nominalAxis puts names at 0, 1, 2, ... of an axis, without ticks but a little
// off its line.
func (s Style) nominalAxis(a *plot.Axis, names []string) {
	ticks := make(plot.ConstantTicks, len(names))
	for i, name := range names {
		ticks[i] = plot.Tick{Value: float64(i), Label: name}
	}
	a.Tick.Marker, a.Tick.Length, a.Tick.LineStyle.Color = ticks, s.FontSize*0.25, color.Transparent
	a.Min, a.Max = -0.5, float64(len(names))-0.5
}

// nominalRows puts names at n-1, ..., 1, 0 of an axis: the first is on top.
func (s Style) nominalRows(a *plot.Axis, names []string) {
	names = slices.Clone(names)
	slices.Reverse(names)
	s.nominalAxis(a, names)
}
