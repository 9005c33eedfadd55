package reproduce

import (
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
)

// claimsPage writes what the evidence says of each claim of the paper.
func (r *Report) claimsPage(p *page) error {
	p.heading(1, "Claims of the paper")
	p.paragraph("For each claim: the paper's words, what the authors' own logs say of it, and what the runs of this project say. " +
		"Intervals are of 95 %. A comparison of two runs here is paired on the same test images, with resamples of lesions for the interval and the p-value of each metric " +
		"and McNemar's exact test for the accuracy; p-values are not adjusted for the number of metrics, and the metric that counts is the balanced accuracy (mean recall) of protocol `grouped`.")
	for _, c := range paper.Claims() {
		p.heading(2, "%s", c.Title)
		for _, q := range c.Quotes {
			p.quote(fmt.Sprintf("%s (%s)", plain(q.Text), sectionName(q.Section)))
		}
		p.paragraph("**By the authors' logs.** " + plain(c.Verdict))
		statements := findStatements(c.Numbers)
		p.table(statementTable(statements))
		p.list(explanations(statementCells(statements)))
		p.list(plainAll(c.Logged))
		p.table(loggedPairs(c.Pairs))
		if len(c.Pairs) > 0 {
			p.paragraph("Two logged runs each, with the difference of their accuracies and Newcombe's interval, which takes the two as independent: predictions by image were not published, so nothing sharper can be had.")
		}
		if err := r.ours(p, c); err != nil {
			return fmt.Errorf("claim %s: %w", c.ID, err)
		}
	}
	otherStatements(p)
	return r.splitEvidence(p)
}

func findStatements(ids []string) []paper.Statement {
	var out []paper.Statement
	for _, id := range ids {
		s, _ := paper.FindStatement(id)
		out = append(out, s)
	}
	return out
}

// statementCells are statements in the form of cells, for what they share.
func statementCells(statements []paper.Statement) []Cell {
	var out []Cell
	for _, s := range statements {
		out = append(out, Cell{Cell: paper.Cell{Printed: s.Printed, Logged: s.Logged, Discrepancies: s.Discrepancies, Note: s.Note}})
	}
	return out
}

// otherStatements lists the numbers of the text that no claim rests on and
// that are no setting of the training.
func otherStatements(p *page) {
	claimed := map[string]bool{}
	for _, c := range paper.Claims() {
		for _, id := range c.Numbers {
			claimed[id] = true
		}
	}
	var rest []paper.Statement
	for _, s := range paper.Statements() {
		if !claimed[s.ID] && !isSetting(s) {
			rest = append(rest, s)
		}
	}
	p.heading(2, "Other numbers in the text")
	p.table(statementTable(rest))
	p.list(explanations(statementCells(rest)))
}

// isSetting is whether a statement is of the procedure, not of a result.
func isSetting(s paper.Statement) bool {
	return s.Run == "" && !strings.Contains(s.Quantity, "ratio") || s.ID == "images-augmented"
}

func sectionName(section string) string {
	if section == "Abstract" {
		return "abstract"
	}
	return "section " + section
}

func plainAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = plain(text)
	}
	return out
}

// statementTable shows numbers of the text beside the logs.
func statementTable(statements []paper.Statement) grid {
	g := grid{head: []string{"quantity", "where", "as printed", "as logged", "remark"}}
	cells := statementCells(statements)
	for i, s := range statements {
		c := cells[i]
		what := metricName(s.Quantity)
		if run, ok := paper.FindRun(s.Run); ok && !strings.Contains(s.Quantity, "ratio") {
			what += " (" + run.Name + ")"
		}
		g.add(plain(what), sectionName(s.Section), c.printed(), string(s.Logged), plain(c.remark()))
	}
	return g
}

// loggedPairs sets two logged runs against each other.
func loggedPairs(pairs []paper.Pair) grid {
	g := grid{head: []string{"run", "against", "accuracy", "difference", "recall, macro", "F1, macro", "hold-out", "remark"}}
	for _, pair := range pairs {
		a, _ := paper.FindRun(pair.With)
		b, _ := paper.FindRun(pair.Without)
		both := func(metric string) string {
			if a.Metrics[metric] == "" || b.Metrics[metric] == "" {
				return dash
			}
			return string(a.Metrics[metric]) + ", " + string(b.Metrics[metric])
		}
		difference := float64(a.Correct())/float64(a.N) - float64(b.Correct())/float64(b.N)
		images := "not known to be the same images"
		if pair.SameImages {
			images = "same images"
		}
		g.add(plain(a.Name), plain(b.Name), both("accuracy"), fmt.Sprintf("%+.3f%s", difference, interval(newcombe(a.Correct(), a.N, b.Correct(), b.N))),
			both("macro_recall"), both("macro_f1"), fmt.Sprintf("n = %d, %s", a.N, images), plain(pair.Note))
	}
	return g
}

// newcombe is the 95 % interval of the difference of two independent
// proportions from their Wilson intervals (Newcombe 1998, method 10).
func newcombe(successesA, nA, successesB, nB int) eval.Interval {
	a, b := float64(successesA)/float64(nA), float64(successesB)/float64(nB)
	wa, wb := eval.Wilson(successesA, nA, 0.95), eval.Wilson(successesB, nB, 0.95)
	return eval.Interval{
		Low:  a - b - math.Hypot(a-wa.Low, wb.High-b),
		High: a - b + math.Hypot(wa.High-a, b-wb.Low),
	}
}
