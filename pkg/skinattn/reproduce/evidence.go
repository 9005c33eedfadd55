package reproduce

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// ours writes what the runs say of a claim.
func (r *Report) ours(p *page, c paper.Claim) error {
	switch c.Switch {
	case "soft_attention":
		return r.ablation(p, "Soft-Attention", "--no-soft-attention", []string{"network.soft_attention", "regime.soft_attention"},
			func(run *Run) bool { return run.config.Network.SoftAttention })
	case "metadata":
		return r.ablation(p, "metadata", "--no-metadata", []string{"network.metadata", "regime.metadata"},
			func(run *Run) bool { return run.config.Network.Metadata })
	case "class_weights":
		return r.ablation(p, "class weights", "--class-weights 1,1,1,1,1,1,1", []string{"regime.class_weights", "regime.class_weighting"}, (*Run).weighted)
	case "cost":
		r.cost(p)
	case "backbone":
		return r.best(p)
	case "abstract":
		return r.cellsOf(p, "inception_resnet_v2", paper.Metadata, split.Names(), []string{"accuracy", "macro_precision", "macro_f1", "macro_recall", "auroc_macro", "auroc_micro"})
	case "datta828":
		return r.cellsOf(p, "inception_resnet_v2", paper.Metadata, []string{split.Datta828}, []string{"accuracy", "macro_precision", "macro_f1", "macro_recall", "auroc_macro"})
	}
	return nil
}

// noRun says that no run bears on a claim and how to make some.
func noRun(p *page, commands ...string) {
	for i, c := range commands {
		commands[i] = code(c)
	}
	p.paragraph("**Here.** No run yet. Commands: " + strings.Join(commands, "; ") + ".")
}

// ablation compares every two runs that differ in one switch alone.
func (r *Report) ablation(p *page, what, flag string, paths []string, on func(*Run) bool) error {
	var pairs [][2]*Run
	for _, with := range r.Runs {
		for _, without := range r.Runs {
			if on(with) && !on(without) && with.identity(paths...) == without.identity(paths...) {
				pairs = append(pairs, [2]*Run{without, with})
			}
		}
	}
	if len(pairs) == 0 {
		command := r.trainCommand("mobilenet_v2", paper.Metadata, split.Grouped)
		noRun(p, command, command+"-ablated "+flag)
		return nil
	}
	p.paragraph(fmt.Sprintf("**Here.** Runs that differ in %s alone, with less without. An interval of one pair speaks of the test images, not of repeated training.", what))
	return r.comparisons(p, pairs)
}

// comparedMetrics are those of a paired comparison, with their heads.
var comparedMetrics = []struct{ path, head string }{
	{"accuracy", "accuracy"}, {"balanced_accuracy", "balanced accuracy"}, {"macro_f1", "F1, macro"}, {"auroc_macro", "AUROC, macro"},
}

// comparisons tests pairs of runs on the same images: the second less the first.
func (r *Report) comparisons(p *page, pairs [][2]*Run) error {
	g := grid{head: []string{"network", "protocol", "runs"}}
	for _, m := range comparedMetrics {
		g.head = append(g.head, m.head)
	}
	g.head = append(g.head, "McNemar, exact")
	// Pairs that repeat each other but for the seed are averaged below.
	repeated, first := map[string][][]float64{}, map[string][]string{}
	var order []string
	for _, pair := range pairs {
		a, b := pair[0], pair[1]
		c, err := eval.Compare(a.predictions, b.predictions, eval.DefaultOptions())
		if err != nil {
			return fmt.Errorf("comparing %s and %s: %w", a.Name, b.Name, err)
		}
		line := []string{plain(r.title(b.config.Network.Backbone)), r.protocolText(b),
			code(b.Name) + " less " + code(a.Name) + fmt.Sprintf("\nn = %s, %d px, %s", thousands(c.N), b.config.Network.Size, b.repetition())}
		var values []float64
		for _, m := range comparedMetrics {
			i := slices.IndexFunc(c.Differences, func(d eval.Difference) bool { return d.Metric == m.path })
			d := c.Differences[i]
			values = append(values, d.Difference)
			line = append(line, fmt.Sprintf("%+.3f%s, %s", d.Difference, interval(d.CI), pValue(d.P)))
		}
		g.add(append(line, fmt.Sprintf("%d against %d images, %s", c.McNemar.OnlyB, c.McNemar.OnlyA, pValue(c.McNemar.P)))...)
		group := a.setting() + b.setting()
		if _, ok := repeated[group]; !ok {
			repeated[group] = make([][]float64, len(comparedMetrics))
			order = append(order, group)
			first[group] = line[:2]
		}
		for i, v := range values {
			repeated[group][i] = append(repeated[group][i], v)
		}
	}
	for _, group := range order {
		n := len(repeated[group][0])
		if n < 2 {
			continue
		}
		line := append(slices.Clone(first[group]), fmt.Sprintf("mean of %d pairs, t interval over them", n))
		for _, values := range repeated[group] {
			s, err := eval.Summarize(values, 0.95)
			if err != nil {
				return fmt.Errorf("averaging differences: %w", err)
			}
			line = append(line, fmt.Sprintf("%+.3f%s, sd %.3f", s.Mean, interval(s.CI), s.SD))
		}
		g.add(append(line, dash)...)
	}
	p.table(g)
	return nil
}

// protocolText names a run's protocol, with the leak where there is one.
func (r *Report) protocolText(run *Run) string {
	text := code(run.config.Data.Protocol)
	if run.leak.Shared > 0 {
		text += ", leaky: " + percent(run.leak.Value())
	}
	return text
}

func pValue(v float64) string {
	switch {
	case math.IsNaN(v):
		return "p undefined"
	case v < 0.001:
		return "p < 0.001"
	}
	return fmt.Sprintf("p = %.3f", v)
}

// cost compares what training costs, and the parameters of the built networks.
func (r *Report) cost(p *page) {
	names := []string{"mobilenet_v3_large", "densenet201", "inception_resnet_v2"}
	g := grid{head: []string{"network", "parameters, as trained", "run", "training images/s", "s an epoch", "machine"}}
	ran := false
	for _, name := range names {
		parameters := dash
		if n, ok := r.network(name); ok && n.Trained > 0 {
			parameters = thousands(n.Trained)
		}
		rows := 0
		for _, run := range r.Runs {
			if !run.fills(name, paper.Metadata) {
				continue
			}
			rows++
			g.add(plain(r.title(name)), parameters, code(run.Name), fmt.Sprintf("%.1f", run.throughput), fmt.Sprintf("%.0f", run.seconds),
				plain(fmt.Sprintf("%s, %s, %d cores; %d px", run.environment.Engine, run.environment.CPU, run.environment.Cores, run.config.Network.Size)))
		}
		ran = ran || rows > 0
		if rows == 0 && parameters != dash {
			g.add(plain(r.title(name)), parameters, "no run yet", dash, dash, dash)
		}
	}
	if len(g.rows) > 0 {
		p.paragraph("**Here.** Parameters counted in the built networks, and the training of our runs; speeds of different machines or sizes can't be compared.")
		p.table(g)
	}
	if !ran {
		noRun(p, "skinattn bench --backbone mobilenet_v3_large --mode infer --json", "skinattn bench --backbone densenet201 --mode infer --json",
			"skinattn bench --backbone inception_resnet_v2 --mode infer --json")
	}
}

// best sets InceptionResNetV2 against every other network on the same split.
func (r *Report) best(p *page) error {
	const name = "inception_resnet_v2"
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
		noRun(p, r.trainCommand(name, paper.Metadata, split.Grouped), r.trainCommand("densenet201", paper.Metadata, split.Grouped))
		return nil
	}
	p.paragraph(fmt.Sprintf("**Here.** %s less each other network on the same split and seed:", r.title(name)))
	return r.comparisons(p, pairs)
}

// cellsOf shows some metrics of one row of the tables.
func (r *Report) cellsOf(p *page, backbone, family string, protocols, metrics []string) error {
	g := grid{head: []string{"metric"}}
	for _, name := range protocols {
		protocol, err := split.Find(name)
		if err != nil {
			return err
		}
		g.head = append(g.head, protocol.Column.Head)
	}
	ran := false
	for _, metric := range metrics {
		line := []string{metricName(metric)}
		for _, protocol := range protocols {
			ours, err := r.measured(protocol, paper.Cell{Metric: metric, Backbone: backbone, Regime: family})
			if err != nil {
				return err
			}
			ran = ran || !ours.NotRun
			line = append(line, ours.text(metric, "not run"))
		}
		g.add(line...)
	}
	if !ran {
		var commands []string
		for _, protocol := range protocols {
			commands = append(commands, r.trainCommand(backbone, family, protocol))
		}
		noRun(p, commands...)
		return nil
	}
	p.paragraph("**Here.**")
	p.table(g)
	return nil
}
