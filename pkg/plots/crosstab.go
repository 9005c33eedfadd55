package plots

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Crosstab draws counts by two properties: each cell has its share of its column
// in percent and is shaded by it. The sum of a column stands beneath its name.
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
			line = append(line, float64(n)/float64(sums[k])) // 0/0 is NaN
		}
		shares = append(shares, line)
	}
	return shares, sums
}

// AddTo implements [Single].
func (f *Crosstab) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *Crosstab) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *Crosstab) addTo(p *plot.Plot, s Style) (legend, error) {
	if len(f.Rows) == 0 || len(f.Columns) == 0 || len(f.Counts) != len(f.Rows) {
		return legend{}, fmt.Errorf("crosstab: %d rows of counts for %d rows and %d columns", len(f.Counts), len(f.Rows), len(f.Columns))
	}
	for i, row := range f.Counts {
		if len(row) != len(f.Columns) {
			return legend{}, fmt.Errorf("crosstab: row %s has %d counts for %d columns", f.Rows[i], len(row), len(f.Columns))
		}
	}
	shares, sums := f.shares()
	if slices.Max(sums) == 0 {
		return legend{}, errors.New("crosstab: all counts are zero")
	}
	_, top := extent(shares...)
	texts := make([][]string, len(f.Rows))
	for i, row := range shares {
		for k, v := range row {
			texts[i] = append(texts[i], percent(v, f.Counts[i][k]))
		}
	}
	m, err := NewMatrix(shares, texts, max(top, 0.5), s.text(smallText)) // a small share is not drawn dark
	if err != nil {
		return legend{}, fmt.Errorf("crosstab: %w", err)
	}
	columns := make([]string, len(f.Columns))
	for k, name := range f.Columns {
		columns[k] = name + "\n" + eval.FormatThousands(sums[k])
	}
	p.X.Label.Text, p.Y.Label.Text = f.XLabel, f.YLabel
	s.addMatrix(p, m, columns, f.Rows)
	return legend{}, nil
}

// percent writes a share in whole percent, a share below half a percent as <1,
// and nothing if the count n is 0.
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
	out := table{{"column", "row", "count", "share_of_column"}}
	shares, _ := f.shares()
	for k, column := range f.Columns {
		for i, row := range f.Rows {
			out.add(column, row, f.Counts[i][k], shares[i][k])
		}
	}
	return out
}
