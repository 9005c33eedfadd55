package training

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

const testSize = 32

// blobs are n noise images whose mean brightness tells the class.
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
		records[i] = ham10000.Record{ImageID: "ISIC_" + string(rune('a'+i%26)), Dx: ham10000.Classes[class],
			Age: float64(20 + 10*class), Sex: "male", Localization: "back"}
	}
	records[0].Age = math.NaN()
	return &Examples{Records: records, Images: func(i int) []uint8 { return images[i] }}
}

// smallRun is a run of two epochs on 30 images in batches of 8: the last batch
// is not full.
func smallRun(t *testing.T, dir string, resume bool) Run {
	t.Helper()
	if testEngine.Kind == engine.Go {
		t.Skip("the pure Go engine is too slow to train this network in a test")
	}
	cfg, err := skinattn.DefaultConfig("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	reg, err := regime.Find(regime.Demo)
	if err != nil {
		t.Fatal(err)
	}
	reg.Batch, reg.Epochs = 8, 2
	cfg.Cut = "block_1_depthwise" // an early cut compiles in seconds
	cfg.Size, cfg.BatchNormMomentum = testSize, reg.BatchNormMomentum
	folder, err := run.Create(dir, resume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	r := Run{Engine: testEngine, Folder: folder, Train: blobs(30, 1), Val: blobs(14, 2),
		Config: run.Config{Network: cfg, Regime: &reg, Seed: 3}}
	if !resume {
		if err := folder.WriteJSON(run.ConfigFile, r.Config); err != nil {
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
	whole := filepath.Join(t.TempDir(), "whole")
	if err := Train(context.Background(), smallRun(t, whole, false)); err != nil {
		t.Fatal(err)
	}
	want := finalWeights(t, whole)

	parts := filepath.Join(t.TempDir(), "parts")
	for attempt, steps := range []int{1, 3, 2, 100} { // stops in both epochs
		ctx, stop := context.WithCancel(context.Background())
		r := smallRun(t, parts, attempt > 0)
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

func TestDamagedCheckpointIsSetAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := smallRun(t, dir, false)
	if err := Train(context.Background(), first); err != nil {
		t.Fatal(err)
	}
	first.Folder.Close()
	want := finalWeights(t, dir)
	newest, _ := filepath.Glob(filepath.Join(dir, run.CheckpointDir, "last-epoch00002-*"))
	path := filepath.Join(newest[0], "weights.safetensors")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	r := smallRun(t, dir, true)
	var lines []string
	r.Watch = logger(func(line string) { lines = append(lines, line) })
	if err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if log := strings.Join(lines, "\n"); !strings.Contains(log, "damaged") || !strings.Contains(log, "epoch 1") {
		t.Errorf("the log names neither the damage nor where it went on: %s", log)
	}
	if finalWeights(t, dir) != want {
		t.Error("going on from the checkpoint before ended with other weights")
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
	r := smallRun(t, dir, false)
	r.Config.Regime.LearningRate = 1e30
	r.SaveEvery = 1
	err := Train(context.Background(), r)
	if err == nil {
		t.Fatal("the run goes on")
	}
	first := order(30, r.Config.Seed, 1)
	for _, part := range []string{"the loss is NaN in step 2 on images", imageIDs(first[8:16], r.Train.Records),
		filepath.Join(run.CheckpointDir, "last-epoch00000-step00000001"), "; start a new run with a lower --learning-rate"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error has no %q: %v", part, err)
		}
	}
	if !strings.HasSuffix(r.Folder.NewestCheckpoint(run.Last), "step00000001") {
		t.Errorf("the newest checkpoint is %s", r.Folder.NewestCheckpoint(run.Last))
	}
}

// 30, 40, 50 have mean 40 and population variance 200/3.
func TestAgeStats(t *testing.T) {
	mean, variance, count := AgeStats([]ham10000.Record{{Age: 30}, {Age: math.NaN()}, {Age: 40}, {Age: 50}})
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
