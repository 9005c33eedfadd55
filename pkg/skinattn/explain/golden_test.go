package explain

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// goEngine is the engine of most tests here: XLA takes 20 times longer for such
// small networks, all of it compilation. TestEnginesAgree has XLA compute every map.
func goEngine(t *testing.T) *engine.Engine { return testengine.Named(t, engine.Go) }

// The golden files were computed by Keras 2.15 in float64, with tf.GradientTape
// and the papers' formulas, for the authors' networks with all tensors filled by
// keras.FillByName; tools/golden/keras/make_explain.py makes them, and chooses photos
// whose gradients rounding can't change. The maps at MobileNetV2's cut are 3 x 3.
type golden struct {
	Network     string
	Size        int
	GammaScales []change `json:"gamma_scales"`
	// BetaShift is for the saliency alone: without it, rounding switches ReLUs.
	BetaShift change `json:"beta_shift"`
	Layers    []string
	Cases     []struct {
		Image, Sex, Localization, Class string
		Age                             float64
		Logits                          []float64
		Attention                       []float64 // by head, row, column
		Saliency                        struct {
			Index     []int
			Value     []float64
			Norm, Max float64
		}
		GradCAM         [][]float64 `json:"grad_cam"` // by layer
		GradCAMPlusPlus [][]float64 `json:"grad_cam_plus_plus"`
	}
}

type change struct {
	By     float32
	Layers []string
}

// Keras in float32 is at most 1e-5 off, relative to the map's maximum.
const goldenTolerance = 1e-4

func TestMapsEqualKeras(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "golden_"), ".json")
		t.Run(name+" on "+engine.Go, func(t *testing.T) {
			testlong.Skip(t, false)
			checkGolden(t, name, goEngine(t))
		})
		t.Run(name+" on the default engine", func(t *testing.T) {
			testlong.Skip(t, true)
			checkGolden(t, name, testengine.Open(t))
		})
	}
}

func checkGolden(t *testing.T, name string, eng *engine.Engine) {
	raw, err := os.ReadFile(filepath.Join("testdata", "golden_"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	cfg, err := skinattn.AuthorsNetwork(g.Network, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.ChannelOrder = g.Size, "rgb" // the images are fed as they are
	network := filledModel(t, cfg, eng)
	for _, scale := range g.GammaScales {
		for _, layer := range scale.Layers {
			testweights.Change(t, network.Store, layer+"/gamma", func(v float32) float32 { return v * scale.By })
		}
	}
	images := Request{Images: skinattn.Floats(len(g.Cases), func(i int, dst []float32) { copy(dst, keras.FillImage(g.Cases[i].Image, g.Size)) })}
	for _, c := range g.Cases {
		images.Metadata = append(images.Metadata, skinattn.Metadata{Age: c.Age, Sex: c.Sex, Localization: c.Localization})
		images.Classes = append(images.Classes, slices.Index(ham10000.Classes, c.Class))
	}
	for at, layer := range g.Layers {
		options := DefaultOptions()
		options.Methods = []Method{AttentionHeads, GradCAMPlusPlus, SoftAttention, GradCAM}
		options.Layer = layer
		for i, x := range explained(t, network, options, images) {
			c, class := g.Cases[i], g.Cases[i].Class
			maps := x.Maps
			const heads = 16
			sum := make([]float64, len(c.Attention)/heads)
			for h := range heads {
				want := c.Attention[h*len(sum) : (h+1)*len(sum)]
				for j, v := range want {
					sum[j] += v
				}
				compare(t, maps[h], Map{Method: AttentionHeads, Head: h + 1}, want)
			}
			maps = maps[heads:]
			compare(t, maps[0], Map{Method: GradCAMPlusPlus, Class: class}, c.GradCAMPlusPlus[at])
			compare(t, maps[1], Map{Method: SoftAttention}, sum)
			compare(t, maps[2], Map{Method: GradCAM, Class: class}, c.GradCAM[at])
			compare(t, Map{Method: "logits", Values: x.Prediction.Logits, Height: 1, Width: len(c.Logits)}, Map{Method: "logits"}, c.Logits)
		}
	}
	for _, layer := range g.BetaShift.Layers {
		testweights.Change(t, network.Store, layer+"/beta", func(v float32) float32 { return v + g.BetaShift.By })
	}
	options := DefaultOptions()
	options.Methods = []Method{Saliency}
	for i, x := range explained(t, network, options, images) {
		want, m := g.Cases[i].Saliency, x.Maps[0]
		got := make([]float32, len(want.Index))
		var square float64
		for j, index := range want.Index {
			got[j] = m.Values[index]
		}
		for _, v := range m.Values {
			square += float64(v) * float64(v)
		}
		compare(t, Map{Method: m.Method, Class: m.Class, Height: 1, Width: len(got), Values: got},
			Map{Method: Saliency, Class: g.Cases[i].Class}, want.Value)
		if largest := float64(slices.Max(m.Values)); math.Abs(largest/want.Max-1) > goldenTolerance {
			t.Errorf("image %d: the saliency's maximum is %g, Keras has %g", i, largest, want.Max)
		}
		if norm := math.Sqrt(square); math.Abs(norm/want.Norm-1) > goldenTolerance {
			t.Errorf("image %d: the saliency's norm is %g, Keras has %g", i, norm, want.Norm)
		}
	}
}

// compare asks that a map is the wanted one, and that the largest difference is
// below the tolerance times the largest wanted value.
func compare(t *testing.T, got, want Map, values []float64) {
	t.Helper()
	if got.Method != want.Method || got.Class != want.Class || got.Head != want.Head {
		t.Errorf("the map is %s of class %q, want %s of %q", got.Name(), got.Class, want.Name(), want.Class)
	}
	if len(got.Values) != len(values) || got.Height*got.Width != len(values) {
		t.Errorf("%s has %d values of %d x %d, want %d", got.Name(), len(got.Values), got.Height, got.Width, len(values))
		return
	}
	var worst, largest float64
	for i, v := range values {
		worst, largest = max(worst, math.Abs(float64(got.Values[i])-v)), max(largest, math.Abs(v))
	}
	if !(worst <= goldenTolerance*largest) {
		t.Errorf("%s of class %q is %.3g of its maximum off, allowed %.3g", got.Name(), got.Class, worst/largest, goldenTolerance)
	}
}

// explained explains and closes.
func explained(t *testing.T, network *skinattn.Model, options Options, images Request) []Explanation {
	t.Helper()
	e, err := New(network, options)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	all, err := e.ExplainAll(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// filledModel is a network with its variables filled by name.
func filledModel(t *testing.T, cfg spec.Network, eng *engine.Engine) *skinattn.Model {
	t.Helper()
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := testweights.Filled(t, net.Graph)
	network, err := skinattn.NewModel(eng.Backend, net, store, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	return network
}
