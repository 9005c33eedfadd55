package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// Single is a figure that is one plot. As scikit-learn's display objects draw
// into a given axis, it can draw into a given plot, before or after other
// plotters:
//
//	p := style.NewPlot("", "", "")
//	err := roc.AddTo(p, style)
//	p.Add(another)
type Single interface {
	Figure
	// AddTo adds the figure to p: its data and grid, the labels, ranges and
	// ticks of the axes, and entries of the legend. The title is left alone. It
	// fails as Draw does.
	AddTo(p *plot.Plot, s Style) error
}

// single adds itself to a plot, and returns its legend.
type single interface {
	addTo(p *plot.Plot, s Style) (legend, error)
}

func addTo(p *plot.Plot, s Style, f single) error {
	key, err := f.addTo(p, s)
	if err != nil {
		return err
	}
	for _, e := range key.entries {
		switch {
		case e.label == "": // a single series without a name
		case e.sample == nil:
			p.Legend.Add(e.label)
		default:
			p.Legend.Add(e.label, e.sample)
		}
	}
	return nil
}

// drawSingle draws f with a title on top and with its legend.
func drawSingle(c draw.Canvas, s Style, title string, f single) error {
	p := s.NewPlot("", "", "")
	key, err := f.addTo(p, s)
	if err != nil {
		return err
	}
	c = key.outside(s.addTitle(s.margin(c), title), p)
	p.Draw(c)
	key.inside(p.DataCanvas(c))
	return nil
}
