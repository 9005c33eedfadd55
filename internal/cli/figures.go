package cli

import (
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/figures"
)

// figureStyle are the flags of how figures look.
type figureStyle struct {
	Style   string   `help:"Size and type: paper (one column, 85 mm), paper-wide (two columns, 175 mm) or talk." default:"paper" placeholder:"NAME"`
	WidthMM float64  `help:"Width in millimetres, instead of the style's." name:"width-mm" placeholder:"MM"`
	DPI     int      `help:"Resolution of PNG files, instead of the style's." name:"dpi" placeholder:"N"`
	Font    string   `help:"Typeface: sans or serif (default: the style's, sans)." placeholder:"NAME"`
	Format  []string `help:"File formats: ${enum}." default:"svg,png" enum:"svg,pdf,png" placeholder:"NAME"`
}

// Limits of a figure's size: a narrower figure cannot hold a label, and a larger number
// is a typing mistake that would fill the memory.
const (
	minWidthMM, maxWidthMM = 40, 2000
	maxDPI                 = 2400
)

// style returns the style that the flags ask for.
func (f figureStyle) style() (plots.Style, error) {
	style, err := plots.ParseStyle(f.Style)
	if err != nil {
		return style, usageError{err}
	}
	if f.WidthMM != 0 {
		if f.WidthMM < minWidthMM || f.WidthMM > maxWidthMM {
			return style, usagef("--width-mm %g: choose %d to %d", f.WidthMM, minWidthMM, maxWidthMM)
		}
		style.Width = vg.Length(f.WidthMM) * vg.Millimeter
	}
	if f.DPI != 0 {
		if f.DPI < 1 || f.DPI > maxDPI {
			return style, usagef("--dpi %d: choose 1 to %d", f.DPI, maxDPI)
		}
		style.DPI = f.DPI
	}
	if f.Font != "" {
		if style.Font, err = plots.ParseFont(f.Font); err != nil {
			return style, usageError{err}
		}
	}
	return style, nil
}

type figuresCommand struct {
	Inputs []string `arg:"" name:"run-or-csv" help:"Run folders or predictions CSV files; several are drawn side by side."`
	Out    string   `help:"Folder for the figures." required:"" placeholder:"DIR"`
	Metric []string `help:"Metrics of the forest plot, as metrics.json names them (default: accuracy,balanced_accuracy,macro_f1,auroc_macro)." placeholder:"NAME"`
	figureStyle
}

func (c *figuresCommand) Run(s *session) error {
	style, err := c.style()
	if err != nil {
		return err
	}
	known := (&eval.Metrics{}).Paths()
	for _, name := range c.Metric {
		if !slices.Contains(known, name) && !strings.Contains(name, ".") {
			return usagef("--metric %s: choose of %s, or of one class such as per_class.mel.recall", name, strings.Join(known, ", "))
		}
	}
	opts := figures.Options{Style: style, Formats: c.Format, Intervals: eval.DefaultOptions(), Metrics: c.Metric}
	opts.Intervals.Seed = s.seed()
	opts.Warn = s.warn
	if s.Data != "" {
		if opts.Data, err = s.openData(); err != nil {
			opts.Data = nil
			s.warn("figures of the data set left out: " + withAdvice(err))
		}
	}
	paths, err := figures.Draw(s.ctx, c.Inputs, c.Out, opts)
	if err != nil {
		return err
	}
	return s.answerPaths(paths)
}
