package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Normalization says what the numbers in a confusion matrix are.
type Normalization int

const (
	// Counts are numbers of images.
	Counts Normalization = iota
	// ByTruth divides by the images of the true class: recall on the diagonal.
	ByTruth
	// ByPrediction divides by the images of the predicted class: precision on
	// the diagonal.
	ByPrediction
)

// ConfusionMatrix draws counts or shares with the truth in rows. Cells are
// shaded by share even when counts are written: otherwise the largest class
// would be all one sees.
type ConfusionMatrix struct {
	Confusion eval.Confusion
	Classes   []string
	Normalize Normalization
	Title     string
}

// NewConfusionMatrix returns the matrix of m with counts written.
func NewConfusionMatrix(m *eval.Metrics) *ConfusionMatrix {
	return &ConfusionMatrix{Confusion: m.Confusion, Classes: m.Classes}
}

// Height implements [Figure].
func (f *ConfusionMatrix) Height(s Style) vg.Length { return s.Width*0.92 + titleHeight(s, f.Title) }

// titleHeight is the room that a title takes.
func titleHeight(s Style, title string) vg.Length {
	if title == "" {
		return 0
	}
	return 1.8 * s.FontSize
}

func (f *ConfusionMatrix) shares() [][]float64 {
	if f.Normalize == ByPrediction {
		return f.Confusion.NormalizeColumns()
	}
	return f.Confusion.NormalizeRows()
}

// Draw implements [Figure].
func (f *ConfusionMatrix) Draw(c draw.Canvas, s Style) error {
	k := len(f.Classes)
	if k == 0 || len(f.Confusion) != k {
		return fmt.Errorf("confusion matrix: %d rows for %d classes", len(f.Confusion), k)
	}
	if f.Confusion.Total() == 0 {
		return errors.New("confusion matrix: there is no image in it")
	}
	shares := f.shares()
	p := s.newPlot(f.Title, "Predicted class", "True class")
	heat := plotter.NewHeatMap(tableGrid(shares), blues{})
	heat.Min, heat.Max = 0, 1
	heat.NaN = color.White
	p.Add(heat)

	labels := plotter.XYLabels{}
	var inks []color.Color
	for t := range k {
		for q := range k {
			text := strconv.Itoa(f.Confusion[t][q])
			if f.Normalize != Counts {
				text = share(shares[t][q])
			}
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(q), Y: float64(k - 1 - t)})
			labels.Labels = append(labels.Labels, text)
			background := blueAt(0)
			if v := shares[t][q]; !math.IsNaN(v) {
				background = blueAt(v)
			}
			inks = append(inks, inkOn(background))
		}
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return fmt.Errorf("confusion matrix: %w", err)
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i] = centred(s.text(cellTextShare(s, k)))
		numbers.TextStyle[i].Color = inks[i]
	}
	p.Add(numbers)

	rows := make([]string, k)
	for t, name := range f.Classes {
		rows[k-1-t] = name
	}
	s.nominalAxis(&p.X, f.Classes)
	s.nominalAxis(&p.Y, rows)
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.Add(frame{s.thin(axisInk)})
	p.Draw(s.margin(c))
	return nil
}

// cellTextShare shrinks the numbers of matrices of many classes: a cell must
// hold four digits.
func cellTextShare(s Style, classes int) float64 {
	room := 0.75 * float64(s.Width) / float64(classes)
	return min(smallText, room/(2.6*float64(s.FontSize)))
}

// Data implements [Figure].
func (f *ConfusionMatrix) Data() [][]string {
	out := [][]string{{"true", "predicted", "count", "share_of_true", "share_of_predicted"}}
	rows, columns := f.Confusion.NormalizeRows(), f.Confusion.NormalizeColumns()
	for t, name := range f.Classes {
		for q, other := range f.Classes {
			out = append(out, []string{name, other, strconv.Itoa(f.Confusion[t][q]), cell(rows[t][q]), cell(columns[t][q])})
		}
	}
	return out
}

// share writes a share in two decimals, an exact zero as 0 so that empty cells
// recede, and NaN as a dash.
func share(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v == 0:
		return "0"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// nominal puts names at 0, 1, 2, ...
func nominal(names []string) plot.ConstantTicks {
	ticks := make(plot.ConstantTicks, len(names))
	for i, name := range names {
		ticks[i] = plot.Tick{Value: float64(i), Label: name}
	}
	return ticks
}

// frame draws a box around the data.
type frame struct{ draw.LineStyle }

func (f frame) Plot(c draw.Canvas, _ *plot.Plot) {
	r := c.Rectangle
	c.StrokeLines(f.LineStyle, append(rectangle(r), r.Min))
}
