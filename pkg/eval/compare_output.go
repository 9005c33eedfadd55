package eval

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// MarshalJSON writes c with differences and DeLong tests as objects by metric
// path, and undefined values as null.
func (c *Comparison) MarshalJSON() ([]byte, error) {
	var tests object
	for _, d := range c.AUROC {
		tests = append(tests, member{d.Metric, object{
			{"a", number(d.A)}, {"b", number(d.B)}, {"difference", number(d.Difference)}, {"se", number(d.SE)}, {"ci", d.CI},
			{"z", number(d.Z)}, {"p", number(d.P)}, {"p_holm", number(d.PHolm)},
		}})
	}
	return object{
		{"n", c.N}, {"n_unknown", c.Unknown}, {"classes", c.Classes}, {"differences", byPath(c.Differences)},
		{"delong", tests}, {"mcnemar", c.McNemar}, {"bootstrap", c.Bootstrap}, {"undefined", c.Undefined},
	}.with("notes", c.Notes).MarshalJSON()
}

// Table returns the comparison as text for a terminal: the headline metrics of
// both with the interval of their difference, and the tests. An undefined value
// is a dash; the JSON form has the reasons and all metrics.
func (c *Comparison) Table() string {
	var out strings.Builder
	out.WriteString(firstLine(c.N, c.Unknown, "paired ", c.Bootstrap, c.Notes) + differenceTable(c.Differences, "A", "B"))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	out.WriteString("\nAUROC, DeLong's paired test\n")
	fmt.Fprintln(w, "\tA\tB\tB - A\t\tp\tp (Holm)")
	for _, d := range c.AUROC {
		name := strings.TrimSuffix(d.Metric[strings.Index(d.Metric, ".")+1:], ".auroc")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, decimal(d.A), decimal(d.B), decimal(d.Difference), d.CI.text(), FormatP(d.P, false), FormatP(d.PHolm, false))
	}
	w.Flush()
	fmt.Fprintf(&out, "\nMcNemar, exact: A alone is right on %s, B alone on %d; p %s\n", count(c.McNemar.OnlyA, "image"), c.McNemar.OnlyB, FormatP(c.McNemar.P, false))
	return out.String()
}
