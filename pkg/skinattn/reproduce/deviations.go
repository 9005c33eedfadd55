package reproduce

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// deviation is a difference between a run and the authors' procedure.
type deviation struct{ what, authors, here string }

// deviationsView is the data of pages/deviations.md.
type deviationsView struct {
	Settings     render.Grid // the paper's text against the notebooks
	ClassWeights string
	ByRun        render.Grid
}

// deviations lists the differences from the authors' procedure.
func (r *Report) deviations() (deviationsView, error) {
	var view deviationsView
	asRun, err := spec.Find("md/as-run")
	if err != nil {
		return view, err
	}
	view.Settings.Head = []string{"setting", "section", "as printed", "in the notebooks", "regime md/as-run here", "remark"}
	for _, s := range paper.Statements() {
		if !isSetting(s) {
			continue
		}
		note := s.Note
		if len(s.Discrepancies) == 0 && note == "" {
			note = "as printed"
		}
		view.Settings.Add(render.Plain(s.Quantity), s.Section, string(s.Printed), string(s.Logged), regimeValue(asRun, s.ID), render.Plain(note))
	}
	var weights []string
	for _, w := range paper.ClassWeights() {
		weights = append(weights, w.Class+" "+string(w.Used))
	}
	view.ClassWeights = strings.Join(weights, ", ")
	view.ByRun.Head = []string{"run", "what", "authors' procedure", "this run"}
	for _, run := range r.Runs {
		found := r.runDeviations(run)
		for _, d := range found {
			view.ByRun.Add(render.Code(run.Name), d.what, render.Plain(d.authors), render.Plain(d.here))
		}
		if len(found) == 0 {
			view.ByRun.Add(render.Code(run.Name), "nothing beyond the above", render.Dash, render.Dash)
		}
	}
	return view, nil
}

// regimeValue is the regime's value for a statement of the paper about a setting.
func regimeValue(r spec.Regime, statement string) string {
	values := map[string]any{"learning-rate": r.LearningRate, "learning-rate-factor": r.Plateau.Factor, "learning-rate-floor": r.Plateau.LearningRate,
		"epsilon": r.Epsilon, "epochs": r.Epochs, "patience": r.EarlyStop.Patience, "batch": r.Batch, "dropout": r.Network.Dropout}
	if value, ok := values[statement]; ok {
		return fmt.Sprint(value)
	}
	return render.Dash
}

// runDeviations are the deviations that a run's config shows.
func (r *Report) runDeviations(run *Run) []deviation {
	var out []deviation
	add := func(what, authors, here string) {
		out = append(out, deviation{what, authors, here})
	}
	net := run.config.Network
	switch {
	case run.config.FastDevRun:
		add("regime", "md/as-run or ad/as-run", "a trial of a few batches")
		return out
	case run.family() == "":
		add("regime", "md/as-run or ad/as-run", run.regimeName()+", none of the authors'")
		return out
	}
	network := r.paperNetwork(net.Backbone)
	if network.Input > 0 && network.Input != net.Size {
		add("input size", fmt.Sprintf("%d px", network.Input), fmt.Sprintf("%d px", net.Size))
	}
	if window := net.AttentionWindow; window != "" {
		add("Soft-Attention's view", "channels 0, 1, 2 on a GPU, three in the middle on a CPU", window)
	}
	switch source := run.config.Data.SourceSize; source {
	case "600x450":
	case "":
		add("photos on disk", "600x450", "size not recorded by this run")
	default:
		add("photos on disk", "600x450", source+" copies")
	}
	fromScratch := run.config.Init == "random" && network.Input > 0 && !network.ImageNet
	if run.config.Init != "imagenet" && !fromScratch {
		add("first weights", "ImageNet", run.config.Init)
	}
	if v := run.variant(); v != "" {
		add("network or loss", "with Soft-Attention; in md with metadata and class weights", v)
	}
	if reg := run.config.Regime; reg != nil {
		named, err := spec.For(reg.Name, run.config.Network.Backbone)
		if err != nil {
			add("regime", "md/as-run or ad/as-run", reg.Name+", which this version does not have")
		} else {
			found, err := fieldDifferences(named, run.config)
			if err != nil {
				add("network", "on a backbone of this version", net.Backbone)
			}
			for _, d := range found {
				add("regime "+reg.Name+", "+d.what, d.authors, d.here)
			}
		}
		if run.epochs > 0 && run.epochs == reg.Epochs && reg.EarlyStop.Patience > 0 {
			add("end of training", fmt.Sprintf("early stopping, patience %d", reg.EarlyStop.Patience), fmt.Sprintf("the limit of %d epochs", reg.Epochs))
		}
	}
	for _, note := range run.environment.Caveats() {
		add("training", "in one go", note)
	}
	switch run.config.Data.Protocol {
	case split.Paper:
		share := map[string]float64{paper.Metadata: 0.10, paper.Augmented: 0.15}[run.family()]
		if held := float64(len(run.split.Part(split.Val))) / float64(len(run.split.Rows)); share > 0 && math.Abs(held-share) > 0.005 {
			add("hold-out", fmt.Sprintf("%.0f %% of the images", 100*share), fmt.Sprintf("%.1f %%", 100*held))
		}
	case "":
		add("protocol", "by image, stratified; leaky", "a split made elsewhere")
	default:
		add("protocol", "by image, stratified; leaky", run.config.Data.Protocol)
	}
	return out
}

// changes lists the options in which a run differs from its named regime, with its
// network's. It is empty for a regime that this version does not have.
func (r *Report) changes(run *Run) []deviation {
	if run.config.Regime == nil {
		return nil
	}
	named, err := spec.For(run.config.Regime.Name, run.config.Network.Backbone)
	if err != nil {
		return nil
	}
	found, err := fieldDifferences(named, run.config)
	if err != nil {
		return nil
	}
	return found
}

// toldElsewhere are the options of the network with rows of their own.
var toldElsewhere = []string{"backbone", "size", "soft_attention", "metadata", "attention_window"}

// networkDeviations are the options of the network that are told as deviations.
func networkDeviations() []spec.Option {
	return slices.DeleteFunc(spec.NetworkOptions(), func(o spec.Option) bool { return o.BeyondPaper() || slices.Contains(toldElsewhere, o.Path) })
}

// fieldDifferences lists the options in which a run's regime and network differ from
// the regime of that name, by their paths in config.json.
func fieldDifferences(named spec.Regime, used run.Config) ([]deviation, error) {
	network, err := skinattn.Resolve(used.Network.Backbone, named)
	if err != nil {
		return nil, err
	}
	var out []deviation
	compare := func(o spec.Option, named, used any) {
		if a, b := o.Text(named), o.Text(used); a != b {
			out = append(out, deviation{o.Path, cmp.Or(a, "none"), cmp.Or(b, "none")})
		}
	}
	for _, o := range spec.RegimeOptions() {
		compare(o, &named, used.Regime)
	}
	for _, o := range networkDeviations() {
		compare(o, &network, &used.Network)
	}
	slices.SortFunc(out, func(a, b deviation) int { return strings.Compare(a.what, b.what) })
	return out, nil
}
