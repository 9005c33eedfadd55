package attention_test

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// maskedData are synthetic photos with masks.
func maskedData(t *testing.T) *ham10000.Dataset {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // where the image cache goes
	dir := t.TempDir()
	if err := synthetic.Generate(context.Background(), dir, synthetic.Options{Images: 80, Seed: 5, Masks: true}, nil); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, dir)
}

func mustOpen(t *testing.T, dir string) *ham10000.Dataset {
	t.Helper()
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// drawnRun is a run folder whose weights are drawn with a seed.
func drawnRun(t *testing.T, data *ham10000.Dataset, seed uint64) *run.Folder {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cut, cfg.Size = "Conv1_relu", 32
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), seed); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	parts, err := split.New(split.Grouped, data.Records, split.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteSplit(parts); err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteConfig(run.Config{Network: net.Network, Init: pipeline.RandomWeights, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(folder, checkpoint.Best, "000001", store, struct{}{}); err != nil {
		t.Fatal(err)
	}
	return folder
}

func scoreOptions(data *ham10000.Dataset, log func(string)) attention.ScoreOptions {
	return attention.ScoreOptions{Data: data, Part: split.Test, Explain: explain.DefaultOptions(), CurveImages: 3, CurveSteps: 4, Seed: 1,
		Progress: func(string) func(int, int) { return func(int, int) {} }, Log: log}
}

func column(t *testing.T, table *saliency.Table, method string) int {
	t.Helper()
	k := slices.Index(table.Methods, method)
	if k < 0 {
		t.Fatalf("no method %s in %q", method, table.Methods)
	}
	return k
}

// A run with the weights of the untrained baseline scores like the baseline, a uniform map
// has the scores known from theory, and a second call gives the same.
func TestScore(t *testing.T) {
	data, eng := maskedData(t), testengine.Open(t)
	folder := drawnRun(t, data, 1)
	opts := scoreOptions(data, func(line string) { t.Log(line) })
	got, err := attention.Score(t.Context(), eng, folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := folder.Split()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parts.Part(split.Test)); len(got.Images)+len(got.EmptyMask) != n || len(got.NoMask) != 0 {
		t.Errorf("%d scored, %d empty and %d missing of %d images", len(got.Images), len(got.EmptyMask), len(got.NoMask), n)
	}
	want := []string{"soft-attention", "grad-cam", "baseline:uniform", "baseline:centre", "baseline:mean-lesion", "baseline:mean-soft-attention",
		"baseline:mean-grad-cam", "baseline:untrained-soft-attention", "baseline:untrained-grad-cam", "ceiling:lesion-16x16"}
	if !slices.Equal(got.Methods, want) {
		t.Fatalf("methods %q, want %q", got.Methods, want)
	}
	measured := 0
	for _, image := range got.Images {
		even := image.Scores[column(t, got.Table, "baseline:uniform")]
		if even[saliency.MassInside] != image.MaskShare || even[saliency.Pointing] != image.MaskShare || even[saliency.AUC] != .5 {
			t.Errorf("%s: an even map scores %v; the mask's share is %v", image.ImageID, even, image.MaskShare)
		}
		for _, m := range []string{"soft-attention", "grad-cam"} {
			own, drawn := image.Scores[column(t, got.Table, m)], image.Scores[column(t, got.Table, "baseline:untrained-"+m)]
			for metric := range saliency.Deletion { // ties of the curves are drawn for each by itself
				if own[metric] != drawn[metric] {
					t.Errorf("%s: %s of %s is %v, of the same weights as a baseline %v", image.ImageID, metric, m, own[metric], drawn[metric])
				}
			}
		}
		ceiling := image.Scores[column(t, got.Table, "ceiling:lesion-16x16")]
		if ceiling[saliency.AUC] < .9 || ceiling[saliency.MassInside] <= image.MaskShare {
			t.Errorf("%s: the lesion itself scores %v", image.ImageID, ceiling)
		}
		if !math.IsNaN(image.Scores[0][saliency.Deletion]) {
			measured++
		}
	}
	if measured != 3 || got.Curves.Images != 3 {
		t.Errorf("%d images have curves, and the mean curves %d; want 3", measured, got.Curves.Images)
	}
	last := opts.CurveSteps
	for k := range got.Methods { // the ends of the curves are the same pictures for all
		if got.Curves.Mean(saliency.Deletion, k, 0) != got.Curves.Mean(saliency.Insertion, k, last) ||
			got.Curves.Mean(saliency.Deletion, k, last) != got.Curves.Mean(saliency.Deletion, 0, last) {
			t.Errorf("ends of the curves of %s: %v, %v", got.Methods[k], got.Curves.Deletion[k], got.Curves.Insertion[k])
		}
	}
	again, err := attention.Score(t.Context(), eng, folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	var first, second strings.Builder
	if err := got.WriteCSV(&first); err != nil {
		t.Fatal(err)
	}
	if err := again.WriteCSV(&second); err != nil || first.String() != second.String() {
		t.Errorf("two calls differ: %v", err)
	}
	if _, err := got.Summarize(t.Context(), eval.Options{Resamples: 10, Seed: 1}); err != nil {
		t.Error(err)
	}
}

// Images without a mask are left out and named, a damaged mask is an error that names it,
// and a data folder without masks is an error.
func TestScoreWithoutMasks(t *testing.T) {
	data, eng := maskedData(t), testengine.Open(t)
	folder := drawnRun(t, data, 2)
	parts, err := folder.Split()
	if err != nil {
		t.Fatal(err)
	}
	test := parts.Part(split.Test)
	path := func(i int) string {
		name, ok := data.MaskPath(test[i].ImageID)
		if !ok {
			t.Fatalf("no mask of %s", test[i].ImageID)
		}
		return name
	}
	if err := os.Remove(path(0)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	opts := scoreOptions(mustOpen(t, data.Dir), func(line string) { lines = append(lines, line) })
	opts.CurveImages, opts.Explain.Methods = 0, []explain.Method{explain.SoftAttention}
	got, err := attention.Score(t.Context(), eng, folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.NoMask, []string{test[0].ImageID}) || got.Curves != nil || !strings.Contains(strings.Join(lines, "\n"), test[0].ImageID) {
		t.Errorf("left out %v; log %q", got.NoMask, lines)
	}
	if err := os.WriteFile(path(1), []byte("\x89PNG\r\n\x1a\nno picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := attention.Score(t.Context(), eng, folder, opts); err == nil || !strings.Contains(err.Error(), test[1].ImageID) {
		t.Errorf("damaged mask: %v", err)
	}
	for i := 1; i < len(test); i++ {
		if err := os.Remove(path(i)); err != nil {
			t.Fatal(err)
		}
	}
	opts.Data = mustOpen(t, data.Dir)
	if _, err := attention.Score(t.Context(), eng, folder, opts); err == nil || !strings.Contains(err.Error(), "none of the") {
		t.Errorf("no masks: %v", err)
	}
	opts.Explain.Methods = []explain.Method{explain.AttentionHeads}
	if _, err := attention.Score(t.Context(), eng, folder, opts); err == nil || !strings.Contains(err.Error(), "attention-heads") {
		t.Errorf("single heads: %v", err)
	}
}
