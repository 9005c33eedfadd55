package skinattn

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// An embedding has the means of the features over all places.
func TestEmbeddingsAreMeansOfFeatures(t *testing.T) {
	cfg := mustConfig(t, spec.Metadata, "mobilenet_v2")
	cfg.Cut, cfg.Size = "block_1_depthwise", 32 // an early cut compiles in seconds
	net, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store, eng := testweights.Filled(t, net.Graph), testengine.Open(t)
	photos := [][]float32{keras.FillImage("one", 32), keras.FillImage("two", 32), keras.FillImage("three", 32)}
	images := Floats(len(photos), func(i int, dst []float32) { copy(dst, photos[i]) })
	extractor, err := net.NewExtractor(eng.Backend, store)
	if err != nil {
		t.Fatal(err)
	}
	defer extractor.Close()
	shape := net.FeatureShape()
	if net.EmbeddingWidth() != shape[2] {
		t.Fatalf("embeddings have %d values, features %v", net.EmbeddingWidth(), shape)
	}
	means := make([][]float64, len(photos))
	if err := extractor.Features(t.Context(), images, func(i int, features []float32) error {
		means[i] = make([]float64, shape[2])
		for k, v := range features {
			means[i][k%shape[2]] += float64(v) / float64(shape[0]*shape[1])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	embedder, err := net.NewEmbedder(eng.Backend, store)
	if err != nil {
		t.Fatal(err)
	}
	defer embedder.Close()
	seen := 0
	if err := embedder.Embed(t.Context(), images, func(i int, embedding []float32) error {
		seen++
		for k, v := range embedding {
			if math.Abs(float64(v)-means[i][k]) > 1e-4*(1+math.Abs(means[i][k])) {
				t.Errorf("photo %d: value %d is %g, the mean of the features %g", i, k, v, means[i][k])
				break
			}
		}
		return nil
	}); err != nil || seen != len(photos) {
		t.Errorf("%d embeddings, %v", seen, err)
	}

	// The hash changes with a weight before the cut and not with one behind it.
	hash := func() []byte {
		var b bytes.Buffer
		if err := net.HashUpToCut(&b, store); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	before, variables := hash(), net.Graph.Variables()
	set := func(v layers.Variable) {
		if err := layers.SetVariable(store, v, make([]float32, v.Shape.Size())); err != nil {
			t.Fatal(err)
		}
	}
	set(variables[len(variables)-1])
	if !slices.Equal(before, hash()) {
		t.Error("the hash depends on the head")
	}
	set(variables[0])
	if slices.Equal(before, hash()) {
		t.Error("the hash does not depend on the first layer")
	}
}
