package reproduce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// experiments are what runs answer together.
type experiments struct {
	ablations []*ablation
	pairs     []*leakPair
	sites     []*siteStudy
	recipes   []*recipe
}

// experiments finds and measures the experiments among all runs.
func (r *Report) experiments() (e experiments, err error) {
	runs := slices.Concat(r.Runs, r.studies)
	if e.ablations, err = r.ablations(runs); err != nil {
		return e, err
	}
	// The protocol to believe comes first.
	slices.SortStableFunc(e.ablations, func(a, b *ablation) int {
		rank := func(x *ablation) int {
			if x.first().config.Data.Protocol == split.Grouped {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	if e.pairs, err = r.leakPairs(runs); err != nil {
		return e, err
	}
	if e.sites, err = r.siteStudies(runs); err != nil {
		return e, err
	}
	e.recipes, err = r.recipes(runs)
	return e, err
}

// studiesView is the data of pages/studies.md.
type studiesView struct {
	figuresView
	Ablations []ablationView
	Pairs     []pairView
	Sites     []siteView
	Recipes   []recipeView
	Command   string // that trains the runs
}

// ablationView is one ablation.
type ablationView struct {
	Protocol, Setting string
	Sentences         []string
	Effects, Means    render.Grid
	How               string
	Missing           []string
}

// pairView is one experiment on the leak.
type pairView struct {
	Setting, Trained, LeakRate string
	Sentences                  []string
	Table                      render.Grid
	How                        string
}

// The command that trains the runs of the studies, and the names of their figures.
const (
	studiesCommand = "scripts/studies.sh studies"
	ablationFigure = "figures/ablation"
	pairFigure     = "figures/leak-pair"
)

func (r *Report) studiesView(pictures figuresView) (studiesView, error) {
	v := studiesView{figuresView: pictures, Command: studiesCommand}
	e, err := r.measured()
	if err != nil {
		return v, err
	}
	for _, a := range e.ablations {
		v.Ablations = append(v.Ablations, r.ablationView(a))
	}
	for _, p := range e.pairs {
		v.Pairs = append(v.Pairs, r.pairView(p))
	}
	for _, s := range e.sites {
		v.Sites = append(v.Sites, r.siteView(s))
	}
	for _, p := range e.recipes {
		v.Recipes = append(v.Recipes, r.recipeView(p))
	}
	return v, nil
}

func (r *Report) ablationView(a *ablation) ablationView {
	first := a.first()
	v := ablationView{
		Protocol:  first.config.Data.Protocol,
		Setting:   r.settingText(first) + "; " + r.protocolText(first) + "; " + seedsText(a.seeds) + "; " + imagesText(a.n()),
		Effects:   effectGrid("effect", a.effects),
		Means:     meanGrid("switched on", a.means),
		How:       howText(a.info, a.seeds),
		Missing:   a.missing,
		Sentences: a.sentences(),
	}
	return v
}

func (r *Report) pairView(p *leakPair) pairView {
	v := pairView{
		Setting:   r.settingText(p.with[0]) + "; " + render.Code(split.LeakPair) + "; " + seedsText(p.seeds),
		Trained:   enumerate(slices.Compact(p.trained())),
		LeakRate:  percent(p.leakRate()),
		Table:     render.Grid{Head: []string{"photos", "images", "metric", "without", "with", "with less without"}},
		How:       howText(p.info, p.seeds),
		Sentences: p.sentences(),
	}
	for _, population := range p.populations {
		for m, metric := range comparedMetrics {
			v.Table.Add(population.name, imagesText(population.images), metric.head,
				plain(population.without.values[m]), plain(population.with.values[m]), population.difference.values[m].text())
		}
	}
	return v
}

// settingText describes how a run was trained, without protocol, seed and factors.
func (r *Report) settingText(run *Run) string {
	return fmt.Sprintf("%s, %s, %d px", render.Plain(r.title(run.config.Network.Backbone)), r.regimeText(run), run.config.Network.Size)
}

// regimeText is a run's regime with the options that differ from it.
func (r *Report) regimeText(run *Run) string {
	text := render.Code(run.regimeName())
	var changed []string
	if run.frozen() {
		changed = append(changed, "frozen backbone")
	}
	if run.config.Data.CoarseSites != "" {
		changed = append(changed, coarseSites)
	}
	for _, d := range r.changes(run) {
		if d.what != "freeze" || !run.frozen() {
			changed = append(changed, d.what+" "+d.here)
		}
	}
	if len(changed) > 0 {
		text += " (" + render.Plain(strings.Join(changed, ", ")) + ")"
	}
	return text
}

func seedsText(seeds []uint64) string {
	var numbers []string
	for _, seed := range seeds {
		numbers = append(numbers, fmt.Sprint(seed))
	}
	if len(numbers) == 1 {
		return "seed " + numbers[0]
	}
	return "seeds " + strings.Join(numbers, ", ")
}

// howText says what the intervals cover.
func howText(info *eval.BootstrapInfo, seeds []uint64) string {
	text := info.String()
	if len(seeds) == 1 {
		text += ". One seed: the intervals do not cover the chance of the split and of the training"
	}
	return text
}

// imagesText is the number of images of each seed.
func imagesText(bySeed []string) string {
	if bySeed = slices.Compact(slices.Clone(bySeed)); len(bySeed) == 1 {
		return "n = " + bySeed[0]
	}
	return "n = " + enumerate(bySeed)
}

// effectGrid has a row for each effect, and a column for each metric.
func effectGrid(head string, effects []effect) render.Grid {
	return metricGrid(head, effects, measured.text)
}

// meanGrid is effectGrid of means.
func meanGrid(head string, means []effect) render.Grid { return metricGrid(head, means, plain) }

func metricGrid(head string, effects []effect, text func(measured) string) render.Grid {
	g := render.Grid{Head: []string{head}}
	for _, m := range comparedMetrics {
		g.Head = append(g.Head, m.head)
	}
	for _, e := range effects {
		line := []string{e.name}
		for _, v := range e.values {
			line = append(line, text(v))
		}
		g.Add(line...)
	}
	return g
}

// plain is a mean with its interval.
func plain(m measured) string { return fmt.Sprintf("%.3f%s", m.Value, interval(m.CI)) }

// text is a difference with its interval, p-value after Holm and spread over the seeds.
func (m measured) text() string {
	text := m.change() + ", " + pValue(m.adjusted, m.PAtFloor)
	if s := number("", m.sd); s != "undefined" {
		text += ", sd " + s
	}
	return text
}

// change is a difference with its interval.
func (m measured) change() string { return fmt.Sprintf("%+.3f%s", m.Value, interval(m.CI)) }

// sentence says what a change does to each metric: what it raises, what it lowers, and
// what it leaves without a measurable difference.
func sentence(subject string, e effect) string {
	var up, down, unclear []string
	for i, v := range e.values {
		text := "the " + comparedMetrics[i].sentence + " (" + v.change() + ")"
		switch {
		case !v.clear():
			unclear = append(unclear, text)
		case v.Value > 0:
			up = append(up, text)
		default:
			down = append(down, text)
		}
	}
	var parts []string
	add := func(verb string, of []string) {
		if len(of) > 0 {
			parts = append(parts, verb+" "+enumerate(of))
		}
	}
	add("raises", up)
	add("lowers", down)
	add("has no measurable effect on", unclear)
	return subject + " " + enumerate(parts) + "."
}

// enumerate joins words with commas and "and".
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// sentences are the answer: one for each factor, and one if any interaction differs from
// zero.
func (a *ablation) sentences() []string {
	var out []string
	for f, factor := range factors {
		subject := "**" + strings.ToUpper(factor.name[:1]) + factor.name[1:] + "**"
		text := sentence(subject, a.effects[f])
		if strings.HasSuffix(factor.name, "weights") { // the one plural
			text = strings.NewReplacer("raises", "raise", "lowers", "lower", "has no", "have no").Replace(text)
		}
		out = append(out, text)
	}
	var clear []string
	for _, e := range a.effects[len(factors):] {
		for i, v := range e.values {
			if v.clear() {
				clear = append(clear, e.name+" in the "+comparedMetrics[i].sentence+" ("+v.change()+")")
			}
		}
	}
	if len(clear) > 0 {
		out = append(out, "Interactions that differ from zero: "+strings.Join(clear, "; ")+".")
	} else {
		out = append(out, "No interaction of the three differs from zero.")
	}
	return out
}

func (p *leakPair) sentences() []string {
	return []string{
		sentence("On all test photos, training on siblings", p.populations[0].difference),
		sentence("On the photos whose siblings were there, it", p.populations[1].difference),
		sentence("On the other test photos, it", p.populations[2].difference),
	}
}

// Kinds of studies.
const (
	StudyAblation = "ablation"  // of protocol grouped or paper
	StudyLeak     = "leak pair" // what the leak is worth: protocol leak-pair
	StudySites    = "archive sites"
	StudyRecipe   = "recipe" // trials of a regime's options, on validation parts
)

// Study is an experiment of several runs, with its answer.
type Study struct {
	Kind      string
	Protocol  string
	Setting   string   // network, regime, seeds and photos, as Markdown
	Sentences []string // the answer, as Markdown
	// Effects are main effects, then interactions, of an ablation; of a leak pair, the
	// effect on all test photos, on those whose siblings were trained on, and on the others; of
	// the archive's sites, what they change, and what leaving out all metadata changes; of a
	// recipe, what each trial changes.
	Effects []StudyEffect
}

// StudyEffect is what a change does to the metrics.
type StudyEffect struct {
	Name    string
	Changes []StudyChange // of accuracy, balanced accuracy, macro F1 and macro AUROC
}

// StudyChange is the change of one metric: the mean over seeds, its interval of 95 % over
// resamples of lesions, and the p-value after Holm's adjustment for all effects and metrics
// of the study.
type StudyChange struct {
	Metric string // a path of package eval, such as "balanced_accuracy"
	Value  float64
	CI     eval.Interval
	P      float64
	// PAtFloor says that resamples can show no smaller P before the adjustment.
	PAtFloor bool
}

// Studies are the experiments among the runs: ablations, the protocol to believe first, then
// leak pairs, then those on the ISIC Archive's coarser sites, then trials.
func (r *Report) Studies() ([]Study, error) {
	e, err := r.measured()
	if err != nil {
		return nil, err
	}
	var studies []Study
	for _, a := range e.ablations {
		v := r.ablationView(a)
		studies = append(studies, Study{StudyAblation, v.Protocol, v.Setting, v.Sentences, studyEffects(a.effects)})
	}
	for _, p := range e.pairs {
		v := r.pairView(p)
		study := Study{Kind: StudyLeak, Protocol: split.LeakPair, Setting: v.Setting, Sentences: v.Sentences}
		for _, population := range p.populations {
			change := population.difference
			change.name = population.name
			study.Effects = append(study.Effects, studyEffects([]effect{change})...)
		}
		studies = append(studies, study)
	}
	for _, s := range e.sites {
		v := r.siteView(s)
		studies = append(studies, Study{Kind: StudySites, Protocol: s.archive[0].config.Data.Protocol, Setting: v.Setting, Sentences: v.Sentences, Effects: studyEffects(s.effects)})
	}
	for _, p := range e.recipes {
		studies = append(studies, Study{StudyRecipe, p.base.config.Data.Protocol, r.recipeView(p).Setting, p.sentences(), studyEffects(p.effects)})
	}
	return studies, nil
}

func studyEffects(effects []effect) (out []StudyEffect) {
	for _, e := range effects {
		of := StudyEffect{Name: e.name}
		for i, v := range e.values {
			of.Changes = append(of.Changes, StudyChange{comparedMetrics[i].path, v.Value, v.CI, v.adjusted, v.PAtFloor})
		}
		out = append(out, of)
	}
	return out
}

// StudyFigures are the figures of the studies, by name; a figure without runs is left out.
func (r *Report) StudyFigures() ([]plots.NamedFigure, error) {
	e, err := r.measured()
	if err != nil {
		return nil, err
	}
	var figures []plots.NamedFigure
	add := func(name string, rows []string, columns [][]effect, heads []string) {
		if len(columns) == 0 {
			return
		}
		f := &plots.Forest{Rows: rows, Columns: 2, Differences: true}
		for m, metric := range comparedMetrics {
			for c, effects := range columns {
				panel := plots.ForestPanel{Label: "Change of " + metric.sentence}
				if len(columns) > 1 {
					panel.Label += ", " + heads[c]
				}
				for _, e := range effects {
					panel.Values, panel.Intervals = append(panel.Values, e.values[m].Value), append(panel.Intervals, e.values[m].CI)
				}
				f.Panels = append(f.Panels, panel)
			}
		}
		figures = append(figures, plots.NamedFigure{Name: name, Figure: f})
	}
	var rows, heads []string
	var columns [][]effect
	for _, set := range effectSets() {
		rows = append(rows, effectName(set, func(f factor) string { return f.short }))
	}
	for _, a := range e.ablations {
		columns, heads = append(columns, a.effects), append(heads, a.first().config.Data.Protocol)
	}
	add(ablationFigure, rows, columns, heads)
	rows, columns, heads = nil, nil, nil
	for _, p := range populations() {
		rows = append(rows, p.short)
	}
	for _, p := range e.pairs {
		var effects []effect
		for _, population := range p.populations {
			effects = append(effects, population.difference)
		}
		columns, heads = append(columns, effects), append(heads, p.with[0].regimeName())
	}
	add(pairFigure, rows, columns, heads)
	return figures, nil
}
