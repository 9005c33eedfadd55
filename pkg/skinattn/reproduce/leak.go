package reproduce

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// splitEvidence measures in our leaky runs what the leak is worth.
func (r *Report) splitEvidence(p *page) error {
	p.heading(2, "The split (not a claim: what lies under all of them)")
	p.paragraph("The authors divided by image. Of the images that their numbers are reported on, about 42 % show a lesion of which another photo was trained on (melanoma 73 %).")
	g := grid{head: []string{"run", "images", "metric", "clean", "leaked", "leaked less clean"}}
	for _, run := range r.Runs {
		if run.config.Data.Protocol != split.Paper || run.family() == "" || run.leak.Shared == 0 {
			continue
		}
		effect, err := run.leakEffect()
		if err != nil {
			return fmt.Errorf("measuring the leak of %s: %w", run.Name, err)
		}
		for _, m := range comparedMetrics {
			i := slices.IndexFunc(effect.Differences, func(d eval.Difference) bool { return d.Metric == m.path })
			d := effect.Differences[i]
			g.add(code(run.Name), fmt.Sprintf("%d clean, %d leaked", effect.Clean.N, effect.Leaked.N), m.head,
				fmt.Sprintf("%.3f", d.A), fmt.Sprintf("%.3f", d.B), fmt.Sprintf("%+.3f%s", d.Difference, interval(d.CI)))
		}
	}
	if len(g.rows) == 0 {
		noRun(p, r.trainCommand("mobilenet_v2", paper.Metadata, split.Paper))
		return nil
	}
	p.paragraph("**Here.** Each leaky run judged apart on the images that leaked and on those that did not. Lesions with several photos leak more often and may be of other classes, easier or harder, so the difference is not the leak's worth alone; the columns *leaky* and *grouped* of the tables say more.")
	p.table(g)
	return nil
}

// leakEffect judges the reported images whose lesion was trained on apart.
func (r *Run) leakEffect() (*eval.LeakEffect, error) {
	trained := map[string]bool{}
	for _, row := range r.split.Part(split.Train) {
		trained[row.LesionID] = true
	}
	leaked := map[string]bool{}
	for i, id := range r.predictions.ImageIDs {
		leaked[id] = len(r.predictions.LesionIDs) != 0 && trained[r.predictions.LesionIDs[i]]
	}
	return eval.MeasureLeak(r.predictions, func(id string) bool { return leaked[id] }, eval.DefaultOptions())
}
