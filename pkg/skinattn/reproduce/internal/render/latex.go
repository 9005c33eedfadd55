package render

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"
)

// Dash stands where a column has nothing to say.
const Dash = "–"

// escapeLaTeX makes text safe for LaTeX; UTF-8 letters are left to inputenc.
var escapeLaTeX = strings.NewReplacer(
	`--`, `-{}-`, ` %`, `~\%`, ` = `, `~=~`, `\`, `\textbackslash{}`, `{`, `\{`, `}`, `\}`, `$`, `\$`, `&`, `\&`, `#`, `\#`, `%`, `\%`, `_`, `\_`,
	`[`, `{[}`, `]`, `{]}`, // an optional argument of the command before, otherwise
	`~`, `\textasciitilde{}`, `^`, `\textasciicircum{}`, `‡`, `\textdaggerdbl{}`, Dash, `--`, "\n", `; `, `<`, `\textless{}`, `>`, `\textgreater{}`,
	`"`, `''`, "`", "", // code, in the pages
).Replace

//go:embed *.tex
var texFiles embed.FS

var tex = template.Must(template.New("").Delims("[[", "]]").Funcs(template.FuncMap{
	"escape": escapeLaTeX,
	"lower":  strings.ToLower,
	"line": func(cells []string) string {
		escaped := make([]string, len(cells))
		for i, c := range cells {
			escaped[i] = escapeLaTeX(c)
		}
		return strings.Join(escaped, " & ") + ` \\`
	},
}).ParseFS(texFiles, "*.tex"))

// LaTeX is a table of the paper as a longtable with booktabs rules, for a landscape
// page. The first cell of a row is empty where it repeats the row before.
type LaTeX struct {
	ID, Caption string
	Grid
	Notes []string // paragraphs below
}

// Widths returns each column's share of the line width: fixed for the first four
// columns (row, column, printed, logged); the others share the rest equally.
func (t LaTeX) Widths() []float64 {
	widths := []float64{0.13, 0.08, 0.06, 0.12}
	for others := len(t.Head) - len(widths); len(widths) < len(t.Head); {
		widths = append(widths, 0.54/float64(others))
	}
	return widths[:len(t.Head)]
}

// Bytes is the table's file.
func (t LaTeX) Bytes() ([]byte, error) { return executeTeX("table.tex", t) }

// LaTeXDocument is a document with the tables of some files, named without ending.
func LaTeXDocument(tables []string) ([]byte, error) { return executeTeX("document.tex", tables) }

func executeTeX(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := tex.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("writing LaTeX: %w", err)
	}
	return out.Bytes(), nil
}
