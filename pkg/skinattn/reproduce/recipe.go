package reproduce

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// recipeStudy is the name of the study whose runs are trials of a regime's options.
const recipeStudy = "recipe"

// recipe is a run, and trials that each change some of its options and nothing else. They are
// compared on the validation part alone, since options are chosen by them.
type recipe struct {
	base    *Run
	trials  []*Run
	effects []effect // of each trial less the base
	means   []effect // values of the base, then of each trial
	images  int      // of the validation part
	info    *eval.BootstrapInfo
}

// recipes finds the trials among the runs, and measures them.
func (r *Report) recipes(runs []*Run) ([]*recipe, error) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(run *Run) bool { return run.Study != recipeStudy || run.config.Regime == nil })
	var found []*recipe
	for _, same := range grouped(runs, func(run *Run) string { return run.identity(triedPaths()...) }) {
		base := r.baseOf(same)
		same = slices.DeleteFunc(same, func(run *Run) bool { return run == base || len(r.tried(base, run)) == 0 })
		if len(same) == 0 {
			continue
		}
		p := &recipe{base: base, trials: same}
		slices.SortFunc(p.trials, func(a, b *Run) int { return strings.Compare(r.trial(p, a), r.trial(p, b)) })
		if err := r.measureRecipe(p); err != nil {
			return nil, fmt.Errorf("measuring the trials beside %s: %w", p.base.Name, err)
		}
		found = append(found, p)
	}
	return found, nil
}

// triedPaths are the paths of config.json that trials change: the options by which tried names them.
func triedPaths() (paths []string) {
	for _, o := range spec.RegimeOptions() {
		paths = append(paths, "regime."+o.Path)
	}
	for _, o := range spec.NetworkOptions() {
		if !o.BeyondPaper() && !slices.Contains(toldElsewhere, o.Path) {
			paths = append(paths, "network."+o.Path)
		}
	}
	return paths
}

// baseOf is the run that every other is near to, while trials are farther from each other; of two alike the one that is nearer to the
// regime of its name.
func (r *Report) baseOf(runs []*Run) *Run {
	return slices.MinFunc(runs, func(a, b *Run) int {
		distance := func(base *Run) (n int) {
			for _, trial := range runs {
				n += len(r.tried(base, trial))
			}
			return n
		}
		return cmp.Or(distance(a)-distance(b), len(r.changes(a))-len(r.changes(b)))
	})
}

// tried are the options that a trial changes.
func (r *Report) tried(base, trial *Run) (changed []string) {
	before, after := r.changes(base), r.changes(trial)
	for _, d := range after {
		if !slices.Contains(before, d) {
			changed = append(changed, d.what+" "+d.here)
		}
	}
	for _, d := range before {
		if !slices.ContainsFunc(after, func(other deviation) bool { return other.what == d.what }) {
			changed = append(changed, d.what+" "+d.authors)
		}
	}
	return changed
}

// trial names a trial by what it changes.
func (r *Report) trial(p *recipe, run *Run) string {
	return strings.Join(r.tried(p.base, run), ", ")
}

func (r *Report) measureRecipe(p *recipe) error {
	var tables []*eval.Table
	for _, run := range slices.Concat([]*Run{p.base}, p.trials) {
		table, err := run.folder.Predictions(split.Val)
		if err != nil {
			return fmt.Errorf("%w; trials are compared by it: add it or take the folder out", err)
		}
		tables = append(tables, table)
	}
	tables, err := eval.Align(tables...)
	if err != nil {
		return err
	}
	p.images = len(tables[0].Predictions().ImageIDs)
	var names []string
	var weights [][]float64
	add := func(name string, arms map[int]float64) {
		one := make([]float64, len(tables))
		for arm, weight := range arms {
			one[arm] = weight
		}
		names, weights = append(names, name), append(weights, one)
	}
	for i, trial := range p.trials {
		add(r.trial(p, trial), map[int]float64{0: -1, 1 + i: 1})
	}
	add("nothing", map[int]float64{0: 1})
	for i, trial := range p.trials {
		add(r.trial(p, trial), map[int]float64{1 + i: 1})
	}
	measured, info, err := r.contrasts(tables, 1, names, weights)
	if err != nil {
		return err
	}
	p.effects, p.means, p.info = measured[:len(p.trials)], measured[len(p.trials):], info
	var family []*effect
	for i := range p.effects {
		family = append(family, &p.effects[i])
	}
	return adjust(family...)
}

// sentences say what each trial changes.
func (p *recipe) sentences() []string {
	var out []string
	for _, e := range p.effects {
		out = append(out, sentence(render.Code(e.name), e))
	}
	return out
}

// recipeView is the trials beside a run.
type recipeView struct {
	Setting        string
	Trials         int
	Clear          []string // sentences on the trials that change any metric clearly
	Effects, Means render.Grid
	How            string
}

func (r *Report) recipeView(p *recipe) recipeView {
	v := recipeView{
		Setting: r.settingText(p.base) + "; validation part of " + r.protocolText(p.base) + "; " + seedsText([]uint64{p.base.config.Seed}) + "; " + imagesText([]string{eval.FormatThousands(p.images)}),
		Trials:  len(p.trials),
		Effects: effectGrid("changed", p.effects), Means: meanGrid("changed", p.means),
		How: howText(p.info, []uint64{p.base.config.Seed}),
	}
	for i, text := range p.sentences() {
		if slices.ContainsFunc(p.effects[i].values, measured.clear) {
			v.Clear = append(v.Clear, text)
		}
	}
	return v
}
