package plots

import (
	"errors"
	"fmt"
	"image/color"
	"slices"
	"strconv"

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
	Bins []eval.Bin
	ECE  float64
	// Histogram counts images by confidence in bars of equal width from 0 to 1.
	Histogram []int
	Title     string
}

// histogramBars is the resolution of the histogram of confidences.
const histogramBars = 20

// NewReliability returns the diagram of p with as many bins as the calibration
// error in its metrics.
func NewReliability(p *eval.Predictions) (*Reliability, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("reliability: %w", err)
	}
	f := &Reliability{Bins: eval.Reliability(p, eval.ECEBins), ECE: eval.ECE(p, eval.ECEBins), Histogram: make([]int, histogramBars)}
	for i, t := range p.Truth {
		if t != eval.Unknown {
			confidence := float64(p.Probs[i][p.Predicted(i)])
			f.Histogram[min(int(confidence*histogramBars), histogramBars-1)]++
		}
	}
	return f, nil
}

// Height implements [Figure].
func (f *Reliability) Height(s Style) vg.Length { return s.Width*1.1 + titleHeight(s, f.Title) }

// Draw implements [Figure].
func (f *Reliability) Draw(c draw.Canvas, s Style) error {
	if len(f.Bins) == 0 {
		return errors.New("reliability: no image of known class")
	}
	top := s.newPlot(f.Title, "", "Accuracy")
	s.addGrid(top, true, true)
	diagonal, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return fmt.Errorf("reliability: %w", err)
	}
	diagonal.LineStyle = s.thin(muted)
	points := make(plotter.XYs, len(f.Bins))
	for i, b := range f.Bins {
		points[i] = plotter.XY{X: b.Confidence, Y: b.Accuracy}
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return fmt.Errorf("reliability: %w", err)
	}
	line.LineStyle = s.line(Blue)
	dots.GlyphStyle = draw.GlyphStyle{Color: Blue, Radius: 1.8 * s.LineWidth, Shape: draw.CircleGlyph{}}
	top.Add(diagonal, line, dots)

	bottom := s.newPlot("", "Confidence", "Images")
	s.addGrid(bottom, false, true)
	bottom.Add(&histogram{f.Histogram, s})
	bottom.Y.Min, bottom.Y.Max = 0, float64(slices.Max(append([]int{1}, f.Histogram...)))
	bottom.Y.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
		return ticksAt(low, high, max(1, niceStep(high-low, 3)))
	})
	for _, p := range []*plot.Plot{top, bottom} {
		p.X.Min, p.X.Max = 0, 1
		p.X.Padding = 2 * s.LineWidth
		p.X.Tick.Marker = plot.TickerFunc(fifths)
	}
	top.X.Tick.Marker = unlabelled{plot.TickerFunc(fifths)}
	top.Y.Min, top.Y.Max, top.Y.Padding = 0, 1, 2*s.LineWidth
	top.Y.Tick.Marker = plot.TickerFunc(fifths)

	areas := stack(s.margin(c), s.FontSize*0.6, []*plot.Plot{top, bottom}, []float64{2.6, 1})
	key := legend{style: s}
	key.heading(fmt.Sprintf("ECE %.3f", f.ECE))
	key.inside(areas[0], corner{top: true})
	return nil
}

func fifths(float64, float64) []plot.Tick { return ticksAt(0, 1, 0.2) }

// Data implements [Figure].
func (f *Reliability) Data() [][]string {
	out := [][]string{{"bin", "images", "confidence", "accuracy", "low", "high"}}
	for i, b := range f.Bins {
		out = append(out, []string{strconv.Itoa(i), strconv.Itoa(b.Count), cell(b.Confidence), cell(b.Accuracy), cell(b.Low), cell(b.High)})
	}
	return out
}

// histogram draws counts in bars of equal width from 0 to 1.
type histogram struct {
	counts []int
	s      Style
}

func (h *histogram) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	width := 1 / float64(len(h.counts))
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		box := vg.Rectangle{
			Min: vg.Point{X: x(float64(i) * width), Y: y(0)},
			Max: vg.Point{X: x(float64(i+1) * width), Y: y(float64(n))},
		}
		c.FillPolygon(SkyBlue, rectangle(box))
		c.StrokeLines(h.s.thin(color.White), append(rectangle(box), box.Min))
	}
}
