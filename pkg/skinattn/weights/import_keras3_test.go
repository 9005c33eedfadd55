package weights

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// keras3Network is an entry of testdata/keras3_networks.json.gz: a network of the authors
// as Keras 3 builds it.
type keras3Network struct {
	Entry, Network, Cut string
	Size                int
	Metadata            bool
	BackboneLayers      *int `json:"backbone_layers"`
	Layers              []keras3Layer
	HeadScale           float32   `json:"head_scale"`
	HeadBias            []float32 `json:"head_bias"`
	Cases               []struct {
		Image, Sex, Localization string
		Age                      float64
		Probabilities            []float64
	}
}

type keras3Layer struct {
	class, name string
	variables   []keras.Tensor // filled by name
}

func (l *keras3Layer) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	for i, to := range []*string{&l.class, &l.name} {
		if err := json.Unmarshal(parts[i], to); err != nil {
			return err
		}
	}
	for _, part := range parts[2:] {
		var v [2]json.RawMessage
		t := keras.Tensor{Layer: l.name}
		if err := json.Unmarshal(part, &v); err != nil {
			return err
		}
		if err := json.Unmarshal(v[0], &t.Name); err != nil {
			return err
		}
		if err := json.Unmarshal(v[1], &t.Shape); err != nil {
			return err
		}
		t.Name = l.name + "/" + t.Name
		l.variables = append(l.variables, t)
	}
	return nil
}

func keras3Networks(t *testing.T) []keras3Network {
	t.Helper()
	packed, err := os.Open("testdata/keras3_networks.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ Networks []keras3Network }
	if err := json.NewDecoder(r).Decode(&content); err != nil {
		t.Fatal(err)
	}
	return content.Networks
}

// parameters counts the scalars in all variables.
func (n keras3Network) parameters() (total int) {
	for _, l := range n.Layers {
		for _, v := range l.variables {
			size := 1
			for _, dim := range v.Shape {
				size *= dim
			}
			total += size
		}
	}
	return total
}

// fill gives every variable its values.
func (n keras3Network) fill() {
	for i := range n.Layers {
		for j := range n.Layers[i].variables {
			v := &n.Layers[i].variables[j]
			v.Data = keras.FillByName(v.Name, v.Shape)
		}
	}
	if n.HeadScale == 0 {
		return
	}
	for i := len(n.Layers) - 1; ; i-- {
		if head := n.Layers[i]; head.class == "Dense" {
			for j := range head.variables[0].Data {
				head.variables[0].Data[j] *= n.HeadScale
			}
			copy(head.variables[1].Data, n.HeadBias)
			return
		}
	}
}

// files writes the network in every layout of Keras 3, and in the layout without names of
// Keras before 3.6. The network must be filled.
func (n keras3Network) files(t *testing.T) map[string]string {
	t.Helper()
	type object = map[string]any
	archive := &keras.Archive{Name: "functional", Metadata: `{"keras_version": "3.15.1"}`}
	legacy := &keras.File{}
	var layers []object
	for _, l := range n.Layers {
		config := object{"name": l.name}
		if len(layers) == 0 { // the image
			config["batch_shape"] = []any{nil, n.Size, n.Size, 3}
		}
		layers = append(layers, object{"module": "keras.layers", "class_name": l.class, "name": l.name, "config": config})
		archive.Layers = append(archive.Layers, keras.ArchivedLayer{Class: keras.SnakeCase(l.class), Name: l.name, Variables: l.variables})
		legacy.Layers = append(legacy.Layers, l.name)
		legacy.Tensors = append(legacy.Tensors, l.variables...)
	}
	config, err := json.Marshal(object{"class_name": "Functional", "config": object{"layers": layers}})
	if err != nil {
		t.Fatal(err)
	}
	archive.Config = string(config)
	dir := t.TempDir()
	paths := map[string]string{}
	for _, name := range []string{"model.keras", "model.weights.h5", "unnamed.weights.h5", "model.h5"} {
		paths[name] = filepath.Join(dir, name)
	}
	if err := writeFile(archive.Write, paths["model.keras"]); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(legacy.Write, paths["model.h5"]); err != nil {
		t.Fatal(err)
	}
	zipped, err := zip.OpenReader(paths["model.keras"])
	if err != nil {
		t.Fatal(err)
	}
	defer zipped.Close()
	member, err := zipped.Open("model.weights.h5")
	if err != nil {
		t.Fatal(err)
	}
	variables, err := io.ReadAll(member)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"model.weights.h5":   variables,
		"unnamed.weights.h5": bytes.ReplaceAll(variables, []byte("name\x00"), []byte("none\x00")),
	} {
		if err := os.WriteFile(paths[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// theirName is the name of a variable of ours in Keras 3, whose automatic numbers begin at
// first in the file.
func theirName(v string, names3 map[string]string, n keras3Network) string {
	at := strings.LastIndexByte(v, '/')
	layer, weight := v[:at], v[at+1:]
	if name := names3[layer]; name != "" {
		layer = name
	}
	if weight == "depthwise_kernel" && !strings.Contains(layer, "separable") {
		weight = "kernel"
	}
	_ = n
	return layer + "/" + weight
}

// Every network that Keras 3.15 builds is imported from every layout, each variable from
// the tensor of its layer, with the cut of the file.
func TestImportsKeras3(t *testing.T) {
	for _, n := range keras3Networks(t) {
		t.Run(n.Entry, func(t *testing.T) {
			testlong.Skip(t, n.parameters() > 10_000_000)
			b, err := backbone.Find(n.Network)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := b.Graph(n.Size)
			if err != nil {
				t.Fatal(err)
			}
			names3 := b.Keras3Names(whole)
			n.fill()
			want := map[string][]float32{}
			for _, l := range n.Layers {
				for _, v := range l.variables {
					want[v.Name] = v.Data
				}
			}
			for name, path := range n.files(t) {
				dir := filepath.Join(t.TempDir(), "run")
				opts := ImportOptions{Keras: path, Backbone: n.Network, Dir: dir, Size: n.Size}
				if name == "model.keras" {
					opts.Size = 0 // the archive says it
				}
				imported, err := Import(opts)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if cut := names3[imported.Network.Cut]; cut != n.Cut && !b.HasTail() {
					t.Errorf("%s: cut at %s, Keras 3 calls it %s; the file's is %s", name, imported.Network.Cut, cut, n.Cut)
				}
				if imported.Network.Size != n.Size || imported.Network.Metadata != n.Metadata || !imported.Network.SoftAttention || imported.Parameters != n.parameters() {
					t.Errorf("%s: imported %+v", name, imported)
				}
				if w := imported.AttentionWindow; w == nil || w.Window != FirstWindow || w.Channels != "0, 1, 2" || w.Known || w.Because == "" || w.Otherwise == "" {
					t.Errorf("%s: attention window %+v", name, w)
				}
				n.expectStored(t, name, dir, names3, want)
			}
		})
	}
}

// expectStored compares the weights of a run with the tensors of a file by name. A second
// network of a process has other numbers, which the sum of the tensors used accounts for.
func (n keras3Network) expectStored(t *testing.T, name, dir string, names3 map[string]string, want map[string][]float32) {
	t.Helper()
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	net, store, err := checkpoint.LoadWeights(folder, func(line string) { t.Error(line) })
	if err != nil {
		t.Fatal(err)
	}
	second := strings.Contains(n.Entry, "second of")
	for _, v := range net.Graph.Variables() {
		values := tensors.MustCopyFlatData[float32](store.GetVariable(v.Path()).MustValue())
		expect, ok := want[theirName(v.Layer+"/"+v.Name, names3, n)]
		if !ok && second {
			continue
		}
		if !ok || fmt.Sprint(values[:min(4, len(values))]) != fmt.Sprint(expect[:min(4, len(expect))]) || len(values) != len(expect) {
			t.Errorf("%s: %s has other values than %s in the file", name, v.Path(), theirName(v.Layer+"/"+v.Name, names3, n))
			return
		}
	}
}

// Imported networks give the probabilities of Keras 3.
func TestImportPredictsAsKeras3(t *testing.T) {
	for _, n := range keras3Networks(t) {
		if n.Cases == nil {
			continue
		}
		t.Run(n.Entry, func(t *testing.T) {
			testlong.Skip(t, n.parameters() > 10_000_000)
			n.fill()
			expectKeras3(t, n, n.files(t)["model.keras"])
		})
	}
}

// The files that Keras 3 itself wrote of the same networks, by make_networks.py --files; of
// some of them, if it was called with --only.
func TestImportAgreesWithKeras3(t *testing.T) {
	dir := os.Getenv("SKINATTN_KERAS3")
	if dir == "" {
		t.Skip("SKINATTN_KERAS3 is not set to a folder made by tools/golden/keras3/make_networks.py --files")
	}
	for _, n := range keras3Networks(t) {
		if n.Cases == nil {
			continue
		}
		for _, ending := range []string{".keras", ".weights.h5", ".h5"} {
			t.Run(n.Entry+ending, func(t *testing.T) {
				path := filepath.Join(dir, strings.ReplaceAll(n.Entry, " ", "_")+ending)
				if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
					t.Skip(path + " was not made")
				}
				expectKeras3(t, n, path)
			})
		}
	}
}

// expectKeras3 imports a file of n and compares its probabilities with Keras's.
func expectKeras3(t *testing.T, n keras3Network, path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	variant := spec.Metadata
	if !n.Metadata {
		variant = spec.Augmented
	}
	cfg, err := skinattn.AuthorsNetwork(n.Network, spec.Metadata) // whose scaling the golden photos have
	if err != nil {
		t.Fatal(err)
	}
	preprocess := cfg.Preprocess
	if preprocess == "caffe" { // make_networks.py scales for "tf" alone
		preprocess = "none"
	}
	imported, err := Import(ImportOptions{Keras: path, Backbone: n.Network, Dir: dir, Size: n.Size, ChannelOrder: "rgb", Preprocess: preprocess, AttentionWindow: FirstWindow})
	if err != nil {
		t.Fatal(err)
	}
	if w := imported.AttentionWindow; !w.Known || w.Because != "as asked" {
		t.Errorf("%s: attention window %+v", variant, w)
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
	for _, c := range n.Cases {
		metadata = append(metadata, skinattn.Metadata{Age: c.Age, Sex: c.Sex, Localization: c.Localization})
	}
	if !n.Metadata {
		metadata = nil
	}
	images := skinattn.Floats(len(n.Cases), func(i int, dst []float32) { copy(dst, keras.FillImage(n.Cases[i].Image, n.Size)) })
	predictions, err := network.Predict(t.Context(), skinattn.Request{Images: images, Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, c := range n.Cases {
		for k, want := range c.Probabilities {
			worst = max(worst, math.Abs(float64(predictions[i].Probabilities[k])-want))
		}
	}
	t.Logf("probabilities differ from Keras 3's by at most %.2g", worst)
	if !(worst < 2e-5) {
		t.Errorf("probabilities differ from Keras 3's by %.2g, allowed 2e-5", worst)
	}
}
