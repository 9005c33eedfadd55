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
// difference, p.
func (e Estimate) MarshalJSON() ([]byte, error) {
	object := map[string]any{"value": number(e.Value), "ci": e.CI}
	if !math.IsNaN(e.P) {
		object["p"] = e.P
	}
	return json.Marshal(object)
}

func (m Means) byName() map[string]Estimate {
	object := make(map[string]Estimate, NumMetrics)
	for metric := range NumMetrics {
		object[metric.String()] = m[metric]
	}
	return object
}

// MarshalJSON writes the means by metric name.
func (m Means) MarshalJSON() ([]byte, error) { return json.Marshal(m.byName()) }

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
		rows := make([]textRow, 0, len(s.Methods))
		for k, method := range s.Methods {
			rows = append(rows, textRow{method, all.Means[k], fmt.Sprint(all.Even[k])})
		}
		writeRows(&out, "all images", metrics, rows)
	}
	for _, metrics := range parts {
		var rows []textRow
		for _, d := range all.Differences {
			rows = append(rows, textRow{d.A + " - " + d.B, d.Means, ""})
		}
		writeRows(&out, "differences, paired", metrics, rows)
	}
	for _, metric := range []Metric{MassInside, Pointing, IoU, AUC} {
		s.writeGroups(&out, metric)
	}
	return out.String()
}

type textRow struct {
	name  string
	means Means
	even  string // number of even maps; empty where it makes no sense
}

func writeRows(out *strings.Builder, title string, metrics []Metric, rows []textRow) {
	if len(rows) == 0 {
		return
	}
	out.WriteByte('\n')
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, title)
	for _, m := range metrics {
		fmt.Fprintf(w, "\t%s", titles[m])
	}
	if rows[0].even != "" {
		fmt.Fprint(w, "\teven maps")
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		fmt.Fprint(w, row.name)
		for _, m := range metrics {
			fmt.Fprintf(w, "\t%s", row.means[m].text())
		}
		if row.even != "" {
			fmt.Fprintf(w, "\t%s", row.even)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

// writeGroups writes one metric for every group and every method but the
// baselines that were made for one method.
func (s *Summary) writeGroups(out *strings.Builder, metric Metric) {
	out.WriteByte('\n')
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\timages\tmask", titles[metric])
	shown := func(k int) bool { return s.owners[k] == "" }
	for k, method := range s.Methods {
		if shown(k) {
			fmt.Fprintf(w, "\t%s", method)
		}
	}
	fmt.Fprintln(w)
	for _, g := range s.Groups {
		if g.Images == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%s", g.Name, g.Images, decimal(g.MaskShare.Value))
		for k, method := range s.Methods {
			switch {
			case !shown(k):
			case KindOf(method) == Measured:
				fmt.Fprintf(w, "\t%s", g.Means[k][metric].text())
			default:
				fmt.Fprintf(w, "\t%s", decimal(g.Means[k][metric].Value))
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
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
