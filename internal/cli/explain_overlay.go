package cli

import (
	"fmt"
	"image"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// mapTitles are the names of the methods for people.
var mapTitles = map[explain.Method]string{
	explain.SoftAttention: "Soft-Attention", explain.GradCAM: "Grad-CAM", explain.GradCAMPlusPlus: "Grad-CAM++",
	explain.Saliency: "Saliency", explain.SmoothGrad: "SmoothGrad", explain.Occlusion: "Occlusion",
}

const (
	mapsInRow  = 4                  // beside the photo
	panelWidth = 38 * vg.Millimeter // with its share of the gaps
	barWidth   = 14 * vg.Millimeter
	overlayDPI = 200
)

// drawOverlay draws the photo, cut to what the network sees, beside its maps.
func drawOverlay(row *explanationRow, x attention.FileExplanation, fit imaging.ResizeMode, mask image.Image) error {
	photo, view := x.Photo.Image(), fit.View(x.Photo.Width, x.Photo.Height)
	figure := plots.NewAttentionOverlay()
	var panels []plots.HeatMap
	for _, m := range x.Maps {
		title := mapTitles[m.Method]
		if m.Head > 0 {
			title = fmt.Sprintf("Head %d", m.Head)
		}
		if m.Flat() {
			title += ", flat"
		}
		values := make([]float64, len(m.Values))
		for i, v := range m.Values {
			values[i] = float64(v)
		}
		if slices.Min(values) < 0 {
			figure.Low = "lowest" // of this panel the colours do not begin at 0
		}
		panels = append(panels, plots.HeatMap{Title: title, Rows: m.Height, Cols: m.Width, Values: values})
	}
	for start := 0; start < len(panels); start += mapsInRow {
		figure.Rows = append(figure.Rows, plots.OverlayRow{
			Photo: photo, View: view, Mask: mask, Maps: panels[start:min(start+mapsInRow, len(panels))]})
	}
	figure.Heat.FromZero = true
	figure.PhotoTitle = stem(x.Path)
	figure.Title = fmt.Sprintf("%s %.1f %%", ham10000.ClassName(row.Class), 100**row.Probability)
	style := plots.Paper()
	style.Width = panelWidth*vg.Length(1+min(len(panels), mapsInRow)) + barWidth
	style.DPI = overlayDPI
	return plots.Save(row.Overlay, figure, style)
}
