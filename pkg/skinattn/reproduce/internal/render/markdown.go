// Package render turns the content of a report into Markdown, HTML, LaTeX and CSV.
// It knows nothing of runs or of the paper.
package render

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"text/template"
)

// Grid is a table of text in Markdown.
type Grid struct {
	Head []string
	Rows [][]string
}

// Add adds a row.
func (g *Grid) Add(cells ...string) { g.Rows = append(g.Rows, cells) }

// Markdown is the grid in the form of GitHub's tables, empty without rows. A line
// break in a cell becomes <br>.
func (g Grid) Markdown() string {
	if len(g.Rows) == 0 {
		return ""
	}
	var out strings.Builder
	row := func(cells []string) {
		out.WriteString("|")
		for _, c := range cells {
			fmt.Fprintf(&out, " %s |", strings.ReplaceAll(strings.ReplaceAll(c, "|", `\|`), "\n", "<br>"))
		}
		out.WriteString("\n")
	}
	row(g.Head)
	out.WriteString("|" + strings.Repeat(" --- |", len(g.Head)) + "\n")
	for _, r := range g.Rows {
		row(r)
	}
	return out.String()
}

// Plain escapes what Markdown or HTML would take for its own in a text. An
// underscore within a word and a bracket without a link are left: neither is.
var Plain = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "<", "&lt;", ">", "&gt;", "&", "&amp;").Replace

// Code sets text as code. A backtick, which a folder's name may have, would end it.
func Code(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }

// WithoutCode drops the backticks of Markdown.
func WithoutCode(text string) string { return strings.ReplaceAll(text, "`", "") }

// Pages are templates of Markdown pages.
type Pages struct{ templates *template.Template }

// ParsePages reads the templates of a folder (package text/template), which may
// use these functions beside the usual ones and more: table shows a Grid, list a list of
// texts, plain and code are Plain and Code. Blank lines in a template are free: a
// page has one between two blocks.
func ParsePages(files fs.FS, pattern string, more template.FuncMap) Pages {
	return Pages{template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"plain": Plain,
		"code":  Code,
		"table": Grid.Markdown,
		"list": func(items []string) string {
			if len(items) == 0 {
				return ""
			}
			return "- " + strings.Join(items, "\n- ")
		},
	}).Funcs(more).ParseFS(files, pattern))}
}

var blankLines = regexp.MustCompile(`\n{3,}`)

// Execute makes a page. It ends with one line break.
func (p Pages) Execute(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("writing page %s: %w", name, err)
	}
	text := blankLines.ReplaceAll(bytes.TrimSpace(out.Bytes()), []byte("\n\n"))
	return append(text, '\n'), nil
}

// Deeper puts every heading of a page one level down.
func Deeper(page []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(page) {
		if bytes.HasPrefix(line, []byte("#")) {
			out.WriteByte('#')
		}
		out.Write(line)
	}
	return out.Bytes()
}
