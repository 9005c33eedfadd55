package training

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/safetensors"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// frozenRun trains the head alone, on features from a folder or, where it is
// empty, on photos.
func frozenRun(r *Run, features string) {
	r.Config.Network.Cut = "Conv1_relu"
	r.Config.Regime.Freeze = []spec.Freeze{{Layers: spec.Backbone}}
	r.Config.FeatureCache, r.FeatureDir = features != "", features
}

// Training on features ends with the weights of training on photos, but for
// rounding, and leaves the backbone alone.
func TestFeatureCache(t *testing.T) {
	cache := t.TempDir()
	var lines []string
	train := func(name, features string) map[string]safetensors.Tensor {
		t.Helper()
		dir := filepath.Join(t.TempDir(), name)
		r := smallRun(t, dir, false)
		r.Watch = logger(func(line string) { lines = append(lines, line) })
		frozenRun(&r, features)
		if err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		tensors, err := safetensors.Parse([]byte(finalWeights(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]safetensors.Tensor{}
		for _, tensor := range tensors {
			byName[tensor.Name] = tensor
		}
		return byName
	}
	photos := train("photos", "")
	first := train("first", cache)
	if log := strings.Join(lines, "\n"); !strings.Contains(log, "features of 30 images") || !strings.Contains(log, "features of 14 images") {
		t.Errorf("the log is %s", log)
	}
	lines = nil
	again := train("again", cache)
	if log := strings.Join(lines, "\n"); strings.Contains(log, "features of") {
		t.Errorf("features are computed again: %s", log)
	}
	for name, want := range photos {
		got, same := first[name], again[name]
		if len(got.Data) != len(want.Data) {
			if !strings.HasPrefix(name, "/adam/") { // of layers that are not trained
				t.Errorf("%s is missing", name)
			}
			continue
		}
		for i := range want.Data {
			if math.Abs(float64(got.Data[i]-want.Data[i])) > 1e-5 || got.Data[i] != same.Data[i] {
				t.Errorf("%s[%d] is %g, again %g, without features %g", name, i, got.Data[i], same.Data[i], want.Data[i])
				break
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(cache, "features-*.cache"))
	if len(files) != 2 {
		t.Fatalf("files: %v", files)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	key, n := [32]byte(content[len(featureMagic):]), (len(content)-featureHeader)/4
	if !validFeatures(content, key, n) || validFeatures(content[:1000], key, n) || validFeatures(content, [32]byte{}, n) {
		t.Error("a whole file is not used, or a file that is cut off or has another key is used")
	}
}

func TestInterruptedRunOnFeaturesGoesOnToTheSameBytes(t *testing.T) {
	cache := t.TempDir()
	resumesToTheSameBytes(t, func(r *Run) {
		frozenRun(r, cache)
		r.Config.Regime.EMA = .9
		r.Config.Regime.Mix.Mixup = .3
	})
}

func TestFeatureCacheWantsAFrozenBackbone(t *testing.T) {
	frozen := []spec.Freeze{{Layers: spec.Backbone}}
	for name, c := range map[string]struct {
		reg  spec.Regime
		want string
	}{
		"trained":       {spec.Regime{}, "the backbone is trained"},
		"frozen awhile": {spec.Regime{Freeze: []spec.Freeze{{Layers: spec.Backbone, Epochs: 3}}}, "the backbone is trained"},
		"augmented":     {spec.Regime{Freeze: frozen, Augment: spec.Augment{Zoom: .1}}, "augments"},
		"cutmix":        {spec.Regime{Freeze: frozen, Mix: spec.Mix{CutMix: 1}}, "cuts photos"},
	} {
		if err := allowsFeatures(&c.reg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := allowsFeatures(&spec.Regime{Freeze: frozen, Mix: spec.Mix{Mixup: .2}}); err != nil {
		t.Error(err)
	}
}
