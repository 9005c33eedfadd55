package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// A run from ImageNet weights that is killed before its first checkpoint starts
// from the same file again, or says that it can't: never from random weights.
func TestResumeBeforeTheFirstCheckpoint(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	weightsDir := t.TempDir()
	t.Setenv(weights.EnvDir, weightsDir)
	path, err := weights.Path("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	file := imageNetFile(t, "mobilenet_v2")
	if err := atomicfile.WriteFile(path, file.Write); err != nil {
		t.Fatal(err)
	}
	dataDir := filepath.Join(t.TempDir(), "data")
	if err := synthetic.Generate(t.Context(), dataDir, synthetic.Options{Images: 40, Seed: 1, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	eng := testengine.Named(t, engine.Go)
	reg, err := spec.Find(spec.Demo)
	if err != nil {
		t.Fatal(err)
	}
	reg.Epochs = 1
	network, err := skinattn.Resolve("mobilenet_v2", reg)
	if err != nil {
		t.Fatal(err)
	}
	network.Size, network.Cut = 32, "Conv1_relu"
	opts := TrainOptions{Data: data, Network: network, Regime: reg, Protocol: split.Grouped, Seed: 1,
		Weights: path, Dir: filepath.Join(t.TempDir(), "run")}
	if err := Train(t.Context(), eng, opts); err != nil {
		t.Fatal(err)
	}
	final := func() string {
		t.Helper()
		folder := run.Folder{Dir: opts.Dir}
		content, err := os.ReadFile(filepath.Join(checkpoint.Newest(&folder, checkpoint.Last), "weights.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	kill := func() {
		t.Helper()
		folder := &run.Folder{Dir: opts.Dir}
		if err := errors.Join(os.RemoveAll(folder.Path(run.CheckpointDir)), folder.RemoveResults()); err != nil {
			t.Fatal(err)
		}
	}
	want := final()

	opts.Resume, opts.Weights = true, "" // as with 'train --resume' alone
	kill()
	if err := Train(t.Context(), eng, opts); err != nil {
		t.Fatal(err)
	}
	if final() != want {
		t.Error("the run started from other weights")
	}
	environment, err := (&run.Folder{Dir: opts.Dir}).Environment()
	if err != nil || len(environment.Resumptions) != 1 {
		t.Fatalf("%+v, %v", environment, err)
	}
	if r := environment.Resumptions[0]; r.Epoch != 0 || r.Step != 0 || r.Environment.Engine != engine.Go || len(r.Notes) != 0 {
		t.Errorf("resumption %+v", r)
	}

	kill()
	file.Tensors[0].Data[0]++
	if err := atomicfile.WriteFile(path, file.Write); err != nil {
		t.Fatal(err)
	}
	err = Train(t.Context(), eng, opts)
	var first *WeightsError
	if !errors.As(err, &first) || first.SHA256 == "" || !strings.HasPrefix(err.Error(), "the run has no checkpoint yet and started from a file with SHA-256 ") {
		t.Errorf("error %v", err)
	}
}

// logged is a watcher that keeps the lines.
type logged struct {
	training.Watcher
	lines []string
}

func (l *logged) Log(line string) { l.lines = append(l.lines, line) }

// until calls then after the first step of an epoch.
type until struct {
	training.Watcher
	epoch, running int
	then           func()
}

func (u *until) StartEpoch(epoch, _, _ int) { u.running = epoch }

func (u *until) Step(int, float64, float64) {
	if u.running == u.epoch {
		u.then()
	}
}

// Another engine, plug-in, processor or number of cores gives a warning, the same ones none.
func TestResumeOnAnotherEngine(t *testing.T) {
	now := &engine.Engine{Kind: engine.CPU, Wheel: "plug-in 1.0"}
	same := run.CurrentEnvironment(now.Kind, now.Wheel)
	same.Kernels = engine.KernelsName(nil)
	predicted := "AVX2"
	if same.Kernels != "" {
		predicted = ""
	}
	for name, c := range map[string]struct {
		change func(*run.Environment)
		want   string
	}{
		"the same":        {func(*run.Environment) {}, ""},
		"another version": {func(e *run.Environment) { e.Commit = "abc" }, ""},
		"engine":          {func(e *run.Environment) { e.Engine, e.Plugin = engine.Go, "" }, "the run began with go on "},
		"predictions":     {func(e *run.Environment) { e.Kernels = predicted }, "the run began with predictions by "},
		"not known":       {func(e *run.Environment) { *e = run.Environment{} }, "it can't be told"},
		"plug-in":         {func(e *run.Environment) { e.Plugin = "plug-in 0.9" }, "the run began with cpu (plug-in 0.9) on"},
		"cores":           {func(e *run.Environment) { e.Cores = 1000 }, "the run began with cpu (plug-in 1.0) on 1000 cores of "},
		"processor":       {func(e *run.Environment) { e.CPU = "Z80" }, "cores of Z80 (" + same.Arch + ") and goes on with cpu (plug-in 1.0) on "},
	} {
		t.Run(name, func(t *testing.T) {
			folder, watch := &run.Folder{Dir: t.TempDir()}, &logged{}
			environment := same
			c.change(&environment)
			if err := folder.WriteEnvironment(environment); err != nil {
				t.Fatal(err)
			}
			resumed := TrainOptions{Watch: watch}.resumption(folder, now)
			if diff := cmp.Diff(same, resumed.Environment); diff != "" {
				t.Error(diff)
			}
			if noted := strings.Join(resumed.Notes, "\n"); !strings.Contains(noted, c.want) || (noted == "") != (c.want == "") {
				t.Errorf("noted %q, want %q", noted, c.want)
			}
			if said := strings.Join(watch.lines, "\n"); !strings.Contains(said, c.want) || (said == "") != (c.want == "") || len(watch.lines) > 1 {
				t.Errorf("said %q, want %q", said, c.want)
			}
		})
	}
}

// imageNetFile has the arrays of Keras's file of a backbone, filled by name.
func imageNetFile(t *testing.T, name string) *keras.File {
	t.Helper()
	b, err := backbone.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Graph(0)
	if err != nil {
		t.Fatal(err)
	}
	file := &keras.File{}
	for _, layer := range g.Layers() {
		file.Layers = append(file.Layers, layer.Name)
		for _, v := range layer.Op.Variables(g.InputShapes(layer)...) {
			file.Tensors = append(file.Tensors, keras.Tensor{
				Layer: layer.Name, Name: layer.Name + "/" + v.Name + ":0", Shape: v.Shape, Data: keras.FillByName(layer.Name+"/"+v.Name, v.Shape)})
		}
	}
	return file
}

// finishedRun trains a small network for two epochs on the pure Go engine.
func finishedRun(t *testing.T) (eng *engine.Engine, opts TrainOptions, dataDir string) {
	t.Helper()
	data := smallData(t)
	opts = smallOptions(t, data, spec.Demo)
	opts.Regime.Epochs = 2
	eng = testengine.Named(t, engine.Go)
	if err := Train(t.Context(), eng, opts); err != nil {
		t.Fatal(err)
	}
	opts.Resume = true
	return eng, opts, data.Dir
}

// files are the content of all files of a run but its lock, with their times.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == ".lease" { // of whoever writes, not of the run
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = info.ModTime().String() + " " + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// replace edits a file.
func replace(t *testing.T, path, old, new string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(content), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A run goes on as the same run, or not at all; a finished one is left alone.
func TestResumeIsTheSameRun(t *testing.T) {
	eng, opts, dataDir := finishedRun(t)
	whole := opts.Dir
	copied := func(t *testing.T) (o TrainOptions, watch *logged) {
		t.Helper()
		o, watch = opts, &logged{Watcher: training.Watchers{}}
		o.Dir, o.Watch = filepath.Join(t.TempDir(), "run"), watch
		if err := os.CopyFS(o.Dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		return o, watch
	}
	// As the command line does: what is not given comes from config.json.
	resume := func(t *testing.T, o TrainOptions) error {
		t.Helper()
		cfg, err := (&run.Folder{Dir: o.Dir}).Config()
		if err != nil {
			t.Fatal(err)
		}
		epochs := o.Regime.Epochs
		o.Network, o.Regime, o.Seed = cfg.Network, *cfg.Regime, cfg.Seed
		if o.ChangeEpochs {
			o.Regime.Epochs = epochs
		}
		return Train(t.Context(), eng, o)
	}
	config := func(o TrainOptions) string { return filepath.Join(o.Dir, run.ConfigFile) }
	unfinished := func(t *testing.T, o TrainOptions) {
		t.Helper()
		if err := (&run.Folder{Dir: o.Dir}).RemoveResults(); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("finished", func(t *testing.T) {
		o, watch := copied(t)
		before := files(t, o.Dir)
		if err := resume(t, o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, files(t, o.Dir)); diff != "" {
			t.Errorf("the run has changed (-before +after):\n%s", diff)
		}
		if said := strings.Join(watch.lines, "\n"); said != "the run is finished: its files stay as they are" {
			t.Errorf("said %q", said)
		}
	})
	t.Run("without predictions", func(t *testing.T) {
		o, _ := copied(t)
		unfinished(t, o)
		if err := resume(t, o); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{run.MetricsFile, run.PredictionsFile(split.Val), run.PredictionsFile(split.Test)} {
			want, _ := os.ReadFile(filepath.Join(whole, name))
			if got, err := os.ReadFile(filepath.Join(o.Dir, name)); err != nil || string(got) != string(want) {
				t.Errorf("%s is another (%v)", name, err)
			}
		}
	})
	for _, c := range []struct{ name, old, new, says string }{
		{"seed", `"seed": 1`, `"seed": 2`, "seed (then 1, now 2)"},
		{"rate", `"learning_rate": 0.001`, `"learning_rate": 0.002`, "regime.learning_rate (then 0.001, now 0.002)"},
		{"epochs by hand", `"epochs": 2`, `"epochs": 3`, "was changed after the run began"},
		{"dropout", `"dropout": 0.5`, `"dropout": 0.25`, "network.dropout (then 0.5, now 0.25)"},
		{"no fingerprint", "", "", "fingerprint (then "},
	} {
		for _, state := range []string{"finished", "running"} {
			t.Run("edited "+c.name+", "+state, func(t *testing.T) {
				o, _ := copied(t)
				if state == "running" {
					unfinished(t, o)
				} else if c.name == "no fingerprint" {
					t.Skip("a finished run of an older version has none")
				}
				if c.old != "" {
					replace(t, config(o), c.old, c.new)
				} else {
					folder := &run.Folder{Dir: o.Dir}
					cfg, err := folder.Config()
					if err != nil {
						t.Fatal(err)
					}
					cfg.Fingerprint = ""
					if err := folder.WriteConfig(cfg); err != nil {
						t.Fatal(err)
					}
				}
				err := resume(t, o)
				if _, edited := errors.AsType[*run.EditedError](err); !edited || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), config(o)) {
					t.Errorf("error %v, want %q", err, c.says)
				}
			})
		}
	}
	t.Run("edited metadata", func(t *testing.T) {
		o, _ := copied(t)
		unfinished(t, o)
		records := slices.Clone(o.Data.Records)
		records[0].Age += 5
		changed := *o.Data
		changed.Records, o.Data = records, &changed
		err := resume(t, o)
		mismatch, is := errors.AsType[*run.ConfigMismatchError](err)
		if !is || len(mismatch.Fields) != 1 || mismatch.Fields[0].Path != "data.metadata_sha256" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a run of an older version", func(t *testing.T) {
		o, watch := copied(t)
		unfinished(t, o)
		folder := &run.Folder{Dir: o.Dir}
		cfg, err := folder.Config()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Fingerprint, cfg.Data.MetadataSHA256 = "", ""
		if err := folder.WriteConfig(cfg); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(folder.Path(run.CheckpointDir)); err != nil { // they would know the fingerprint
			t.Fatal(err)
		}
		if err := resume(t, o); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(watch.lines, "\n"); !strings.Contains(said, "begun by an older version, which recorded no fingerprint") {
			t.Errorf("said %q", said)
		}
		if after, err := folder.Config(); err != nil || after.Fingerprint != "" {
			t.Errorf("%+v, %v", after, err)
		}
	})
	t.Run("raised epochs", func(t *testing.T) {
		raised, watch := copied(t)
		raised.ChangeEpochs, raised.Regime.Epochs = true, 3
		if err := resume(t, raised); err != nil {
			t.Fatal(err)
		}
		if known, err := (&run.Folder{Dir: raised.Dir}).CheckFingerprint(); !known || err != nil {
			t.Error(known, err)
		}
		fresh := opts
		fresh.Dir, fresh.Resume, fresh.Regime.Epochs = filepath.Join(t.TempDir(), "run"), false, 3
		if err := Train(t.Context(), eng, fresh); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{run.ConfigFile, run.MetricsFile, run.PredictionsFile(split.Test), "checkpoints/last"} {
			read := func(dir string) string {
				path := filepath.Join(dir, name)
				if name == "checkpoints/last" {
					path = filepath.Join(checkpoint.Newest(&run.Folder{Dir: dir}, checkpoint.Last), "weights.safetensors")
				}
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return string(content)
			}
			if read(raised.Dir) != read(fresh.Dir) {
				t.Errorf("%s differs from that of a run that began with 3 epochs", name)
			}
		}
		before := files(t, raised.Dir)
		raised.ChangeEpochs = false
		if err := resume(t, raised); err != nil || !strings.Contains(watch.lines[len(watch.lines)-1], "finished") {
			t.Errorf("%v, %q", err, watch.lines)
		}
		if diff := cmp.Diff(before, files(t, raised.Dir)); diff != "" {
			t.Errorf("the run has changed (-before +after):\n%s", diff)
		}
	})
	refused := func(t *testing.T, o TrainOptions, epochs int, reason string) {
		t.Helper()
		before := files(t, o.Dir)
		o.ChangeEpochs, o.Regime.Epochs = true, epochs
		err := resume(t, o)
		if refused, is := errors.AsType[*EpochsError](err); !is || refused.Have != 2 || refused.Want != epochs || !strings.Contains(err.Error(), reason) {
			t.Errorf("error %v", err)
		}
		if diff := cmp.Diff(before, files(t, o.Dir)); diff != "" {
			t.Errorf("the run has changed (-before +after):\n%s", diff)
		}
	}
	t.Run("lowered epochs", func(t *testing.T) {
		o, _ := copied(t)
		refused(t, o, 1, "it has begun epoch 2")
	})
	t.Run("other epochs without checkpoints", func(t *testing.T) {
		o, _ := copied(t)
		if err := os.RemoveAll(filepath.Join(o.Dir, run.CheckpointDir)); err != nil {
			t.Fatal(err)
		}
		refused(t, o, 3, "its checkpoints are gone")
	})
	// A run that was to have more epochs, and was interrupted within its second.
	t.Run("lowered epochs that have not begun", func(t *testing.T) {
		o, _ := copied(t)
		if err := os.RemoveAll(o.Dir); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Resume, o.Regime.Epochs, o.Watch = false, 5, &until{Watcher: training.Watchers{}, epoch: 2, then: cancel}
		if err := Train(ctx, eng, o); !errors.Is(err, training.ErrInterrupted) {
			t.Fatalf("error %v", err)
		}
		o.Resume, o.ChangeEpochs, o.Watch = true, true, training.Watchers{}
		o.Regime.Epochs = 1
		if err := resume(t, o); err == nil || !strings.Contains(err.Error(), "it has begun epoch 2") {
			t.Errorf("error %v", err)
		}
		o.Regime.Epochs = 2
		if err := resume(t, o); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{run.ConfigFile, run.MetricsFile, run.PredictionsFile(split.Test)} {
			want, _ := os.ReadFile(filepath.Join(whole, name))
			if got, err := os.ReadFile(filepath.Join(o.Dir, name)); err != nil || string(got) != string(want) {
				t.Errorf("%s differs from that of a run that began with 2 epochs (%v)", name, err)
			}
		}
	})
	t.Run("raised epochs of a cosine", func(t *testing.T) {
		o, _ := copied(t)
		folder := &run.Folder{Dir: o.Dir}
		cfg, err := folder.Config()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Regime.Schedule = spec.Cosine
		if err := folder.WriteConfig(cfg.Sealed()); err != nil {
			t.Fatal(err)
		}
		refused(t, o, 3, "cosine")
	})
	// The pixels in the cache are the photos', or they are made anew.
	t.Run("damaged cache", func(t *testing.T) {
		o, watch := copied(t)
		unfinished(t, o)
		caches, err := filepath.Glob(filepath.Join(userdir.Cache(), "images-*.cache"))
		if err != nil || len(caches) != 1 {
			t.Fatal(caches, err)
		}
		content, err := os.ReadFile(caches[0])
		if err != nil {
			t.Fatal(err)
		}
		for i := len(content) / 2; i < len(content); i++ {
			content[i] ^= 0xff
		}
		if err := os.WriteFile(caches[0], content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := resume(t, o); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(watch.lines, "\n"); !strings.Contains(said, "images-") || !strings.Contains(said, "is damaged") {
			t.Errorf("said %q", said)
		}
		want, _ := os.ReadFile(filepath.Join(whole, run.PredictionsFile(split.Test)))
		if got, err := os.ReadFile(filepath.Join(o.Dir, run.PredictionsFile(split.Test))); err != nil || string(got) != string(want) {
			t.Errorf("the predictions are others (%v)", err)
		}
	})
	// A photo that was exchanged in the folder.
	t.Run("another photo", func(t *testing.T) {
		o, _ := copied(t)
		unfinished(t, o)
		photos, err := filepath.Glob(filepath.Join(dataDir, "images", "*.jpg"))
		if err != nil || len(photos) < 2 {
			t.Fatal(photos, err)
		}
		other, err := os.ReadFile(photos[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(photos[0], other, 0o644); err != nil {
			t.Fatal(err)
		}
		err = resume(t, o)
		if mismatch, is := errors.AsType[*run.ConfigMismatchError](err); !is || len(mismatch.Fields) != 1 || mismatch.Fields[0].Path != "data.images_sha256" {
			t.Errorf("error %v", err)
		}
	})
}
