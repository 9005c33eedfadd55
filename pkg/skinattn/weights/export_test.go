package weights

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/internal/testweights"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// trained makes a run of the network with its tensors filled by name.
func trained(t *testing.T, cfg spec.Network) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Import(ImportOptions{Keras: fileOf(t, cfg).save(t, "k.h5"), Backbone: cfg.Backbone, Size: cfg.Size, Dir: dir,
		ChannelOrder: cfg.ChannelOrder, Preprocess: cfg.Preprocess}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An import of an export, given the backbone alone, has the same network, the same
// weights and, to the bit, the same predictions.
func TestExportThenImport(t *testing.T) {
	cfg := authors(t, 64)
	cfg.ChannelOrder, cfg.Preprocess = "rgb", "caffe" // unlike the authors' network, which an import assumes
	dir := trained(t, cfg)
	want := predictOne(t, dir)
	for _, format := range []string{FormatH5, FormatNPY, FormatKeras3} {
		out, layers, form := filepath.Join(t.TempDir(), "new", "weights"), 148, FormSaveWeights
		if format == FormatKeras3 {
			out, layers, form = out+".keras", 154, FormModel
		}
		made, err := Export(ExportOptions{Run: dir, Out: out, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := fileOrFolderSHA256(out)
		if err != nil {
			t.Fatal(err)
		}
		// Keras counts 1,354,714 parameters at 224 px; here the last kernel has 1 position
		// in place of 16, hence 15 x 7 parameters less for each of 1,920 channels.
		expect := Exported{Run: dir, Out: out, Format: format, SHA256: sum, Backbone: "mobilenet_v2", Layers: layers, Tensors: 225, Parameters: 1153114}
		if w := made.AttentionWindow; (w != nil) != (format == FormatKeras3) || w != nil && (w.Channels != "0, 1, 2" || !w.Known) {
			t.Errorf("%s: attention window %+v", format, w)
		}
		made.AttentionWindow = nil
		if made != expect {
			t.Errorf("made %+v, want %+v", made, expect)
		}
		again := filepath.Join(t.TempDir(), "again"+filepath.Ext(out))
		if made, err := Export(ExportOptions{Run: dir, Out: again, Format: format}); err != nil || made.SHA256 != sum {
			t.Errorf("%s: the second export differs from the first, %v", format, err)
		}
		back := filepath.Join(t.TempDir(), "back")
		imported, err := Import(ImportOptions{Keras: out, Backbone: "mobilenet_v2", Dir: back})
		if err != nil {
			t.Fatal(err)
		}
		if *imported.Network != cfg || imported.SHA256 != sum || imported.Form != form || imported.Tensors != 225 {
			t.Errorf("%s: imported %+v", format, imported)
		}
		expectWeights(t, back, cfg)
		if format != FormatH5 {
			continue // the same network and weights; a prediction takes seconds to compile
		}
		if got := predictOne(t, back); !slices.Equal(got, want) {
			t.Errorf("%s: probabilities %v, before the export %v", format, got, want)
		}
	}
}

// predictOne gives the probabilities of a generated image.
func predictOne(t *testing.T, dir string) []float32 {
	t.Helper()
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	network, err := checkpoint.LoadModel(folder, testengine.Open(t), func(line string) { t.Error(line) })
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	metadata := []skinattn.Metadata{{Age: 35, Sex: "male", Localization: "back"}}
	predictions, err := network.Predict(t.Context(), skinattn.Request{Images: skinattn.Floats(1, func(_ int, dst []float32) { copy(dst, keras.FillImage("export", network.Size)) }), Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	return predictions[0].Probabilities
}

// isLarge reports whether a test takes long that fills and writes all weights.
func isLarge(g *layers.Graph) bool {
	total, _ := g.Parameters()
	return total > 10_000_000
}

// Imports of exports, for every network and variants of the head.
// TestKerasFileHasKerasLayers compares the names and the order of the layers with Keras.
func TestExportOfOtherNetworks(t *testing.T) {
	configs := map[string]spec.Network{}
	for _, b := range backbone.Table {
		cfg, err := skinattn.AuthorsNetwork(b.Name, spec.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Size = 96
		configs[b.Name] = cfg
	}
	variant := authors(t, 64)
	variant.MetadataBatchNorm, variant.MetadataUnits, variant.MetadataDropout = spec.BatchNormBoth, [3]int{40, 30}, .2
	variant.ExtendedDense, variant.Head, variant.Dropout = 20, spec.GAP, .25
	configs["variant"] = variant
	gamma := authors(t, 64)
	gamma.Gamma, gamma.AttentionWindow = true, spec.CenterWindow
	configs["gamma"] = gamma
	plain := authors(t, 64)
	plain.SoftAttention, plain.Metadata = false, false
	configs["plain"] = plain
	for name, cfg := range configs {
		t.Run(name, func(t *testing.T) {
			net, err := skinattn.NewNetwork(cfg)
			if err != nil {
				t.Fatal(err)
			}
			testlong.Skip(t, isLarge(net.Graph))
			store := testweights.Filled(t, net.Graph)
			file, err := KerasFile(net, store)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := Archive(net, store)
			if err != nil {
				t.Fatal(err)
			}
			for ending, write := range map[string]func(io.Writer) error{".h5": file.Write, ".keras": archive.Write} {
				path := filepath.Join(t.TempDir(), "w"+ending)
				if err := writeFile(write, path); err != nil {
					t.Fatal(err)
				}
				back := filepath.Join(t.TempDir(), "back")
				imported, err := Import(ImportOptions{Keras: path, Backbone: cfg.Backbone, Dir: back})
				if err != nil {
					t.Fatal(err)
				}
				if *imported.Network != cfg {
					t.Errorf("%s: network %+v, want %+v", ending, *imported.Network, cfg)
				}
				expectWeights(t, back, cfg)
			}
		})
	}
}

func TestExportErrors(t *testing.T) {
	dir := trained(t, authors(t, 32))
	parent := t.TempDir()
	there := filepath.Join(parent, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := trained(t, authors(t, 32))
	if err := os.RemoveAll(filepath.Join(empty, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opts ExportOptions
		want string
	}{
		"no run":            {ExportOptions{Run: parent, Out: "x", Format: FormatH5}, parent + " is not a run folder"},
		"no checkpoint":     {ExportOptions{Run: empty, Out: "x", Format: FormatH5}, "the run has no checkpoint"},
		"unknown format":    {ExportOptions{Run: dir, Out: "x", Format: "onnx"}, `format "onnx" is unknown; it must be h5, keras3 or npy`},
		"name for Keras":    {ExportOptions{Run: dir, Out: filepath.Join(parent, "x.h5"), Format: FormatKeras3}, "x.h5: the name does not end in .keras"},
		"file there":        {ExportOptions{Run: dir, Out: there, Format: FormatH5}, there + " exists"},
		"folder there":      {ExportOptions{Run: dir, Out: parent, Format: FormatH5}, parent + " exists"},
		"folder not empty":  {ExportOptions{Run: dir, Out: parent, Format: FormatNPY}, "folder " + parent + " is not empty (it has there)"},
		"file for a folder": {ExportOptions{Run: dir, Out: there, Format: FormatNPY}, "not a directory"},
		"below a file":      {ExportOptions{Run: dir, Out: filepath.Join(there, "x"), Format: FormatH5}, "not a directory"},
		"below a file, npy": {ExportOptions{Run: dir, Out: filepath.Join(there, "x"), Format: FormatNPY}, "not a directory"},
	} {
		_, err := Export(c.opts)
		if t.Run(name, func(t *testing.T) { expectLine(t, err, c.want) }); t.Failed() {
			continue
		}
		expectEntries(t, parent, "there")
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

// The description of the network in an export can be damaged or crafted, too.
func TestImportRefusesDescriptions(t *testing.T) {
	cfg := authors(t, 32)
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := trained(t, cfg)
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, store, err := checkpoint.LoadWeights(folder, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	file, err := KerasFile(net, store)
	if err != nil {
		t.Fatal(err)
	}
	good := file.Network
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct{ network, want string }{
		"no JSON":         {"{", "reading its description of the network: unexpected EOF"},
		"a later field":   {change("{", `{"later":1,`), `unknown field "later"`},
		"another network": {change("mobilenet_v2", "resnet50"), "it holds a network on resnet50, not on mobilenet_v2"},
		"another cut":     {change("block_14_depthwise", "nowhere"), `no layer is called "nowhere"`},
		"another size":    {change(`"size":32`, `"size":96`), `"dense_1/kernel:0" has shape`},
		"negative size":   {change(`"size":32`, `"size":-32`), "its description of the network: "},
		"large size":      {change(`"size":32`, `"size":1000000000`), "size is 1000000000; it must be in [0, 4096]"},
		"dropout":         {change(`"dropout":0.5`, `"dropout":1`), "dropout is 1; it must be in [0, 1)"},
		"many poolings":   {change("{", `{"pools_before":1000000000,`), "has 1000000000 poolings before the attention"},
		"channel order":   {change("bgr", "grb"), "channel order"},
		"other head":      {change("{", `{"extended_dense":20,`), "dense"},
	} {
		t.Run(name, func(t *testing.T) {
			file.Network = c.network
			var content bytes.Buffer
			if err := file.Write(&content); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "w.h5")
			if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "run")
			_, err := Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: out})
			expectLine(t, err, c.want)
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("a run was made: %v", err)
			}
		})
	}
}

// ImageNet weights in an npy folder are installed as the file that training
// reads.
func TestImportImageNetFolder(t *testing.T) {
	weights := filepath.Join(t.TempDir(), "weights")
	t.Setenv(EnvDir, weights)
	file := applicationsOf(t, "mobilenet_v2", false)
	dir := t.TempDir()
	if err := (&keras.File{Layers: file.layers, Tensors: file.tensors}).WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	made, err := Import(ImportOptions{Keras: dir, Backbone: "mobilenet_v2"})
	if err != nil {
		t.Fatal(err)
	}
	read, err := keras.ReadFile(made.Installed)
	if err != nil || len(read.Tensors) != len(file.tensors) {
		t.Errorf("%+v, %v", made, err)
	}
	if err := fitsApplications(made.Installed, "mobilenet_v2"); err != nil {
		t.Error(err)
	}
}
