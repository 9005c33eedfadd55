package reproduce

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// Write writes all pages and tables to the folder dir, making it if need be,
// and returns the paths of the files. Files of the same names are replaced,
// each in one step; others are left alone. Equal runs give equal bytes.
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

// file is a file to write, under its name in the folder.
type file struct {
	name    string
	content []byte
}

// files makes the content of all files before any is written.
func (r *Report) files() ([]file, error) {
	var index, claims, deviations, shown, whole, shownWhole page
	pictures, err := r.drawFigures()
	if err != nil {
		return nil, err
	}
	r.figuresPage(&shown, func(name string) string { return name })
	r.figuresPage(&shownWhole, func(name string) string { return embedded(pictures, name) })
	r.writeIndex(&index, false)
	if err := r.claimsPage(&claims); err != nil {
		return nil, err
	}
	if err := r.deviationsPage(&deviations); err != nil {
		return nil, err
	}
	files := []file{
		{"index.md", []byte(index.String())},
		{"claims.md", []byte(claims.String())},
		{"deviations.md", []byte(deviations.String())},
		{"figures.md", []byte(shown.String())},
		{"cells.csv", recordsCSV(r.Records())},
	}
	r.writeIndex(&whole, true)
	for _, t := range r.Tables {
		var one page
		r.writePage(&one, t)
		files = append(files,
			file{"tables/" + t.file() + ".md", []byte(one.String())},
			file{"tables/" + t.file() + ".csv", r.csv(t)},
			file{"tables/" + t.file() + ".tex", r.latex(t)})
		whole.WriteString(deeper(one.String()))
	}
	whole.WriteString(deeper(shownWhole.String()))
	whole.WriteString(deeper(claims.String()))
	whole.WriteString(deeper(deviations.String()))
	files = append(files, file{"tables/tables.tex", latexDocument(r.Tables)})
	html, err := toHTML(indexTitle, []byte(whole.String()))
	if err != nil {
		return nil, err
	}
	files = append(files, pictures...)
	// Text files end with one line break.
	for i := range files {
		files[i].content = append(bytes.TrimRight(files[i].content, "\n"), '\n')
	}
	return append(files, file{"index.html", html}), nil
}

// embedded is a picture as a data address, which needs no file beside the page.
func embedded(pictures []file, name string) string {
	for _, f := range pictures {
		if f.name == name {
			return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(f.content)
		}
	}
	return name
}
