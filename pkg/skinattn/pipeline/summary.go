package pipeline

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/figures"
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

// demoFigure is a figure of the page.
type demoFigure struct{ Path, Name, Caption string }

// writeDemoSummary writes the demo's page: the training, the metrics, the attention maps,
// the figures.
func writeDemoSummary(dir string, drawn []string, maps []demoFigure) error {
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
		Config        run.Config
		Train, Test   int // photos
		Table, Notes  string
		Maps, Figures []demoFigure
	}{Config: cfg, Train: len(parts.Part(split.Train)), Test: len(parts.Part(split.Test)), Maps: maps}
	page.Table, page.Notes, _ = strings.Cut(metrics.Table(), "\n-: undefined\n") // why values are missing: lines that may be long
	for _, path := range drawn {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		page.Figures = append(page.Figures, demoFigure{filepath.ToSlash(relative), name, figures.Caption(name)})
	}
	return atomicfile.WriteFile(filepath.Join(dir, DemoSummary), func(w io.Writer) error { return summaryPage.Execute(w, page) })
}
