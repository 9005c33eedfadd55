package pipeline

import (
	"fmt"
	"html/template"
	"io"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Names of what the demo leaves beside data and run.
const (
	DemoFigures = "figures"
	DemoSummary = "summary.html"
)

var summaryPage = template.Must(template.New("summary").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>skinattn: summary</title>
<style>
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #202020 }
pre { background: #f4f4f4; padding: 1em; overflow-x: auto }
figure { display: inline-block; margin: 0 1em 1em 0; width: 27em; vertical-align: top }
figure img { width: 100% } figcaption { color: #606060 }
</style></head><body>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
<pre>{{.Table}}</pre>
{{range .Figures}}<figure><img src="{{.}}" alt="{{.}}"><figcaption>{{.}}</figcaption></figure>
{{end}}</body></html>
`))

// writeDemoSummary writes the demo's page: what was done, the metrics, the
// figures.
func writeDemoSummary(dir string, figures []string) error {
	folder, err := run.Open(filepath.Join(dir, DemoRun))
	if err != nil {
		return err
	}
	cfg, err := folder.Config()
	if err != nil {
		return err
	}
	metrics, err := folder.Metrics()
	if err != nil {
		return err
	}
	parts, err := folder.Split()
	if err != nil {
		return err
	}
	page := struct {
		Title, Text, Table string
		Figures            []string
	}{
		Title: "Soft-Attention on synthetic lesions",
		Text: fmt.Sprintf("%s with Soft-Attention and metadata, trained for at most %d epochs at %d px on %d synthetic photos and tested on %d of other lesions. "+
			"The photos are drawn by a program: the numbers say that the machinery works, and nothing about skin.",
			cfg.Network.Backbone, cfg.Regime.Epochs, cfg.Network.Size, len(parts.Part(split.Train)), len(parts.Part(split.Test))),
		Table: metrics.Table(),
	}
	for _, path := range figures {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
		page.Figures = append(page.Figures, filepath.ToSlash(relative))
	}
	return atomicfile.WriteFile(filepath.Join(dir, DemoSummary), func(w io.Writer) error { return summaryPage.Execute(w, page) })
}
