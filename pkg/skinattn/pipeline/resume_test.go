package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/testengine"
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
		if err := os.RemoveAll(filepath.Join(opts.Dir, run.CheckpointDir)); err != nil {
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

// Another engine, plug-in, processor or number of cores gives a warning, the same ones none.
func TestResumeOnAnotherEngine(t *testing.T) {
	now := &engine.Engine{Kind: engine.CPU, Wheel: "plug-in 1.0"}
	same := run.CurrentEnvironment(now.Kind, now.Wheel)
	for name, c := range map[string]struct {
		change func(*run.Environment)
		want   string
	}{
		"the same":        {func(*run.Environment) {}, ""},
		"another version": {func(e *run.Environment) { e.Commit = "abc" }, ""},
		"engine":          {func(e *run.Environment) { e.Engine, e.Plugin = engine.Go, "" }, "the run began with go on "},
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
