package reproduce

import (
	"fmt"
	"math"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// leakPair is the experiment of protocol leak-pair: runs of both arms, with one or more
// seeds, that differ in nothing else.
type leakPair struct {
	seeds       []uint64
	with        []*Run // by seed
	without     []*Run
	populations []population
	info        *eval.BootstrapInfo // of the first population
}

// population is a part of the test photos that both arms are judged on.
type population struct {
	name   string
	short  string                 // in figures
	of     func(leaked bool) bool // the photos in it
	images []string               // their number by seed
	// The means over the seeds in each of comparedMetrics.
	difference, with, without effect
}

// populations are the parts of the test photos, in the order of tables.
func populations() []population {
	return []population{
		{name: "all test photos", short: "all", of: func(bool) bool { return true }},
		{name: "photos whose siblings one arm trained on", short: "siblings seen", of: func(leaked bool) bool { return leaked }},
		{name: "the other test photos", short: "others", of: func(leaked bool) bool { return !leaked }},
	}
}

// leakPairs finds the experiments among runs, and measures them.
func (r *Report) leakPairs(runs []*Run) ([]*leakPair, error) {
	var found []*leakPair
	arms := slices.DeleteFunc(slices.Clone(runs), func(run *Run) bool { return run.config.Data.Arm == "" })
	for _, same := range grouped(arms, func(run *Run) string { return run.identity("seed", "data.arm", "data.split_sha256") }) {
		p := &leakPair{}
		bySeed := grouped(same, func(run *Run) string { return fmt.Sprint(run.config.Seed) })
		slices.SortFunc(bySeed, func(x, y []*Run) int { return int(x[0].config.Seed) - int(y[0].config.Seed) })
		for _, pair := range bySeed {
			arm := func(name string) int {
				return slices.IndexFunc(pair, func(run *Run) bool { return run.config.Data.Arm == name })
			}
			if with, without := arm(split.ArmWith), arm(split.ArmWithout); with >= 0 && without >= 0 {
				p.seeds = append(p.seeds, pair[0].config.Seed)
				p.with, p.without = append(p.with, pair[with]), append(p.without, pair[without])
			}
		}
		if len(p.seeds) == 0 {
			continue
		}
		if err := r.measurePair(p); err != nil {
			return nil, fmt.Errorf("measuring the leak by %s and %s: %w", p.with[0].Name, p.without[0].Name, err)
		}
		found = append(found, p)
	}
	return found, nil
}

// measurePair measures the difference of the arms on each population.
func (r *Report) measurePair(p *leakPair) error {
	for _, population := range populations() {
		var tables []*eval.Table
		for seed, with := range p.with {
			aligned, err := eval.Align(with.predictions, p.without[seed].predictions)
			if err != nil {
				return err
			}
			ids := aligned[0].Predictions().ImageIDs
			for _, t := range aligned {
				tables = append(tables, t.Where(func(i int) bool { return population.of(with.leaked[ids[i]]) }))
			}
			population.images = append(population.images, eval.FormatThousands(tables[len(tables)-1].Len()))
		}
		measured, info, err := r.contrasts(tables, len(p.seeds), []string{"with less without", "with", "without"}, [][]float64{{1, -1}, {1, 0}, {0, 1}})
		if err != nil {
			return err
		}
		population.difference, population.with, population.without = measured[0], measured[1], measured[2]
		if p.info == nil {
			p.info = info
		}
		p.populations = append(p.populations, population)
	}
	var differences []*effect
	for i := range p.populations {
		differences = append(differences, &p.populations[i].difference)
	}
	return adjust(differences...)
}

// leakRate is the mean over the seeds of the share of test photos whose siblings the arm
// "with" trained on.
func (p *leakPair) leakRate() float64 {
	sum := 0.0
	for _, run := range p.with {
		sum += run.leak.Share()
	}
	return sum / float64(len(p.with))
}

// trained is the number of training photos of each seed, equal in both arms.
func (p *leakPair) trained() (n []string) {
	for _, run := range p.with {
		n = append(n, eval.FormatThousands(len(run.split.Part(split.Train))))
	}
	return n
}

// clear reports whether an effect differs from zero after Holm's adjustment.
func (m measured) clear() bool { return !math.IsNaN(m.adjusted) && m.adjusted < 0.05 }
