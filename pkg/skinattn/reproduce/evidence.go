package reproduce

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// evidence are the results of the runs for a claim: a table, commands that would
// make the runs, or both.
type evidence struct {
	Kind     string // chooses the sentence above the table in pages/claims.md
	Of       string // its subject
	Table    render.Grid
	Commands []string
	// Studied are sentences on the effect of the switch in ablations.
	Studied []string
}

// evidence collects the results of the runs for a claim.
func (r *Report) evidence(c paper.Claim) (evidence, error) {
	const best = "inception_resnet_v2"
	for _, f := range factors {
		if f.claim == c.Switch {
			out, err := r.switched(f)
			if err != nil {
				return out, err
			}
			out.Studied, err = r.studied(f)
			if len(out.Studied) > 0 {
				out.Commands = nil
			}
			return out, err
		}
	}
	switch c.Switch {
	case "cost":
		return r.cost(), nil
	case "backbone":
		return r.best(best)
	case "abstract":
		return r.cellsOf(best, split.Columns(), []string{"accuracy", "macro_precision", "macro_f1", "macro_recall", "auroc_macro", "auroc_micro"})
	case "datta828":
		datta, err := split.Find(split.Datta828)
		if err != nil {
			return evidence{}, err
		}
		return r.cellsOf(best, []split.Protocol{*datta}, []string{"accuracy", "macro_precision", "macro_f1", "macro_recall", "auroc_macro"})
	}
	return evidence{}, nil
}

// switched compares every two runs that differ in one factor alone. The runs of studies
// are left to their page.
func (r *Report) switched(f factor) (evidence, error) {
	var pairs [][2]*Run
	for _, with := range r.Runs {
		for _, without := range r.Runs {
			if f.on(with) && !f.on(without) && with.identity(f.paths...) == without.identity(f.paths...) {
				pairs = append(pairs, [2]*Run{without, with})
			}
		}
	}
	if len(pairs) == 0 {
		command := r.trainCommand("mobilenet_v2", paper.Metadata, split.Grouped)
		return evidence{Commands: []string{command, command + "-ablated " + f.off}}, nil
	}
	g, err := r.comparisons(pairs)
	return evidence{Kind: "switch", Of: f.name, Table: g}, err
}

// studied are the sentences on a factor in the ablations.
func (r *Report) studied(f factor) ([]string, error) {
	e, err := r.measured()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range e.ablations {
		for i := range factors {
			if factors[i].claim == f.claim {
				out = append(out, a.sentences()[i]+" "+r.ablationView(a).Setting+".")
			}
		}
	}
	return out, nil
}

// comparedMetrics are the metrics of a paired comparison, with their table heads and
// their names in a sentence.
var comparedMetrics = []struct{ path, head, sentence string }{
	{"accuracy", "accuracy", "accuracy"}, {"balanced_accuracy", "balanced accuracy", "balanced accuracy"},
	{"macro_f1", "F1, macro", "macro F1"}, {"auroc_macro", "AUROC, macro", "macro AUROC"},
}

// comparisons tests pairs of runs on the same images: the second less the first.
func (r *Report) comparisons(pairs [][2]*Run) (render.Grid, error) {
	g := render.Grid{Head: []string{"network", "protocol", "runs"}}
	for _, m := range comparedMetrics {
		g.Head = append(g.Head, m.head)
	}
	g.Head = append(g.Head, "McNemar, exact")
	type compared struct {
		settings    string
		network     []string // and protocol
		differences []float64
	}
	var all []compared
	for _, pair := range pairs {
		a, b := pair[0], pair[1]
		c, err := eval.Compare(r.ctx, a.predictions, b.predictions, eval.DefaultOptions())
		if err != nil {
			return g, fmt.Errorf("comparing %s and %s: %w", a.Name, b.Name, err)
		}
		line := []string{render.Plain(r.title(b.config.Network.Backbone)), r.protocolText(b),
			render.Code(b.Name) + " less " + render.Code(a.Name) + fmt.Sprintf("\nn = %s, %d px, %s", eval.FormatThousands(c.N), b.config.Network.Size, b.repetition())}
		one := compared{settings: a.setting() + b.setting(), network: slices.Clone(line[:2])}
		for _, m := range comparedMetrics {
			d := difference(c.Differences, m.path)
			one.differences = append(one.differences, d.Difference)
			line = append(line, fmt.Sprintf("%+.3f%s, %s", d.Difference, interval(d.CI), pValue(d.P, d.PAtFloor)))
		}
		g.Add(append(line, fmt.Sprintf("%d against %d images, %s", c.McNemar.OnlyB, c.McNemar.OnlyA, pValue(c.McNemar.P, false)))...)
		all = append(all, one)
	}
	for _, repeated := range grouped(all, func(c compared) string { return c.settings }) { // of other seeds
		if len(repeated) < 2 {
			continue
		}
		line := append(repeated[0].network, fmt.Sprintf("mean of %d pairs, t interval over them", len(repeated)))
		for i := range comparedMetrics {
			var values []float64
			for _, c := range repeated {
				values = append(values, c.differences[i])
			}
			s, err := eval.Summarize(values, 0.95)
			if err != nil {
				return g, fmt.Errorf("averaging differences: %w", err)
			}
			line = append(line, fmt.Sprintf("%+.3f%s, sd %.3f", s.Mean, interval(s.CI), s.SD))
		}
		g.Add(append(line, render.Dash)...)
	}
	return g, nil
}

// difference finds the difference in a metric.
func difference(all []eval.Difference, metric string) eval.Difference {
	return all[slices.IndexFunc(all, func(d eval.Difference) bool { return d.Metric == metric })]
}

// protocolText names a run's protocol, with the leak rate if it leaks.
func (r *Report) protocolText(run *Run) string {
	text := render.Code(run.config.Data.Protocol)
	if run.leak.Leaked > 0 {
		text += ", leaky: " + percent(run.leak.Share())
	}
	return text
}

// pValue writes a p-value; one at the floor of its resamples is an upper bound.
func pValue(v float64, atFloor bool) string {
	switch {
	case math.IsNaN(v):
		return "p undefined"
	case atFloor:
		return "p " + strings.Replace(eval.FormatP(v, true), "=", "= ", 1)
	case v < 0.001:
		return "p < 0.001"
	}
	return fmt.Sprintf("p = %.3f", v)
}

// cost compares what training costs, and the parameters of the built networks.
func (r *Report) cost() evidence {
	out := evidence{Kind: "cost", Table: render.Grid{Head: []string{"network", "parameters, as trained", "run", "training images/s", "s an epoch", "machine"}}}
	ran := false
	for _, name := range []string{"mobilenet_v3_large", "densenet201", "inception_resnet_v2"} {
		out.Commands = append(out.Commands, "skinattn bench --backbone "+name+" --mode infer --json")
		parameters := render.Dash
		if n := r.networks[name].Trained; n > 0 {
			parameters = eval.FormatThousands(n)
		}
		rows := 0
		for _, run := range r.Runs {
			if !run.fills(name, paper.Metadata) {
				continue
			}
			rows++
			out.Table.Add(render.Plain(r.title(name)), parameters, render.Code(run.Name), fmt.Sprintf("%.1f", run.throughput), fmt.Sprintf("%.0f", run.seconds),
				render.Plain(fmt.Sprintf("%s, %s, %d cores; %d px", run.environment.Engine, run.environment.CPU, run.environment.Cores, run.config.Network.Size)))
		}
		ran = ran || rows > 0
		if rows == 0 && parameters != render.Dash {
			out.Table.Add(render.Plain(r.title(name)), parameters, "no run yet", render.Dash, render.Dash, render.Dash)
		}
	}
	if ran {
		out.Commands = nil
	}
	return out
}

// best compares a network with every other network on the same split.
func (r *Report) best(name string) (evidence, error) {
	var pairs [][2]*Run
	for _, b := range r.Runs {
		for _, a := range r.Runs {
			if b.fills(name, paper.Metadata) && a.family() == paper.Metadata && a.variant() == "" && a.config.Network.Backbone != name &&
				a.config.Data.Protocol == b.config.Data.Protocol && a.config.Seed == b.config.Seed && slices.Equal(a.split.Rows, b.split.Rows) &&
				a.regimeName() == b.regimeName() {
				pairs = append(pairs, [2]*Run{a, b})
			}
		}
	}
	if len(pairs) == 0 {
		return evidence{Commands: []string{r.trainCommand(name, paper.Metadata, split.Grouped), r.trainCommand("densenet201", paper.Metadata, split.Grouped)}}, nil
	}
	g, err := r.comparisons(pairs)
	return evidence{Kind: "best", Of: r.title(name), Table: g}, err
}

// cellsOf shows some metrics of a metadata network by protocol.
func (r *Report) cellsOf(backbone string, protocols []split.Protocol, metrics []string) (evidence, error) {
	out := evidence{Kind: "cells", Table: render.Grid{Head: []string{"metric"}}}
	for _, p := range protocols {
		out.Table.Head = append(out.Table.Head, p.Column.Head)
		out.Commands = append(out.Commands, r.trainCommand(backbone, paper.Metadata, p.Name))
	}
	ran := false
	for _, metric := range metrics {
		line := []string{eval.TextLabel(metric)}
		for _, p := range protocols {
			ours, err := r.valuesOf(p.Name, paper.Cell{Metric: metric, Backbone: backbone, Regime: paper.Metadata})
			if err != nil {
				return out, err
			}
			ran = ran || !ours.NotRun
			line = append(line, ours.text(metric, "not run"))
		}
		out.Table.Add(line...)
	}
	if !ran {
		return evidence{Commands: out.Commands}, nil
	}
	out.Commands = nil
	return out, nil
}

// leakEvidence compares the metrics of leaked and clean images in the leaky runs.
func (r *Report) leakEvidence() (evidence, error) {
	out := evidence{Kind: "leak", Table: render.Grid{Head: []string{"run", "images", "metric", "clean", "leaked", "leaked less clean"}}}
	for _, run := range r.Runs {
		if run.config.Data.Protocol != split.Paper || run.family() == "" || run.leak.Leaked == 0 {
			continue
		}
		effect, err := eval.MeasureLeak(r.ctx, run.predictions, func(id string) bool { return run.leaked[id] }, eval.DefaultOptions())
		if err != nil {
			return out, fmt.Errorf("measuring the leak of %s: %w", run.Name, err)
		}
		for _, m := range comparedMetrics {
			d := difference(effect.Differences, m.path)
			out.Table.Add(render.Code(run.Name), fmt.Sprintf("%d clean, %d leaked", effect.Clean.N, effect.Leaked.N), m.head,
				fmt.Sprintf("%.3f", d.A), fmt.Sprintf("%.3f", d.B), fmt.Sprintf("%+.3f%s", d.Difference, interval(d.CI)))
		}
	}
	if len(out.Table.Rows) == 0 {
		out.Commands = []string{r.trainCommand("mobilenet_v2", paper.Metadata, split.Paper)}
	}
	return out, nil
}
