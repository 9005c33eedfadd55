package backbone

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Every layer's name, output shape, weights and place are Keras's; the digests
// were made from the networks of Keras 2.15 by tools/golden/keras/make_layers.py.
func TestLayersAreKeras(t *testing.T) {
	text, err := os.ReadFile("testdata/keras_layers.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Networks map[string]struct {
			Layers, Total, Trainable int
			SHA256                   string
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for name := range golden.Networks {
		if _, err := Find(name); err != nil {
			t.Errorf("testdata/keras_layers.json: %v", err)
		}
	}
	for _, b := range Table {
		t.Run(b.Name, func(t *testing.T) {
			want, ok := golden.Networks[b.Name]
			if !ok && b.Weights.URL == "" {
				t.Skip("Keras does not have this network")
			}
			if !ok {
				t.Fatal("testdata/keras_layers.json lacks the network: run tools/golden/keras/make_layers.py")
			}
			g, err := b.Graph(0)
			if err != nil {
				t.Fatal(err)
			}
			total, trainable := g.Parameters()
			if n := len(g.Layers()); n != want.Layers || total != want.Total || trainable != want.Trainable {
				t.Errorf("%d layers, %d parameters, %d trainable; Keras has %d, %d, %d", n, total, trainable, want.Layers, want.Total, want.Trainable)
			}
			lines := kerasLines(g)
			sum := sha256.Sum256([]byte(lines))
			if got := hex.EncodeToString(sum[:]); got != want.SHA256 {
				t.Errorf("the layers differ from Keras's; LINES=1 tools/golden/keras/make_layers.py prints them, these are ours:\n%s", lines)
			}
		})
	}
}

// kerasLines has a line a layer, as make_layers.py writes it.
func kerasLines(g *layers.Graph) string {
	var lines []string
	for _, layer := range g.Layers() {
		line := layer.Name + " " + layer.Out.String()
		for _, v := range layer.Op.Variables(g.InputShapes(layer)...) {
			line += fmt.Sprintf("; %s %s", v.Name, v.Shape)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
