package nb

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
)

// Reproduction sets the committed runs beside the paper.
func Reproduction() *reproduce.Report {
	runs := Must(reproduce.Load(filepath.Join(Must(Repository()), "results")))
	return Must(reproduce.New(runs, reproduce.Options{Networks: Must(pipeline.ReproducibleNetworks())}))
}

// paperColumns are the sources of a [reproduce.Record] that PaperTable shows.
var paperColumns = []struct{ source, head string }{
	{"printed", "as printed"}, {"logged", "as logged"}, {"built", "counted here"},
	{reproduce.Leaky.Key(), "ours, leaky"}, {reproduce.Datta828.Key(), "ours, datta828"},
	{reproduce.Grouped.Key(), "ours, grouped"}, {reproduce.Official.Key(), "official test"},
}

// PaperTable shows a table of the paper, "5" or "A3", a line for each cell: as
// printed, as the authors logged it, and of each protocol ours with its interval;
// then the names of what is wrong with the printed value. Columns in which nothing
// stands are left out; a dash means that no run is there yet.
func PaperTable(r *reproduce.Report, id string) { Check(paperTable(r, id)) }

func paperTable(r *reproduce.Report, id string) error {
	header := []string{"row", "column"}
	for _, c := range paperColumns {
		header = append(header, c.head)
	}
	header = append(header, "discrepancy")
	var rows [][]string
	filled := make([]bool, len(header))
	for _, record := range r.Records() {
		if record.Table != id {
			continue
		}
		if last := len(rows) - 1; last < 0 || rows[last][0] != record.Row || rows[last][1] != record.Column {
			rows = append(rows, make([]string, len(header)))
			rows[last+1][0], rows[last+1][1] = record.Row, record.Column
			rows[last+1][len(header)-1] = strings.Join(record.Discrepancies, ", ")
		}
		i := 2 + slices.IndexFunc(paperColumns, func(c struct{ source, head string }) bool { return c.source == record.Source })
		text := recordText(record)
		filled[i] = filled[i] || text != dash
		cell := &rows[len(rows)-1][i]
		*cell = strings.TrimPrefix(*cell+"; "+text, "; ")
	}
	if len(rows) == 0 {
		return fmt.Errorf("the paper has no table %s with numbers", id)
	}
	for _, row := range rows {
		filled[len(header)-1] = filled[len(header)-1] || row[len(header)-1] != ""
	}
	keep := func(cells []string) (kept []string) {
		for i, cell := range cells {
			if i < 2 || filled[i] {
				kept = append(kept, cell)
			}
		}
		return kept
	}
	for i := range rows {
		rows[i] = keep(rows[i])
	}
	Table(keep(header), rows)
	return nil
}

// dash stands for a value that no run has given yet.
const dash = "–"

func recordText(r reproduce.Record) string {
	if strings.HasPrefix(r.Text, "not run") {
		return dash
	}
	return r.Text
}
