package plots

import (
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/skinattn/skinattn/pkg/eval"
)

// BandGrid returns the false positive rates at which bands are drawn: every 0.005
// to 0.2, where good curves rise, and every 0.02 from there to 1.
func BandGrid() []float64 {
	var grid []float64
	for i := range 41 {
		grid = append(grid, float64(i)/200) // to 0.2
	}
	for i := 1; i <= 40; i++ {
		grid = append(grid, 0.2+0.8*float64(i)/40)
	}
	return grid
}

// AddBands adds the bands to the curves for which shown returns true. Nil shows
// the band of the macro average alone, as seven bands hide each other.
func (f *ROC) AddBands(classes []string, bands *eval.ROCBands, shown func(curve string) bool) {
	if shown == nil {
		shown = func(curve string) bool { return curve == averages[MacroAverage].name }
	}
	byAverage := map[Average]eval.ROCBand{MacroAverage: bands.Macro, WeightedAverage: bands.Weighted, MicroAverage: bands.Micro}
	for i := range f.Curves {
		c := &f.Curves[i]
		band, ok := byAverage[c.Line.Average]
		if k := slices.Index(classes, c.Name); !ok && k >= 0 {
			band, ok = bands.Classes[k], true
		}
		if ok && shown(c.Name) {
			c.Band = &Band{X: bands.FPR, Low: band.Low, High: band.High}
		}
	}
}

// ROCPanels draws the ROC curve of each class, and of the averages, in a small
// panel with the curve's band, its area and the area's interval.
type ROCPanels struct {
	Curves []Curve
	// Areas has the interval of each curve's area, NaN for no interval; nil for
	// none at all.
	Areas []eval.Interval
	// Columns of panels; 0 means as square as can be.
	Columns int
	Title   string
}

// NewROCPanels returns the ROC curves of t, with the bands of bands (see
// [eval.NewROCBands]) and the AUROC intervals of m.
func NewROCPanels(t *eval.Table, m *eval.Metrics, bands *eval.ROCBands) (*ROCPanels, error) {
	roc, err := NewROC(t)
	if err != nil {
		return nil, err
	}
	roc.AddBands(t.Classes(), bands, func(string) bool { return true })
	f := &ROCPanels{}
	for _, c := range roc.Curves {
		path := eval.ClassPath(c.Name, "auroc")
		switch c.Line.Average {
		case MacroAverage:
			path = "auroc_macro"
		case WeightedAverage:
			continue // nearly the micro average's; nine panels make a square
		case MicroAverage:
			path = "auroc_micro"
		}
		f.Curves, f.Areas = append(f.Curves, c), append(f.Areas, intervalOf(m, path))
	}
	return f, nil
}

// Height implements [Figure].
func (f *ROCPanels) Height(s Style) vg.Length {
	return panelsHeight(s, len(f.Curves), f.Columns, 1, f.Title)
}

// Draw implements [Figure].
func (f *ROCPanels) Draw(c draw.Canvas, s Style) error {
	n := len(f.Curves)
	if n == 0 {
		return errors.New("ROC panels: no class has both positives and negatives: there is nothing to draw")
	}
	if f.Areas != nil && len(f.Areas) != n {
		return fmt.Errorf("ROC panels: %d intervals for %d curves", len(f.Areas), n)
	}
	var panels []*plot.Plot
	for i, curve := range f.Curves {
		p := s.newPanel(curve.Name)
		s.addGrid(p, true, true)
		s.addDiagonal(p)
		if err := curve.addTo(p, s, i); err != nil {
			return fmt.Errorf("ROC panels: %w", err)
		}
		unitAxes(p, s, 0.5)
		panels = append(panels, p)
	}
	inner := s.sharedLabels(s.addTitle(s.margin(c), f.Title), rocKind.xLabel, rocKind.yLabel)
	for i, area := range drawPanels(inner, s, panels, f.Columns) {
		label := s.textAt(smallText, draw.XRight, draw.YBottom)
		at := vg.Point{X: area.Max.X - s.FontSize*0.3, Y: area.Min.Y + s.FontSize*1.3}
		area.FillText(label, at, fmt.Sprintf("%.3f", f.Curves[i].Area))
		at.Y -= s.FontSize
		area.FillText(label, at, eval.FormatCI(intervalAt(f.Areas, i), "%.3f"))
	}
	return nil
}

// Data implements [Figure].
func (f *ROCPanels) Data() [][]string { return rocKind.data(f.Curves) }
