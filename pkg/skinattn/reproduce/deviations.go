package reproduce

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// deviation is something that is not done here as the authors did it.
type deviation struct{ what, authors, here, why string }

// everywhere are the deviations of every run.
var everywhere = []deviation{
	{"split", "drawn without a seed, anew on each machine; the lists of images were not published", "the same procedure with a recorded seed; the list is `split.csv` of the run",
		"their images can't be known, so a difference of a point or two between their run and ours may be the split alone"},
	{"first weights, shuffling, dropout", "no seed", "all from the run's recorded seed", "a run can be repeated to the same bytes on a CPU"},
	{"decoding of photos", "OpenCV, on libjpeg", "the decoder of package `imaging`, as of the run's commit", "no C library; its tests hold it against values of the authors' stack"},
	{"resized pixels", "kept as floating-point numbers", "rounded to whole grey levels in the image cache", "a quarter of the memory; at most 0.5 grey levels, 0.004 after scaling to [-1, 1]"},
	{"arithmetic", "TensorFlow, on a GPU for most runs and on a CPU for InceptionResNetV2 and NASNetLarge", "XLA through GoMLX, float32",
		"sums are taken in another order, so trainings part after some hundred steps"},
	{"Soft-Attention's view", "the convolution sees channels 0, 1, 2 by TensorFlow's documented padding rule; its CPU kernel, which InceptionResNetV2 and NASNetLarge ran on, reads three channels in the middle", "channels 0, 1, 2, unless a run says otherwise below",
		"the documented rule; it matters for weights trained on the other"},
	{"words of the metadata", "vocabulary of the training part", "HAM10000's whole vocabulary", "the same unless all seven images of site 'acral' are held out"},
	{"missing ages", "the 57 rows without age are dropped from all parts", "dropped from training and validation in `as-run`; a test part (datta828, grouped, isic2018) keeps them, with the mean age of the training part",
		"a test that leaves out hard cases is another test; protocol `paper` drops them as the authors did"},
	{"what is reported", "best epoch by validation accuracy, on the images that chose it", "the same in protocol `paper`; in the others a test part that chose nothing", "otherwise the choice flatters the number"},
}

// deviationsPage writes what differs from the authors' procedure.
func (r *Report) deviationsPage(p *page) error {
	p.heading(1, "Deviations")
	p.paragraph("What the authors' notebooks did, what the paper prints, and what the runs here did instead. Column *as logged* and the regimes `as-run` follow the notebooks, not the text, where the two differ.")

	p.heading(2, "The paper's text against the authors' notebooks")
	g := grid{head: []string{"setting", "section", "as printed", "in the notebooks", "regime md/as-run here", "remark"}}
	asRun, err := spec.Find("md/as-run")
	if err != nil {
		return err
	}
	for _, s := range paper.Statements() {
		if !isSetting(s) {
			continue
		}
		note := s.Note
		if len(s.Discrepancies) == 0 && note == "" {
			note = "as printed"
		}
		g.add(plain(s.Quantity), s.Section, string(s.Printed), string(s.Logged), regimeValue(asRun, s.ID), plain(note))
	}
	p.table(g)
	p.list([]string{
		"Class weights: the printed formula gives N/(C\\*N_i) = " + weightsText() + " in the notebooks, truncated, of all 10,015 images; `md/as-run` uses these.",
		"The printed F1 has TN in its denominator; the notebooks use 2TP/(2TP+FP+FN), and so does every value here.",
		"The printed attention formula has a learnable scale and a concatenation and no ReLU; the notebooks have neither of the first two, and a ReLU before the softmax. Networks here follow the notebooks.",
		"Text and Tables A1 and A2 cut the backbones between blocks; the notebooks cut at layer indices that lie within blocks. Networks here are cut as in the notebooks.",
		"The text scales pixels by each backbone's own scheme; the notebooks feed the metadata networks BGR pixels, most scaled to [-1, 1].",
	})

	p.heading(2, "In every run here")
	g = grid{head: []string{"what", "authors", "here", "why, and how much"}}
	for _, d := range everywhere {
		g.add(d.what, d.authors, d.here, d.why)
	}
	p.table(g)

	p.heading(2, "By run")
	p.paragraph("From each run's `config.json` against the regime that it names and the size that the authors used.")
	g = grid{head: []string{"run", "what", "authors' procedure", "this run"}}
	for _, run := range r.Runs {
		found := r.runDeviations(run)
		for _, d := range found {
			g.add(code(run.Name), d.what, plain(d.authors), plain(d.here))
		}
		if len(found) == 0 {
			g.add(code(run.Name), "nothing beyond the above", dash, dash)
		}
	}
	if len(g.rows) == 0 {
		p.paragraph("No runs.")
	}
	p.table(g)
	return nil
}

// regimeValue is the regime's value of a setting that the paper's text gives.
func regimeValue(r spec.Regime, statement string) string {
	switch statement {
	case "learning-rate":
		return fmt.Sprint(r.LearningRate)
	case "learning-rate-factor":
		return fmt.Sprint(r.Plateau.Factor)
	case "learning-rate-floor":
		return fmt.Sprint(r.Plateau.LearningRate)
	case "epsilon":
		return fmt.Sprint(r.Epsilon)
	case "epochs":
		return fmt.Sprint(r.Epochs)
	case "patience":
		return fmt.Sprint(r.EarlyStop.Patience)
	case "batch":
		return fmt.Sprint(r.Batch)
	case "dropout":
		return fmt.Sprint(r.Dropout)
	}
	return dash
}

func weightsText() string {
	var weights []string
	for _, w := range paper.ClassWeights() {
		weights = append(weights, w.Class+" "+string(w.Used))
	}
	return strings.Join(weights, ", ")
}

// runDeviations are what a run's config shows.
func (r *Report) runDeviations(run *Run) []deviation {
	var out []deviation
	add := func(what, authors, here string) {
		out = append(out, deviation{what: what, authors: authors, here: here})
	}
	net := run.config.Network
	if run.family() == "" {
		what := run.regimeName() + ", none of the authors'"
		if run.config.FastDevRun {
			what = "a trial of a few batches"
		}
		add("regime", "md/as-run or ad/as-run", what)
		return out
	}
	if n := r.paperNetwork(net.Backbone); n.Input > 0 && n.Input != net.Size {
		add("input size", fmt.Sprintf("%d px", n.Input), fmt.Sprintf("%d px", net.Size))
	}
	if window := run.option("network.attention_window"); window != "" {
		add("Soft-Attention's view", "channels 0, 1, 2 on a GPU, three in the middle on a CPU", window)
	}
	switch source := run.config.Data.SourceSize; source {
	case "600x450":
	case "":
		add("photos on disk", "600x450", "size not recorded by this run")
	default:
		add("photos on disk", "600x450", source+" copies")
	}
	switch {
	case run.config.Init == "imagenet":
	case run.config.Init == "random" && r.isFromScratch(net.Backbone):
	default:
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
			for _, d := range fieldDifferences(named, *reg) {
				add("regime "+reg.Name+", "+d.what, d.authors, d.here)
			}
		}
		if run.epochs > 0 && run.epochs == reg.Epochs && reg.EarlyStop.Patience > 0 {
			add("end of training", fmt.Sprintf("early stopping, patience %d", reg.EarlyStop.Patience), fmt.Sprintf("the limit of %d epochs", reg.Epochs))
		}
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

func (r *Report) isFromScratch(backbone string) bool {
	n := r.paperNetwork(backbone)
	return n.Input > 0 && !n.ImageNet
}

// fieldDifferences lists the fields of a regime that were set otherwise, by
// their JSON names.
func fieldDifferences(named, used spec.Regime) []deviation {
	a, b := fields(named), fields(used)
	keys := slices.Sorted(maps.Keys(a))
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var out []deviation
	for _, key := range keys {
		if key == "soft_attention" || key == "metadata" { // told of the network
			continue
		}
		if a[key] != b[key] {
			out = append(out, deviation{what: key, authors: orNone(a[key]), here: orNone(b[key])})
		}
	}
	return out
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// fields are the JSON values of a regime by name, nested ones by path.
func fields(r spec.Regime) map[string]string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a plain struct always marshals
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(err)
	}
	out := map[string]string{}
	var walk func(prefix string, tree map[string]any)
	walk = func(prefix string, tree map[string]any) {
		for name, value := range tree {
			if nested, ok := value.(map[string]any); ok {
				walk(prefix+name+".", nested)
				continue
			}
			out[prefix+name] = fmt.Sprint(value)
		}
	}
	walk("", tree)
	return out
}
