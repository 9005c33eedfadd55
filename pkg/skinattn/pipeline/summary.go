package pipeline

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Names of the demo's output beside data and run.
const (
	DemoFigures = "figures"
	DemoSummary = "summary.html"
)

//go:embed summary.html
var summaryHTML string

var summaryPage = template.Must(template.New("summary").Parse(summaryHTML))

// writeDemoSummary writes the demo's page: the training, the metrics, the figures.
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
		Config      run.Config
		Train, Test int // photos
		Table       string
		Figures     []string
	}{Config: cfg, Train: len(parts.Part(split.Train)), Test: len(parts.Part(split.Test)), Table: metrics.Table()}
	for _, path := range figures {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
		page.Figures = append(page.Figures, filepath.ToSlash(relative))
	}
	return atomicfile.WriteFile(filepath.Join(dir, DemoSummary), func(w io.Writer) error { return summaryPage.Execute(w, page) })
}
