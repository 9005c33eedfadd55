package nb

import (
	"fmt"
	"html"
	"strings"
	"text/tabwriter"
)

// Table shows rows below a header. A column of numbers is set flush right. Rows
// may be shorter than the header.
func Table(header []string, rows [][]string) {
	out.html(tableHTML(header, rows), tableText(header, rows))
}

// tableHTML is the table as JupyterLab styles it.
func tableHTML(header []string, rows [][]string) string {
	align := make([]string, len(header))
	for i := range header {
		align[i] = "left"
		if numeric(rows, i) {
			align[i] = "right"
		}
	}
	var b strings.Builder
	line := func(tag string, cells []string) {
		b.WriteString("<tr>")
		for i, cell := range cells {
			side := "left"
			if i < len(align) {
				side = align[i]
			}
			fmt.Fprintf(&b, `<%s style="text-align: %s">%s</%[1]s>`, tag, side, html.EscapeString(cell))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("<table><thead>")
	line("th", header)
	b.WriteString("</thead><tbody>")
	for _, row := range rows {
		line("td", row)
	}
	b.WriteString("</tbody></table>")
	return b.String()
}

// numeric reports whether column i has at least one number, and only numbers.
func numeric(rows [][]string, i int) bool {
	some := false
	for _, row := range rows {
		if i >= len(row) || row[i] == "" {
			continue
		}
		if strings.Trim(row[i], "+-.0123456789 %e") != "" || !strings.ContainsAny(row[i], "0123456789") {
			return false
		}
		some = true
	}
	return some
}

func tableText(header []string, rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	return b.String()
}
