package reproduce

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// file is the table's name without an ending, such as "table-5".
func (t *Table) file() string { return "table-" + t.ID }

// measures is whether a run, or a built network, could give any of its cells.
func (t *Table) measures() bool {
	return slices.ContainsFunc(t.Cells, func(c Cell) bool { return c.Metric != "" })
}

// counts is whether the table has numbers that are counted in the built network.
func (t *Table) counts() bool {
	return slices.ContainsFunc(t.Cells, func(c Cell) bool { return c.Metric == "parameters" || c.Metric == "parameters_imagenet" })
}

// trains is whether a training run, or its split, gives any cell.
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

// asPrinted is the table in its own layout, explained values marked.
func (t *Table) asPrinted() grid {
	g := grid{head: []string{plain(t.Corner)}}
	for _, c := range t.Columns {
		g.head = append(g.head, plain(c.Name))
	}
	for i, c := range t.Cells {
		if i%len(t.Columns) == 0 {
			g.rows = append(g.rows, []string{plain(c.Row)})
		}
		last := len(g.rows) - 1
		g.rows[last] = append(g.rows[last], plain(c.printed()))
	}
	return g
}

// footnotes numbers the rows that no run fills.
type footnotes struct{ cells []Cell } // one of each network and regime

// mark returns the mark of the footnote of a cell, "not run (2)".
func (f *footnotes) mark(c Cell) string {
	i := slices.IndexFunc(f.cells, func(have Cell) bool { return have.Backbone == c.Backbone && have.Regime == c.Regime })
	if i < 0 {
		i = len(f.cells)
		f.cells = append(f.cells, c)
	}
	return fmt.Sprintf("not run (%d)", i+1)
}

// commands is whether any footnote has one.
func (f *footnotes) commands() bool {
	return slices.ContainsFunc(f.cells, func(c Cell) bool { return c.Backbone != "" })
}

// notRun is the table of footnotes: what each row needs, and the command for
// protocol paper; other protocols need another flag (see otherProtocols).
func (r *Report) notRun(f footnotes) grid {
	g := grid{head: []string{"not run", "row", "needs", "command"}}
	for i, c := range f.cells {
		if c.Backbone == "" {
			g.add(fmt.Sprintf("(%d)", i+1), "counts of images", "any run of the protocol among the results, whose split is counted", dash)
			continue
		}
		n := r.need(c.Backbone, c.Regime, split.Paper)
		g.add(fmt.Sprintf("(%d)", i+1), n.what, n.needs, code(n.command))
	}
	return g
}

// otherProtocols says how the command of notRun changes for the other columns.
func otherProtocols() string {
	var flags []string
	for _, p := range split.Protocols {
		switch {
		case p.OfficialTest:
			flags = append(flags, code("--protocol "+p.Name+" --test-data DIR")+" for the official test")
		case p.Name != split.Paper:
			flags = append(flags, code("--protocol "+p.Name))
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
	built           string   // empty where the table has no such column
	ours            []string // by split.Protocols
}

// sources gives every cell as text. Where a run is missing, missing says so.
func (r *Report) sources(t *Table, missing func(c Cell, protocol string) string) []row {
	var rows []row
	for _, c := range t.Cells {
		line := row{cell: c, printed: c.printed(), logged: c.logged()}
		if t.counts() {
			line.built = dash
			if !math.IsNaN(c.Built) {
				line.built = number(c.Metric, c.Built)
			}
		}
		for _, protocol := range split.Names() {
			without := ""
			if c.Ours[protocol].NotRun {
				without = missing(c, protocol)
			}
			line.ours = append(line.ours, c.Ours[protocol].text(c.Metric, without))
		}
		rows = append(rows, line)
	}
	return rows
}

// missingText says in a sentence, without Markdown, what a cell needs.
func (r *Report) missingText(c Cell, protocol string) string {
	if c.Backbone == "" {
		return "not run: needs any run of protocol " + protocol + " among the results, whose split is counted"
	}
	n := r.need(c.Backbone, c.Regime, protocol)
	return withoutCode("not run: needs " + n.needs + "; command: " + n.command)
}

// marked returns sources with footnote marks for what is missing, and the footnotes.
func (r *Report) marked(t *Table) ([]row, footnotes) {
	var notes footnotes
	rows := r.sources(t, func(c Cell, _ string) string { return notes.mark(c) })
	return rows, notes
}

// heads are the heads of a table's sources.
func (t *Table) heads() []string {
	heads := []string{"row", "column", "as printed", "as logged"}
	if t.counts() {
		heads = append(heads, "ours, counted in the built network")
	}
	if t.trains() {
		for _, protocol := range split.Protocols {
			heads = append(heads, protocol.Column.Head)
		}
	}
	return append(heads, "remark")
}

// cells are a row's texts under heads. What comes from the paper goes through
// escape; our own values may have code in backticks.
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

// writePage writes the table's Markdown.
func (r *Report) writePage(p *page, t *Table) {
	p.heading(1, "Table %s", t.ID)
	p.paragraph(fmt.Sprintf("Section %s of the paper: *%s*", t.Section, plain(t.Caption)))
	list := explanations(t.Cells)
	if len(list) > 0 {
		p.paragraph("As printed; ‡ marks a value that is explained below.")
	} else {
		p.paragraph("As printed.")
	}
	p.table(t.asPrinted())
	if len(list) > 0 {
		p.heading(2, "Discrepancies")
		p.list(list)
	}
	if len(t.Remarks) > 0 {
		p.heading(2, "Remarks")
		for _, remark := range t.Remarks {
			p.paragraph(plain(remark))
		}
	}
	if !t.measures() {
		p.paragraph("Nothing in this table is measured by a run.")
		r.writeSources(p, t)
		return
	}
	p.heading(2, "Cell by cell")
	rows, notes := r.marked(t)
	g := grid{head: t.heads()}
	for _, line := range rows {
		g.add(t.cells(line, plain)...)
	}
	p.table(g)
	if len(notes.cells) > 0 {
		p.heading(2, "Rows without a run")
		p.table(r.notRun(notes))
		if notes.commands() {
			p.paragraph(otherProtocols())
		}
	}
	r.writeSources(p, t)
}

// writeSources lists the references that the rows of a table name.
func (r *Report) writeSources(p *page, t *Table) {
	var list []string
	seen := map[string]bool{}
	for _, c := range t.Cells {
		if c.Source == "" || seen[c.Source] {
			continue
		}
		seen[c.Source] = true
		ref, _ := paper.FindReference(c.Source)
		list = append(list, fmt.Sprintf("[%d] %s", ref.Number, plain(ref.Text)))
	}
	if len(list) > 0 {
		p.paragraph("References as printed:")
		p.list(list)
	}
}

// csv writes the table with a record a cell: the texts of all sources, as the
// pages have them. Numbers apart are in cells.csv.
func (r *Report) csv(t *Table) []byte {
	var buffer bytes.Buffer
	out := csv.NewWriter(&buffer)
	header := []string{"table", "row", "column", "metric", "printed", "logged", "logged_run", "discrepancy", "note", "built"}
	for _, protocol := range split.Protocols {
		header = append(header, protocol.Column.Key)
	}
	out.Write(header) // a bytes.Buffer does not fail
	for _, line := range r.sources(t, r.missingText) {
		c := line.cell
		record := []string{t.ID, c.Row, c.Column, c.Metric, string(c.Printed), string(c.Logged), c.Run, joinIDs(c.Discrepancies), c.Note, line.built}
		for _, text := range line.ours {
			if text == dash {
				text = ""
			}
			record = append(record, withoutCode(oneLine(text)))
		}
		out.Write(record)
	}
	out.Flush()
	return buffer.Bytes()
}
