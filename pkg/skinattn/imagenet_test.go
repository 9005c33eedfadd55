package skinattn

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/keras"
)

// The real ImageNet weights of MobileNetV2 give Keras's features.
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
			Layers map[string]summary
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
	file, err := keras.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range g.Cases[0].Layers {
		names = append(names, name)
	}
	network, err := NewImageNet(testEngine.Backend, "mobilenet_v2", g.Size, file, append(names, PooledFeatures)...)
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	var images [][]float32
	for _, c := range g.Cases {
		images = append(images, keras.FillImage(c.Image, g.Size))
	}
	results, err := network.Run(images)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range g.Cases {
		for j, name := range names {
			c.Layers[name].check(t, c.Image+" "+name, row(results[j], i, network.Shape(j).Size()), tolerance(g.KerasError[name]))
		}
	}
	// The pooled features are the means of the last map.
	at := len(names)
	for j, name := range names {
		if name != "out_relu" {
			continue
		}
		channels := network.Shape(at)[0]
		for c := range channels {
			var mean float64
			for p := range len(results[j]) / len(images) / channels {
				mean += float64(results[j][p*channels+c]) / 49
			}
			if diff := mean - float64(results[at][c]); diff > 1e-4 || diff < -1e-4 {
				t.Fatalf("pooled feature %d is %g, the mean of its map %g", c, results[at][c], mean)
			}
		}
	}
	_, err = NewImageNet(testEngine.Backend, "mobilenet_v2", g.Size, file, ImageNetLogits)
	if err == nil || !strings.Contains(err.Error(), "has no top") {
		t.Errorf("logits without top: %v", err)
	}
	_, err = NewImageNet(testEngine.Backend, "mobilenet_v2", g.Size, file, "conv5")
	if err == nil || !strings.Contains(err.Error(), `no layer "conv5"`) {
		t.Errorf("unknown layer: %v", err)
	}
}
