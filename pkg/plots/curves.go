package plots

import (
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
	WeightedAverage                // mean of the classes, weighted by support
	MicroAverage                   // all (image, class) pairs together
)

// averages has the name of each average in legends and data, and the dashes of its line.
var averages = [...]struct {
	name   string
	dashes []vg.Length
}{
	MacroAverage:    {"macro", []vg.Length{4, 2}},
	WeightedAverage: {"weighted", []vg.Length{4, 1.5, 1, 1.5}},
	MicroAverage:    {"micro", []vg.Length{1, 1.5}},
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
	for i, weights := range [][]float64{nil, support} {
		c, err := eval.MeanROC(curves, weights)
		if err != nil {
			return nil, fmt.Errorf("ROC: %w", err)
		}
		f.add("", c, CurveLine{Average: MacroAverage + Average(i)})
	}
	f.add("", t.MicroROC(), CurveLine{Average: MicroAverage})
	return f, nil
}

// add appends c, without points on straight lines, unless its area is undefined. An
// average has the name in averages.
func (f *ROC) add(name string, c *eval.ROC, line CurveLine) {
	if !math.IsNaN(c.AUC) {
		c = c.Simplify()
		f.Curves = append(f.Curves, Curve{Name: name + averages[line.Average].name, X: c.FPR, Y: c.TPR, Thresholds: c.Thresholds, Area: c.AUC, Line: line})
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
	add(averages[MicroAverage].name, t.MicroPR(), CurveLine{Average: MicroAverage})
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

func (f *ROC) addTo(p *plot.Plot, s Style) (legend, error) { return rocKind.addTo(p, s, f.Curves) }

func (f *PR) addTo(p *plot.Plot, s Style) (legend, error) { return prKind.addTo(p, s, f.Curves) }

// curveKind holds the words and settings by which the figures of curves differ.
type curveKind struct {
	name, xLabel, yLabel, areaLabel string
	x, y, area                      string // columns of the data
	legend                          corner
	diagonal                        bool
}

var (
	rocKind = curveKind{"ROC", "False positive rate", "True positive rate", "AUROC", "fpr", "tpr", "auroc", corner{right: true}, true}
	prKind  = curveKind{"precision-recall", "Recall", "Precision", "AP", "recall", "precision", "ap", corner{}, false}
)

// addTo adds curves and axes from 0 to 1, and returns the legend with the areas.
func (k curveKind) addTo(p *plot.Plot, s Style, curves []Curve) (legend, error) {
	p.X.Label.Text, p.Y.Label.Text = k.xLabel, k.yLabel
	s.addGrid(p, true, true)
	if k.diagonal {
		s.addDiagonal(p)
	}
	key := legend{style: s, corner: &k.legend}
	if len(curves) == 0 {
		return key, fmt.Errorf("%s: no class has both positives and negatives: there is nothing to draw", k.name)
	}
	key.heading(k.areaLabel)
	for i, curve := range curves {
		if err := curve.addTo(p, s, i); err != nil {
			return key, fmt.Errorf("%s: %w", k.name, err)
		}
		key.add(fmt.Sprintf("%s %.3f", curve.Name, curve.Area), lineSample(curve.Line.style(s, i)))
	}
	unitAxes(p, s, 0.2)
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

// unitAxes makes both axes reach from 0 to 1, with ticks at multiples of step. Good
// curves run along the edges of the data area: a little padding keeps them off the axes.
func unitAxes(p *plot.Plot, s Style, step float64) {
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = unitTicks(step), unitTicks(step)
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
	case l.Average != NoAverage:
		return s.dashed(s.line(muted), averages[l.Average].dashes...)
	case l.Color != nil:
		return s.line(l.Color)
	}
	return s.line(ClassColor(i))
}

// Data implements [Figure].
func (f *ROC) Data() [][]string { return rocKind.data(f.Curves) }

// Data implements [Figure].
func (f *PR) Data() [][]string { return prKind.data(f.Curves) }

// data returns, curve by curve, a row for each point and then a row for each x of the
// band, which has low and high but no y.
func (k curveKind) data(curves []Curve) [][]string {
	banded := slices.ContainsFunc(curves, func(c Curve) bool { return c.Band != nil })
	out := table{{"curve", k.x, k.y, "threshold", k.area}}
	var noBand []any
	if banded {
		out[0], noBand = append(out[0], "low", "high"), []any{noInterval}
	}
	for _, c := range curves {
		for i := range c.X {
			threshold := math.NaN()
			if c.Thresholds != nil {
				threshold = c.Thresholds[i]
			}
			out.add(append([]any{c.Name, c.X[i], c.Y[i], threshold, c.Area}, noBand...)...)
		}
		if c.Band == nil {
			continue
		}
		for i, v := range c.Band.X {
			out.add(c.Name, v, "", "", c.Area, c.Band.Low[i], c.Band.High[i])
		}
	}
	return out
}
