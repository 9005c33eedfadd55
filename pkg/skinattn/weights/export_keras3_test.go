package weights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Writes .keras files of the networks in ../testdata/golden_NAME_SIZE.json, for
// tools/golden/keras3/check_export.py, which compares what Keras 3 makes of them with
// those golden probabilities.
func TestWriteForKeras3(t *testing.T) {
	out := os.Getenv("SKINATTN_KERAS3_OUT")
	if out == "" {
		t.Skip("SKINATTN_KERAS3_OUT is not set to a folder for .keras files")
	}
	paths, err := filepath.Glob("../testdata/golden_*_*[0-9].json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "golden_"), ".json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var golden struct {
			Network     string
			Size        int
			Loss        float64
			GammaScales []struct {
				By     float32
				Layers []string
			} `json:"gamma_scales"`
		}
		if err := json.Unmarshal(text, &golden); err != nil {
			t.Fatal(err)
		}
		if golden.Loss != 0 || golden.Size > 128 {
			continue // of training, or large
		}
		t.Run(name, func(t *testing.T) {
			cfg, err := skinattn.AuthorsNetwork(golden.Network, spec.Metadata)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Size, cfg.ChannelOrder = golden.Size, "rgb"
			net, err := skinattn.NewNetwork(cfg)
			if err != nil {
				t.Fatal(err)
			}
			store := testweights.Filled(t, net.Graph)
			for _, scale := range golden.GammaScales {
				for _, layer := range scale.Layers {
					testweights.Change(t, store, layer+"/gamma", func(v float32) float32 { return v * scale.By })
				}
			}
			archive, err := Archive(net, store)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(out, name+".keras")
			_ = os.Remove(file)
			if err := writeFile(archive.Write, file); err != nil {
				t.Fatal(err)
			}
		})
	}
	if entries, err := os.ReadDir(out); err != nil || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".keras" }) {
		t.Errorf("nothing was written: %v", err)
	}
}
