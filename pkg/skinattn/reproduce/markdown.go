package reproduce

import (
	"fmt"
	"strings"
)

// page collects Markdown (with GitHub's tables), the form that all pages have
// first; HTML is made of it.
type page struct{ strings.Builder }

func (p *page) heading(level int, format string, args ...any) {
	fmt.Fprintf(p, "%s %s\n\n", strings.Repeat("#", level), fmt.Sprintf(format, args...))
}

func (p *page) paragraph(text string) { fmt.Fprintf(p, "%s\n\n", text) }

func (p *page) quote(text string) { fmt.Fprintf(p, "> %s\n\n", text) }

func (p *page) list(items []string) {
	if len(items) == 0 {
		return
	}
	for _, item := range items {
		fmt.Fprintf(p, "- %s\n", item)
	}
	p.WriteString("\n")
}

// table writes a grid; a line break in a cell becomes <br>.
func (p *page) table(g grid) {
	if len(g.rows) == 0 {
		return
	}
	row := func(cells []string) {
		p.WriteString("|")
		for _, c := range cells {
			c = strings.ReplaceAll(strings.ReplaceAll(c, "|", `\|`), "\n", "<br>")
			fmt.Fprintf(p, " %s |", c)
		}
		p.WriteString("\n")
	}
	row(g.head)
	p.WriteString("|" + strings.Repeat(" --- |", len(g.head)) + "\n")
	for _, r := range g.rows {
		row(r)
	}
	p.WriteString("\n")
}

// deeper puts every heading of a page one level down.
func deeper(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			out.WriteString("#")
		}
		out.WriteString(line)
	}
	return out.String()
}

// grid is a table of text in Markdown.
type grid struct {
	head []string
	rows [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// plain escapes what Markdown or HTML would take for its own in a text. An
// underscore within a word and a bracket without a link are left: neither is.
var plain = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "<", "&lt;", ">", "&gt;", "&", "&amp;").Replace

// code sets text as code. A backtick, which a folder's name may have, would end it.
func code(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }
