package plots

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Normalization is the meaning of the numbers in a confusion matrix.
type Normalization int

const (
	// NormalizeNone writes the numbers of images.
	NormalizeNone Normalization = iota
	// NormalizeByTruth divides by the images of the true class: the diagonal has
	// the recalls.
	NormalizeByTruth
	// NormalizeByPrediction divides by the images of the predicted class: the
	// diagonal has the precisions.
	NormalizeByPrediction
)

// ConfusionMatrix draws counts or shares, a row for each true class and a column
// for each predicted class. Cells are shaded by share even when counts are
// written: otherwise the largest class would hide the others.
type ConfusionMatrix struct {
	Confusion eval.Confusion
	Classes   []string
	Normalize Normalization
	Title     string
}

// NewConfusionMatrix returns the confusion matrix of m with counts written.
func NewConfusionMatrix(m *eval.Metrics) *ConfusionMatrix {
	return &ConfusionMatrix{Confusion: m.Confusion, Classes: m.Classes}
}

// Height implements [Figure].
func (f *ConfusionMatrix) Height(s Style) vg.Length { return s.Width*0.92 + titleHeight(s, f.Title) }

func (f *ConfusionMatrix) shares() [][]float64 {
	if f.Normalize == NormalizeByPrediction {
		return f.Confusion.NormalizeColumns()
	}
	return f.Confusion.NormalizeRows()
}

// AddTo implements [Single].
func (f *ConfusionMatrix) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *ConfusionMatrix) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *ConfusionMatrix) addTo(p *plot.Plot, s Style) (legend, error) {
	k := len(f.Classes)
	if k == 0 || len(f.Confusion) != k {
		return legend{}, fmt.Errorf("confusion matrix: %d rows for %d classes", len(f.Confusion), k)
	}
	if f.Confusion.Total() == 0 {
		return legend{}, errors.New("confusion matrix: there is no image in it")
	}
	shares := f.shares()
	texts := make([][]string, k)
	for t, row := range shares {
		for q, v := range row {
			text := strconv.Itoa(f.Confusion[t][q])
			if f.Normalize != NormalizeNone {
				text = share(v)
			}
			texts[t] = append(texts[t], text)
		}
	}
	m, err := NewMatrix(shares, texts, 1, s.text(cellTextShare(s, k)))
	if err != nil {
		return legend{}, fmt.Errorf("confusion matrix: %w", err)
	}
	p.X.Label.Text, p.Y.Label.Text = "Predicted class", "True class"
	s.addMatrix(p, m, f.Classes, f.Classes)
	return legend{}, nil
}

// cellTextShare shrinks the numbers of matrices of many classes: a cell must
// hold four digits.
func cellTextShare(s Style, classes int) float64 {
	room := 0.75 * float64(s.Width) / float64(classes)
	return min(smallText, room/(2.6*float64(s.FontSize)))
}

// Data implements [Figure].
func (f *ConfusionMatrix) Data() [][]string {
	out := table{{"true", "predicted", "count", "share_of_true", "share_of_predicted"}}
	rows, columns := f.Confusion.NormalizeRows(), f.Confusion.NormalizeColumns()
	for t, name := range f.Classes {
		for q, other := range f.Classes {
			out.add(name, other, f.Confusion[t][q], rows[t][q], columns[t][q])
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
