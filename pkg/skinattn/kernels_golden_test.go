package skinattn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/infer"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// kernelOutputs computes outputs of a network for the cases of a golden file with the processor's kernels.
func kernelOutputs(t *testing.T, net *Network, weights infer.Weights, g golden, level simd.Level, names []string) [][]float32 {
	t.Helper()
	plan, err := infer.Compile(net.Graph, weights, names, infer.Options{Level: level, Pixels: map[string]*infer.Pixels{
		backbone.InputLayer: {Order: net.ChannelOrder, Scaling: net.Preprocess.Scaling()}}})
	if err != nil {
		t.Fatal(err)
	}
	images, metadata := g.inputs()
	inputs := map[string]infer.Input{}
	var pixels []uint8
	for _, image := range images {
		pixels = append(pixels, image...)
	}
	inputs[backbone.InputLayer] = infer.Input{Bytes: pixels}
	metadataColumns(EncodeMetadata(metadata), len(images), inputs)
	results := make([][]float32, len(names))
	for i, size := range plan.OutputSizes() {
		results[i] = make([]float32, len(images)*size)
	}
	if err := plan.Run(t.Context(), len(images), inputs, results); err != nil {
		t.Fatal(err)
	}
	return results
}

// Every network at its own size and a small one, with the processor's kernels.
func TestKernelsEqualKeras(t *testing.T) {
	level, ok := simd.Best()
	if !ok {
		t.Skip("this processor has no kernels")
	}
	files := goldenFiles(t, "golden_*[a-z0-9]_[0-9]*.json")
	for _, b := range backbone.Table {
		for _, file := range files[b.Name] {
			g := readGolden(t, file)
			if g.Gradients != nil {
				continue
			}
			t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "golden_"), ".json"), func(t *testing.T) {
				net, store := goldenNetwork(t, g)
				names := []string{net.Cut, layers.MapsOf(AttentionLayer), layers.LogitsOf(net.Output), net.Output}
				weights := func(path string) ([]float32, error) {
					return tensors.CopyFlatData[float32](store.GetVariable(path).MustValue())
				}
				checkOutputs(t, g, kernelOutputs(t, net, weights, g, level, names))
			})
		}
	}
}

// The engine, which $SKINATTN_KERNELS=off asks for, and the kernels predict the same but for rounding. Kernels have the bits of
// one photo in every batch, and follow weights that change between predictions.
func TestKernelsAndEngine(t *testing.T) {
	const n = 5
	cfg := mustConfig(t, spec.Metadata, "mobilenet_v2")
	cfg.Cut, cfg.Size = "block_1_depthwise", 32 // an early cut compiles in seconds
	net, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := testweights.Filled(t, net.Graph)
	photos := randomBytes(n, cfg.Size)
	request := func(from, to int) Request {
		return Request{Images: Bytes(to-from, func(i int) []uint8 { return photos[from+i] }), Attention: true,
			Metadata: slices.Repeat([]Metadata{{Age: 40, Sex: "female", Localization: "face"}}, to-from)}
	}
	model := func(kernels string) *Model {
		t.Helper()
		t.Setenv(engine.EnvKernels, kernels)
		m, err := NewModel(testengine.Open(t).Backend, net, store, 4)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		if _, ok := simd.Best(); kernels == "off" && m.program.kernels != nil || kernels == "" && ok != (m.program.kernels != nil) {
			t.Fatalf("$%s=%q: kernels %v", engine.EnvKernels, kernels, m.program.kernels != nil)
		}
		return m
	}
	byEngine, byKernels := model("off"), model("")
	predict := func(m *Model, from, to int) []Prediction {
		t.Helper()
		predictions, err := m.Predict(t.Context(), request(from, to))
		if err != nil {
			t.Fatal(err)
		}
		return predictions
	}
	far := func(a, b []float32) (most float64) {
		for i := range a {
			most = max(most, math.Abs(float64(a[i])-float64(b[i])))
		}
		return most
	}
	check := func(what string) []Prediction {
		t.Helper()
		want, got := predict(byEngine, 0, n), predict(byKernels, 0, n)
		for i := range want {
			if off := far(got[i].Probabilities, want[i].Probabilities); off > 2e-5 {
				t.Errorf("%s: probabilities of image %d differ by %g", what, i, off)
			}
			if off := far(got[i].Attention, want[i].Attention); len(got[i].Attention) == 0 || off > 2e-5 {
				t.Errorf("%s: maps of image %d differ by %g", what, i, off)
			}
		}
		return got
	}
	first := check("the first weights")
	if byKernels.program.kernels != nil { // alone, in another batch
		for i := range n {
			alone := predict(byKernels, i, i+1)[0]
			if !slices.Equal(alone.Logits, first[i].Logits) || !slices.Equal(alone.Attention, first[i].Attention) {
				t.Errorf("image %d alone has other bits than in a batch", i)
			}
		}
	}
	testweights.Change(t, store, "bn_Conv1/beta", func(v float32) float32 { return v + .5 })
	second := check("other weights")
	if far(first[0].Probabilities, second[0].Probabilities) < 1e-4 {
		t.Error("other weights predict the same")
	}
}
