package plots

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// NamedFigure is a figure under the name of its file, without extension.
type NamedFigure struct {
	Name   string
	Figure Figure
}

// ContactSheet draws many figures on one page, each under its name, in columns:
// every figure goes to the column that is shortest so far. The width of the style
// is the width of the page; see [ContactSheet.Style].
type ContactSheet struct {
	Figures []NamedFigure
	// Columns of figures; 0 means about as many as make the page square.
	Columns int
	Title   string
}

// sheetPixels is the width of one figure on a contact sheet.
const sheetPixels = 280

func (f *ContactSheet) columns() int {
	_, square := panelGrid(len(f.Figures), 0)
	return cmp.Or(max(f.Columns, 0), square)
}

// Style returns the style of a sheet for figures of style s: as wide as all columns
// and of a low resolution, so that a page of dozens of figures can be viewed.
func (f *ContactSheet) Style(s Style) Style {
	gap := s.FontSize * 2
	dpi := sheetPixels / float64(s.Width/vg.Inch)
	s.Width = vg.Length(f.columns())*(s.Width+gap) + gap
	s.DPI = max(1, int(math.Round(dpi)))
	return s
}

// cellOf returns the style of one figure and the gap between figures.
func (f *ContactSheet) cellOf(s Style) (cell Style, gap vg.Length) {
	gap = s.FontSize * 2
	s.Width = (s.Width-gap)/vg.Length(f.columns()) - gap
	return s, gap
}

// layout returns the place of each figure as a distance from the upper left
// corner of the page, and the height of the page.
func (f *ContactSheet) layout(s Style) (places []vg.Point, height vg.Length) {
	cell, gap := f.cellOf(s)
	columns := make([]vg.Length, f.columns())
	for i := range columns {
		columns[i] = gap + titleHeight(s, f.Title)
	}
	for _, item := range f.Figures {
		k := slices.Index(columns, slices.Min(columns))
		places = append(places, vg.Point{X: gap + vg.Length(k)*(cell.Width+gap), Y: columns[k]})
		columns[k] += s.nameHeight() + item.Figure.Height(cell) + gap
	}
	return places, slices.Max(columns)
}

// nameHeight is the room of a figure's name on a contact sheet.
func (s Style) nameHeight() vg.Length { return 1.6 * s.FontSize }

// Height implements [Figure].
func (f *ContactSheet) Height(s Style) vg.Length {
	_, height := f.layout(s)
	return height
}

// Draw implements [Figure].
func (f *ContactSheet) Draw(c draw.Canvas, s Style) error {
	if len(f.Figures) == 0 {
		return errors.New("contact sheet: there is no figure")
	}
	cell, _ := f.cellOf(s)
	if cell.Width <= 0 {
		return fmt.Errorf("contact sheet: %d columns do not fit into %v", f.columns(), s.Width)
	}
	s.addTitle(draw.Crop(c, 0, 0, 0, -s.FontSize), f.Title)
	places, _ := f.layout(s)
	for i, item := range f.Figures {
		corner := vg.Point{X: c.Min.X + places[i].X, Y: c.Max.Y - places[i].Y}
		name := s.textAt(1, draw.XLeft, draw.YTop)
		name.Color = muted
		c.FillText(name, corner, item.Name)
		area := c
		area.Min.X, area.Max.X = corner.X, corner.X+cell.Width
		area.Max.Y = corner.Y - s.nameHeight()
		area.Min.Y = area.Max.Y - item.Figure.Height(cell)
		if err := item.Figure.Draw(area, cell); err != nil {
			return fmt.Errorf("contact sheet: %s: %w", item.Name, err)
		}
		strokeBox(area, s.thin(faintInk), area.Rectangle)
	}
	return nil
}

// Data implements [Figure]: the names of the figures.
func (f *ContactSheet) Data() [][]string {
	out := table{{"figure"}}
	for _, item := range f.Figures {
		out.add(item.Name)
	}
	return out
}
