package eval

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table returns the metrics as text for a terminal: overall with intervals, by
// class, and the confusion matrix. An undefined value is a dash; footnotes give
// the reasons.
func (m *Metrics) Table() string {
	var out strings.Builder
	out.WriteString(firstLine(m.N, m.Unknown, "", m.Bootstrap, m.Notes))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	headlines(func(path, text string) {
		v, _ := m.Value(path)
		interval := ""
		if ci, ok := m.CI[path]; ok {
			interval = ci.text()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", text, decimal(v), interval)
	})
	w.Flush()

	out.WriteByte('\n')
	w = tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "class\timages\t")
	for _, row := range classMetrics {
		fmt.Fprintf(w, "%s\t", row.text)
	}
	fmt.Fprintln(w)
	for _, r := range m.rows() {
		fmt.Fprintf(w, "%s\t%d\t", r.Class, r.Support)
		for _, s := range classMetrics {
			fmt.Fprintf(w, "%s\t", decimal(*s.of(r.ClassMetrics)))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for _, g := range m.Groups {
		fmt.Fprintf(&out, "%s: %s\n", g.Class, strings.Join(g.Members, " + "))
	}
	fmt.Fprintf(&out, "partial: standardised AUROC of false positive rates up to %g; sens@90: sensitivity at 90 %% specificity\n", PartialMaxFPR)

	out.WriteString("\nconfusion (rows: truth, columns: predicted)\n")
	w = tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\t%s\t\n", strings.Join(m.Classes, "\t"))
	for t, row := range m.Confusion {
		fmt.Fprintf(w, "%s\t", m.Classes[t])
		for _, v := range row {
			fmt.Fprintf(w, "%d\t", v)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	m.writeReasons(&out)
	return out.String()
}

// firstLine is the first line of a text table, with the notes and an empty line.
func firstLine(n, unknown int, paired string, b *BootstrapInfo, caveats []string) string {
	text := count(n, "image")
	if unknown > 0 {
		text += fmt.Sprintf(" (%d more without a known class left out)", unknown)
	}
	if b != nil {
		text += fmt.Sprintf("; %s%s", paired, b)
	}
	return text + "\n" + notes(caveats) + "\n"
}

// writeReasons writes the reasons of undefined values, each once.
func (m *Metrics) writeReasons(out *strings.Builder) {
	seen := make(map[string]bool)
	for _, path := range m.Paths() {
		for _, key := range []string{path, "ci." + path} {
			reason, ok := m.Undefined[key]
			if !ok || seen[reason] {
				continue
			}
			if len(seen) == 0 {
				out.WriteString("\n-: undefined\n")
			}
			seen[reason] = true
			fmt.Fprintf(out, "   %s: %s\n", key, reason)
		}
	}
}
