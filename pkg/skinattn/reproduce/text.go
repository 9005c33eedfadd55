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

// number formats a metric for a table: shares with three decimals, counts with
// separators, seconds whole.
func number(metric string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "undefined"
	case strings.HasPrefix(metric, "images."), strings.HasPrefix(metric, "parameters"):
		return eval.FormatThousands(int(math.Round(v)))
	case metric == "seconds_per_epoch":
		return fmt.Sprintf("%.0f s", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// percent writes a share as a percentage.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// noInterval is the confidence interval of a number without one.
var noInterval = eval.Interval{Low: math.NaN(), High: math.NaN()}

// interval formats a confidence interval, empty for noInterval.
func interval(ci eval.Interval) string {
	if !ci.Defined() {
		return ""
	}
	return " " + eval.FormatCI(ci, "%.3f")
}

// text is the text of a cell: a line for each run and for each repeated setting, or
// missing if there is no run.
func (o Ours) text(metric, missing string) string {
	if o.NotRun {
		return missing
	}
	if len(o.Values) == 0 {
		return render.Dash
	}
	var lines []string
	for _, v := range o.Values {
		lines = append(lines, v.text(metric))
	}
	for _, s := range o.Repeated {
		lines = append(lines, s.text(metric))
	}
	return strings.Join(lines, "\n")
}

// text is the mean and the standard deviation over repetitions.
func (s Repetitions) text(metric string) string {
	return fmt.Sprintf("mean %s, sd %s over %d runs at %d px", number(metric, s.Mean), number(metric, s.SD), s.N, s.First.config.Network.Size)
}

// text is the value of a run with interval, number of images, image size and, for
// protocol paper, the leak rate.
func (v Value) text(metric string) string {
	var facts []string
	if !strings.HasPrefix(metric, "images.") {
		if v.Run.config.Data.Protocol == split.Paper {
			facts = append(facts, "leaky: "+percent(v.Run.leak.Share()))
		}
		facts = append(facts, "n = "+eval.FormatThousands(v.Run.metrics.N), fmt.Sprintf("%d px", v.Run.config.Network.Size))
		if _, as, ok := strings.Cut(v.Run.regimeName(), "/"); ok && as != "as-run" {
			facts = append(facts, render.Plain(as))
		}
	}
	facts = append(facts, v.Note)
	return number(metric, v.Value) + interval(v.CI) + " (" + strings.Join(facts, ", ") + ")"
}

// printed is the printed value, with a ‡ if it is explained.
func (c Cell) printed() string {
	text := string(c.Printed)
	if len(c.Discrepancies) > 0 {
		text += " ‡"
	}
	return text
}

// logged is the logged value; an accuracy has its Wilson interval over images.
func (c Cell) logged() string {
	if c.Logged == "" {
		return render.Dash
	}
	if strings.HasPrefix(c.Metric, "parameters") {
		return eval.FormatThousands(int(c.Logged.Value()))
	}
	if run, ok := paper.FindRun(c.Run); ok && c.Metric == "accuracy" {
		return string(c.Logged) + interval(eval.Wilson(run.Correct(), run.N, 0.95)) + " (n = " + eval.FormatThousands(run.N) + ")"
	}
	return string(c.Logged)
}

// remark is the remark on a printed value: the ids of its discrepancies and its note.
func (c Cell) remark() string {
	parts := slices.Clone(c.Discrepancies)
	if c.Note != "" {
		parts = append(parts, c.Note)
	}
	return strings.Join(parts, "; ")
}

// explanations lists the discrepancies of the cells, each once, as
// "id: title. Explanation".
func explanations(cells []Cell) []string {
	var out []string
	seen := map[string]bool{}
	for _, c := range cells {
		for _, id := range c.Discrepancies {
			if seen[id] {
				continue
			}
			seen[id] = true
			d, _ := paper.FindDiscrepancy(id)
			out = append(out, fmt.Sprintf("**%s**: %s. %s", id, d.Title, d.Explanation))
		}
	}
	return out
}

// joinIDs joins ids for one field.
func joinIDs(ids []string) string { return strings.Join(ids, " ") }

// oneLine joins the lines of a cell.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
