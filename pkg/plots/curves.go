package plots

import (
	"errors"
	"fmt"
	"image/color"
	"math"

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
	// Line is how it is drawn; zero means a solid line in the class colour of
	// its place in the list.
	Line CurveLine
}

// CurveLine is the look of a [Curve].
type CurveLine struct {
	Color color.Color
	// Average marks a curve over classes: a grey line, dashed for macro, dotted
	// for micro averages.
	Average Average
}

// Average says how a curve was averaged over classes.
type Average int

const (
	NoAverage    Average = iota // one class
	MacroAverage                // mean of the classes
	MicroAverage                // all (image, class) pairs together
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
// vertical average (macro) and of all pairs ranked together (micro).
func NewROC(p *eval.Predictions) (*ROC, error) {
	f := &ROC{}
	var curves []*eval.ROC
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
	f.add("macro", eval.MacroROC(curves), CurveLine{Average: MacroAverage})
	f.add("micro", micro, CurveLine{Average: MicroAverage})
	return f, nil
}

// add appends c unless its area is undefined. The points on straight lines are
// not needed for drawing.
func (f *ROC) add(name string, c *eval.ROC, line CurveLine) {
	if !math.IsNaN(c.AUC) {
		c = c.Simplify()
		f.Curves = append(f.Curves, Curve{name, c.FPR, c.TPR, c.Thresholds, c.AUC, line})
	}
}

// NewPR returns the curves of each class of p that is in the truth, and of all
// pairs ranked together (micro).
func NewPR(p *eval.Predictions) (*PR, error) {
	f := &PR{}
	add := func(name string, c *eval.PR, line CurveLine) {
		if !math.IsNaN(c.AP) {
			f.Curves = append(f.Curves, Curve{name, c.Recall, c.Precision, c.Thresholds, c.AP, line})
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
	add("micro", micro, CurveLine{Average: MicroAverage})
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
	chance, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return fmt.Errorf("ROC: %w", err)
	}
	chance.LineStyle = s.thin(muted)
	p.Add(chance)
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
		if len(curve.X) != len(curve.Y) || len(curve.X) == 0 {
			return fmt.Errorf("curve %s has %d and %d coordinates", curve.Name, len(curve.X), len(curve.Y))
		}
		points := make(plotter.XYs, len(curve.X))
		for j := range points {
			points[j] = plotter.XY{X: curve.X[j], Y: curve.Y[j]}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("curve %s: %w", curve.Name, err)
		}
		line.LineStyle = curve.Line.style(s, i)
		p.Add(line)
		key.add(fmt.Sprintf("%s %.3f", curve.Name, curve.Area), lineSample(line.LineStyle))
	}
	unit := plot.ConstantTicks{}
	for _, v := range []float64{0, .2, .4, .6, .8, 1} {
		unit = append(unit, plot.Tick{Value: v, Label: fmt.Sprintf("%.1f", v)})
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = unit, unit
	// The interesting curves run along the edges: keep them off the axes.
	p.X.Padding, p.Y.Padding = 2*s.LineWidth, 2*s.LineWidth
	c = s.margin(c)
	p.Draw(c)
	key.inside(p.DataCanvas(c), at)
	return nil
}

// style returns the line of the i-th curve.
func (l CurveLine) style(s Style, i int) draw.LineStyle {
	switch {
	case l.Average == MacroAverage:
		return s.dashed(muted)
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

func curveData(curves []Curve, x, y, area string) [][]string {
	out := [][]string{{"curve", x, y, "threshold", area}}
	for _, c := range curves {
		for i := range c.X {
			threshold := math.NaN()
			if c.Thresholds != nil {
				threshold = c.Thresholds[i]
			}
			out = append(out, []string{c.Name, cell(c.X[i]), cell(c.Y[i]), cell(threshold), cell(c.Area)})
		}
	}
	return out
}
