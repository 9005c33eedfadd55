package reproduce

import (
	"bytes"
	"fmt"
	"strings"
)

// latexEscape makes text safe for LaTeX; UTF-8 letters are left to inputenc.
var latexEscape = strings.NewReplacer(
	`--`, `-{}-`, ` %`, `~\%`, ` = `, `~=~`, `\`, `\textbackslash{}`, `{`, `\{`, `}`, `\}`, `$`, `\$`, `&`, `\&`, `#`, `\#`, `%`, `\%`, `_`, `\_`,
	`[`, `{[}`, `]`, `{]}`, // an optional argument of the command before, otherwise
	`~`, `\textasciitilde{}`, `^`, `\textasciicircum{}`, `‡`, `\textdaggerdbl{}`, dash, `--`, "\n", `; `, `<`, `\textless{}`, `>`, `\textgreater{}`,
	`"`, `''`, "`", "", // code, in the pages
).Replace

// latex writes the table as a longtable with booktabs rules, for a landscape
// page; the row's name stands at its first cell only.
func (r *Report) latex(t *Table) []byte {
	var out bytes.Buffer
	heads := t.heads()
	heads = heads[:len(heads)-1] // remarks go below, they would not fit
	// Widths in shares of the line: row, column, printed and logged, then the
	// others alike.
	widths := []float64{0.13, 0.08, 0.06, 0.12}
	columns := ""
	for i := range heads {
		width := 0.54 / float64(max(1, len(heads)-len(widths)))
		if i < len(widths) {
			width = widths[i]
		}
		columns += fmt.Sprintf(`>{\raggedright\arraybackslash}p{%.3f\linewidth}`, width)
	}
	fmt.Fprintf(&out, "%% Table %s of the paper, made by 'skinattn reproduce'.\n", t.ID)
	out.WriteString("% Needs \\usepackage{array,booktabs,longtable,textcomp} and a wide (landscape) page.\n")
	out.WriteString("\\begingroup\\scriptsize\\setlength{\\tabcolsep}{2pt}\n")
	fmt.Fprintf(&out, "\\begin{longtable}{@{}%s@{}}\n", columns)
	fmt.Fprintf(&out, "\\caption{The paper's Table %s: %s}\\label{tab:paper-%s}\\\\\n", t.ID, latexEscape(t.Caption), strings.ToLower(t.ID))
	line := func(cells []string) {
		for i, c := range cells {
			cells[i] = latexEscape(c)
		}
		out.WriteString(strings.Join(cells, " & ") + ` \\` + "\n")
	}
	out.WriteString("\\toprule\n")
	line(append([]string{}, heads...))
	out.WriteString("\\midrule\n\\endfirsthead\n\\toprule\n")
	line(append([]string{}, heads...))
	out.WriteString("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n")
	rows, notes := r.marked(t)
	previous := ""
	for i, row := range rows {
		cells := t.cells(row, func(text string) string { return text })
		cells = cells[:len(cells)-1]
		if cells[0] == previous {
			cells[0] = ""
		} else {
			previous = cells[0]
			if i > 0 {
				out.WriteString("\\addlinespace\n")
			}
		}
		line(cells)
	}
	out.WriteString("\\end{longtable}\n")
	texts := explanations(t.Cells)
	for _, line := range r.notRun(notes).rows {
		texts = append(texts, fmt.Sprintf("%s not run: %s needs %s; command: %s", line[0], line[1], line[2], line[3]))
	}
	if notes.commands() {
		texts = append(texts, otherProtocols())
	}
	for _, text := range texts {
		text = strings.ReplaceAll(withoutCode(text), "**", "")
		fmt.Fprintf(&out, "\\noindent %s\\par\n", latexEscape(text))
	}
	out.WriteString("\\endgroup\n")
	return out.Bytes()
}

// latexDocument is a document with all tables.
func latexDocument(tables []*Table) []byte {
	var out bytes.Buffer
	out.WriteString(`\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{array,booktabs,longtable,textcomp}
\setlength{\paperwidth}{297mm}
\setlength{\paperheight}{210mm}
\setlength{\pdfpagewidth}{297mm}
\setlength{\pdfpageheight}{210mm}
\setlength{\textwidth}{265mm}
\setlength{\textheight}{165mm}
\setlength{\oddsidemargin}{-9mm}
\setlength{\topmargin}{-15mm}
\sloppy
\begin{document}
`)
	for _, t := range tables {
		fmt.Fprintf(&out, "\\input{%s.tex}\n\\clearpage\n", t.file())
	}
	out.WriteString("\\end{document}\n")
	return out.Bytes()
}
