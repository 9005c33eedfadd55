package training

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/safetensors"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// frozenRun trains the head alone, on features from a folder or, where it is
// empty, on photos.
func frozenRun(r *Run, features string) {
	r.Config.Network.Cut = "Conv1_relu"
	r.Config.Regime.Freeze = []spec.Freeze{{Layers: spec.Backbone}}
	r.Config.FeatureCache = features != ""
	r.Photos = photosOf(features, r.Val, r.Train)
}

// photosOf are the photos of parts, in another order than theirs.
func photosOf(features string, parts ...*Examples) Photos {
	p := Photos{SHA256: "of the blobs", FeatureDir: features}
	var photos []func() []uint8
	for _, part := range parts {
		for i := len(part.Records) - 1; i >= 0; i-- {
			p.IDs = append(p.IDs, part.Records[i].ImageID)
			photos = append(photos, func() []uint8 {
				floats, bytes := make([]float32, testSize*testSize*3), make([]uint8, testSize*testSize*3)
				part.Images.Floats(i, floats)
				for k, v := range floats {
					bytes[k] = uint8(v)
				}
				return bytes
			})
		}
	}
	p.Images = skinattn.Bytes(len(photos), func(i int) []uint8 { return photos[i]() })
	return p
}

// Training on features ends with the weights of training on photos, but for
// rounding, and leaves the backbone alone. The engine computes the features, as it does in
// training on photos: Adam's first steps hardly depend on the size of a gradient, and make much
// of another rounding of a gradient near 0.
func TestFeatureCache(t *testing.T) {
	t.Setenv(engine.EnvKernels, "off")
	cache := t.TempDir()
	var lines []string
	train := func(name, features string, changes ...func(*Run)) map[string]safetensors.Tensor {
		t.Helper()
		dir := filepath.Join(t.TempDir(), name)
		r := smallRun(t, dir, false)
		r.Watch = logger(func(line string) { lines = append(lines, line) })
		frozenRun(&r, features)
		for _, change := range changes {
			change(&r)
		}
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
	if log := strings.Join(lines, "\n"); strings.Count(log, "features of") != 1 || !strings.Contains(log, "features of 44 images") {
		t.Errorf("the log is %s", log)
	}
	lines = nil
	again := train("again", cache)
	if log := strings.Join(lines, "\n"); strings.Contains(log, "features of") {
		t.Errorf("features are computed again: %s", log)
	}
	// Another split, seed, head and regime take the same file; other weights do not.
	train("another split", cache, func(r *Run) {
		r.Train.Records[0], r.Val.Records[0] = r.Val.Records[0], r.Train.Records[0]
		r.Config.Regime.Batch, r.Config.Network.SoftAttention = 4, false
	})
	if log := strings.Join(lines, "\n"); strings.Contains(log, "features of") {
		t.Errorf("another split computes features again: %s", log)
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
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	key, n := [32]byte(content[len(featureMagic):]), (len(content)-featureHeader)/4
	train("other weights", cache, func(r *Run) { r.Config.Seed++ })
	if log := strings.Join(lines, "\n"); strings.Count(log, "features of") != 1 {
		t.Errorf("other weights of the backbone take the same features: %s", log)
	}
	t.Setenv(engine.EnvKernels, "")
	lines = nil
	train("kernels", cache)
	if log := strings.Join(lines, "\n"); engine.KernelsName(testengine.Open(t).Backend) != "" && strings.Count(log, "features of") != 1 {
		t.Errorf("features by vector kernels and by the engine share a file: %s", log)
	}
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

// Features that were damaged on the disk are told and computed again: training on them
// ends with the weights of training on the intact ones.
func TestDamagedFeaturesAreComputedAgain(t *testing.T) {
	cache := t.TempDir()
	var lines []string
	train := func() string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "run")
		r := smallRun(t, dir, false)
		r.Watch = logger(func(line string) { lines = append(lines, line) })
		frozenRun(&r, cache)
		if err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return finalWeights(t, dir)
	}
	want := train()
	files, err := filepath.Glob(filepath.Join(cache, "features-*.cache"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := featureHeader + 3; at < len(content); at += 4 { // exponents
			content[at] ^= 1
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines = nil
	if train() != want {
		t.Error("the run was trained on damaged features")
	}
	if log := strings.Join(lines, "\n"); strings.Count(log, "is damaged: ") != len(files) {
		t.Errorf("the log is %s", log)
	}
}

func TestFeaturesOfAnUnknownPhoto(t *testing.T) {
	f := &Features{at: map[string]int{"known": 0}}
	if _, err := f.Of([]ham10000.Record{{ImageID: "known"}, {ImageID: "unknown"}}); err == nil || !strings.Contains(err.Error(), "image unknown") {
		t.Errorf("error %v", err)
	}
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
