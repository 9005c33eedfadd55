package reproduce

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// file is the table's name without an ending, such as "table-5".
func (t *Table) file() string { return "table-" + t.ID }

// measures reports whether a run or a built network could give any of the cells.
func (t *Table) measures() bool {
	return slices.ContainsFunc(t.Cells, func(c Cell) bool { return c.Metric != "" })
}

// counts reports whether the table has numbers that are counted in the built network.
func (t *Table) counts() bool {
	return slices.ContainsFunc(t.Cells, func(c Cell) bool { return c.Metric == "parameters" || c.Metric == "parameters_imagenet" })
}

// trains reports whether a training run or its split gives any of the cells.
func (t *Table) trains() bool {
	return slices.ContainsFunc(t.Cells, func(c Cell) bool {
		for _, o := range c.Ours {
			if o.NotRun || len(o.Values) > 0 {
				return true
			}
		}
		return false
	})
}

// asPrinted is the table in the paper's layout; a ‡ marks explained values.
func (t *Table) asPrinted() render.Grid {
	g := render.Grid{Head: []string{render.Plain(t.Corner)}}
	for _, c := range t.Columns {
		g.Head = append(g.Head, render.Plain(c.Name))
	}
	for i, c := range t.Cells {
		if i%len(t.Columns) == 0 {
			g.Rows = append(g.Rows, []string{render.Plain(c.Row)})
		}
		last := len(g.Rows) - 1
		g.Rows[last] = append(g.Rows[last], render.Plain(c.printed()))
	}
	return g
}

// otherProtocols explains how a footnote's command changes for the other columns.
func otherProtocols() string {
	var flags []string
	for _, p := range split.Columns() {
		switch {
		case p.OfficialTest:
			flags = append(flags, render.Code("--protocol "+p.Name+" --test-data DIR")+" for the official test")
		case p.Name != split.Paper:
			flags = append(flags, render.Code("--protocol "+p.Name))
		}
	}
	last := len(flags) - 1
	return "All need HAM10000. The other columns take the same command with another protocol and folder: " +
		strings.Join(flags[:last], ", ") + ", and " + flags[last] + "."
}

// row is a printed cell with all its sources, as text.
type row struct {
	cell            Cell
	printed, logged string
	built           string   // empty if the table has no such column
	ours            []string // in the order of split.Columns
}

// sources gives every cell as text. The function missing gives the text for a
// missing run.
func (r *Report) sources(t *Table, missing func(c Cell, protocol string) string) []row {
	var rows []row
	for _, c := range t.Cells {
		line := row{cell: c, printed: c.printed(), logged: c.logged()}
		if t.counts() {
			line.built = render.Dash
			if !math.IsNaN(c.Built) {
				line.built = number(c.Metric, c.Built)
			}
		}
		for _, protocol := range split.Columns() {
			without := ""
			if c.Ours[protocol.Name].NotRun {
				without = missing(c, protocol.Name)
			}
			line.ours = append(line.ours, c.Ours[protocol.Name].text(c.Metric, without))
		}
		rows = append(rows, line)
	}
	return rows
}

// missingText is a sentence without Markdown about the needs of a cell.
func (r *Report) missingText(c Cell, protocol string) string {
	if c.Backbone == "" {
		return "not run: needs any run of protocol " + protocol + " among the results, whose split is counted"
	}
	n := r.need(c.Backbone, c.Regime, protocol)
	return render.WithoutCode("not run: needs " + n.needs + "; command: " + n.command)
}

// marked returns the sources with a footnote mark, "not run (2)", for missing runs; the
// footnotes, one for each network and regime, with the command for protocol paper; and
// otherProtocols if any footnote has a command.
func (r *Report) marked(t *Table) (rows []row, notRun render.Grid, others string) {
	notRun.Head = []string{"not run", "row", "needs", "command"}
	var noted []Cell
	rows = r.sources(t, func(c Cell, _ string) string {
		i := slices.IndexFunc(noted, func(n Cell) bool { return n.Backbone == c.Backbone && n.Regime == c.Regime })
		if i < 0 {
			i, noted = len(noted), append(noted, c)
			line := []string{"counts of images", "any run of the protocol among the results, whose split is counted", render.Dash}
			if c.Backbone != "" {
				n := r.need(c.Backbone, c.Regime, split.Paper)
				line, others = []string{n.what, n.needs, render.Code(n.command)}, otherProtocols()
			}
			notRun.Add(append([]string{fmt.Sprintf("(%d)", i+1)}, line...)...)
		}
		return fmt.Sprintf("not run (%d)", i+1)
	})
	return rows, notRun, others
}

// heads are the heads of a table's sources.
func (t *Table) heads() []string {
	heads := []string{"row", "column", "as printed", "as logged"}
	if t.counts() {
		heads = append(heads, "ours, counted in the built network")
	}
	if t.trains() {
		for _, protocol := range split.Columns() {
			heads = append(heads, protocol.Column.Head)
		}
	}
	return append(heads, "remark")
}

// cells are a row's texts under heads. Texts of the paper go through escape; texts of
// this package may have code in backticks.
func (t *Table) cells(line row, escape func(string) string) []string {
	texts := []string{escape(line.cell.Row), escape(line.cell.Column), escape(line.printed), escape(line.logged)}
	if t.counts() {
		texts = append(texts, line.built)
	}
	if t.trains() {
		texts = append(texts, line.ours...)
	}
	return append(texts, escape(line.cell.remark()))
}

// tableView is the data of pages/table.md.
type tableView struct {
	ID, Section, Caption string
	AsPrinted            render.Grid
	Discrepancies        []string // explained
	Remarks              []string
	Measures             bool
	Sources              render.Grid // every cell by source
	NotRun               render.Grid // rows without a run
	OtherProtocols       string
	References           []string
}

func (r *Report) tableView(t *Table) tableView {
	v := tableView{ID: t.ID, Section: t.Section, Caption: t.Caption, AsPrinted: t.asPrinted(), Discrepancies: explanations(t.Cells),
		Remarks: t.Remarks, Measures: t.measures(), Sources: render.Grid{Head: t.heads()}}
	rows, notRun, others := r.marked(t)
	for _, line := range rows {
		v.Sources.Add(t.cells(line, render.Plain)...)
	}
	v.NotRun, v.OtherProtocols = notRun, others
	seen := map[string]bool{}
	for _, c := range t.Cells {
		if c.Source == "" || seen[c.Source] {
			continue
		}
		seen[c.Source] = true
		ref, _ := paper.FindReference(c.Source)
		v.References = append(v.References, fmt.Sprintf("[%d] %s", ref.Number, render.Plain(ref.Text)))
	}
	return v
}

// latex is the table as LaTeX, with the remarks below: they would not fit in a column.
func (r *Report) latex(t *Table) ([]byte, error) {
	heads := t.heads()
	out := render.LaTeX{ID: t.ID, Caption: t.Caption, Grid: render.Grid{Head: heads[:len(heads)-1]}, Notes: explanations(t.Cells)}
	rows, notRun, others := r.marked(t)
	for i, row := range rows {
		cells := t.cells(row, func(text string) string { return text })
		if i > 0 && row.cell.Row == rows[i-1].cell.Row { // a row's name stands at its first cell only
			cells[0] = ""
		}
		out.Add(cells[:len(cells)-1]...)
	}
	for _, line := range notRun.Rows {
		out.Notes = append(out.Notes, fmt.Sprintf("%s not run: %s needs %s; command: %s", line[0], line[1], line[2], line[3]))
	}
	if others != "" {
		out.Notes = append(out.Notes, others)
	}
	for i, text := range out.Notes {
		out.Notes[i] = strings.ReplaceAll(render.WithoutCode(text), "**", "")
	}
	return out.Bytes()
}

// csv is the table with a record for each cell: the texts of all sources. The numbers
// are in cells.csv.
func (r *Report) csv(t *Table) []byte {
	records := [][]string{{"table", "row", "column", "metric", "printed", "logged", "logged_run", "discrepancy", "note", "built"}}
	for _, protocol := range split.Columns() {
		records[0] = append(records[0], protocol.Column.Key)
	}
	for _, line := range r.sources(t, r.missingText) {
		c := line.cell
		record := []string{t.ID, c.Row, c.Column, c.Metric, string(c.Printed), string(c.Logged), c.Run, joinIDs(c.Discrepancies), c.Note, line.built}
		for _, text := range line.ours {
			if text == render.Dash {
				text = ""
			}
			record = append(record, render.WithoutCode(oneLine(text)))
		}
		records = append(records, record)
	}
	return render.CSV(records)
}
