package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Curve is one named line of a [ROC] or [PR] figure.
type Curve struct {
	Name string
	// X and Y are in [0, 1]; Thresholds may be nil.
	X, Y, Thresholds []float64
	// Area stands in the legend: AUROC or average precision.
	Area float64
	// Band is drawn behind the line; nil for none.
	Band *Band
	// Line is how it is drawn; zero means a solid line in the class colour of
	// its place in the list.
	Line CurveLine
}

// CurveLine is the look of a [Curve].
type CurveLine struct {
	Color color.Color
	// Average marks a curve over classes: a grey line, dashed for macro, dashed
	// and dotted for weighted, dotted for micro averages.
	Average Average
}

// Average says how a curve was averaged over classes.
type Average int

const (
	NoAverage       Average = iota // one class
	MacroAverage                   // mean of the classes
	WeightedAverage                // the same, by support
	MicroAverage                   // all (image, class) pairs together
)

// Names of the averages in legends and data.
const (
	macroName    = "macro"
	weightedName = "weighted"
	microName    = "micro"
)

// ROC draws one-vs-rest ROC curves with their areas in the legend.
type ROC struct {
	Curves []Curve
	Title  string
}

// PR draws one-vs-rest precision-recall curves with their average precisions in
// the legend.
type PR struct {
	Curves []Curve
	Title  string
}

// NewROC returns the curves of each class of p that is in the truth, of their
// vertical average, plain (macro) and by support (weighted), and of all pairs
// ranked together (micro).
func NewROC(p *eval.Predictions) (*ROC, error) {
	f := &ROC{}
	var curves []*eval.ROC
	support := make([]float64, len(p.Classes))
	for _, t := range p.Truth {
		if t != eval.Unknown {
			support[t]++
		}
	}
	for k, class := range p.Classes {
		c, err := eval.ClassROC(p, k)
		if err != nil {
			return nil, fmt.Errorf("ROC: %w", err)
		}
		curves = append(curves, c)
		f.add(class, c, CurveLine{Color: ClassColor(k)})
	}
	micro, err := eval.MicroROC(p)
	if err != nil {
		return nil, fmt.Errorf("ROC: %w", err)
	}
	f.add(macroName, eval.MacroROC(curves), CurveLine{Average: MacroAverage})
	f.add(weightedName, eval.WeightedROC(curves, support), CurveLine{Average: WeightedAverage})
	f.add(microName, micro, CurveLine{Average: MicroAverage})
	return f, nil
}

// add appends c unless its area is undefined. The points on straight lines are
// not needed for drawing.
func (f *ROC) add(name string, c *eval.ROC, line CurveLine) {
	if !math.IsNaN(c.AUC) {
		c = c.Simplify()
		f.Curves = append(f.Curves, Curve{Name: name, X: c.FPR, Y: c.TPR, Thresholds: c.Thresholds, Area: c.AUC, Line: line})
	}
}

// NewPR returns the curves of each class of p that is in the truth, and of all
// pairs ranked together (micro).
func NewPR(p *eval.Predictions) (*PR, error) {
	f := &PR{}
	add := func(name string, c *eval.PR, line CurveLine) {
		if !math.IsNaN(c.AP) {
			f.Curves = append(f.Curves, Curve{Name: name, X: c.Recall, Y: c.Precision, Thresholds: c.Thresholds, Area: c.AP, Line: line})
		}
	}
	for k, class := range p.Classes {
		c, err := eval.ClassPR(p, k)
		if err != nil {
			return nil, fmt.Errorf("precision-recall: %w", err)
		}
		add(class, c, CurveLine{Color: ClassColor(k)})
	}
	micro, err := eval.MicroPR(p)
	if err != nil {
		return nil, fmt.Errorf("precision-recall: %w", err)
	}
	add(microName, micro, CurveLine{Average: MicroAverage})
	return f, nil
}

// Height implements [Figure].
func (f *ROC) Height(s Style) vg.Length { return s.Width*0.95 + titleHeight(s, f.Title) }

// Height implements [Figure].
func (f *PR) Height(s Style) vg.Length { return s.Width*0.95 + titleHeight(s, f.Title) }

// Draw implements [Figure].
func (f *ROC) Draw(c draw.Canvas, s Style) error {
	p := s.newPlot(f.Title, "False positive rate", "True positive rate")
	s.addGrid(p, true, true)
	if err := addChance(p, s); err != nil {
		return err
	}
	if err := drawCurves(p, c, s, f.Curves, "AUROC", corner{right: true}); err != nil {
		return fmt.Errorf("ROC: %w", err)
	}
	return nil
}

// Draw implements [Figure].
func (f *PR) Draw(c draw.Canvas, s Style) error {
	p := s.newPlot(f.Title, "Recall", "Precision")
	s.addGrid(p, true, true)
	if err := drawCurves(p, c, s, f.Curves, "AP", corner{}); err != nil {
		return fmt.Errorf("precision-recall: %w", err)
	}
	return nil
}

func drawCurves(p *plot.Plot, c draw.Canvas, s Style, curves []Curve, area string, at corner) error {
	if len(curves) == 0 {
		return errors.New("no class has both positives and negatives: there is nothing to draw")
	}
	key := legend{style: s}
	key.heading(area)
	for i, curve := range curves {
		if err := curve.addTo(p, s, i); err != nil {
			return err
		}
		key.add(fmt.Sprintf("%s %.3f", curve.Name, curve.Area), lineSample(curve.Line.style(s, i)))
	}
	unitAxes(p, s, fifths)
	c = s.margin(c)
	p.Draw(c)
	key.inside(p.DataCanvas(c), at)
	return nil
}

// unitAxes makes both axes reach from 0 to 1. The interesting curves run along
// the edges: they are kept off the axes.
func unitAxes(p *plot.Plot, s Style, ticks func(low, high float64) []plot.Tick) {
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	p.X.Padding, p.Y.Padding = 2*s.LineWidth, 2*s.LineWidth
}

// addChance draws the diagonal, the ROC curve of guessing.
func addChance(p *plot.Plot, s Style) error {
	line, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return fmt.Errorf("ROC: %w", err)
	}
	line.LineStyle = s.thin(muted)
	p.Add(line)
	return nil
}

// style returns the line of the i-th curve.
func (l CurveLine) style(s Style, i int) draw.LineStyle {
	switch {
	case l.Average == MacroAverage:
		return s.dashed(muted)
	case l.Average == WeightedAverage:
		return s.dashDotted(muted)
	case l.Average == MicroAverage:
		return s.dotted(muted)
	case l.Color != nil:
		return s.line(l.Color)
	}
	return s.line(ClassColor(i))
}

// Data implements [Figure].
func (f *ROC) Data() [][]string { return curveData(f.Curves, "fpr", "tpr", "auroc") }

// Data implements [Figure].
func (f *PR) Data() [][]string { return curveData(f.Curves, "recall", "precision", "ap") }

// curveData has a row for each point of each curve, and then one for each rate
// of its band, with low and high but no y.
func curveData(curves []Curve, x, y, area string) [][]string {
	banded := slices.ContainsFunc(curves, func(c Curve) bool { return c.Band != nil })
	out := [][]string{{"curve", x, y, "threshold", area}}
	if banded {
		out[0] = append(out[0], "low", "high")
	}
	for _, c := range curves {
		for i := range c.X {
			threshold := math.NaN()
			if c.Thresholds != nil {
				threshold = c.Thresholds[i]
			}
			row := []string{c.Name, cell(c.X[i]), cell(c.Y[i]), cell(threshold), cell(c.Area)}
			if banded {
				row = append(row, "", "")
			}
			out = append(out, row)
		}
		if c.Band == nil {
			continue
		}
		for i, v := range c.Band.X {
			out = append(out, []string{c.Name, cell(v), "", "", cell(c.Area), cell(c.Band.Low[i]), cell(c.Band.High[i])})
		}
	}
	return out
}
