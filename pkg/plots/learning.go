package plots

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// LearningCurves draws loss, accuracy and learning rate over the epochs of a
// training run, one above the other, with an epoch marked.
type LearningCurves struct {
	// Columns are the names of all columns, in the order of Data.
	Columns []string
	// Values has a value for each epoch in each column, NaN for none. Drawn are
	// the columns train_loss, val_loss, train_accuracy, val_accuracy and
	// learning_rate over the column epoch, as far as they are there.
	Values map[string][]float64
	// Best is the epoch to mark; NaN or 0 for none.
	Best  float64
	Title string
}

// NewLearningCurves returns the curves of a table of epochs; see
// [LearningCurves].
func NewLearningCurves(columns []string, values map[string][]float64) *LearningCurves {
	return &LearningCurves{Columns: columns, Values: values}
}

// epochColumn has the epochs.
const epochColumn = "epoch"

// panel is a plot of the figure.
type panel struct {
	label      string
	train, val string // columns
	log        bool
	share      float64 // of the height
}

func (f *LearningCurves) panels() []panel {
	all := []panel{
		{"Loss", "train_loss", "val_loss", false, 1},
		{"Accuracy", "train_accuracy", "val_accuracy", false, 1},
		{"Learning rate", "learning_rate", "", true, 0.6},
	}
	return slices.DeleteFunc(all, func(p panel) bool {
		return !slices.ContainsFunc(p.columns(), func(column string) bool { return len(f.points(column, p.log)) > 0 })
	})
}

// shownDecades is how many decades below the highest learning rate are drawn: a
// cosine schedule ends so near zero that its last epoch would take all the room.
const shownDecades = 4

func (p panel) columns() []string { return []string{p.train, p.val} }

// points returns the finite values of a column over the epochs, as logarithms to
// base 10 on a logarithmic axis.
func (f *LearningCurves) points(column string, log bool) plotter.XYs {
	var points plotter.XYs
	for i, v := range f.Values[column] {
		x := f.Values[epochColumn][i]
		if isFinite(x) && isFinite(v) && !(log && v <= 0) {
			if log {
				v = math.Log10(v)
			}
			points = append(points, plotter.XY{X: x, Y: v})
		}
	}
	return points
}

// Height implements [Figure].
func (f *LearningCurves) Height(s Style) vg.Length {
	height := 4*s.FontSize + titleHeight(s, f.Title)
	for _, p := range f.panels() {
		height += vg.Length(p.share) * min(s.Width*0.4, 16*s.FontSize)
	}
	return height
}

// Draw implements [Figure].
func (f *LearningCurves) Draw(c draw.Canvas, s Style) error {
	panels := f.panels()
	if len(panels) == 0 {
		return errors.New("learning curves: the history has no loss, accuracy or learning rate")
	}
	first, last := math.Inf(1), math.Inf(-1)
	var plots []*plot.Plot
	for _, panel := range panels {
		p := s.NewPlot("", "", panel.label)
		s.addGrid(p, false, true)
		for j, column := range panel.columns() {
			points := f.points(column, panel.log)
			if len(points) == 0 {
				continue
			}
			line, dot, err := plotter.NewLinePoints(points)
			if err != nil {
				return fmt.Errorf("learning curves: %s: %w", column, err)
			}
			line.LineStyle = s.line(SeriesColor(j))
			if panel.log {
				line.StepStyle, line.Color = plotter.PostStep, ink
			}
			p.Add(line)
			if len(points) == 1 {
				dot.GlyphStyle = draw.GlyphStyle{Color: line.Color, Radius: 1.5 * s.LineWidth, Shape: draw.CircleGlyph{}}
				p.Add(dot)
			}
		}
		first, last = min(first, p.X.Min), max(last, p.X.Max)
		if panel.log {
			p.Y.Tick.Marker = logarithmic(decades)
			p.Y.Min, p.Y.Max = max(p.Y.Min, p.Y.Max-shownDecades)-0.2, p.Y.Max+0.2
		} else {
			pad := cmp.Or(0.05*(p.Y.Max-p.Y.Min), 0.05)
			p.Y.Min, p.Y.Max = p.Y.Min-pad, p.Y.Max+pad
			p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
		}
		if f.Best > 0 {
			p.Add(VerticalRule{f.Best, s.rule(ink)})
		}
		plots = append(plots, p)
	}
	for i, p := range plots {
		p.X.Min, p.X.Max = first, last
		if first == last {
			p.X.Min, p.X.Max = first-1, last+1
		}
		p.X.Padding = 2 * s.LineWidth
		p.X.Tick.Marker = wholeTicks(8)
		if i == len(plots)-1 {
			p.X.Label.Text = "Epoch"
		} else {
			p.X.Tick.Marker = unlabelled{p.X.Tick.Marker}
		}
	}
	c = s.addTitle(s.margin(c), f.Title)
	// The legend stands above the data, where the widest axis ends.
	left := c.Min.X
	var shares []float64
	for i, p := range plots {
		left = max(left, p.DataCanvas(c).Min.X)
		shares = append(shares, panels[i].share)
	}
	key := legend{style: s}
	key.add("training", lineSample(s.line(SeriesColor(0))))
	key.add("validation", lineSample(s.line(SeriesColor(1))))
	if f.Best > 0 {
		key.add("best epoch ("+strconv.FormatFloat(f.Best, 'g', -1, 64)+")", lineSample(s.rule(ink)))
	}
	stack(key.above(c, left), s.FontSize*0.6, plots, shares)
	return nil
}

// Data implements [Figure].
func (f *LearningCurves) Data() [][]string {
	out := [][]string{f.Columns}
	for i := range len(f.Values[epochColumn]) {
		row := make([]string, len(f.Columns))
		for j, name := range f.Columns {
			row[j] = cell(f.Values[name][i])
		}
		out = append(out, row)
	}
	return out
}
