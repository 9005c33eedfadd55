package pipeline

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// Files that tools/golden/make_import_example.py makes with Keras 2.15 lie in
// the folder $SKINATTN_KERAS: a network with random weights, in two forms, and
// Keras's predictions for real photos, which it read without rounding.
func TestImportAgreesWithKeras(t *testing.T) {
	dir := os.Getenv("SKINATTN_KERAS")
	if dir == "" {
		t.Skip("SKINATTN_KERAS is not set to a folder made by tools/golden/make_import_example.py")
	}
	text, err := os.ReadFile(filepath.Join(dir, "keras_mnv2_pred.json"))
	if err != nil {
		t.Fatal(err)
	}
	var example struct {
		Size  int
		Cases []struct {
			File, Sex, Localization string
			Age                     float64
			Probabilities           []float64
		}
	}
	if err := json.Unmarshal(text, &example); err != nil {
		t.Fatal(err)
	}
	var photos [][]float32
	var metadata []skinattn.Metadata
	for _, c := range example.Cases {
		photo, err := imaging.DecodeFile(c.File)
		if err != nil {
			t.Fatal(err)
		}
		photos = append(photos, imaging.SmartResize(photo, example.Size, example.Size))
		metadata = append(metadata, skinattn.Metadata{Age: c.Age, Sex: c.Sex, Localization: c.Localization})
	}
	unrounded := func(i int, dst []float32) { copy(dst, photos[i]) }
	rounded := func(i int, dst []float32) {
		for j, v := range photos[i] {
			dst[j] = float32(math.Round(float64(v)))
		}
	}
	for _, name := range []string{"keras_mnv2_full.h5", "keras_mnv2_model.hdf5"} {
		runDir := filepath.Join(t.TempDir(), "run")
		if _, err := Import(ImportOptions{Keras: filepath.Join(dir, name), Backbone: "mobilenet_v2", Dir: runDir}); err != nil {
			t.Fatal(err)
		}
		folder, err := run.Open(runDir)
		if err != nil {
			t.Fatal(err)
		}
		network, err := folder.LoadModel(openTestEngine(t), func(line string) { t.Error(line) })
		if err != nil {
			t.Fatal(err)
		}
		defer network.Close()
		worst := func(pixels func(i int, dst []float32)) float64 {
			predictions, err := network.Predict(t.Context(), len(photos), pixels, metadata, nil)
			if err != nil {
				t.Fatal(err)
			}
			var worst float64
			for i, p := range predictions {
				for k, want := range example.Cases[i].Probabilities {
					worst = max(worst, math.Abs(float64(p.Probabilities[k])-want))
				}
			}
			return worst
		}
		got, bytes := worst(unrounded), worst(rounded)
		t.Logf("%s: probabilities differ from Keras's by at most %.2g; %.2g with pixels rounded to bytes", name, got, bytes)
		if !(got < 1e-5) {
			t.Errorf("%s: probabilities differ from Keras's by %.2g, allowed 1e-5", name, got)
		}
	}
}
