package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// exportConfig is the network of an entry of testdata/keras_layers.json.
func exportConfig(t *testing.T, entry string) spec.Network {
	t.Helper()
	name, change, _ := strings.Cut(entry, " ")
	variant := spec.Metadata
	if change == "augmented" {
		variant = spec.Augmented
	}
	cfg, err := skinattn.AuthorsNetwork(name, variant)
	if err != nil {
		t.Fatal(err)
	}
	switch change {
	case "", "augmented":
	case "without attention":
		cfg.SoftAttention = false
	case "both":
		cfg.MetadataBatchNorm, cfg.MetadataDropout, cfg.ExtendedDense = spec.BatchNormBoth, .2, 512
	default:
		t.Fatalf("entry %q", entry)
	}
	return cfg
}

// Keras's load_weights takes layers in the order of the model. So the names of all layers
// and weights, and their order, must equal the authors' networks as Keras 2.15 builds them
// (tools/golden/keras/make_layers.py).
func TestKerasFileHasKerasLayers(t *testing.T) {
	text, err := os.ReadFile("testdata/keras_layers.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Networks map[string]struct {
			Layers int
			SHA256 string
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, name := range backbone.Names() {
		if _, ok := golden.Networks[name]; !ok {
			t.Errorf("testdata/keras_layers.json lacks %s: run tools/golden/keras/make_layers.py", name)
		}
	}
	if variants := len(golden.Networks) - len(backbone.Names()); variants != 3 {
		t.Errorf("%d variants of networks, want 3", variants)
	}
	for entry, want := range golden.Networks {
		t.Run(entry, func(t *testing.T) {
			net, err := skinattn.NewNetwork(exportConfig(t, entry))
			if err != nil {
				t.Fatal(err)
			}
			names, ours, err := kerasLayers(net)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, name := range names {
				line := name
				if layer := ours[name]; layer != nil {
					for _, v := range layer.Op.Variables(net.Graph.InputShapes(layer)...) {
						line += fmt.Sprintf("; %s %v", weightName(name, layer, v), v.Shape)
					}
				}
				lines = append(lines, line)
			}
			sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
			if got := hex.EncodeToString(sum[:]); len(lines) != want.Layers || got != want.SHA256 {
				t.Errorf("%d layers, Keras has %d; LINES=1 tools/golden/keras/make_layers.py prints Keras's, these are ours:\n%s",
					len(lines), want.Layers, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestKerasFileErrors(t *testing.T) {
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size = 32
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if _, err := KerasFile(net, store); err == nil || err.Error() != "the weights lack /Conv1/kernel" {
		t.Errorf("error %v", err)
	}
	v := layers.Variable{Layer: "Conv1", Name: "kernel", Shape: layers.Shape{2}}
	if err := layers.SetVariable(store, v, keras.FillByName("x", v.Shape)); err != nil {
		t.Fatal(err)
	}
	if _, err := KerasFile(net, store); err == nil || err.Error() != "/Conv1/kernel has 2 values where the network has shape [3 3 3 32]" {
		t.Errorf("error %v", err)
	}
}
