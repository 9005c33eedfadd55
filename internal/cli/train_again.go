package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// again fills in the options of a run that is trained again in another folder. Its own
// split is taken, so that it is the same if the way of drawing splits changes, unless a
// flag asks for another one.
func (c *trainCommand) again(s *session, opts *pipeline.TrainOptions) error {
	folder, cfg, err := c.stored(s, c.Again, "train again", opts)
	if err != nil {
		return err
	}
	opts.FastDevRun, opts.FeatureCache = opts.FastDevRun || c.Fast, opts.FeatureCache || c.Features
	if err := opts.CheckInput(); err != nil {
		return optionUsage(err)
	}
	first := pipeline.ImageNetWeights
	if cfg.Init == pipeline.RandomWeights {
		first = cfg.Init
	}
	opts.Weights = cmp.Or(c.Weights, first)
	if s.Seed == nil && c.Protocol == nil && c.Fold == nil && c.drawn() == (split.Options{}) {
		if c.Split == "" {
			opts.Split, err = folder.Split()
		}
		return err
	}
	drawn := c.drawn()
	if opts.Protocol == "" { // as the run's own split was drawn, but for what flags change
		parts, err := folder.Split()
		if err != nil {
			return err
		}
		opts.Protocol = cfg.Data.Protocol
		if drawn.Folds == 0 && parts.Folds != 0 {
			if drawn.Folds = parts.Folds; c.Fold == nil {
				drawn.Fold = parts.Fold
			}
		}
		drawn.AsRun = drawn.AsRun || parts.AsRun
		drawn.TestShare, drawn.Arm = cmp.Or(c.Share, cfg.Data.TestShare), cmp.Or(c.Arm, cfg.Data.Arm)
	}
	opts.TestShare, opts.Arm, opts.Folds, opts.Fold, opts.AsRun = drawn.TestShare, drawn.Arm, drawn.Folds, drawn.Fold, drawn.AsRun
	if err := drawn.Check(opts.Protocol); err != nil {
		return splitUsage(err)
	}
	return nil
}

// sayWhetherSame logs in what the run in the folder again differs from the one in the
// folder first that it repeats: settings and data, and the predictions.
func sayWhetherSame(s *session, first, again string) error {
	a, err := run.Open(first)
	if err != nil {
		return err
	}
	b, err := run.Open(again)
	if err != nil {
		return err
	}
	wanted, err := b.Config()
	if err != nil {
		return err
	}
	err = a.RequireConfig(wanted)
	if mismatch, ok := errors.AsType[*run.ConfigMismatchError](err); ok {
		var texts []string
		for _, f := range mismatch.Fields {
			texts = append(texts, fmt.Sprintf("%s %s instead of %s", f.Path, cmp.Or(f.Want, "none"), cmp.Or(f.Have, "none")))
		}
		s.log(fmt.Sprintf("note: this run has other settings or data than %s: %s", first, strings.Join(texts, ", ")))
	} else if err != nil {
		return err
	}
	for _, part := range []split.Part{split.Val, split.Test} {
		said, err := samePredictions(a, b, part)
		if err != nil {
			return err
		}
		if said != "" {
			s.log(said)
		}
	}
	return nil
}

// samePredictions says how predictions on a part compare. It has nothing to say of a part
// that both runs lack.
func samePredictions(a, b *run.Folder, part split.Part) (string, error) {
	name := run.PredictionsFile(part)
	switch hasA, hasB := a.Has(name), b.Has(name); {
	case !hasA && !hasB:
		return "", nil
	case !hasA:
		return fmt.Sprintf("note: %s has no %s to compare with", a.Dir, name), nil
	case !hasB:
		return fmt.Sprintf("note: %s has no %s to compare with", b.Dir, name), nil
	}
	x, err := a.ReadFile(name)
	if err != nil {
		return "", err
	}
	y, err := b.ReadFile(name)
	if err != nil {
		return "", err
	}
	if bytes.Equal(x, y) {
		return fmt.Sprintf("%s: the same as in %s, byte for byte", name, a.Dir), nil
	}
	first, err := a.Predictions(part)
	if err != nil {
		return "", err
	}
	again, err := b.Predictions(part)
	if err != nil {
		return "", err
	}
	p, q := first.Predictions(), again.Predictions()
	number := map[string]int{}
	for i, id := range p.ImageIDs {
		number[id] = i
	}
	shared, changed, most := 0, 0, 0.
	for j, id := range q.ImageIDs {
		i, ok := number[id]
		if !ok {
			continue
		}
		shared++
		if p.Predicted(i) != q.Predicted(j) {
			changed++
		}
		for k, probability := range q.Probs[j] {
			most = max(most, math.Abs(float64(probability)-float64(p.Probs[i][k])))
		}
	}
	return fmt.Sprintf("note: %s differs from that of %s: %d and %d photos, %d of them the same; of these, %d have another class, and probabilities differ by up to %.2g",
		name, a.Dir, q.Len(), p.Len(), shared, changed, most), nil
}
