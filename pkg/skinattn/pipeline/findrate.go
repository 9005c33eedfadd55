package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// FoundRate is the result of a learning rate range test.
type FoundRate struct {
	// Suggestion is the lower of Steepest and a tenth of Lowest.
	Suggestion float64              `json:"suggestion"`
	Steepest   float64              `json:"steepest"` // rate of the steepest fall of the loss
	Lowest     float64              `json:"lowest"`   // rate of the lowest loss
	Figure     string               `json:"figure"`
	Points     []training.RatePoint `json:"points"`
}

// rateRangeFigure is the figure of a range test; its numbers lie beside it.
const rateRangeFigure = "learning-rate-range.svg"

// FindRate does a learning rate range test from the first weights of a run, and
// leaves figure and table in opts.Dir, which must be new or empty and does not become
// a run folder.
func FindRate(ctx context.Context, eng *engine.Engine, opts TrainOptions, progress func(done, total int)) (found FoundRate, err error) {
	cfg, net, first, err := opts.prepare()
	if err != nil {
		return found, err
	}
	folder, err := run.Create(opts.Dir, false)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	parts, err := opts.parts(folder)
	if err != nil {
		return found, err
	}
	cache, err := opts.openImages(ctx, opts.photos(parts), cfg)
	if err != nil {
		return found, err
	}
	defer cache.Close()
	trainer, err := opts.newRun(eng, folder, cfg, parts, cache)
	if err != nil {
		return found, err
	}
	trainer.Network = net
	if first != nil {
		trainer.Weights = func(_ *skinattn.Network, store *model.Store) error { return first.Load(store) }
	}
	if found.Points, err = training.FindRate(ctx, trainer, training.DefaultRange, progress); err != nil {
		return found, err
	}
	if len(found.Points) < 3 {
		return found, fmt.Errorf("the loss diverged after %d steps of the range test", len(found.Points))
	}
	found.Steepest, found.Lowest = training.SuggestRates(found.Points)
	found.Suggestion = min(found.Steepest, found.Lowest/10)
	figure := &plots.RateRange{Marked: found.Suggestion}
	for _, p := range found.Points {
		figure.Rates = append(figure.Rates, p.Rate)
		figure.Losses = append(figure.Losses, p.Loss)
		figure.Smooth = append(figure.Smooth, p.Smooth)
	}
	if err := os.MkdirAll(folder.Path(run.FiguresDir), 0o755); err != nil {
		return found, fmt.Errorf("making the folder for the figure: %w", err)
	}
	found.Figure = filepath.Join(folder.Path(run.FiguresDir), rateRangeFigure)
	return found, plots.SaveWithData(found.Figure, figure, plots.Paper())
}
