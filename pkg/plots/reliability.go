package plots

import (
	"errors"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Reliability draws accuracy against confidence in equal-mass bins, and a
// histogram of the confidences beneath. A calibrated model lies on the diagonal;
// below it, the model is overconfident.
type Reliability struct {
	Bins []eval.Bin // of equal mass
	// ECE is over Bins, ECEEqualWidth over as many bins of equal width.
	ECE, ECEEqualWidth float64
	// Histogram counts images by confidence in bars of equal width from 0 to 1.
	Histogram []int
	Title     string
}

// histogramBars is the resolution of the histogram of confidences.
const histogramBars = 20

// NewReliability returns the diagram of t with as many bins as the calibration
// error in its metrics.
func NewReliability(t *eval.Table) *Reliability {
	f := &Reliability{Bins: t.Reliability(eval.EqualMass, eval.ECEBins), ECE: t.ECE(eval.EqualMass, eval.ECEBins), ECEEqualWidth: t.ECE(eval.EqualWidth, eval.ECEBins), Histogram: make([]int, histogramBars)}
	p := t.Predictions()
	for i, truth := range p.Truth {
		if truth != eval.TruthUnknown {
			confidence := float64(p.Probs[i][p.Predicted(i)])
			f.Histogram[min(int(confidence*histogramBars), histogramBars-1)]++
		}
	}
	return f
}

// Height implements [Figure].
func (f *Reliability) Height(s Style) vg.Length { return s.Width*1.1 + titleHeight(s, f.Title) }

// AddTo adds the diagram, without the histogram, to p.
func (f *Reliability) AddTo(p *plot.Plot, s Style) error { return addTo(p, s, f) }

func (f *Reliability) addTo(p *plot.Plot, s Style) (legend, error) {
	key := legend{style: s, corner: &corner{top: true}}
	if len(f.Bins) == 0 {
		return key, errors.New("reliability: no image of known class")
	}
	key.heading(fmt.Sprintf("ECE, %d equal-mass bins: %.3f", eval.ECEBins, f.ECE))
	key.heading(fmt.Sprintf("ECE, %d equal-width bins: %.3f", eval.ECEBins, f.ECEEqualWidth))
	p.X.Label.Text, p.Y.Label.Text = "Confidence", "Accuracy"
	s.addGrid(p, true, true)
	s.addDiagonal(p)
	points := make(plotter.XYs, len(f.Bins))
	for i, b := range f.Bins {
		points[i] = plotter.XY{X: b.Confidence, Y: b.Accuracy}
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return key, fmt.Errorf("reliability: %w", err)
	}
	line.LineStyle = s.line(Blue)
	dots.GlyphStyle = draw.GlyphStyle{Color: Blue, Radius: 1.8 * s.LineWidth, Shape: draw.CircleGlyph{}}
	p.Add(line, dots)
	unitAxes(p, s, 0.2)
	return key, nil
}

// Draw implements [Figure].
func (f *Reliability) Draw(c draw.Canvas, s Style) error {
	top := s.NewPlot("", "", "")
	key, err := f.addTo(top, s)
	if err != nil {
		return err
	}
	bottom := s.NewPlot("", top.X.Label.Text, "Images")
	s.addGrid(bottom, false, true)
	bars := Histogram{Width: 1 / float64(len(f.Histogram)), Color: SkyBlue, Edge: s.thin(color.White)}
	for _, n := range f.Histogram {
		bars.Heights = append(bars.Heights, float64(n))
	}
	bottom.Add(bars)
	bottom.Y.Min, bottom.Y.Max = 0, float64(slices.Max(append([]int{1}, f.Histogram...)))
	bottom.Y.Tick.Marker = wholeTicks(3)
	bottom.X.Min, bottom.X.Max, bottom.X.Padding = 0, 1, top.X.Padding
	bottom.X.Tick.Marker = top.X.Tick.Marker
	top.X.Tick.Marker, top.X.Label.Text = unlabelled{top.X.Tick.Marker}, ""

	areas := stack(s.addTitle(s.margin(c), f.Title), s.FontSize*0.6, []*plot.Plot{top, bottom}, []float64{2.6, 1})
	key.inside(areas[0])
	return nil
}

// Data implements [Figure].
func (f *Reliability) Data() [][]string {
	out := table{{"bin", "images", "confidence", "accuracy", "low", "high"}}
	for i, b := range f.Bins {
		out.add(i, b.Count, b.Confidence, b.Accuracy, b.Low, b.High)
	}
	return out
}
