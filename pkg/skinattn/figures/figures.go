package figures

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Options say how figures are drawn.
type Options struct {
	Style   plots.Style
	Formats []string // svg, pdf, png
	// Intervals says how the intervals of values and the bands of curves are
	// found; the zero value draws none.
	Intervals eval.Options
	// Metrics are the metrics of the forest plot, by path of package eval; nil
	// means plots.ForestMetrics.
	Metrics []string
	// Data, if not nil, is described in figures too, and gives the photos of a
	// gallery and of class samples, where it has them.
	Data *ham10000.Dataset
	// Warn, if not nil, is told of what is left out because an optional file (split,
	// history, photo) is damaged; without it, damage is an error.
	Warn func(line string)
}

// tolerate returns err, or nil if it is told to Warn. The end of ctx is no damage.
func (o Options) tolerate(ctx context.Context, what string, err error) error {
	if err == nil || o.Warn == nil || ctx.Err() != nil {
		return err
	}
	o.Warn(fmt.Sprintf("%s left out: %v", what, err))
	return nil
}

var formats = []string{"svg", "pdf", "png"}

// ContactSheet is the picture of all figures, beside them.
const ContactSheet = "contact-sheet.png"

// Draw draws every figure of [Set] that the inputs, run folders or predictions
// CSV files, allow, into the folder out, each with its numbers as CSV beside it,
// and all on one page, [ContactSheet]. It returns the paths of the pictures.
//
// Several inputs are compared in figures of their own; the name of a figure of
// one input then begins with the input's name. If ctx is done before the intervals
// are found, its error is returned.
func Draw(ctx context.Context, inputs []string, out string, opts Options) ([]string, error) {
	all, err := readInputs(ctx, inputs, opts)
	if err != nil {
		return nil, err
	}
	for _, format := range opts.Formats {
		if !slices.Contains(formats, format) {
			return nil, fmt.Errorf("figure format %q is unknown; choose of %s", format, strings.Join(formats, ", "))
		}
	}
	var figures []plots.NamedFigure
	for i := range all {
		in := &all[i]
		if err := in.evaluate(ctx, opts.Intervals); err != nil {
			return nil, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		own, err := draw(ctx, OneInput, &study{Options: opts, source: in})
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", in.path, err)
		}
		for _, f := range own {
			if len(all) > 1 {
				f.Name = in.name + "-" + f.Name
			}
			figures = append(figures, f)
		}
	}
	compared, err := draw(ctx, AllInputs, &study{Options: opts, inputs: all})
	if err != nil {
		return nil, err
	}
	figures = append(figures, compared...)
	if opts.Data != nil {
		described, err := draw(ctx, DataSet, &study{Options: opts, stats: opts.Data.Stats()})
		if err != nil {
			return nil, err
		}
		figures = append(figures, described...)
	}
	return Save(figures, out, opts.Style, opts.Formats)
}

// OfData returns the figures that describe a data set and need none of its
// photos.
func OfData(stats *ham10000.Stats) ([]plots.NamedFigure, error) {
	return draw(context.Background(), DataSet, &study{stats: stats})
}

// Save writes figures in every format into the folder out, making it if
// need be, each with its numbers as CSV beside it, and a contact sheet of all. It
// returns the paths of the pictures.
func Save(figures []plots.NamedFigure, out string, style plots.Style, formats []string) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for the figures: %w", err)
	}
	var drawn []string
	for _, f := range figures {
		for _, format := range formats {
			path := filepath.Join(out, f.Name+"."+format)
			if err := plots.SaveWithData(path, f.Figure, style); err != nil {
				return drawn, err
			}
			drawn = append(drawn, path)
		}
	}
	sheet := &plots.ContactSheet{Figures: figures}
	path := filepath.Join(out, ContactSheet)
	if err := plots.Save(path, sheet, sheet.Style(style)); err != nil {
		return drawn, err
	}
	return append(drawn, path), nil
}
