package plots

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Style is the look that figures share: width, type and line weight. Heights
// follow from the width, figure by figure.
type Style struct {
	// Width of the figure: a journal column, a slide.
	Width vg.Length
	// FontSize of labels; ticks and legends are a little smaller.
	FontSize vg.Length
	// LineWidth of curves; axes and grids are thinner.
	LineWidth vg.Length
	// DPI is the resolution of PNG files and of images inside other formats.
	DPI int
	// Font is the typeface; its size is not used.
	Font font.Font
}

// Sans and Serif are the typefaces at hand, Liberation's metric twins of Arial
// and Times.
var (
	Sans  = font.Font{Typeface: "Liberation", Variant: "Sans"}
	Serif = font.Font{Typeface: "Liberation", Variant: "Serif"}
)

// Paper is a single journal column: 85 mm, 8 pt, 300 dpi.
func Paper() Style {
	return Style{Width: 85 * vg.Millimeter, FontSize: 8, LineWidth: 1, DPI: 300, Font: Sans}
}

// PaperWide is a double journal column: 175 mm, 8 pt, 300 dpi.
func PaperWide() Style {
	s := Paper()
	s.Width = 175 * vg.Millimeter
	return s
}

// Talk is most of a slide: 240 mm, 18 pt, 150 dpi.
func Talk() Style {
	return Style{Width: 240 * vg.Millimeter, FontSize: 18, LineWidth: 2.25, DPI: 150, Font: Sans}
}

// ParseStyle returns the style named "paper", "paper-wide" or "talk".
func ParseStyle(name string) (Style, error) {
	styles := map[string]func() Style{"paper": Paper, "paper-wide": PaperWide, "talk": Talk}
	if style, ok := styles[strings.ToLower(name)]; ok {
		return style(), nil
	}
	return Style{}, fmt.Errorf("unknown figure style %q: use paper, paper-wide or talk", name)
}

// ParseFont returns the typeface named "sans" or "serif".
func ParseFont(name string) (font.Font, error) {
	if f, ok := map[string]font.Font{"sans": Sans, "serif": Serif}[strings.ToLower(name)]; ok {
		return f, nil
	}
	return font.Font{}, fmt.Errorf("unknown typeface %q: use sans or serif", name)
}

func (s Style) validate() error {
	switch {
	case !(s.Width > 0) || !(s.FontSize > 0) || !(s.LineWidth > 0):
		return fmt.Errorf("figure style: width %v, font size %v and line width %v must be positive", s.Width, s.FontSize, s.LineWidth)
	case s.DPI < 1:
		return fmt.Errorf("figure style: %d dpi must be positive", s.DPI)
	}
	return nil
}

// smallText is the size of ticks and legends relative to labels.
const smallText = 0.875

var (
	ink      = color.Gray{0x20}
	axisInk  = color.Gray{0x50}
	faintInk = color.Gray{0xdd}
	muted    = color.Gray{0x70}
)

// text returns a text style of the given share of the font size. A text lies to the
// right of its point and above it; see textAt.
func (s Style) text(share float64) text.Style { return s.textAt(share, draw.XLeft, draw.YBottom) }

// textAt is text with the side of the text that lies at its point.
func (s Style) textAt(share float64, x text.XAlignment, y text.YAlignment) text.Style {
	f := font.From(s.Font, s.FontSize*vg.Length(share))
	return text.Style{Color: ink, Font: f, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

func (s Style) line(c color.Color) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: s.LineWidth}
}

// thin is the line for axes, frames and error bars.
func (s Style) thin(c color.Color) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: s.LineWidth / 2}
}

// dashed returns the line with dashes and gaps in turn, in units of LineWidth.
func (s Style) dashed(line draw.LineStyle, lengths ...vg.Length) draw.LineStyle {
	for _, length := range lengths {
		line.Dashes = append(line.Dashes, length*s.LineWidth)
	}
	return line
}

// rule is the line of a [VerticalRule].
func (s Style) rule(c color.Color) draw.LineStyle { return s.dashed(s.thin(c), 2, 2) }

// NewPlot returns an empty plot in this style, with a title and the labels of its axes,
// each of which may be empty.
func (s Style) NewPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle = s.textAt(1, draw.XCenter, draw.YTop)
	p.Title.Padding = s.FontSize / 2
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = s.text(smallText).Font, ink
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font, axis.Label.TextStyle.Color = s.text(1).Font, ink
		axis.Label.Padding = s.FontSize / 4
		axis.LineStyle = s.thin(axisInk)
		axis.Tick.Label.Font, axis.Tick.Label.Color = s.text(smallText).Font, ink
		axis.Tick.LineStyle = s.thin(axisInk)
		axis.Tick.Length = s.FontSize * 0.35
		axis.Padding = 0
	}
	return p
}

// addGrid puts faint lines at the major ticks, behind later plotters.
func (s Style) addGrid(p *plot.Plot, vertical, horizontal bool) {
	grid := plotter.NewGrid()
	grid.Vertical, grid.Horizontal = s.thin(faintInk), s.thin(faintInk)
	if !vertical {
		grid.Vertical.Color = nil
	}
	if !horizontal {
		grid.Horizontal.Color = nil
	}
	p.Add(fullGrid{grid})
}

// fullGrid draws lines also at ticks without labels.
type fullGrid struct{ *plotter.Grid }

// Plot implements [plot.Plotter].
func (g fullGrid) Plot(c draw.Canvas, p *plot.Plot) {
	labelled := *p
	for _, axis := range []*plot.Axis{&labelled.X, &labelled.Y} {
		if inner, ok := axis.Tick.Marker.(unlabelled); ok {
			axis.Tick.Marker = inner.Ticker
		}
	}
	g.Grid.Plot(c, &labelled)
}

// edge is the width of the empty edge of a figure, and margin returns c without it.
func (s Style) edge() vg.Length { return s.FontSize * 0.4 }

func (s Style) margin(c draw.Canvas) draw.Canvas {
	return draw.Crop(c, s.edge(), -s.edge(), s.edge(), -s.edge())
}
