package figures

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// shortRun copies a run whose split is leaky, with the predictions for its first
// images alone.
func shortRun(t *testing.T, images int) string {
	t.Helper()
	const of = "../../../results/mobilenet_v2-paper-128px-seed1"
	dir := filepath.Join(t.TempDir(), filepath.Base(of))
	if err := os.CopyFS(dir, os.DirFS(of)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, run.PredictionsFile(split.Test))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(raw), "\n")
	if err := os.WriteFile(path, []byte(strings.Join(lines[:1+images], "")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSet draws every figure of the table from a run with all files and a data
// set with photos of the predicted images.
func TestSet(t *testing.T) {
	inputs, err := readInputs(t.Context(), []string{shortRun(t, 200)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &study{Options: Options{Intervals: eval.Options{Resamples: 50, Seed: 1}}, source: &inputs[0], inputs: inputs}
	if err := s.evaluate(t.Context(), s.Intervals); err != nil {
		t.Fatal(err)
	}
	var rows []photoRow
	table := s.table.Predictions()
	for i, id := range table.ImageIDs {
		img := image.NewGray(image.Rect(0, 0, 8, 6))
		for at := range img.Pix {
			img.Pix[at] = uint8(i)
		}
		img.Set(1, 1, color.White)
		row := fmt.Sprintf("%s,%s,%s,histo,%d,%s,%s", table.LesionIDs[i], id, table.Classes[table.Truth[i]], i*7%17*5,
			[]string{"male", "female", "unknown"}[i%5%3], []string{"back", "face", "unknown", "trunk"}[i%4])
		rows = append(rows, photoRow{id, row, img})
	}
	s.Data = photoFolder(t, rows)
	s.stats = s.Data.Stats()

	style := plots.Paper()
	style.DPI = 72
	known := map[string]bool{}
	for _, e := range Set {
		known[e.Name] = true
		t.Run(e.Name, func(t *testing.T) {
			f, err := e.draw(s)
			if err != nil || f == nil {
				t.Fatalf("not drawn: %v", err)
			}
			var got bytes.Buffer
			if err := plots.Encode(&got, "png", f, style); err != nil {
				t.Fatal(err)
			}
			testgolden.Check(t, filepath.Join("testdata", e.Name+".png"), got.Bytes(), *update)
			rows := f.Data()
			for i, row := range rows {
				if len(row) != len(rows[0]) {
					t.Errorf("row %d of the data has %d cells, the header %d", i, len(row), len(rows[0]))
				}
			}
			if e.Needs == "" || e.Shows == "" || !strings.Contains(Summary(), e.Name) {
				t.Error("the row does not say what the figure needs or shows")
			}
		})
	}
	testgolden.CheckNames(t, "testdata", func(name string) bool { return known[name] })
}

// A study without anything draws nothing that needs a file or photos.
func TestSetWithoutFiles(t *testing.T) {
	inputs, err := readInputs(t.Context(), []string{writeTable(t, t.TempDir(), twoClasses)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &study{source: &inputs[0], inputs: inputs, stats: (&ham10000.Dataset{}).Stats()}
	if err := s.evaluate(t.Context(), eval.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range Set {
		needs := e.Needs != "predictions" && !strings.HasPrefix(e.Needs, "predictions;") && e.Needs != "data"
		if f, err := e.draw(s); err != nil || (f == nil) != (needs || e.Name == "roc-by-class" || e.Name == "data-age") {
			t.Errorf("%s, which needs %s: %v, %v", e.Name, e.Needs, f, err)
		}
	}
}

// The metrics.json of a run serves if it is of the same predictions, made with
// the same options: nothing is resampled again, and the figures are the same.
func TestStoredMetrics(t *testing.T) {
	dir := shortRun(t, 200)
	folder := &run.Folder{Dir: dir}
	opts := eval.Options{Resamples: 50, Seed: 1}
	stored := func(opts eval.Options) *eval.Metrics {
		inputs, err := readInputs(t.Context(), []string{dir}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return inputs[0].stored(opts)
	}
	if stored(opts) != nil {
		t.Error("metrics of other predictions are used")
	}
	drawn := func() map[string]string {
		out := t.TempDir()
		if _, err := Draw(t.Context(), []string{dir}, out, Options{Style: plots.Paper(), Formats: []string{"svg"}, Intervals: opts}); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		paths, err := filepath.Glob(filepath.Join(out, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = string(text)
		}
		return files
	}
	computed := drawn()
	table, err := folder.Predictions(split.Test)
	if err != nil {
		t.Fatal(err)
	}
	m, err := eval.Evaluate(t.Context(), table, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteMetrics(m); err != nil {
		t.Fatal(err)
	}
	if stored(opts) == nil {
		t.Error("the metrics of the run are not used")
	}
	if used := drawn(); len(used) < 10 || !maps.Equal(computed, used) {
		t.Errorf("%d figures from the stored metrics are not those from computed ones", len(used))
	}
	other := opts
	other.Seed++
	if stored(other) != nil {
		t.Error("metrics of another seed are used")
	}
}
