package reproduce

import (
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// number writes a metric as a table shows it: shares with three decimals,
// counts whole with separators, seconds with one decimal.
func number(metric string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "undefined"
	case strings.HasPrefix(metric, "images."), strings.HasPrefix(metric, "parameters"):
		return thousands(int(math.Round(v)))
	case metric == "seconds_per_epoch":
		return fmt.Sprintf("%.0f s", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent writes a share as a percentage.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// interval writes a confidence interval, empty where there is none.
func interval(ci eval.Interval) string {
	if math.IsNaN(ci.Low) || math.IsNaN(ci.High) {
		return ""
	}
	return fmt.Sprintf(" [%.3f, %.3f]", ci.Low, ci.High)
}

// text is what a cell of ours says: a line a run, and one for each setting that
// was repeated. missing stands where no run is.
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

// text is mean and standard deviation over repetitions.
func (s Repetitions) text(metric string) string {
	return fmt.Sprintf("mean %s, sd %s over %d runs at %d px", number(metric, s.Mean), number(metric, s.SD), s.N, s.First.config.Network.Size)
}

// text is the value of a run with interval, images, pixels and, for protocol
// paper, the leak rate.
func (v Value) text(metric string) string {
	var facts []string
	if v.Run.config.Data.Protocol == split.Paper && !strings.HasPrefix(metric, "images.") {
		facts = append(facts, "leaky: "+percent(v.Run.leak.Value()))
	}
	if !strings.HasPrefix(metric, "images.") {
		facts = append(facts, "n = "+thousands(v.Run.metrics.N), fmt.Sprintf("%d px", v.Run.config.Network.Size))
		if _, as, ok := strings.Cut(v.Run.regimeName(), "/"); ok && as != "as-run" {
			facts = append(facts, render.Plain(as))
		}
	}
	facts = append(facts, v.Note)
	return number(metric, v.Value) + interval(v.CI) + " (" + strings.Join(facts, ", ") + ")"
}

// printed is the printed value, with a mark where it is explained.
func (c Cell) printed() string {
	text := string(c.Printed)
	if len(c.Discrepancies) > 0 {
		text += " ‡"
	}
	return text
}

// logged is the logged value, an accuracy with its interval by images.
func (c Cell) logged() string {
	if c.Logged == "" {
		return render.Dash
	}
	if strings.HasPrefix(c.Metric, "parameters") {
		return thousands(int(c.Logged.Value()))
	}
	if run, ok := paper.FindRun(c.Run); ok && c.Metric == "accuracy" {
		return string(c.Logged) + interval(eval.Wilson(run.Correct(), run.N, 0.95)) + " (n = " + thousands(run.N) + ")"
	}
	return string(c.Logged)
}

// remark says what must be known beside a printed value: the ids of its
// discrepancies and its note.
func (c Cell) remark() string {
	parts := append([]string{}, c.Discrepancies...)
	if c.Note != "" {
		parts = append(parts, c.Note)
	}
	return strings.Join(parts, "; ")
}

// explanations lists the discrepancies of some cells, each once, as
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

// joinIDs is how several ids stand in one field.
func joinIDs(ids []string) string { return strings.Join(ids, " ") }

// oneLine puts the lines of a cell behind each other.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// metricName is a metric for people.
func metricName(path string) string {
	if class, name, ok := strings.Cut(strings.TrimPrefix(path, "per_class."), "."); ok && strings.HasPrefix(path, "per_class.") {
		return name + " of " + class
	}
	switch path {
	case "macro_precision", "macro_f1", "macro_recall":
		return strings.Replace(path[6:], "f1", "F1", 1) + ", macro"
	case "auroc_macro":
		return "AUROC, macro"
	case "auroc_micro":
		return "AUROC, micro"
	}
	return path
}
