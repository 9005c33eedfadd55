package saliency

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/eval"
)

// number is v for JSON, which has no NaN: null.
func number(v float64) any {
	if math.IsNaN(v) {
		return nil
	}
	return v
}

// MarshalJSON writes an estimate as an object of value, ci and, of a
// difference, p and whether p is an upper bound.
func (e Estimate) MarshalJSON() ([]byte, error) {
	object := map[string]any{"value": number(e.Value), "ci": e.CI}
	if !math.IsNaN(e.P) {
		object["p"], object["p_at_floor"] = e.P, e.PAtFloor
	}
	return json.Marshal(object)
}

// MarshalJSON writes the means by metric name.
func (m Means) MarshalJSON() ([]byte, error) {
	object := make(map[string]Estimate, NumMetrics)
	for metric := range NumMetrics {
		object[metric.String()] = m[metric]
	}
	return json.Marshal(object)
}

// MarshalJSON writes groups by name, and in each the means by method and the
// differences as a list; undefined values are null.
func (s *Summary) MarshalJSON() ([]byte, error) {
	type difference struct {
		A     string `json:"method"`
		B     string `json:"less"`
		Means Means  `json:"differences"`
	}
	type group struct {
		Images      int              `json:"images"`
		Measured    map[string]int   `json:"measured"`
		MaskShare   Estimate         `json:"mask_share"`
		Even        map[string]int   `json:"even_maps"`
		Means       map[string]Means `json:"means"`
		Differences []difference     `json:"differences"`
	}
	groups := make(map[string]group, len(s.Groups))
	for _, g := range s.Groups {
		out := group{g.Images, make(map[string]int), g.MaskShare, make(map[string]int), make(map[string]Means), []difference{}}
		for m, n := range g.Measured {
			out.Measured[Metric(m).String()] = n
		}
		for k, method := range s.Methods {
			out.Means[method], out.Even[method] = g.Means[k], g.Even[k]
		}
		for _, d := range g.Differences {
			out.Differences = append(out.Differences, difference(d))
		}
		groups[g.Name] = out
	}
	return json.Marshal(struct {
		Methods   []string            `json:"methods"`
		Groups    map[string]group    `json:"groups"`
		Bootstrap *eval.BootstrapInfo `json:"bootstrap"`
	}{s.Methods, groups, s.Bootstrap})
}

// titles are short metric names for the heads of text tables.
var titles = [NumMetrics]string{"mass inside", "pointing", "pointing, near", "IoU", "AUC", "deletion", "insertion"}

// Table returns the means as text: all metrics for all images with intervals,
// the differences to the baselines, and four metrics by group.
func (s *Summary) Table() string {
	var out strings.Builder
	all := s.Groups[0]
	fmt.Fprintf(&out, "%d images; the mask fills %s of the picture", all.Images, all.MaskShare.text())
	if s.Bootstrap != nil {
		fmt.Fprintf(&out, "; %s", s.Bootstrap)
	}
	out.WriteByte('\n')
	parts := [][]Metric{{MassInside, Pointing, PointingNear, IoU, AUC}}
	if n := all.Measured[Deletion]; n > 0 {
		fmt.Fprintf(&out, "deletion (lower is better) and insertion: %d of the images\n", n)
		parts = append(parts, []Metric{Deletion, Insertion})
	}
	for _, metrics := range parts {
		rows := [][]string{append(heads("all images", metrics), "even maps")}
		for k, method := range s.Methods {
			rows = append(rows, append(all.Means[k].row(method, metrics), fmt.Sprint(all.Even[k])))
		}
		writeTable(&out, rows)
	}
	for _, metrics := range parts {
		rows := [][]string{heads("differences, paired", metrics)}
		for _, d := range all.Differences {
			rows = append(rows, d.Means.row(d.A+" - "+d.B, metrics))
		}
		writeTable(&out, rows)
	}
	for _, metric := range []Metric{MassInside, Pointing, IoU, AUC} {
		writeTable(&out, s.groupRows(metric))
	}
	return out.String()
}

// heads returns the head of a text table: the head of the first column, and metrics.
func heads(title string, metrics []Metric) []string {
	row := []string{title}
	for _, m := range metrics {
		row = append(row, titles[m])
	}
	return row
}

// row returns a row of a text table.
func (m Means) row(name string, metrics []Metric) []string {
	row := []string{name}
	for _, metric := range metrics {
		row = append(row, m[metric].text())
	}
	return row
}

// writeTable writes an empty line and a table, nothing if it has only a head.
func writeTable(out *strings.Builder, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	out.WriteByte('\n')
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

// groupRows returns the table of one metric by group for every method, except the
// baselines that were made for one method.
func (s *Summary) groupRows(metric Metric) [][]string {
	head := []string{titles[metric], "images", "mask"}
	for _, method := range s.Methods {
		if owner(s.Methods, method) == "" {
			head = append(head, method)
		}
	}
	rows := [][]string{head}
	for _, g := range s.Groups {
		if g.Images == 0 {
			continue
		}
		row := []string{g.Name, fmt.Sprint(g.Images), decimal(g.MaskShare.Value)}
		for k, method := range s.Methods {
			switch e := g.Means[k][metric]; {
			case owner(s.Methods, method) != "":
			case KindOf(method) == Measured:
				row = append(row, e.text())
			default:
				row = append(row, decimal(e.Value))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (e Estimate) text() string {
	return strings.TrimSpace(decimal(e.Value) + " " + eval.FormatCI(e.CI, "%.3f"))
}

func decimal(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}
