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
	names   map[*Run]string // of the trials: what each changes
	effects []effect        // of each trial less the base
	means   []effect        // values of the base, then of each trial
	images  int             // of the validation part
	info    *eval.BootstrapInfo
}

// recipes finds the trials among the runs, and measures them.
func (r *Report) recipes(runs []*Run) ([]*recipe, error) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(run *Run) bool { return run.Study != recipeStudy || run.config.Regime == nil })
	var found []*recipe
	for _, same := range grouped(runs, func(run *Run) string { return run.identity(triedPaths()...) }) {
		p := r.newRecipe(same)
		if len(p.trials) == 0 {
			continue
		}
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
	for _, o := range networkDeviations() {
		paths = append(paths, "network."+o.Path)
	}
	return paths
}

// newRecipe orders runs. The base is the run that every other is near to, while trials are farther from each other; of two alike, the one that
// is nearer to the regime of its name. A repetition of the base is no trial.
func (r *Report) newRecipe(runs []*Run) *recipe {
	changes, distance := map[*Run][]deviation{}, map[*Run]int{}
	for _, run := range runs {
		changes[run] = r.changes(run)
	}
	for _, base := range runs {
		for _, trial := range runs {
			distance[base] += len(tried(changes[base], changes[trial]))
		}
	}
	p := &recipe{base: slices.MinFunc(runs, func(a, b *Run) int {
		return cmp.Or(distance[a]-distance[b], len(changes[a])-len(changes[b]))
	}), names: map[*Run]string{}}
	for _, run := range runs {
		if changed := tried(changes[p.base], changes[run]); len(changed) > 0 {
			p.trials, p.names[run] = append(p.trials, run), strings.Join(changed, ", ")
		}
	}
	slices.SortFunc(p.trials, func(a, b *Run) int { return strings.Compare(p.names[a], p.names[b]) })
	return p
}

// tried are the options that a trial changes, given what base and trial change of their regime.
func tried(base, trial []deviation) (changed []string) {
	for _, d := range trial {
		if !slices.Contains(base, d) {
			changed = append(changed, d.what+" "+d.here)
		}
	}
	for _, d := range base {
		if !slices.ContainsFunc(trial, func(other deviation) bool { return other.what == d.what }) {
			changed = append(changed, d.what+" "+d.authors)
		}
	}
	return changed
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
		add(p.names[trial], map[int]float64{0: -1, 1 + i: 1})
	}
	add("nothing", map[int]float64{0: 1})
	for i, trial := range p.trials {
		add(p.names[trial], map[int]float64{1 + i: 1})
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
