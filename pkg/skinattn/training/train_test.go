package training

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skinattn/skinattn/internal/safetensors"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

const testSize = 32

// blobs are n noise images; their mean brightness depends on the class.
func blobs(n int, seed uint64) *Examples {
	rng := rand.New(rand.NewPCG(seed, 0))
	images := make([][]uint8, n)
	records := make([]ham10000.Record, n)
	for i := range n {
		class := i % ham10000.NumClasses
		images[i] = make([]uint8, testSize*testSize*3)
		for j := range images[i] {
			images[i][j] = uint8(30*class + rng.IntN(40))
		}
		records[i] = ham10000.Record{ImageID: fmt.Sprintf("ISIC_%d_%02d", seed, i), Dx: ham10000.Classes[class],
			Age: float64(20 + 10*class), Sex: "male", Localization: "back"}
	}
	records[0].Age = math.NaN()
	return &Examples{Records: records, Images: skinattn.Bytes(n, func(i int) []uint8 { return images[i] })}
}

// quickRun is smallRun on the pure Go engine, which is enough for a network that
// is cut early and needs no compilation.
func quickRun(t *testing.T, dir string, resume bool) Run {
	t.Helper()
	r := smallRun(t, dir, resume)
	r.Engine = testengine.Named(t, engine.Go)
	return r
}

// smallRun is a run of two epochs on 30 images in batches of 8: the last batch
// is not full.
func smallRun(t *testing.T, dir string, resume bool) Run {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := spec.Find(spec.Demo)
	if err != nil {
		t.Fatal(err)
	}
	reg.Batch, reg.Epochs = 8, 2
	cfg.Cut = "block_1_depthwise" // an early cut compiles in seconds
	cfg.Size, cfg.BatchNormMomentum = testSize, reg.Network.BatchNormMomentum
	folder, err := run.Create(dir, resume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	r := Run{Engine: testengine.Open(t), Folder: folder, Train: blobs(30, 1), Val: blobs(14, 2),
		Config: run.Config{Network: cfg, Regime: &reg, Seed: 3}}
	if !resume {
		if err := folder.WriteConfig(r.Config); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// finalWeights are the bytes of the newest checkpoint's weights.
func finalWeights(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, run.CheckpointDir, "last-epoch00002-*", "weights.safetensors"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("final checkpoints: %v, %v", paths, err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// interrupter cancels after some steps.
type interrupter struct {
	t     *testing.T
	after int
	stop  context.CancelFunc
}

func (i *interrupter) Log(line string)        { i.t.Log(line) }
func (*interrupter) StartEpoch(_, _, _ int)   {}
func (*interrupter) EndEpoch(run.Epoch, bool) {}
func (i *interrupter) Step(int, float64, float64) {
	if i.after--; i.after == 0 {
		i.stop()
	}
}

func TestInterruptedRunGoesOnToTheSameBytes(t *testing.T) {
	resumesToTheSameBytes(t, func(*Run) {})
}

// Everything that the regimes leave out, at once.
func TestInterruptedRunWithAllOptionsGoesOnToTheSameBytes(t *testing.T) {
	resumesToTheSameBytes(t, func(r *Run) {
		r.Config.Network.Cut = "Conv1_relu"
		reg := r.Config.Regime
		reg.Batch, reg.Accumulate, reg.Sampling = 5, 2, spec.Balanced
		reg.EMA, reg.LabelSmoothing, reg.MetadataDropout = .9, .1, .3
		reg.Loss = spec.Loss{Kind: spec.MultiWeighted, Gamma: 1.5, Limit: .1}
		reg.ClassWeighting = spec.BalancedWeights
		reg.Augment = spec.Augment{Rotation: 180, Shift: .1, Zoom: .1, HorizontalFlip: true, Crop: .5, Brightness: .1, Cutout: .3}
		reg.Mix = spec.Mix{Mixup: .2, CutMix: 1}
		reg.LayerRates = []spec.LayerRate{{Layers: spec.Backbone, Factor: .1}}
		reg.Freeze = []spec.Freeze{{Layers: spec.Backbone, Epochs: 1}}
	})
}

// resumesToTheSameBytes compares a run stopped in both of its epochs with an
// uninterrupted run.
func resumesToTheSameBytes(t *testing.T, change func(*Run)) {
	t.Helper()
	whole := filepath.Join(t.TempDir(), "whole")
	r := smallRun(t, whole, false)
	change(&r)
	if err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	want := finalWeights(t, whole)

	parts := filepath.Join(t.TempDir(), "parts")
	for attempt, steps := range []int{1, 3, 2, 100} {
		ctx, stop := context.WithCancel(context.Background())
		r := smallRun(t, parts, attempt > 0)
		change(&r)
		r.Watch = &interrupter{t, steps, stop}
		err := Train(ctx, r)
		stop()
		r.Folder.Close()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
	}
	if finalWeights(t, parts) != want {
		t.Error("the interrupted run ended with other weights")
	}
	a, b := loss(t, whole), loss(t, parts)
	if a != b {
		t.Errorf("the interrupted run's history says %s, the whole one's %s", b, a)
	}
}

// loss is the training and validation columns of the last history row.
func loss(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, run.HistoryFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(strings.Split(lines[len(lines)-1], ",")[2:8], ",")
}

// train trains to the end and returns the log.
func train(t *testing.T, r Run) (log string) {
	t.Helper()
	var lines []string
	r.Watch = logger(func(line string) { lines = append(lines, line) })
	if err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	r.Folder.Close()
	return strings.Join(lines, "\n")
}

// wholeRun is a finished quickRun to compare with.
var wholeRun struct {
	sync.Once
	weights, loss string
}

// expectWhole compares a finished quickRun with an undisturbed one.
func expectWhole(t *testing.T, dir string) {
	t.Helper()
	wholeRun.Do(func() {
		whole := filepath.Join(t.TempDir(), "whole")
		train(t, quickRun(t, whole, false))
		wholeRun.weights, wholeRun.loss = finalWeights(t, whole), loss(t, whole)
	})
	if finalWeights(t, dir) != wholeRun.weights {
		t.Error("the run ended with other weights than an undisturbed one")
	}
	if got := loss(t, dir); got != wholeRun.loss {
		t.Errorf("the history ends with %s, an undisturbed one's with %s", got, wholeRun.loss)
	}
}

// damage flips a bit of the newest checkpoint's weights.
func damage(t *testing.T, folder *run.Folder, kind string) {
	t.Helper()
	path := filepath.Join(checkpoint.Newest(folder, kind), "weights.safetensors")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A finished run with damaged checkpoints goes on from the newest that is
// intact, or from the beginning, to the same end.
func TestDamagedCheckpoints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := quickRun(t, dir, false)
	train(t, r)
	damage(t, r.Folder, checkpoint.Last)
	// Looking at the run first takes nothing from what is said.
	if saved, err := ReadSaved(r.Folder); err != nil || saved.Epoch != 1 {
		t.Errorf("read %+v, %v", saved, err)
	}
	log := train(t, quickRun(t, dir, true))
	if !strings.Contains(log, "is damaged") || !strings.Contains(log, "going on after epoch 1, step 4") {
		t.Errorf("the log names neither the damage nor where it went on: %s", log)
	}
	expectWhole(t, dir)

	entries, err := os.ReadDir(filepath.Join(dir, run.CheckpointDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(dir, run.CheckpointDir, e.Name(), "manifest.json")); err != nil {
			t.Fatal(err)
		}
	}
	log = train(t, quickRun(t, dir, true))
	if strings.Count(log, "is damaged") != 2 || strings.Contains(log, "going on") {
		t.Errorf("the log: %s", log)
	}
	expectWhole(t, dir)
}

// Lost best weights are named and no longer count; the best weights from then on are the
// weights in the folder.
func TestDamagedBest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := quickRun(t, dir, false)
	train(t, r)
	bests, err := filepath.Glob(filepath.Join(dir, run.CheckpointDir, "best-*"))
	if err != nil || len(bests) == 0 {
		t.Fatal(bests, err)
	}
	for range bests {
		damage(t, r.Folder, checkpoint.Best)
		r = quickRun(t, dir, true)
		r.Resumed = &run.Resumption{Environment: run.CurrentEnvironment(engine.Go, "")}
		log := train(t, r)
		if !strings.Contains(log, "is damaged") || !strings.Contains(log, "warning: the best weights, of epoch") {
			t.Errorf("the log: %s", log)
		}
	}
	var lines []string
	network, err := checkpoint.LoadModel(r.Folder, r.Engine, func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	network.Close()
	// environment.json keeps what was lost.
	environment, err := r.Folder.Environment()
	if err != nil || len(environment.Resumptions) != len(bests) {
		t.Fatalf("%+v, %v", environment, err)
	}
	for i, resumed := range environment.Resumptions {
		notes := strings.Join(resumed.Notes, "\n")
		if resumed.Epoch != 2 || resumed.Step != 8 || resumed.Environment.Engine != engine.Go || !strings.Contains(notes, "is damaged") || !strings.Contains(notes, "the best weights, of epoch") ||
			strings.Contains(notes, "warning") || strings.Contains(notes, "what the run began with is not known") != (i == 0) {
			t.Errorf("resumption %d: %+v", i, resumed)
		}
	}
	if log := strings.Join(lines, "\n"); !strings.Contains(log, `has no checkpoint of kind "best"`) || !strings.Contains(log, "taking the last weights") {
		t.Errorf("the log: %s", log)
	}
	expectWhole(t, dir)
}

// A process that is killed between two files of an epoch's end leaves best
// weights of an epoch that is to be trained again, or a history that lacks it.
func TestKilledAtTheEndOfAnEpoch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := quickRun(t, dir, false)
	train(t, r)
	best := checkpoint.Newest(r.Folder, checkpoint.Best)

	// Before the last checkpoint of epoch 2. On an engine where epoch 2 may come
	// out otherwise the second time, these best weights would be of another run.
	if err := os.RemoveAll(checkpoint.Newest(r.Folder, checkpoint.Last)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, run.CheckpointDir, "best-epoch00002-step99999999"), os.DirFS(best)); err != nil {
		t.Fatal(err)
	}
	train(t, quickRun(t, dir, true))
	expectWhole(t, dir)
	if got := checkpoint.Newest(r.Folder, checkpoint.Best); got != best {
		t.Errorf("the best weights are %s, want %s", got, best)
	}

	// Before the history of the last epoch.
	if err := r.Folder.WriteHistory(nil); err != nil {
		t.Fatal(err)
	}
	train(t, quickRun(t, dir, true))
	expectWhole(t, dir)
}

// A run that goes on in another folder, from a checkpoint within an epoch.
func TestMovedRunGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := quickRun(t, dir, false)
	r.SaveEvery = 1
	r.Watch = &interrupter{t, 6, stop}
	if err := Train(ctx, r); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	r.Folder.Close()
	moved := filepath.Join(t.TempDir(), "elsewhere", "run")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if log := train(t, quickRun(t, moved, true)); !strings.Contains(log, "going on after epoch 1, step ") {
		t.Errorf("the log: %s", log)
	}
	expectWhole(t, moved)
}

// Checkpoints within an epoch do not change the weights, and one is enough
// to go on from.
func TestSaveEvery(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := quickRun(t, dir, false)
	r.SaveEvery = 1
	train(t, r)
	expectWhole(t, dir)
	if err := os.RemoveAll(checkpoint.Newest(r.Folder, checkpoint.Last)); err != nil {
		t.Fatal(err)
	}
	// The checkpoint before it is of the last step, before the validation.
	if log := train(t, quickRun(t, dir, true)); !strings.Contains(log, "going on after epoch 1, step 8") {
		t.Errorf("the log: %s", log)
	}
	expectWhole(t, dir)
}

// A checkpoint of another network is an error that says so.
func TestCheckpointOfAnotherNetwork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	train(t, quickRun(t, dir, false))
	r := quickRun(t, dir, true)
	r.Config.Network.Cut = "block_1_expand"
	err := Train(context.Background(), r)
	if err == nil || !strings.Contains(err.Error(), dir+": the checkpoint does not fit the run's config.json: variable /") {
		t.Errorf("error %v", err)
	}
}

// logger is a Watcher that only listens to log lines.
type logger func(string)

func (l logger) Log(line string)          { l(line) }
func (logger) StartEpoch(_, _, _ int)     {}
func (logger) Step(int, float64, float64) {}
func (logger) EndEpoch(run.Epoch, bool)   {}

// A rate beyond reason: the first step's loss is still one of the first
// weights, the second's is none.
func TestLossThatIsNoNumberStopsTheRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := quickRun(t, dir, false)
	r.Config.Regime.LearningRate = 1e30
	r.SaveEvery = 1
	err := Train(context.Background(), r)
	if err == nil {
		t.Fatal("the run goes on")
	}
	first := order(30, r.Config.Seed, 1)
	for _, part := range []string{"the loss is NaN in step 2 on images", strings.Join(imageIDs(first[8:16], r.Train.Records), " "),
		filepath.Join(run.CheckpointDir, "last-epoch00000-step00000001")} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error has no %q: %v", part, err)
		}
	}
	var diverged *DivergedError
	if !errors.As(err, &diverged) || diverged.Epoch != 1 || diverged.Step != 2 || len(diverged.Images) != 8 {
		t.Errorf("%+v", diverged)
	}
	if !strings.HasSuffix(checkpoint.Newest(r.Folder, checkpoint.Last), "step00000001") {
		t.Errorf("the newest checkpoint is %s", checkpoint.Newest(r.Folder, checkpoint.Last))
	}
}

// The last step of an epoch: only the validation shows it.
func TestValidationLossThatIsNoNumberStopsTheRun(t *testing.T) {
	r := quickRun(t, filepath.Join(t.TempDir(), "run"), false)
	r.Config.Regime.LearningRate, r.Config.Regime.Batch = 1e30, 30
	err := Train(context.Background(), r)
	if err == nil || !strings.Contains(err.Error(), "the validation loss is NaN after epoch 1, step 1: the weights have diverged (last good checkpoint: none)") {
		t.Errorf("error %v", err)
	}
}

// 30, 40, 50 have mean 40 and population variance 200/3.
func TestAgeStats(t *testing.T) {
	mean, variance, count := ageStats([]ham10000.Record{{Age: 30}, {Age: math.NaN()}, {Age: 40}, {Age: 50}})
	if mean != 40 || math.Abs(variance-200.0/3) > 1e-12 || count != 3 {
		t.Errorf("mean %g, variance %g, count %d", mean, variance, count)
	}
}

func TestOrderIsAPermutationOfItsOwn(t *testing.T) {
	seen := map[int]bool{}
	for _, i := range order(100, 1, 1) {
		seen[i] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d different indices of 100", len(seen))
	}
	same := func(a, b []int) bool {
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	if !same(order(100, 1, 1), order(100, 1, 1)) || same(order(100, 1, 1), order(100, 1, 2)) || same(order(100, 1, 1), order(100, 2, 1)) {
		t.Error("the order must depend on seed and epoch, and on nothing else")
	}
}

// With a moving average the best checkpoint has the averages in place of the
// weights, and nothing beside them.
func TestBestWeightsAreTheAverages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := smallRun(t, dir, false)
	r.Config.Network.Cut = "Conv1_relu"
	r.Config.Regime.EMA, r.Config.Regime.Select, r.Config.Regime.Epochs = .9, spec.SelectLast, 1
	if err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	read := func(kind string) map[string]safetensors.Tensor {
		paths, _ := filepath.Glob(filepath.Join(dir, run.CheckpointDir, kind+"-*", "weights.safetensors"))
		if len(paths) != 1 {
			t.Fatalf("checkpoints: %v", paths)
		}
		raw, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		all, err := safetensors.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]safetensors.Tensor{}
		for _, tensor := range all {
			byName[tensor.Name] = tensor
		}
		return byName
	}
	best, last := read(checkpoint.Best), read(checkpoint.Last)
	differ := 0
	for name, got := range best {
		if !slices.Equal(got.Data, last[averaged+name].Data) {
			t.Errorf("%s of the best checkpoint is not the average", name)
		}
		if !slices.Equal(got.Data, last[name].Data) {
			differ++
		}
	}
	if differ < 5 || len(best) == 0 {
		t.Errorf("%d of %d tensors differ from the weights", differ, len(best))
	}
}
