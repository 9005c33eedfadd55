package weights

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// kerasExample describes files that tools/golden/keras/make_import_example.py made with
// Keras 2.15: a network with random weights in all forms, and Keras's predictions for real
// photos, whose resized pixels it did not round.
type kerasExample struct {
	stem    string // folder and common beginning of the files' names
	Network string
	Size    int
	Cases   []struct {
		File, Sex, Localization string
		Age                     float64
		Probabilities           []float64
	}
}

// The folder $SKINATTN_KERAS has the files.
func TestImportAgreesWithKeras(t *testing.T) {
	dir := os.Getenv("SKINATTN_KERAS")
	if dir == "" {
		t.Skip("SKINATTN_KERAS is not set to a folder made by tools/golden/keras/make_import_example.py")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*_pred.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples in %s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), "_pred.json"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			example := kerasExample{stem: strings.TrimSuffix(path, "_pred.json")}
			if err := json.Unmarshal(text, &example); err != nil {
				t.Fatal(err)
			}
			for _, ending := range []string{"_full.h5", "_model.hdf5"} {
				got, rounded := example.worst(t, ending)
				t.Logf("%s: probabilities differ from Keras's by at most %.2g; %.2g with pixels rounded to bytes", ending, got, rounded)
				if !(got < 1e-4) {
					t.Errorf("%s: probabilities differ from Keras's by %.2g, allowed 1e-4", ending, got)
				}
			}
			for _, ending := range []string{"_imagenet.h5", "_imagenet_notop.h5"} {
				opts := ImportOptions{Keras: example.stem + ending, Backbone: example.Network}
				if _, err := os.Stat(opts.Keras); err != nil {
					continue // of a variant or a network without
				}
				if report, err := Check(opts); err != nil || report.Form != FormApplications {
					t.Errorf("%s: %s, %v", ending, report.Form, err)
				}
			}
		})
	}
}

// worst imports a file and returns the largest difference between its probabilities and
// Keras's: for unrounded pixels, and for pixels rounded to bytes as in an image cache.
func (e kerasExample) worst(t *testing.T, ending string) (unrounded, rounded float64) {
	t.Helper()
	var photos [][]float32
	var metadata []skinattn.Metadata
	for _, c := range e.Cases {
		photo, err := imaging.DecodeFile(c.File)
		if err != nil {
			t.Fatal(err)
		}
		photos = append(photos, imaging.SmartResize(photo, e.Size, e.Size))
		metadata = append(metadata, skinattn.Metadata{Age: c.Age, Sex: c.Sex, Localization: c.Localization})
	}
	runDir := filepath.Join(t.TempDir(), "run")
	if _, err := Import(ImportOptions{Keras: e.stem + ending, Backbone: e.Network, Dir: runDir, Log: func(line string) { t.Log(line) }}); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Open(runDir)
	if err != nil {
		t.Fatal(err)
	}
	network, err := checkpoint.LoadModel(folder, testengine.Open(t), func(line string) { t.Error(line) })
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	if !network.Metadata {
		metadata = nil
	}
	worst := func(pixels func(i int, dst []float32)) float64 {
		predictions, err := network.Predict(t.Context(), skinattn.Request{Images: skinattn.Floats(len(photos), pixels), Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
		var worst float64
		for i, p := range predictions {
			for k, want := range e.Cases[i].Probabilities {
				worst = max(worst, math.Abs(float64(p.Probabilities[k])-want))
			}
		}
		return worst
	}
	return worst(func(i int, dst []float32) { copy(dst, photos[i]) }), worst(func(i int, dst []float32) {
		for j, v := range photos[i] {
			dst[j] = float32(math.Round(float64(v)))
		}
	})
}
