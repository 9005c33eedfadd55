package reproduce

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

// factor is a part of the paper's method that an ablation switches on and off.
type factor struct {
	claim string   // Claim.Switch in package paper
	name  string   // in text
	short string   // in figures
	off   string   // the flag of 'skinattn train' that switches it off
	paths []string // of config.json that the switch changes
	on    func(*Run) bool
}

// factors are all factors, in the order of tables.
var factors = []factor{
	{"soft_attention", "Soft-Attention", "attention", "--no-soft-attention", []string{"network.soft_attention"},
		func(run *Run) bool { return run.config.Network.SoftAttention }},
	{"metadata", "metadata", "metadata", "--no-metadata", []string{"network.metadata"},
		func(run *Run) bool { return run.config.Network.Metadata }},
	{"class_weights", "class weights", "weights", "--class-weights 1,1,1,1,1,1,1", []string{"regime.class_weights", "regime.class_weighting"},
		(*Run).weighted},
}

// cells is the number of combinations of the factors. Cell c has factor f on if bit f of c
// is set.
var cells = 1 << len(factors)

// cellOf is the run's combination of the factors.
func cellOf(run *Run) (cell int) {
	for f, factor := range factors {
		if factor.on(run) {
			cell |= 1 << f
		}
	}
	return cell
}

// cellName names the factors of a combination that are on.
func cellName(cell int) string {
	var on []string
	for f, factor := range factors {
		if cell&(1<<f) != 0 {
			on = append(on, factor.name)
		}
	}
	if len(on) == 0 {
		return "none of the three"
	}
	return strings.Join(on, ", ")
}

// ablation is a full factorial experiment: runs of all combinations of the factors, with
// one or more seeds, that differ in nothing else.
type ablation struct {
	seeds   []uint64
	runs    [][]*Run // by seed, then by cell
	missing []string // combinations that lack a run, of seeds that are left out
	effects []effect // main effects, then interactions
	means   []effect // of each combination, over the seeds
	info    *eval.BootstrapInfo
}

// effect is a contrast of runs in each of comparedMetrics.
type effect struct {
	name   string
	values []measured
}

// measured is an effect in one metric.
type measured struct {
	eval.Effect
	adjusted float64 // P after Holm
	sd       float64 // standard deviation over the seeds, NaN for one seed
}

// factorPaths are all paths of config.json that the factors change, with those in which
// repetitions differ.
func factorPaths() []string {
	paths := []string{"seed", "data.split_sha256"}
	for _, f := range factors {
		paths = append(paths, f.paths...)
	}
	return paths
}

// ablations finds the full factorial experiments among runs, and measures them. The runs of
// one are of one study, so that a lone run of another is no seed that lacks the others.
func (r *Report) ablations(runs []*Run) ([]*ablation, error) {
	var found []*ablation
	for _, same := range grouped(runs, func(run *Run) string { return run.Study + "\n" + run.identity(factorPaths()...) }) {
		a := newAblation(same)
		if a == nil {
			continue
		}
		if err := r.measureAblation(a); err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, nil
}

// newAblation arranges the runs of one setting, and returns nil if no seed has all
// combinations.
func newAblation(runs []*Run) *ablation {
	a := &ablation{}
	bySeed := grouped(runs, func(run *Run) string { return fmt.Sprint(run.config.Seed, run.config.Data.SplitSHA256) })
	slices.SortFunc(bySeed, func(x, y []*Run) int { return int(x[0].config.Seed) - int(y[0].config.Seed) })
	for _, ofSeed := range bySeed {
		byCell := make([]*Run, cells)
		for _, run := range ofSeed {
			byCell[cellOf(run)] = run
		}
		var lacking []string
		for cell, run := range byCell {
			if run == nil {
				lacking = append(lacking, fmt.Sprintf("seed %d: %s", ofSeed[0].config.Seed, cellName(cell)))
			}
		}
		if len(lacking) > 0 {
			a.missing = append(a.missing, lacking...)
			continue
		}
		a.seeds, a.runs = append(a.seeds, ofSeed[0].config.Seed), append(a.runs, byCell)
	}
	if len(a.seeds) == 0 {
		return nil
	}
	return a
}

// first is a run that stands for the setting.
func (a *ablation) first() *Run { return a.runs[0][cells-1] }

// n is the number of reported images of each seed.
func (a *ablation) n() []string {
	var n []string
	for _, byCell := range a.runs {
		n = append(n, eval.FormatThousands(byCell[0].metrics.N))
	}
	return n
}

// effectWeights are the weights of a seed's runs, by cell, in the effect of a set of
// factors (bits as in a cell). For one factor it is on less off, averaged over the other
// factors; for two, the difference that one makes to the effect of the other, averaged over
// the third; for three, the difference of such differences.
func effectWeights(set int) []float64 {
	weights := make([]float64, cells)
	for cell := range weights {
		weights[cell] = 1 / float64(int(1)<<(len(factors)-bits.OnesCount(uint(set))))
		for f := range factors {
			if set&(1<<f) != 0 && cell&(1<<f) == 0 {
				weights[cell] *= -1
			}
		}
	}
	return weights
}

// effectSets are the sets of factors that have an effect, by size.
func effectSets() []int {
	var sets []int
	for size := 1; size <= len(factors); size++ {
		for set := 1; set < cells; set++ {
			if bits.OnesCount(uint(set)) == size {
				sets = append(sets, set)
			}
		}
	}
	return sets
}

// effectName names a main effect or an interaction.
func effectName(set int, name func(factor) string) string {
	var names []string
	for f, factor := range factors {
		if set&(1<<f) != 0 {
			names = append(names, name(factor))
		}
	}
	return strings.Join(names, " x ")
}

// measureAblation measures all effects and the mean of each combination on the same
// resamples of lesions.
func (r *Report) measureAblation(a *ablation) error {
	var tables []*eval.Table
	for _, byCell := range a.runs {
		for _, run := range byCell {
			tables = append(tables, run.predictions)
		}
	}
	var names []string
	var perSeed [][]float64 // weights of a seed's runs
	for _, set := range effectSets() {
		names, perSeed = append(names, effectName(set, func(f factor) string { return f.name })), append(perSeed, effectWeights(set))
	}
	effects := len(names)
	for cell := range cells {
		one := make([]float64, cells)
		one[cell] = 1
		names, perSeed = append(names, cellName(cell)), append(perSeed, one)
	}
	all, info, err := r.contrasts(tables, len(a.seeds), names, perSeed)
	if err != nil {
		return fmt.Errorf("measuring the ablation of %s: %w", a.first().Name, err)
	}
	a.info, a.effects, a.means = info, all[:effects], all[effects:]
	var family []*effect
	for i := range a.effects {
		family = append(family, &a.effects[i])
	}
	return adjust(family...)
}

// contrasts measures contrasts as means over seeds. The tables are those of the first seed,
// then those of the next, and each contrast has a weight for each table of a seed.
func (r *Report) contrasts(tables []*eval.Table, seeds int, names []string, perSeed [][]float64) ([]effect, *eval.BootstrapInfo, error) {
	var contrasts []eval.Contrast
	for i, weights := range perSeed {
		c := eval.Contrast{Name: names[i]}
		for range seeds {
			for _, w := range weights {
				c.Weights = append(c.Weights, w/float64(seeds))
			}
		}
		contrasts = append(contrasts, c)
	}
	var paths []string
	for _, m := range comparedMetrics {
		paths = append(paths, m.path)
	}
	found, err := eval.MeasureContrasts(r.ctx, tables, contrasts, paths, eval.DefaultOptions())
	if err != nil {
		return nil, nil, err
	}
	values := make([][]float64, len(tables)) // of each table, by metric
	for i, t := range tables {
		m, err := t.Score(nil, nil)
		if err != nil {
			return nil, nil, err
		}
		for _, path := range paths {
			v, _ := m.Value(path)
			values[i] = append(values[i], v)
		}
	}
	var out []effect
	for c, name := range names {
		e := effect{name: name}
		for m := range paths {
			var ofSeeds []float64
			for seed := range seeds {
				sum := 0.0
				for i, w := range perSeed[c] {
					if w != 0 {
						sum += w * values[seed*len(perSeed[c])+i][m]
					}
				}
				ofSeeds = append(ofSeeds, sum)
			}
			one := measured{Effect: found.List[c*len(paths)+m], adjusted: math.NaN(), sd: math.NaN()}
			if s, err := eval.Summarize(ofSeeds, 0.95); err == nil {
				one.sd = s.SD
			}
			e.values = append(e.values, one)
		}
		out = append(out, e)
	}
	return out, found.Bootstrap, nil
}

// adjust fills in the p-values after Holm, for all effects in all metrics as one family.
func adjust(effects ...*effect) error {
	var p []float64
	for _, e := range effects {
		for _, v := range e.values {
			p = append(p, v.P)
		}
	}
	adjusted, err := eval.Holm(p)
	if err != nil {
		return err
	}
	for i := range effects {
		for j := range effects[i].values { // p has as many of each effect
			effects[i].values[j].adjusted = adjusted[i*len(comparedMetrics)+j]
		}
	}
	return nil
}
