package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Crosstab draws counts of two properties: each cell has its share of its
// column in percent and is shaded by it. The number of the column stands beneath
// its name.
type Crosstab struct {
	Rows, Columns  []string
	Counts         [][]int // [row][column]
	XLabel, YLabel string
	Title          string
}

// Height implements [Figure].
func (f *Crosstab) Height(s Style) vg.Length {
	return vg.Length(len(f.Rows))*1.6*s.FontSize + 4.6*s.FontSize + titleHeight(s, f.Title)
}

// shares returns each column divided by its sum, NaN where that is 0, and the
// sums.
func (f *Crosstab) shares() (shares [][]float64, sums []int) {
	sums = make([]int, len(f.Columns))
	for _, row := range f.Counts {
		for k, n := range row {
			sums[k] += n
		}
	}
	for _, row := range f.Counts {
		var line []float64
		for k, n := range row {
			v := math.NaN()
			if sums[k] > 0 {
				v = float64(n) / float64(sums[k])
			}
			line = append(line, v)
		}
		shares = append(shares, line)
	}
	return shares, sums
}

// Draw implements [Figure].
func (f *Crosstab) Draw(c draw.Canvas, s Style) error {
	if len(f.Rows) == 0 || len(f.Columns) == 0 || len(f.Counts) != len(f.Rows) {
		return fmt.Errorf("crosstab: %d rows of counts for %d rows and %d columns", len(f.Counts), len(f.Rows), len(f.Columns))
	}
	for i, row := range f.Counts {
		if len(row) != len(f.Columns) {
			return fmt.Errorf("crosstab: row %s has %d counts for %d columns", f.Rows[i], len(row), len(f.Columns))
		}
	}
	shares, sums := f.shares()
	total, top := 0, 0.0
	for k := range f.Columns {
		total += sums[k]
		for _, row := range shares {
			if row[k] > top {
				top = row[k]
			}
		}
	}
	if total == 0 {
		return errors.New("crosstab: all counts are zero")
	}
	p := s.newPlot(f.Title, f.XLabel, f.YLabel)
	heat := plotter.NewHeatMap(tableGrid(shares), blues{})
	heat.Min, heat.Max = 0, max(top, 0.5) // no darker than a small share deserves
	heat.NaN = color.White
	p.Add(heat)
	labels := plotter.XYLabels{}
	var styles []color.Color
	for i, row := range shares {
		for k, v := range row {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(k), Y: float64(len(f.Rows) - 1 - i)})
			labels.Labels = append(labels.Labels, percent(v, f.Counts[i][k]))
			background := blueAt(0)
			if !math.IsNaN(v) {
				background = blueAt(v / heat.Max)
			}
			styles = append(styles, inkOn(background))
		}
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return fmt.Errorf("crosstab: %w", err)
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i] = centred(s.text(smallText))
		numbers.TextStyle[i].Color = styles[i]
	}
	p.Add(numbers, frame{s.thin(axisInk)})
	rows := make([]string, len(f.Rows))
	for i, name := range f.Rows {
		rows[len(rows)-1-i] = name
	}
	columns := make([]string, len(f.Columns))
	for k, name := range f.Columns {
		columns[k] = name + "\n" + thousands(sums[k])
	}
	s.nominalAxis(&p.X, columns)
	s.nominalAxis(&p.Y, rows)
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.Draw(s.margin(c))
	return nil
}

// percent writes a share of n in whole percent, less than half a percent as
// <1, none as nothing.
func percent(v float64, n int) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case n == 0:
		return ""
	case v < 0.005:
		return "<1"
	}
	return strconv.Itoa(int(math.Round(100 * v)))
}

// Data implements [Figure].
func (f *Crosstab) Data() [][]string {
	out := [][]string{{"column", "row", "count", "share_of_column"}}
	shares, _ := f.shares()
	for k, column := range f.Columns {
		for i, row := range f.Rows {
			out = append(out, []string{column, row, strconv.Itoa(f.Counts[i][k]), cell(shares[i][k])})
		}
	}
	return out
}

// tableGrid is a plotter.GridXYZ of any size with the first row on top.
type tableGrid [][]float64

func (g tableGrid) Dims() (c, r int)   { return len(g[0]), len(g) }
func (g tableGrid) Z(c, r int) float64 { return g[len(g)-1-r][c] }
func (g tableGrid) X(c int) float64    { return float64(c) }
func (g tableGrid) Y(r int) float64    { return float64(r) }
