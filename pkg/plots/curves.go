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
	// Line is the look; the zero value means a solid line in the class colour of
	// the curve's place in the list.
	Line CurveLine
}

// CurveLine is the look of a [Curve].
type CurveLine struct {
	Color color.Color
	// Average marks a curve over classes. It is drawn grey: dashed for the macro,
	// dashed and dotted for the weighted, dotted for the micro average.
	Average Average
}

// Average is the way in which a curve was averaged over classes.
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

// NewROC returns the curve of each class of t that occurs in the truth; their
// vertical averages, plain (macro) and weighted by support (weighted); and the
// curve of all pairs of image and class ranked together (micro).
func NewROC(t *eval.Table) (*ROC, error) {
	f := &ROC{}
	var curves []*eval.ROC
	var support []float64
	confusion := t.Confusion()
	for k, class := range t.Classes() {
		support = append(support, float64(confusion.Support(k)))
		c, err := t.ROC(k)
		if err != nil {
			return nil, fmt.Errorf("ROC: %w", err)
		}
		curves = append(curves, c)
		f.add(class, c, CurveLine{Color: ClassColor(k)})
	}
	macro, err := eval.MeanROC(curves, nil)
	if err != nil {
		return nil, fmt.Errorf("ROC: %w", err)
	}
	weighted, err := eval.MeanROC(curves, support)
	if err != nil {
		return nil, fmt.Errorf("ROC: %w", err)
	}
	f.add(macroName, macro, CurveLine{Average: MacroAverage})
	f.add(weightedName, weighted, CurveLine{Average: WeightedAverage})
	f.add(microName, t.MicroROC(), CurveLine{Average: MicroAverage})
	return f, nil
}

// add appends c, without points on straight lines, unless its area is undefined.
func (f *ROC) add(name string, c *eval.ROC, line CurveLine) {
	if !math.IsNaN(c.AUC) {
		c = c.Simplify()
		f.Curves = append(f.Curves, Curve{Name: name, X: c.FPR, Y: c.TPR, Thresholds: c.Thresholds, Area: c.AUC, Line: line})
	}
}

// NewPR returns the curve of each class of t that occurs in the truth, and the
// curve of all pairs of image and class ranked together (micro).
func NewPR(t *eval.Table) (*PR, error) {
	f := &PR{}
	add := func(name string, c *eval.PR, line CurveLine) {
		if !math.IsNaN(c.AP) {
			f.Curves = append(f.Curves, Curve{Name: name, X: c.Recall, Y: c.Precision, Thresholds: c.Thresholds, Area: c.AP, Line: line})
		}
	}
	for k, class := range t.Classes() {
		c, err := t.PR(k)
		if err != nil {
			return nil, fmt.Errorf("precision-recall: %w", err)
		}
		add(class, c, CurveLine{Color: ClassColor(k)})
	}
	add(microName, t.MicroPR(), CurveLine{Average: MicroAverage})
	return f, nil
}

// Height implements [Figure].
func (f *ROC) Height(s Style) vg.Length { return s.Width*0.95 + titleHeight(s, f.Title) }

// Height implements [Figure].
func (f *PR) Height(s Style) vg.Length { return s.Width*0.95 + titleHeight(s, f.Title) }

// AddTo implements [Single].
func (f *ROC) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// AddTo implements [Single].
func (f *PR) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

// Draw implements [Figure].
func (f *ROC) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

// Draw implements [Figure].
func (f *PR) Draw(c draw.Canvas, s Style) error { return drawSingle(c, s, f.Title, f) }

func (f *ROC) addTo(p *plot.Plot, s Style) (legend, error) {
	p.X.Label.Text, p.Y.Label.Text = "False positive rate", "True positive rate"
	s.addGrid(p, true, true)
	s.addDiagonal(p)
	key, err := addCurves(p, s, f.Curves, "AUROC", corner{right: true})
	if err != nil {
		return key, fmt.Errorf("ROC: %w", err)
	}
	return key, nil
}

func (f *PR) addTo(p *plot.Plot, s Style) (legend, error) {
	p.X.Label.Text, p.Y.Label.Text = "Recall", "Precision"
	s.addGrid(p, true, true)
	key, err := addCurves(p, s, f.Curves, "AP", corner{})
	if err != nil {
		return key, fmt.Errorf("precision-recall: %w", err)
	}
	return key, nil
}

// addCurves adds curves and axes from 0 to 1, and returns the legend with the
// areas.
func addCurves(p *plot.Plot, s Style, curves []Curve, area string, at corner) (legend, error) {
	key := legend{style: s, corner: &at}
	if len(curves) == 0 {
		return key, errors.New("no class has both positives and negatives: there is nothing to draw")
	}
	key.heading(area)
	for i, curve := range curves {
		if err := curve.addTo(p, s, i); err != nil {
			return key, err
		}
		key.add(fmt.Sprintf("%s %.3f", curve.Name, curve.Area), lineSample(curve.Line.style(s, i)))
	}
	unitAxes(p, s, fifths)
	return key, nil
}

// addTo adds the curve, the i-th of a figure, and its band to a plot.
func (c Curve) addTo(p *plot.Plot, s Style, i int) error {
	if len(c.X) != len(c.Y) || len(c.X) == 0 {
		return fmt.Errorf("curve %s has %d and %d coordinates", c.Name, len(c.X), len(c.Y))
	}
	style := c.Line.style(s, i)
	if c.Band != nil {
		b := *c.Band
		if len(b.Low) != len(b.X) || len(b.High) != len(b.X) {
			return fmt.Errorf("the band of curve %s has %d, %d and %d coordinates", c.Name, len(b.X), len(b.Low), len(b.High))
		}
		if b.Color == nil {
			b.Color = translucent(style.Color)
		}
		p.Add(b)
	}
	line, err := newLine(c.X, c.Y, style)
	if err != nil {
		return fmt.Errorf("curve %s: %w", c.Name, err)
	}
	p.Add(line)
	return nil
}

// newLine returns the line through points (x, y), which must be finite.
func newLine(x, y []float64, style draw.LineStyle) (*plotter.Line, error) {
	points := make(plotter.XYs, len(x))
	for i := range points {
		points[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.LineStyle = style
	return line, nil
}

// unitAxes makes both axes reach from 0 to 1. Good curves run along the edges of
// the data area: a little padding keeps them off the axes.
func unitAxes(p *plot.Plot, s Style, ticks func(low, high float64) []plot.Tick) {
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	p.X.Padding, p.Y.Padding = 2*s.LineWidth, 2*s.LineWidth
}

// addDiagonal adds the line from (0, 0) to (1, 1): the ROC curve of guessing, and
// perfect calibration.
func (s Style) addDiagonal(p *plot.Plot) {
	p.Add(&plotter.Line{XYs: plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, LineStyle: s.thin(muted)})
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

// curveData returns, curve by curve, a row for each point and then a row for each
// x of the band, which has low and high but no y.
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
