package reproduce

import (
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

const indexTitle = "The paper, as printed, as logged, and here"

// indexView is the data of pages/index.md: the first page or, if Whole, the beginning
// of the page with all pages, where links go to places in the same page.
type indexView struct {
	Title        string
	Whole        bool
	Verdicts     []verdict
	Tables       []indexTable
	Protocols    []split.Protocol
	Combinations int    // of network and regime in the printed tables
	Filled       string // number of combinations with a run, by protocol
	Runs         render.Grid
}

// verdict is a claim in a line: what was claimed, the verdict, and the first reason.
type verdict struct{ Claim, Verdict, Why string }

// verdicts puts every claim of the paper in a line.
func verdicts() (lines []verdict) {
	for _, c := range paper.Claims() {
		word, why := inShort(c.Verdict)
		lines = append(lines, verdict{render.Plain(c.Title), render.Plain(word), render.Plain(why)})
	}
	return lines
}

// inShort divides the first sentence of a claim's verdict: what stands before the colon or,
// without one, before the comma, and the reason behind it. A full stop ends a sentence if a
// space and a capital follow.
func inShort(text string) (word, why string) {
	for i := range len(text) - 2 {
		if text[i] == '.' && text[i+1] == ' ' && text[i+2] >= 'A' && text[i+2] <= 'Z' {
			text = text[:i]
			break
		}
	}
	text = strings.TrimSuffix(text, ".")
	word, why, found := strings.Cut(text, ": ")
	if !found {
		word, why, _ = strings.Cut(text, ", ")
	}
	return word, why
}

type indexTable struct{ ID, Path, Anchor string }

// Link is a link to a page, or to its place in the page with all pages.
func (v indexView) Link(name, file, anchor string) string {
	if v.Whole {
		return fmt.Sprintf("[%s](#%s) ([md](%s))", name, anchor, file)
	}
	return fmt.Sprintf("[%s](%s)", name, file)
}

func (r *Report) index() indexView {
	v := indexView{Title: indexTitle, Protocols: split.Columns(), Verdicts: verdicts()}
	for _, t := range r.Tables {
		v.Tables = append(v.Tables, indexTable{t.ID, "tables/" + t.file(), strings.ToLower(t.file())})
	}
	v.Combinations, v.Filled = r.coverage()
	v.Runs.Head = []string{"run", "network", "regime", "protocol", "seed", "px", "epochs (best)", "n", "accuracy", "balanced accuracy", "F1, macro", "AUROC, macro", "used"}
	for _, run := range r.Runs {
		line := []string{render.Code(run.Name), render.Plain(r.title(run.config.Network.Backbone)), render.Code(run.regimeName()), r.protocolText(run), fmt.Sprint(run.config.Seed),
			fmt.Sprint(run.config.Network.Size), fmt.Sprintf("%d (%d)", run.epochs, run.bestEpoch), eval.FormatThousands(run.metrics.N)}
		for _, m := range []string{"accuracy", "balanced_accuracy", "macro_f1", "auroc_macro"} {
			value, ci, err := run.value(m)
			if err != nil || math.IsNaN(value) {
				line = append(line, "undefined")
				continue
			}
			line = append(line, number(m, value)+interval(ci))
		}
		v.Runs.Add(append(line, r.use(run))...)
	}
	return v
}

// use names the pages that show a run, or the reason why none does.
func (r *Report) use(run *Run) string {
	switch {
	case run.config.FastDevRun:
		return "no: a trial of a few batches"
	case run.regimeName() == spec.Demo:
		return "no: demonstration on synthetic lesions"
	case run.family() == "":
		return "no: the regime is none of the paper's"
	case run.variant() != "":
		return "claims (" + run.variant() + ")"
	}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			for _, o := range c.Ours {
				for _, v := range o.Values {
					if v.Run == run && !strings.HasPrefix(c.Metric, "images.") {
						return "tables"
					}
				}
			}
		}
	}
	return "no: no row of the paper has this network, regime and protocol"
}

// coverage counts the combinations of network and regime in the printed tables, and
// lists the number with a run by protocol.
func (r *Report) coverage() (combinations int, filledRows string) {
	type combination struct{ backbone, family string }
	measured := map[combination]bool{}
	filled := map[string]map[combination]bool{} // by protocol
	for _, protocol := range split.Columns() {
		filled[protocol.Name] = map[combination]bool{}
	}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Backbone == "" || !isMeasured(c.Metric) {
				continue
			}
			at := combination{c.Backbone, c.Regime}
			measured[at] = true
			for protocol, ours := range c.Ours {
				if len(ours.Values) > 0 {
					filled[protocol][at] = true
				}
			}
		}
	}
	var parts []string
	for _, protocol := range split.Columns() {
		parts = append(parts, fmt.Sprintf("%d in *%s*", len(filled[protocol.Name]), protocol.Column.Head))
	}
	return len(measured), strings.Join(parts, ", ")
}
