package nb

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Reproduction is the report on the committed runs beside the paper.
func Reproduction() *reproduce.Report {
	runs := Must(reproduce.Load(filepath.Join(Must(Repository()), "results")))
	runs = append(runs, Must(reproduce.LoadStudies(filepath.Join(Must(Repository()), "studies")))...)
	return Must(reproduce.New(context.Background(), runs, Must(reproduce.BuiltNetworks())))
}

// paperSources are the sources of a [reproduce.Record] in the order of lines: key
// and name.
func paperSources() [][2]string {
	sources := [][2]string{{"printed", "as printed"}, {"logged", "as logged"}, {"built", "counted here"}}
	for _, p := range split.Columns() {
		sources = append(sources, [2]string{p.Column.Key, p.Column.Head})
	}
	return sources
}

// PaperTable shows a table of the paper, "5" or "A3", in its own layout: below each
// row as it was printed, what the authors logged for it, and our runs of each
// protocol with their intervals. A ‡ marks a printed value with a discrepancy, whose
// name stands at the end of the row. A source without a value for a row gets no
// line.
func PaperTable(r *reproduce.Report, id string) { Check(paperTable(r, id)) }

func paperTable(r *reproduce.Report, id string) error {
	at := slices.IndexFunc(r.Tables, func(t *reproduce.Table) bool { return t.ID == id })
	if at < 0 {
		return fmt.Errorf("the paper has no table %s", id)
	}
	type place struct{ row, column, source string }
	texts, names := map[place]string{}, map[string][]string{}
	for _, x := range r.Records() {
		if x.Table != id {
			continue
		}
		for _, name := range x.Discrepancies {
			if !slices.Contains(names[x.Row], name) {
				names[x.Row] = append(names[x.Row], name)
			}
		}
		p := place{x.Row, x.Column, x.Source}
		texts[p] = strings.TrimPrefix(texts[p]+"; "+recordText(x), "; ")
	}
	table := r.Tables[at]
	header := []string{table.Corner, ""}
	for _, c := range table.Columns {
		header = append(header, c.Name)
	}
	header = append(header, "discrepancy")
	var rows [][]string
	for _, row := range table.Rows {
		first := row.Name
		for _, source := range paperSources() {
			line, some := []string{first, source[1]}, false
			for _, c := range table.Columns {
				text := texts[place{row.Name, c.Name, source[0]}]
				line, some = append(line, text), some || text != ""
			}
			if !some {
				continue
			}
			note := ""
			if first != "" {
				note = strings.Join(names[row.Name], ", ")
			}
			rows, first = append(rows, append(line, note)), ""
		}
	}
	Table(header, rows)
	return nil
}

// recordText is the short text of a record, empty if it has no run.
func recordText(x reproduce.Record) string {
	switch {
	case strings.HasPrefix(x.Text, "not run"):
		return ""
	case x.Low != nil && x.High != nil && x.Value != nil:
		return Value(*x.Value, eval.Interval{Low: *x.Low, High: *x.High})
	case len(x.Discrepancies) > 0:
		return x.Text + " ‡"
	}
	return x.Text
}
