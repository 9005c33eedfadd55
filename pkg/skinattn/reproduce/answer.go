package reproduce

import (
	"math"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Record is a number of a cell from one source: a record of cells.csv and of the JSON
// answer.
type Record struct {
	Table  string `json:"table"`
	Row    string `json:"row"`
	Column string `json:"column"`
	Metric string `json:"metric,omitempty"`
	// Source is "printed", "logged", "built" or the key of a protocol's column.
	Source string   `json:"source"`
	Text   string   `json:"text"`  // as printed or logged; "not run: ..." if there is no run
	Value  *float64 `json:"value"` // null if the text is not a number
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	N      int      `json:"n,omitempty"` // images
	// Runs and SD are set for a mean over several seeds or folds.
	Runs int      `json:"runs,omitempty"`
	SD   *float64 `json:"sd,omitempty"`
	// LeakRate is the share of the reported images whose lesion was trained on.
	LeakRate      *float64 `json:"leak_rate,omitempty"`
	Run           string   `json:"run,omitempty"` // the authors' run for "logged", a run folder for a protocol
	Size          int      `json:"size,omitempty"`
	Regime        string   `json:"regime,omitempty"`
	Seed          uint64   `json:"seed,omitempty"`
	Discrepancies []string `json:"discrepancies,omitempty"`
	// Note is a remark on a printed number, or the caveats of a run that was resumed.
	Note string `json:"note,omitempty"`
}

// finite is a number for JSON, nil for NaN.
func finite(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// Records lists every number of every cell: printed, logged, counted, and of each
// run.
func (r *Report) Records() []Record {
	var records []Record
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			base := Record{Table: t.ID, Row: c.Row, Column: c.Column, Metric: c.Metric}
			add := func(change func(*Record)) {
				record := base
				change(&record)
				records = append(records, record)
			}
			text := func(source string, n paper.Number, run string) {
				add(func(x *Record) {
					x.Source, x.Text, x.Value, x.Run = source, string(n), finite(n.Value()), run
					if source == "printed" {
						x.Discrepancies, x.Note = c.Discrepancies, c.Note
					}
				})
			}
			text("printed", c.Printed, "")
			if c.Logged != "" {
				text("logged", c.Logged, c.Run)
			}
			if !math.IsNaN(c.Built) {
				add(func(x *Record) { x.Source, x.Text, x.Value = "built", number(c.Metric, c.Built), finite(c.Built) })
			}
			for _, protocol := range split.Columns() {
				ours, key := c.Ours[protocol.Name], protocol.Column.Key
				if ours.NotRun {
					add(func(x *Record) { x.Source, x.Text = key, r.missingText(c, protocol.Name) })
				}
				for _, v := range ours.Values {
					add(func(x *Record) { x.fill(key, c.Metric, v) })
				}
				for _, s := range ours.Repeated {
					add(func(x *Record) {
						x.Source, x.Text, x.Value, x.SD, x.Runs = key, s.text(c.Metric), finite(s.Mean), finite(s.SD), s.N
						x.Size, x.Regime = s.First.config.Network.Size, s.First.regimeName()
					})
				}
			}
		}
	}
	return records
}

// fill sets the fields that depend on the run of a value.
func (x *Record) fill(source, metric string, v Value) {
	x.Source, x.Text = source, render.WithoutCode(v.text(metric))
	x.Value, x.Low, x.High = finite(v.Value), finite(v.CI.Low), finite(v.CI.High)
	x.N, x.LeakRate = v.Run.metrics.N, finite(v.Run.leak.Share())
	x.Run, x.Size, x.Regime, x.Seed = v.Run.Name, v.Run.config.Network.Size, v.Run.regimeName(), v.Run.config.Seed
	x.Note = strings.Join(v.Run.environment.Caveats(), "; ")
}

// recordsCSV is cells.csv.
func recordsCSV(records []Record) []byte {
	out := [][]string{{"table", "row", "column", "metric", "source", "text", "value", "low", "high", "sd", "n", "runs", "leak_rate",
		"run", "size", "regime", "seed", "discrepancies", "note"}}
	float := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	whole := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	for _, x := range records {
		out = append(out, []string{x.Table, x.Row, x.Column, x.Metric, x.Source, oneLine(x.Text), float(x.Value), float(x.Low), float(x.High), float(x.SD),
			whole(x.N), whole(x.Runs), float(x.LeakRate), x.Run, whole(x.Size), x.Regime, whole(int(x.Seed)), joinIDs(x.Discrepancies), x.Note})
	}
	return render.CSV(out)
}
