package reproduce

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// ResultsFile is the page of results in short, among the files of [Report.Write].
const ResultsFile = "RESULTS.md"

// resultsView is the data of pages/results.md.
type resultsView struct {
	Settings  render.Grid
	Ablations []ablationView
	Pairs     []pairView
	Sites     []siteView
	Recipes   []recipeView
	Command   string // that trains the runs of the studies
	Paper     render.Grid
	Others    string // how a command changes for the other protocols
}

// setting is one way to train, with all its runs.
type setting struct {
	runs   []*Run
	values []measured // means over the runs, in the order of comparedMetrics
}

func (r *Report) resultsView() (resultsView, error) {
	studies, err := r.studiesView(figuresView{})
	if err != nil {
		return resultsView{}, err
	}
	settings, err := r.settings()
	if err != nil {
		return resultsView{}, err
	}
	v := resultsView{Ablations: studies.Ablations, Pairs: studies.Pairs, Sites: studies.Sites, Recipes: studies.Recipes, Command: studies.Command, Paper: r.paperRows(), Others: otherProtocols()}
	v.Settings.Head = append([]string{"network", "regime", "protocol", "leak", "px", "seeds", "n", "epochs"}, metricHeads()...)
	for _, s := range settings {
		v.Settings.Add(r.settingLine(s)...)
	}
	return v, nil
}

func metricHeads() []string {
	var heads []string
	for _, m := range comparedMetrics {
		heads = append(heads, m.head)
	}
	return heads
}

// settings are the settings of the runs that are no trial, demonstration or part of a
// study, the largest photos first.
func (r *Report) settings() ([]setting, error) {
	shown := slices.DeleteFunc(slices.Clone(r.Runs), func(run *Run) bool {
		return run.config.FastDevRun || run.regimeName() == spec.Demo || run.config.Regime == nil
	})
	var settings []setting
	for _, same := range grouped(shown, func(run *Run) string {
		return run.identity("seed", "data.split_sha256", "data.arm") + run.config.Data.Arm
	}) {
		s := setting{runs: same}
		if err := r.measureSetting(&s); err != nil {
			return nil, err
		}
		settings = append(settings, s)
	}
	protocol := func(s setting) int { return slices.Index(split.Names(), s.runs[0].config.Data.Protocol) }
	slices.SortStableFunc(settings, func(a, b setting) int {
		if d := b.runs[0].config.Network.Size - a.runs[0].config.Network.Size; d != 0 {
			return d
		}
		return protocol(a) - protocol(b)
	})
	return settings, nil
}

// measureSetting takes the values and intervals of a single run from its metrics.json, and
// resamples the means of several.
func (r *Report) measureSetting(s *setting) error {
	if len(s.runs) == 1 {
		for _, m := range comparedMetrics {
			value, ci, err := s.runs[0].value(m.path)
			if err != nil {
				return err
			}
			s.values = append(s.values, measured{Effect: eval.Effect{Value: value, CI: ci}, sd: math.NaN()})
		}
		return nil
	}
	var tables []*eval.Table
	for _, run := range s.runs {
		tables = append(tables, run.predictions)
	}
	mean, _, err := r.contrasts(tables, len(tables), []string{"mean"}, [][]float64{{1}})
	if err != nil {
		return fmt.Errorf("averaging the runs of %s: %w", s.runs[0].Name, err)
	}
	s.values = mean[0].values
	return nil
}

// settingLine is a row of the table of settings.
func (r *Report) settingLine(s setting) []string {
	first := s.runs[0]
	var seeds, n, epochs []string
	for _, run := range s.runs {
		seeds = append(seeds, strings.TrimPrefix(run.repetition(), "seed "))
		n = append(n, eval.FormatThousands(run.metrics.N))
		epochs = append(epochs, fmt.Sprint(run.epochs))
	}
	line := []string{render.Plain(r.title(first.config.Network.Backbone)), r.regimeText(first), first.protocolText(),
		leakText(s.runs), fmt.Sprint(first.config.Network.Size), strings.Join(seeds, ", "), strings.Join(slices.Compact(n), ", "), strings.Join(slices.Compact(epochs), ", ")}
	for _, v := range s.values {
		line = append(line, v.mean())
	}
	return line
}

// protocolText is the run's protocol, and the reported part where it is the validation
// part: where it chooses nothing but the recipe, a number is still a little too good.
func (r *Run) protocolText() string {
	text := render.Code(r.config.Data.Protocol)
	reported := r.predictions.Predictions().ImageIDs
	validation := len(reported) > 0 && slices.ContainsFunc(r.split.Part(split.Val), func(row split.Row) bool { return row.ImageID == reported[0] })
	if validation {
		text += ", validation part"
	}
	return text
}

// leakText is the leak rate of the reported photos, the mean over runs.
func leakText(runs []*Run) string {
	sum := 0.0
	for _, run := range runs {
		sum += run.leak.Share()
	}
	if sum == 0 {
		return "none"
	}
	return "**" + percent(sum/float64(len(runs))) + "**"
}

// mean is a value or a mean with its interval, and its spread over several seeds.
func (m measured) mean() string {
	if math.IsNaN(m.Value) {
		return "undefined"
	}
	text := plain(m)
	if !math.IsNaN(m.sd) {
		text += fmt.Sprintf(", sd %.3f", m.sd)
	}
	return text
}

// paperRows has each combination of network and regime in the paper's tables, with its
// printed values and the runs here, or what a run needs.
func (r *Report) paperRows() render.Grid {
	g := render.Grid{Head: []string{"network", "regime", "accuracy", "F1, macro", "AUROC, macro", "runs here", "a run needs", "command"}}
	type combination struct{ backbone, family string }
	type printed struct {
		values map[string]string // by metric
		runs   []string
	}
	var order []combination
	found := map[combination]*printed{}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Backbone == "" || !isMeasured(c.Metric) || strings.HasPrefix(c.Metric, "images.") {
				continue
			}
			at := combination{c.Backbone, c.Regime}
			if found[at] == nil {
				order = append(order, at)
				found[at] = &printed{values: map[string]string{}}
			}
			if text := c.printed(); text != "" && found[at].values[c.Metric] == "" {
				found[at].values[c.Metric] = render.Plain(text)
			}
			for _, p := range split.Columns() {
				for _, v := range c.Ours[p.Name].Values {
					text := fmt.Sprintf("%s, %d px", render.Code(p.Name), v.Run.config.Network.Size)
					if !slices.Contains(found[at].runs, text) {
						found[at].runs = append(found[at].runs, text)
					}
				}
			}
		}
	}
	for _, at := range order {
		p := found[at]
		line := []string{render.Plain(r.title(at.backbone)), render.Code(at.family)}
		for _, metric := range []string{"accuracy", "macro_f1", "auroc_macro"} {
			text := p.values[metric]
			if text == "" {
				text = render.Dash
			}
			line = append(line, text)
		}
		if len(p.runs) > 0 {
			g.Add(append(line, strings.Join(p.runs, "; "), render.Dash, render.Dash)...)
			continue
		}
		n := r.need(at.backbone, at.family, split.Paper)
		g.Add(append(line, "not run", n.needs, render.Code(n.command))...)
	}
	return g
}

// measuredRows is the table of README.md: what the paper and its authors say of MobileNetV2,
// and the settings of the runs here.
func (r *Report) measuredRows() (render.Grid, error) {
	g := render.Grid{Head: append([]string{"", "protocol", "leak", "px", "seeds", "n"}, metricHeads()...)}
	for _, source := range []struct {
		name  string
		value func(Cell) string
	}{
		{"MobileNetV2, as printed", func(c Cell) string { return string(c.Printed) }},
		{"MobileNetV2, as logged by the authors", func(c Cell) string { return string(c.Logged) }},
	} {
		line := []string{source.name, "by image", "not reported", "224", render.Dash, render.Dash}
		for _, m := range comparedMetrics {
			line = append(line, r.ofPaper("mobilenet_v2", paper.Metadata, m.path, source.value))
		}
		g.Add(line...)
	}
	settings, err := r.settings()
	if err != nil {
		return g, err
	}
	for _, s := range settings {
		line := r.settingLine(s)
		g.Add(append([]string{line[0] + ", " + line[1]}, append(line[2:7:7], line[8:]...)...)...)
	}
	e, err := r.measured()
	if err != nil {
		return g, err
	}
	for _, a := range e.ablations {
		if a.first().config.Data.Protocol != split.Grouped {
			continue
		}
		first := a.first()
		var seeds []string
		for _, seed := range a.seeds {
			seeds = append(seeds, fmt.Sprint(seed))
		}
		line := []string{render.Plain(r.title(first.config.Network.Backbone)) + ", frozen, without Soft-Attention, metadata and class weights: a linear probe", render.Code(split.Grouped),
			"none", fmt.Sprint(first.config.Network.Size), strings.Join(seeds, ", "), strings.Join(slices.Compact(a.n()), ", ")}
		for _, v := range a.means[0].values {
			line = append(line, v.mean())
		}
		g.Add(line...)
	}
	return g, nil
}

// ofPaper is the first value of a row of the paper in a metric, a dash if there is none.
func (r *Report) ofPaper(backbone, family, metric string, value func(Cell) string) string {
	if metric == "balanced_accuracy" { // the paper calls it the mean recall
		metric = "macro_recall"
	}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Backbone == backbone && c.Regime == family && c.Metric == metric && value(c) != "" {
				return render.Plain(value(c))
			}
		}
	}
	return render.Dash
}
