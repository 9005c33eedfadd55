package reproduce

import (
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

const indexTitle = "The paper, as printed, as logged, and here"

// writeIndex writes the first page: alone, or as the head of the page that has
// everything, where links go to places in it.
func (r *Report) writeIndex(p *page, whole bool) {
	p.heading(1, indexTitle)
	p.paragraph("*Diagnostic support of skin lesion classification using CNN and Soft Attention* (Nguyen, Bui, Do; Sensors 2022): every printed table, each value *as printed*, *as logged* in the authors' notebooks, and as measured by the runs of this project. " +
		"Printed values are never corrected; where one differs from its log, a ‡ and a note say why.")
	p.heading(2, "Pages")
	link := func(name, file, anchor string) string {
		if whole {
			return fmt.Sprintf("[%s](#%s) ([md](%s))", name, anchor, file)
		}
		return fmt.Sprintf("[%s](%s)", name, file)
	}
	var tables []string
	for _, t := range r.Tables {
		file := "tables/" + t.file()
		tables = append(tables, fmt.Sprintf("%s ([csv](%s.csv), [tex](%[2]s.tex))", link("Table "+t.ID, file+".md", strings.ToLower(t.file())), file))
	}
	p.list(append(tables,
		"all tables in LaTeX: [tables/tables.tex](tables/tables.tex)",
		link("Claims", "claims.md", "claims-of-the-paper")+": each claim of the paper, and what the evidence says",
		link("Figures", "figures.md", "figures")+": those of the paper that are drawn from data",
		link("Deviations", "deviations.md", "deviations")+": what differs from the authors' procedure, and why",
		"[cells.csv](cells.csv): every number of every table, a record each, for programs"))
	if !whole {
		p.paragraph("[index.html](index.html) has all of this on one page.")
	}
	p.heading(2, "Columns")
	columns := []string{
		"**as printed**: the text of the paper",
		"**as logged**: the authors' notebooks, or what follows from their counts; accuracies with Wilson's interval over images; " + dash + " where nothing is known",
	}
	for _, protocol := range split.Protocols {
		columns = append(columns, "**"+protocol.Column.Head+"**: "+protocol.Column.Explanation)
	}
	p.list(columns)
	p.paragraph("Our values have 95 % intervals from 2,000 resamples of lesions, the number n of test images, the pixels, and the seed. Where a setting was run with several seeds, mean and standard deviation over them follow. " +
		"The paper's MD rows take runs of the regimes `md/...`, its AD rows those of `ad/...`; runs that switch off Soft-Attention, metadata or class weights stand with the claims.")
	p.heading(2, "How much of it was run")
	p.paragraph(r.coverage())
	p.heading(2, "Runs")
	if len(r.Runs) == 0 {
		p.paragraph("No run folder was found.")
	}
	g := grid{head: []string{"run", "network", "regime", "protocol", "seed", "px", "epochs (best)", "n", "accuracy", "balanced accuracy", "F1, macro", "AUROC, macro", "used"}}
	for _, run := range r.Runs {
		line := []string{code(run.Name), plain(r.title(run.config.Network.Backbone)), code(run.regimeName()), r.protocolText(run), fmt.Sprint(run.config.Seed),
			fmt.Sprint(run.config.Network.Size), fmt.Sprintf("%d (%d)", run.epochs, run.bestEpoch), thousands(run.metrics.N)}
		for _, m := range []string{"accuracy", "balanced_accuracy", "macro_f1", "auroc_macro"} {
			value, ci, err := run.value(m)
			if err != nil || math.IsNaN(value) {
				line = append(line, "undefined")
				continue
			}
			line = append(line, number(m, value)+interval(ci))
		}
		g.add(append(line, r.use(run))...)
	}
	p.table(g)
}

// use says where a run stands.
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

// coverage says how many printed rows have a run.
func (r *Report) coverage() string {
	type row struct{ backbone, family string }
	measured := map[row]bool{}
	filled := map[string]map[row]bool{} // by protocol
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Backbone == "" || !isMeasured(c.Metric) {
				continue
			}
			measured[row{c.Backbone, c.Regime}] = true
			for protocol, ours := range c.Ours {
				if len(ours.Values) > 0 {
					if filled[protocol] == nil {
						filled[protocol] = map[row]bool{}
					}
					filled[protocol][row{c.Backbone, c.Regime}] = true
				}
			}
		}
	}
	var parts []string
	for _, protocol := range split.Protocols {
		parts = append(parts, fmt.Sprintf("%d in *%s*", len(filled[protocol.Name]), protocol.Column.Head))
	}
	return fmt.Sprintf("The printed tables hold %d combinations of network and regime. With a run here: %s. The others say what they need.", len(measured), strings.Join(parts, ", "))
}
