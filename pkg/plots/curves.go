package plots

import (
	"fmt"
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
	// Average marks a curve over classes, drawn dashed, dotted, ... in grey.
	Average bool
}

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
		f.add(class, c, false)
	}
	micro, err := eval.MicroROC(p)
	if err != nil {
		return nil, fmt.Errorf("ROC: %w", err)
	}
	f.add("macro", eval.MacroROC(curves), true)
	f.add("micro", micro, true)
	return f, nil
}

// add appends c unless its area is undefined. The points on straight lines are
// not needed for drawing.
func (f *ROC) add(name string, c *eval.ROC, average bool) {
	if !math.IsNaN(c.AUC) {
		c = c.Simplify()
		f.Curves = append(f.Curves, Curve{name, c.FPR, c.TPR, c.Thresholds, c.AUC, average})
	}
}

// NewPR returns the curves of each class of p that is in the truth, and of all
// pairs ranked together (micro).
func NewPR(p *eval.Predictions) (*PR, error) {
	f := &PR{}
	add := func(name string, c *eval.PR, average bool) {
		if !math.IsNaN(c.AP) {
			f.Curves = append(f.Curves, Curve{name, c.Recall, c.Precision, c.Thresholds, c.AP, average})
		}
	}
	for k, class := range p.Classes {
		c, err := eval.ClassPR(p, k)
		if err != nil {
			return nil, fmt.Errorf("precision-recall: %w", err)
		}
		add(class, c, false)
	}
	micro, err := eval.MicroPR(p)
	if err != nil {
		return nil, fmt.Errorf("precision-recall: %w", err)
	}
	add("micro", micro, true)
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
		return fmt.Errorf("no class has both positives and negatives: there is nothing to draw")
	}
	key := legend{style: s}
	averages := 0
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
		line.LineStyle = s.line(ClassColor(i))
		if curve.Average {
			line.LineStyle = averageLine(s, averages)
			averages++
		}
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
	heading := s.text(smallText)
	_ = heading
	key.inside(p.DataCanvas(c), at)
	return nil
}

// averageLine is the line of the i-th average over classes.
func averageLine(s Style, i int) draw.LineStyle {
	if i%2 == 0 {
		return s.dashed(muted)
	}
	return s.dotted(muted)
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
