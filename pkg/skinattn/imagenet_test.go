package skinattn_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// The real ImageNet weights of MobileNetV2 give Keras's features. The golden
// values are Keras's, of tools/golden/keras/make_imagenet.py.
func TestImageNetFeaturesEqualKeras(t *testing.T) {
	dir := os.Getenv("SKINATTN_WEIGHTS")
	if dir == "" {
		t.Skip("SKINATTN_WEIGHTS is not set to a folder with Keras applications weights")
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "golden_mobilenet_v2_imagenet.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Size    int
		Weights struct{ File string }
		Cases   []struct {
			Image  string
			Layers map[string]skinattn.Summary
		}
		KerasError map[string]float64 `json:"keras_float32_error"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, g.Weights.File)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKINATTN_WEIGHTS has no %s", g.Weights.File)
	}
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cut, cfg.Size, cfg.ChannelOrder = "out_relu", g.Size, "rgb"
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := weights.LoadBackbone(path, net, store); err != nil {
		t.Fatal(err)
	}
	features, err := net.UpToCut()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range g.Cases[0].Layers {
		names = append(names, name)
	}
	exec, err := model.NewExec(testengine.Open(t).Backend, store, func(_ *model.Scope, images *graph.Node) []*graph.Node {
		outputs := (&layers.Builder{Store: store}).Build(features, map[string]*graph.Node{backbone.InputLayer: net.Preprocessed(images)})
		nodes := make([]*graph.Node, len(names))
		for i, name := range names {
			nodes[i] = outputs[name]
		}
		return nodes
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	for _, c := range g.Cases {
		results, err := exec.Exec(tensors.FromFlatDataAndDimensions(keras.FillImage(c.Image, g.Size), 1, g.Size, g.Size, 3))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			values, err := tensors.CopyFlatData[float32](results[i])
			if err != nil {
				t.Fatal(err)
			}
			skinattn.CheckSummary(c.Layers[name], t, c.Image+" "+name, values, skinattn.Tolerance(g.KerasError[name]))
		}
	}
}
