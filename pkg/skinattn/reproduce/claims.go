package reproduce

import (
	"fmt"
	"math"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
)

// claimsView is the data of pages/claims.md.
type claimsView struct {
	Claims             []claimView
	Others             render.Grid // numbers of the text that no claim rests on
	OtherDiscrepancies []string
	Split              evidence
}

// claimView is a claim with its evidence.
type claimView struct {
	Title, Verdict string
	Quotes         []paper.Quote
	Statements     render.Grid
	Discrepancies  []string
	Logged         []string
	Pairs          render.Grid
	Here           evidence
}

// claims compares the claims of the paper with the logs and the runs.
func (r *Report) claims() (view claimsView, err error) {
	claimed := map[string]bool{}
	for _, c := range paper.Claims() {
		var statements []paper.Statement
		for _, id := range c.Numbers {
			claimed[id] = true
			s, _ := paper.FindStatement(id)
			statements = append(statements, s)
		}
		one := claimView{Title: c.Title, Verdict: c.Verdict, Quotes: c.Quotes, Pairs: loggedPairs(c.Pairs)}
		one.Statements, one.Discrepancies = statementTable(statements)
		for _, text := range c.Logged {
			one.Logged = append(one.Logged, render.Plain(text))
		}
		if one.Here, err = r.evidence(c); err != nil {
			return view, fmt.Errorf("claim %s: %w", c.ID, err)
		}
		view.Claims = append(view.Claims, one)
	}
	var others []paper.Statement
	for _, s := range paper.Statements() {
		if !claimed[s.ID] && !isSetting(s) {
			others = append(others, s)
		}
	}
	view.Others, view.OtherDiscrepancies = statementTable(others)
	view.Split, err = r.leakEvidence()
	return view, err
}

// isSetting reports whether a statement is about the procedure, not a result.
func isSetting(s paper.Statement) bool {
	return s.Run == "" && !strings.Contains(s.Quantity, "ratio") || s.ID == "images-augmented"
}

func sectionName(section string) string {
	if section == "Abstract" {
		return "abstract"
	}
	return "section " + section
}

// statementTable shows numbers of the text beside the logs, and explains their
// discrepancies.
func statementTable(statements []paper.Statement) (render.Grid, []string) {
	g := render.Grid{Head: []string{"quantity", "where", "as printed", "as logged", "remark"}}
	var cells []Cell // give statements the marks and remarks of cells
	for _, s := range statements {
		c := Cell{Cell: paper.Cell{Printed: s.Printed, Logged: s.Logged, Discrepancies: s.Discrepancies, Note: s.Note}}
		cells = append(cells, c)
		what := eval.TextLabel(s.Quantity)
		if run, ok := paper.FindRun(s.Run); ok && !strings.Contains(s.Quantity, "ratio") {
			what += " (" + run.Name + ")"
		}
		g.Add(render.Plain(what), sectionName(s.Section), c.printed(), string(s.Logged), render.Plain(c.remark()))
	}
	return g, explanations(cells)
}

// loggedPairs compares two logged runs in each row.
func loggedPairs(pairs []paper.Pair) render.Grid {
	g := render.Grid{Head: []string{"run", "against", "accuracy", "difference", "recall, macro", "F1, macro", "hold-out", "remark"}}
	for _, pair := range pairs {
		a, _ := paper.FindRun(pair.With)
		b, _ := paper.FindRun(pair.Without)
		both := func(metric string) string {
			if a.Metrics[metric] == "" || b.Metrics[metric] == "" {
				return render.Dash
			}
			return string(a.Metrics[metric]) + ", " + string(b.Metrics[metric])
		}
		difference := float64(a.Correct())/float64(a.N) - float64(b.Correct())/float64(b.N)
		images := "not known to be the same images"
		if pair.SameImages {
			images = "same images"
		}
		g.Add(render.Plain(a.Name), render.Plain(b.Name), both("accuracy"), fmt.Sprintf("%+.3f%s", difference, interval(newcombe(a.Correct(), a.N, b.Correct(), b.N))),
			both("macro_recall"), both("macro_f1"), fmt.Sprintf("n = %d, %s", a.N, images), render.Plain(pair.Note))
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
