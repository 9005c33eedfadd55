package reproduce

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
)

// Write writes all pages and tables to the folder dir, which it creates if necessary,
// and returns the paths of the files. Files of the same names are replaced, each in
// one step; other files stay. Equal runs give equal bytes.
func (r *Report) Write(dir string) ([]string, error) {
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{"tables", "figures"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return nil, fmt.Errorf("making the folder for the %s: %w", folder, err)
		}
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := atomicfile.WriteBytes(path, f.content); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// file is a file with its path in the folder.
type file struct {
	name    string
	content []byte
}

//go:embed pages/*.md
var pageFiles embed.FS

// pageTemplates hold the prose of the report; numbers are filled in.
var pageTemplates = render.ParsePages(pageFiles, "pages/*.md", template.FuncMap{"section": sectionName})

// files makes the content of all files before any is written.
func (r *Report) files() ([]file, error) {
	pictures, err := r.drawFigures()
	if err != nil {
		return nil, err
	}
	studies, err := r.studiesView(figuresView{})
	if err != nil {
		return nil, err
	}
	results, err := r.resultsView()
	if err != nil {
		return nil, err
	}
	embedded := map[string][]byte{}
	for _, f := range pictures {
		embedded[f.name] = f.content
	}
	index := r.index()
	wholeIndex := index
	wholeIndex.Whole = true
	claims, err := r.claims()
	if err != nil {
		return nil, err
	}
	deviations, err := r.deviations()
	if err != nil {
		return nil, err
	}
	var whole [][]byte // index.html as Markdown
	page := func(template string, view any) (content []byte) {
		if err == nil {
			content, err = pageTemplates.Execute(template, view)
		}
		return content
	}
	add := func(content []byte) []byte {
		whole = append(whole, render.Deeper(content))
		return content
	}
	var tables []file
	var names []string
	whole = append(whole, page("index.md", wholeIndex))
	for _, t := range r.Tables {
		latex, wrong := r.latex(t)
		if wrong != nil {
			return nil, wrong
		}
		names = append(names, t.file())
		tables = append(tables,
			file{"tables/" + t.file() + ".md", add(page("table.md", r.tableView(t)))},
			file{"tables/" + t.file() + ".csv", r.csv(t)},
			file{"tables/" + t.file() + ".tex", latex})
	}
	add(page("figures.md", figuresView{embedded}))
	wholeStudies := studies
	wholeStudies.figuresView = figuresView{embedded}
	add(page("studies.md", wholeStudies))
	files := []file{
		{"index.md", page("index.md", index)},
		{"claims.md", add(page("claims.md", claims))},
		{"deviations.md", add(page("deviations.md", deviations))},
		{"figures.md", page("figures.md", figuresView{})},
		{"studies.md", page("studies.md", studies)},
		{ResultsFile, page("results.md", results)},
		{"cells.csv", recordsCSV(r.Records())},
	}
	if err != nil {
		return nil, err
	}
	document, err := render.LaTeXDocument(names)
	if err != nil {
		return nil, err
	}
	html, err := render.HTML(indexTitle, bytes.Join(whole, []byte("\n")))
	if err != nil {
		return nil, err
	}
	files = append(append(files, tables...), file{"tables/tables.tex", document})
	files = append(files, pictures...)
	// Text files end with one line break.
	for i := range files {
		files[i].content = append(bytes.TrimRight(files[i].content, "\n"), '\n')
	}
	return append(files, file{"index.html", html}), nil
}
