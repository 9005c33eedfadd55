package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Options are the choices of [Make]; the zero value has no photos, no groups of patients
// and no intervals.
type Options struct {
	// Data, if not nil, adds groups by age, sex and site, and the photos of the images
	// that the confusion matrix lists first.
	Data *ham10000.Dataset
	// Overlays, if not nil, returns pictures of where the network of a run folder looks in
	// photos, size x size pixels. Without Data it is not called.
	Overlays func(ctx context.Context, dir string, paths []string, size int) ([]attention.Overlay, error)
	// Intervals says how confidence intervals are resampled.
	Intervals eval.Options
}

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/stats.js
	statsJS string
	//go:embed assets/page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"add":   func(a, b int) int { return a + b },
		"count": eval.FormatThousands,
	}).Parse(pageHTML))
)

// page is what the template shows.
type page struct {
	Title   string
	Policy  string // Content-Security-Policy
	CSS     template.CSS
	JS      template.JS
	Runs    []*section
	Versus  *versus // nil for a single run
	Classes []classWord
	Data    template.JS // a JSON array, an element a run; see clientRun
}

// classWord is a class with the name of the diagnosis.
type classWord struct{ Class, Diagnosis string }

// Make returns the page of run folders, of which the first is the one that the others are
// compared with. A folder without predictions of a test part is an error. Equal folders
// and options give equal bytes.
func Make(ctx context.Context, dirs []string, opts Options) ([]byte, error) {
	if len(dirs) == 0 {
		return nil, errors.New("making the report: no run folder")
	}
	p := &page{Title: "skinattn: " + strings.Join(names(dirs), ", "), CSS: template.CSS(pageCSS)}
	script := "'use strict';\n" + statsJS + pageJS
	p.JS = template.JS(script)
	p.Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src " + scriptHash(script)
	for _, class := range ham10000.Classes {
		p.Classes = append(p.Classes, classWord{class, ham10000.ClassName(class)})
	}
	var client []clientRun
	for i, dir := range dirs {
		s, err := newSection(ctx, dir, names(dirs)[i], i, opts)
		if err != nil {
			return nil, fmt.Errorf("making the report of %s: %w", dir, err)
		}
		p.Runs = append(p.Runs, s)
		client = append(client, s.client)
	}
	if len(p.Runs) > 1 {
		var err error
		if p.Versus, err = newVersus(ctx, p.Runs, opts); err != nil {
			return nil, fmt.Errorf("comparing the runs: %w", err)
		}
	}
	text, err := json.Marshal(client) // escapes <, > and &, so that no text can end the element
	if err != nil {
		return nil, fmt.Errorf("making the report: %w", err)
	}
	p.Data = template.JS(text)
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("making the report: %w", err)
	}
	return out.Bytes(), nil
}

// scriptHash is the source of a script in a Content-Security-Policy.
func scriptHash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// names are the last elements of paths, or the whole paths where these are equal.
func names(dirs []string) []string {
	short, seen := make([]string, len(dirs)), map[string]int{}
	for i, dir := range dirs {
		short[i] = filepath.Base(filepath.Clean(dir))
		seen[short[i]]++
	}
	for i, dir := range dirs {
		if seen[short[i]] > 1 {
			short[i] = dir
		}
	}
	return short
}
