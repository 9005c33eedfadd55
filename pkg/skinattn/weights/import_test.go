package weights

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// authors is the authors' MobileNetV2 at a size.
func authors(t *testing.T, size int) spec.Network {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size = size
	return cfg
}

// The golden file has the predictions of Keras 2.15 for the same tensors.
func TestImportPredictsAsKeras(t *testing.T) {
	text, err := os.ReadFile("../testdata/golden_mobilenet_v2_64.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Size  int
		Cases []struct {
			Image, Sex, Localization string
			Age                      float64
			Probabilities            []float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "runs", "theirs")
	path := fileOf(t, authors(t, golden.Size)).save(t, "weights.h5")
	imported, err := Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", ChannelOrder: "rgb", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if imported.Run != dir || !imported.Fits || imported.Form != FormSaveWeights || imported.Variables != imported.Tensors || imported.Used != imported.Tensors {
		t.Errorf("imported %+v", imported)
	}
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	network, err := checkpoint.LoadModel(folder, testengine.Open(t), func(line string) { t.Error(line) })
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	var metadata []skinattn.Metadata
	for _, c := range golden.Cases {
		metadata = append(metadata, skinattn.Metadata{Age: c.Age, Sex: c.Sex, Localization: c.Localization})
	}
	images := skinattn.Floats(len(golden.Cases), func(i int, dst []float32) { copy(dst, keras.FillImage(golden.Cases[i].Image, golden.Size)) })
	predictions, err := network.Predict(t.Context(), skinattn.Request{Images: images, Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range golden.Cases {
		for k, want := range c.Probabilities {
			if got := float64(predictions[i].Probabilities[k]); !(math.Abs(got-want) < 1e-5) {
				t.Errorf("%s, class %d: %.7f, Keras has %.7f", c.Image, k, got, want)
			}
		}
	}
}

func TestImportedRunFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "theirs")
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty folder is fine
		t.Fatal(err)
	}
	path := fileOf(t, authors(t, 64)).save(t, "weights.h5")
	imported, err := Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	expectEntries(t, parent, "theirs")
	expectEntries(t, dir, "checkpoints", "config.json", "environment.json")
	expectEntries(t, filepath.Join(dir, "checkpoints"), "best-imported")
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := folder.Config()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := SHA256(path)
	if err != nil {
		t.Fatal(err)
	}
	want := run.Config{Format: run.Format, Network: authors(t, 64), Init: "keras weights.h5", InitSHA256: sum}
	if cfg != want || imported.SHA256 != sum {
		t.Errorf("config %+v, want %+v", cfg, want)
	}
	if environment, err := folder.Environment(); err != nil || environment.Engine != "none" {
		t.Errorf("environment %+v, %v", environment, err)
	}

	// A second import does not touch it.
	_, err = Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: dir})
	expectLine(t, err, "run folder "+dir+" is not empty (it has checkpoints)")
	var occupied *OccupiedError
	if !errors.As(err, &occupied) || occupied.What != RunFolder {
		t.Errorf("%+v", occupied)
	}
	expectEntries(t, parent, "theirs")

	// A place below a file is refused, too.
	_, err = Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: filepath.Join(dir, "config.json", "run")})
	expectLine(t, err, "not a directory")
	_, err = Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2"})
	expectLine(t, err, path+" holds a trained network: the run folder to make of it is not named")
	if !errors.Is(err, ErrNoRunFolder) {
		t.Errorf("error %v is no ErrNoRunFolder", err)
	}
}

// An import recognises every network of a Config from the file alone.
func TestImportFindsTheNetwork(t *testing.T) {
	with := func(change func(cfg *spec.Network)) spec.Network {
		cfg := authors(t, 224)
		change(&cfg)
		return cfg
	}
	noMetadata := func(cfg *spec.Network) { cfg.Metadata, cfg.ChannelOrder = false, "rgb" }
	for name, c := range map[string]struct {
		network spec.Network
		config  string // model_config
		opts    ImportOptions
		log     string
	}{
		"the authors'":           {network: authors(t, 224)},
		"without Soft-Attention": {network: with(func(cfg *spec.Network) { cfg.SoftAttention = false })},
		"without metadata":       {network: with(noMetadata)},
		"without both":           {network: with(func(cfg *spec.Network) { noMetadata(cfg); cfg.SoftAttention = false })},
		"128 px":                 {network: authors(t, 128), log: "11776 rows fit images of 96 128 px"},
		"96 px, told":            {network: authors(t, 96), opts: ImportOptions{Size: 96}},
		"100 px, told":           {network: authors(t, 100), opts: ImportOptions{Size: 100}},
		"96 px, in the model": {network: with(func(cfg *spec.Network) { cfg.Size, cfg.Dropout = 96, .25 }),
			config: `{"config":{"layers":[{"class_name":"InputLayer","config":{"batch_input_shape":[null,1]}},
				{"class_name":"InputLayer","config":{"batch_input_shape":[null,96,96,3]}},{"class_name":"Dropout","config":{"rate":0.25}},
				{"class_name":"SpatialDropout2D","config":{"rate":[1]}}]}}`},
		"224 px, size left open": {network: authors(t, 224), config: `{"config":{"layers":[{"class_name":"InputLayer","config":{"batch_input_shape":[null,null,null,3]}}]}}`},
		"model without layers":   {network: authors(t, 224), config: `{"class_name":"Functional"}`},
		"another cut": {network: with(func(cfg *spec.Network) { cfg.Cut = "block_13_expand_relu" }),
			log: "the backbone ends at block_13_expand_relu; the authors cut MobileNetV2 at block_14_depthwise"},
		"another cut, told": {network: with(func(cfg *spec.Network) { cfg.Cut = "block_13_expand" }), opts: ImportOptions{Cut: "block_13_expand"},
			log: "the backbone ends at block_13_expand;"},
		"rgb, told":     {network: with(func(cfg *spec.Network) { cfg.ChannelOrder = "rgb" }), opts: ImportOptions{ChannelOrder: "rgb"}},
		"scaling, told": {network: with(func(cfg *spec.Network) { cfg.Preprocess = "caffe" }), opts: ImportOptions{Preprocess: "caffe"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := fileOf(t, c.network)
			file.config = c.config
			var log strings.Builder
			opts := c.opts
			opts.Keras, opts.Backbone, opts.Dir = file.save(t, "k.h5"), "mobilenet_v2", filepath.Join(t.TempDir(), "r")
			opts.Log = func(line string) { log.WriteString(line + "\n") }
			imported, err := Import(opts)
			if err != nil {
				t.Fatal(err)
			}
			if *imported.Network != c.network {
				t.Errorf("network %+v, want %+v", *imported.Network, c.network)
			}
			form := FormSaveWeights
			if c.config != "" {
				form = FormModel
			}
			if imported.Form != form || imported.KerasVersion != "" && imported.KerasVersion != "2.15.0" {
				t.Errorf("form %s of Keras %s, want %s", imported.Form, imported.KerasVersion, form)
			}
			if got := log.String(); (c.log == "") != (got == "") || !strings.Contains(got, c.log) {
				t.Errorf("log %q, want %q", got, c.log)
			}
			expectWeights(t, opts.Dir, c.network)
		})
	}
}

// expectWeights wants every variable of a run's network filled by its name.
func expectWeights(t *testing.T, dir string, cfg spec.Network) {
	t.Helper()
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	network, err := checkpoint.LoadModel(folder, testengine.Named(t, engine.Go), // nothing is computed
		func(line string) { t.Error(line) })
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range net.Graph.Variables() {
		stored := network.Store.GetVariable(v.Path())
		if stored == nil || !slices.Equal(tensors.MustCopyFlatData[float32](stored.MustValue()), keras.FillByName(v.Layer+"/"+v.Name, v.Shape)) {
			t.Errorf("%s does not have its values", v.Path())
		}
	}
}

// expectLine wants an error of one line with the text.
func expectLine(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with %q", err, text)
	}
}

// expectEntries wants exactly these entries in a folder.
func expectEntries(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", dir, got, want)
	}
}
