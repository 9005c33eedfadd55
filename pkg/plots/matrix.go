package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg/draw"
)

// Matrix is a plotter of a table: a heat map, the first row on top, with a text
// in each cell. Column k lies at x = k, row i of n at y = n-1-i.
type Matrix struct {
	*plotter.HeatMap
	Texts *plotter.Labels
}

// NewMatrix returns the matrix of values [row][column] from 0, drawn white, to
// top, drawn in a deep blue; NaN is white. The texts, of the same shape, are
// written in the given style, black or white by the shade of their cell. It fails
// if the tables are empty or differ in shape.
func NewMatrix(values [][]float64, texts [][]string, top float64, style text.Style) (*Matrix, error) {
	if len(values) == 0 || len(values[0]) == 0 || len(texts) != len(values) {
		return nil, fmt.Errorf("matrix: %d rows of values and %d of texts", len(values), len(texts))
	}
	labels := plotter.XYLabels{}
	var inks []color.Color
	for i, row := range values {
		if len(row) != len(values[0]) || len(texts[i]) != len(row) {
			return nil, fmt.Errorf("matrix: row %d has %d values and %d texts, not %d", i+1, len(row), len(texts[i]), len(values[0]))
		}
		for k, v := range row {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(k), Y: float64(len(values) - 1 - i)})
			if math.IsNaN(v) {
				v = 0
			}
			inks = append(inks, inkOn(blueAt(v/top)))
		}
		labels.Labels = append(labels.Labels, texts[i]...)
	}
	m := &Matrix{HeatMap: plotter.NewHeatMap(rowsFromTop(values), blues{})}
	m.Min, m.Max, m.NaN = 0, top, color.White
	var err error
	if m.Texts, err = plotter.NewLabels(labels); err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	for i := range m.Texts.TextStyle {
		style.XAlign, style.YAlign, style.Color = draw.XCenter, draw.YCenter, inks[i]
		m.Texts.TextStyle[i] = style
	}
	return m, nil
}

// Plot implements [plot.Plotter].
func (m *Matrix) Plot(c draw.Canvas, p *plot.Plot) {
	m.HeatMap.Plot(c, p)
	m.Texts.Plot(c, p)
}

// GlyphBoxes implements [plot.GlyphBoxer].
func (m *Matrix) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	return slices.Concat(m.HeatMap.GlyphBoxes(p), m.Texts.GlyphBoxes(p))
}

// rowsFromTop is a [plotter.GridXYZ] with the first row on top.
type rowsFromTop [][]float64

func (g rowsFromTop) Dims() (c, r int)   { return len(g[0]), len(g) }
func (g rowsFromTop) Z(c, r int) float64 { return g[len(g)-1-r][c] }
func (g rowsFromTop) X(c int) float64    { return float64(c) }
func (g rowsFromTop) Y(r int) float64    { return float64(r) }

// addMatrix adds a matrix to p with its frame and the names of its columns and
// rows in place of axes.
func (s Style) addMatrix(p *plot.Plot, m *Matrix, columns, rows []string) {
	p.Add(m, Frame{s.thin(axisInk)})
	s.nominalColumns(p, columns)
	s.nominalRows(&p.Y, wrapNames(rows, nameWidth))
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
}
