package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// explainScore are the flags of 'explain --score'.
type explainScore struct {
	Score      bool   `help:"Measure the maps of a run's held-out images against the lesion masks of the data folder; or of a scores CSV, named instead of --run, compute the tables anew."`
	Part       string `help:"With --score: whose images, ${enum}." enum:"test,val" default:"test" placeholder:"PART"`
	Curves     int    `help:"With --score: images, drawn with --seed, that get deletion and insertion curves; 0: none." default:"200" placeholder:"N"`
	CurveSteps int    `help:"With --score: steps of a curve." default:"10" placeholder:"N"`
	Resamples  int    `help:"With --score: bootstrap resamples of lesions for the intervals; 0: none." default:"2000" placeholder:"N"`
}

// Files that --score leaves in --out.
const (
	scoresFile   = "attention.csv"
	forestFigure = "attention-forest"
	curvesFigure = "attention-curves"
)

// score measures the maps of a run, or reads a file of scores.
func (c *explainCommand) score(s *session) error {
	f := c.explainScore
	if f.Curves < 0 || f.CurveSteps < 1 || f.Resamples < 0 {
		return usagef("--curves is %d, --curve-steps %d and --resamples %d; they must be at least 0, 1 and 0", f.Curves, f.CurveSteps, f.Resamples)
	}
	if c.Class != "" || c.Mask != "" || c.Age != nil || c.Sex != "" || c.Localization != "" {
		return usagef("--class, --mask, --age, --sex and --localization are not for --score: the predicted class is explained, and the data folder has the rest")
	}
	var table *saliency.Table
	var scored *attention.Scored
	var err error
	switch {
	case c.Dir == "" && len(c.Images) == 1:
		table, err = saliency.ReadTable(c.Images[0], ham10000.Classes)
	case c.Dir != "" && len(c.Images) == 0:
		if scored, err = c.measure(s); err == nil {
			table = scored.Table
		}
	default:
		return usagef("--score takes a run (--run DIR) or one scores CSV; it measures the images of the run's split, not others")
	}
	if err != nil {
		return err
	}
	intervals := eval.DefaultOptions()
	intervals.Resamples, intervals.Seed = f.Resamples, s.seed()
	summary, err := table.Summarize(s.ctx, intervals)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := saveScores(c.Out, table, summary, scored); err != nil {
			return err
		}
	}
	if !s.JSON {
		_, err := fmt.Fprint(s.stdout, summary.Table())
		return err
	}
	if scored == nil {
		return s.answer(summary)
	}
	return s.answerWith(summary, "left_out", map[string][]string{
		"no_mask": append([]string{}, scored.NoMask...), "empty_mask": append([]string{}, scored.EmptyMask...)})
}

// measure runs the network.
func (c *explainCommand) measure(s *session) (*attention.Scored, error) {
	folder, net, opts, err := c.prepare(s)
	if err != nil {
		return nil, err
	}
	data, err := s.openData()
	if err != nil {
		return nil, err
	}
	eng, err := s.predictionEngine()
	if err != nil {
		return nil, err
	}
	// The ImageNet baseline is left out if its weights file is missing.
	weights, err := weights.Path(net.Backbone)
	if err == nil {
		_, err = os.Stat(weights)
	}
	if err != nil {
		s.log(fmt.Sprintf("no baseline with ImageNet weights: %v", err))
		weights = ""
	}
	return attention.Score(s.ctx, eng, folder, attention.ScoreOptions{
		Data: data, Part: split.Part(c.Part), Explain: opts, CurveImages: c.Curves, CurveSteps: c.CurveSteps,
		Seed: s.seed(), Weights: weights, Progress: s.progress, Log: s.log,
	})
}

// saveScores writes the scores, if they are new, and their figures.
func saveScores(dir string, table *saliency.Table, summary *saliency.Summary, scored *attention.Scored) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder for the scores: %w", err)
	}
	figures := map[string]plots.Figure{forestFigure: plots.NewSaliencyForest(summary)}
	if scored != nil {
		if err := table.WriteFile(filepath.Join(dir, scoresFile)); err != nil {
			return err
		}
		if scored.Curves != nil {
			figures[curvesFigure] = plots.NewSaliencyCurves(scored.Curves, attention.PriorBaselines...)
		}
	}
	for name, figure := range figures {
		for _, format := range []string{"svg", "png"} {
			if err := plots.SaveWithData(filepath.Join(dir, name+"."+format), figure, plots.PaperWide()); err != nil {
				return err
			}
		}
	}
	return nil
}
