package keras

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// small3 is the network of tools/golden/keras3/make_files.py as Keras 3.15 names it, its
// variables filled by name.
var small3 = []struct {
	layer, weight string
	shape         []int
}{
	{"stem", "kernel", []int{1, 1, 2, 3}},
	{"stem", "bias", []int{3}},
	{"depthwise_conv2d", "kernel", []int{3, 3, 3, 1}},
	{"batch_normalization", "beta", []int{3}},
	{"batch_normalization", "moving_mean", []int{3}},
	{"batch_normalization", "moving_variance", []int{3}},
	{"separable_conv2d", "depthwise_kernel", []int{1, 1, 3, 1}},
	{"separable_conv2d", "pointwise_kernel", []int{1, 1, 3, 3}},
	{"batch_normalization_1", "gamma", []int{3}},
	{"batch_normalization_1", "beta", []int{3}},
	{"batch_normalization_1", "moving_mean", []int{3}},
	{"batch_normalization_1", "moving_variance", []int{3}},
	{"soft_attention", "kernel_conv3d", []int{3, 3, 3, 1, 16}},
	{"soft_attention", "bias_conv3d", []int{16}},
	{"normalization", "mean", nil},
	{"normalization", "variance", nil},
	{"normalization", "count", nil},
	{"last", "kernel", []int{49, 2}},
	{"last", "bias", []int{2}},
}

// expectSmall3 compares a file with small3. Keras's layouts with numbers do not have the
// names of the variables of a class that is not Keras's own.
func expectSmall3(t *testing.T, f *File, numbered bool) {
	t.Helper()
	if len(f.Tensors) != len(small3) || f.Unlisted != nil || f.Nested != nil {
		t.Errorf("%d tensors, want %d; unlisted %q, nested %q", len(f.Tensors), len(small3), f.Unlisted, f.Nested)
	}
	for _, want := range small3 {
		name := want.weight
		if numbered && want.layer == "soft_attention" {
			name = map[string]string{"kernel_conv3d": "0", "bias_conv3d": "1"}[name]
		}
		tensors := f.LayerTensors(want.layer)
		i := slices.IndexFunc(tensors, func(t Tensor) bool { return t.Weight() == name })
		if i < 0 {
			t.Errorf("%s has no %s", want.layer, name)
			continue
		}
		expect := Tensor{Name: want.layer + "/" + name, Layer: want.layer, Shape: want.shape, Data: FillByName(want.layer+"/"+want.weight, want.shape)}
		if diff := cmp.Diff(expect, tensors[i], cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}

// Files of Keras 3.15 in every layout. They hold the state of an optimizer as well.
func TestReadsKeras3(t *testing.T) {
	for _, c := range []struct {
		name             string
		layout           Layout
		model            bool
		version, backend string
	}{
		{"small3.keras", LayoutArchive, true, "3.15.1", ""},
		{"small3.weights.h5", LayoutWeights, false, "", ""},
		{"small3_model.h5", LayoutH5, true, "3.15.1", "torch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := ReadFile(filepath.Join("testdata", c.name))
			if err != nil {
				t.Fatal(err)
			}
			if f.Layout != c.layout || f.Model != c.model || f.KerasVersion != c.version || f.Backend != c.backend || f.Unnamed {
				t.Errorf("layout %q, model %v, version %q, backend %q, unnamed %v", f.Layout, f.Model, f.KerasVersion, f.Backend, f.Unnamed)
			}
			expectSmall3(t, f, c.layout != LayoutH5)
			if !f.HasLayer("dropout") || f.HasLayer("add") {
				t.Errorf("layers %q, want dropout among them and the operation add not", f.Layers)
			}
			if class := f.Class("stem"); c.layout != LayoutH5 && class != "conv2d" {
				t.Errorf("stem is of class %q", class)
			}
		})
	}
}

// rewritten is small3.keras with its members changed and packed anew.
func rewritten(t testing.TB, method uint16, change func(name string, content []byte) []byte) []byte {
	t.Helper()
	from, err := zip.OpenReader("testdata/small3.keras")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var out bytes.Buffer
	to := zip.NewWriter(&out)
	for _, member := range from.File {
		r, err := member.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if content = change(member.Name, content); content == nil {
			continue
		}
		w, err := to.CreateHeader(&zip.FileHeader{Name: member.Name, Method: method})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readBytes(content []byte) (*File, error) {
	return readContent(bytes.NewReader(content), int64(len(content)))
}

func same(_ string, content []byte) []byte { return content }

// An archive may be packed anew, and unzipped, as Keras writes with zipped=False.
func TestReadsRepackedArchives(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		f, err := readBytes(rewritten(t, method, same))
		if err != nil {
			t.Fatal(err)
		}
		expectSmall3(t, f, true)
	}
	dir := t.TempDir()
	rewritten(t, zip.Store, func(name string, content []byte) []byte {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return content
	})
	f, err := ReadFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	expectSmall3(t, f, true)
}

// Files of Keras before 3.6 have no names of layers: they are called by class and number.
func TestReadsUnnamedVariables(t *testing.T) {
	content, err := os.ReadFile("testdata/small3.weights.h5")
	if err != nil {
		t.Fatal(err)
	}
	f, err := readBytes(bytes.ReplaceAll(content, []byte("name\x00"), []byte("none\x00")))
	if err != nil {
		t.Fatal(err)
	}
	if !f.Unnamed || !f.HasLayer("conv2d") || f.HasLayer("stem") || len(f.LayerTensors("dense")) != 2 {
		t.Errorf("unnamed %v, layers %q", f.Unnamed, f.Layers)
	}
}

func TestFindsNestedModels(t *testing.T) {
	for _, name := range []string{"nested3.weights.h5", "nested3_model.h5"} {
		f, err := ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Nested, []string{"backbone"}) {
			t.Errorf("%s: nested %q", name, f.Nested)
		}
	}
}

func TestRefusesArchives(t *testing.T) {
	with := func(name, old, new string) func(string, []byte) []byte {
		return func(member string, content []byte) []byte {
			if member != name {
				return content
			}
			if !bytes.Contains(content, []byte(old)) {
				t.Fatalf("%q is not in %s", old, name)
			}
			return bytes.Replace(content, []byte(old), []byte(new), 1)
		}
	}
	without := func(name string) func(string, []byte) []byte {
		return func(member string, content []byte) []byte {
			if member == name {
				return nil
			}
			return content
		}
	}
	damaged := rewritten(t, zip.Store, same)
	at := bytes.Index(damaged, []byte("\x89HDF"))
	damaged[at+5000] ^= 1
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"no config":     {rewritten(t, zip.Store, without("config.json")), `a zip archive with "metadata.json", "model.weights.h5", not a .keras file`},
		"no weights":    {rewritten(t, zip.Store, without("model.weights.h5")), "not a .keras file with config.json and model.weights.h5"},
		"no JSON":       {rewritten(t, zip.Store, with("config.json", "{", "[")), "reading config.json"},
		"subclassed":    {rewritten(t, zip.Store, with("config.json", `"layers"`, `"parts"`)), "config.json lists no layers: the model is a Functional"},
		"another model": {rewritten(t, zip.Store, with("config.json", `"name": "stem", "inbound`, `"name": "trunk", "inbound`)), `layers/conv2d "trunk", model.weights.h5 "stem"`},
		"a layer less":  {rewritten(t, zip.Store, with("config.json", `"class_name": "SeparableConv2D"`, `"class_name": "Flatten"`)), "of two models"},
		"version":       {rewritten(t, zip.Store, with("metadata.json", "{", "")), "reading metadata.json"},
		"damaged":       {damaged, "model.weights.h5: zip: checksum error"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readBytes(c.content)
			expectError(t, err, c.want)
		})
	}
}

// A member that claims or holds far more than its bytes is not unpacked.
func TestRefusesZipBombs(t *testing.T) {
	bomb := func(member string) []byte {
		return rewritten(t, zip.Deflate, func(name string, content []byte) []byte {
			if name == member {
				return make([]byte, 200<<20)
			}
			return content
		})
	}
	for member, want := range map[string]string{
		"model.weights.h5": "would grow to 209715200",
		"config.json":      "config.json has 209715200 bytes",
	} {
		content := bomb(member)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readBytes(content)
		runtime.ReadMemStats(&after)
		expectError(t, err, want)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", member, grown, len(content))
		}
	}
}

func TestNamesForeignFolders(t *testing.T) {
	for name, want := range map[string]string{
		"saved_model.pb":     "a SavedModel of TensorFlow",
		"checkpoint":         "a checkpoint of TensorFlow",
		"model.weights.npz":  "NumPy's form",
		"model.weights.json": "several files",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(dir)
		if _, ok := errors.AsType[*ForeignError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestNamesForeignArchives(t *testing.T) {
	for member, want := range map[string]string{
		"archive/data.pkl":   "PyTorch",
		"model.weights.json": "several files",
		"conv/kernel.npy":    "(.npz)",
	} {
		var content bytes.Buffer
		archive := zip.NewWriter(&content)
		if _, err := archive.Create(member); err != nil {
			t.Fatal(err)
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := readBytes(content.Bytes())
		if _, ok := errors.AsType[*ForeignError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", member, err)
		}
	}
}

// What Archive.Write writes is read back, in equal bytes each time and without times.
func TestWriteArchive(t *testing.T) {
	values := []float32{1, 2, 3}
	a := &Archive{Name: "model", Metadata: `{"keras_version":"3.15.1"}`, Network: "{}", Config: `{"class_name":"Functional","config":{"layers":[` +
		`{"class_name":"Conv2D","name":"b"},{"class_name":"Conv2D","name":"a"},{"module":"keras.src.ops.numpy","class_name":"Add","name":"add"},{"class_name":"ReLU","name":"r"}]}}`,
		Layers: []ArchivedLayer{
			{Class: "conv2d", Name: "b", Variables: []Tensor{{Shape: []int{3}, Data: values}}},
			{Class: "conv2d", Name: "a", Variables: []Tensor{{Shape: []int{1, 3}, Data: values}, {Shape: []int{3}, Data: values}}},
			{Class: "re_lu", Name: "r"},
		}}
	var first, second bytes.Buffer
	if err := errors.Join(a.Write(&first), a.Write(&second)); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("not the same bytes, %v", err)
	}
	f, err := readBytes(first.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Layers, []string{"b", "a", "r"}) || f.Network != "{}" || f.KerasVersion != "3.15.1" || len(f.LayerTensors("a")) != 2 || f.Tensors[0].Name != "b/kernel" {
		t.Errorf("read %+v", f)
	}
	archive, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"metadata.json", "config.json", "model.weights.h5"} {
		if m := archive.File[i]; m.Name != name || m.Method != zip.Store || m.Flags != 0 || m.ModifiedTime != 0 {
			t.Errorf("member %d: %+v", i, m.FileHeader)
		}
	}
	values[1] = float32(math.Inf(1))
	if err := a.Write(io.Discard); err == nil || !strings.Contains(err.Error(), "value 1 is +Inf") {
		t.Errorf("error %v", err)
	}
}

func TestSnakeCase(t *testing.T) {
	for class, want := range map[string]string{ // by keras.src.utils.naming.to_snake_case
		"Conv2D": "conv2d", "DepthwiseConv2D": "depthwise_conv2d", "ReLU": "re_lu", "InputLayer": "input_layer", "BatchNormalization": "batch_normalization",
		"GlobalAveragePooling2D": "global_average_pooling2d", "TFOpLambda": "tf_op_lambda", "CustomScaleLayer": "custom_scale_layer", "SoftAttention": "soft_attention",
	} {
		if got := SnakeCase(class); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
}

// No bytes make the readers of archives and of numbered variables panic or allocate
// without bound.
func FuzzReadKeras3(f *testing.F) {
	f.Add(tinyArchive(f))
	f.Add(rewritten(f, zip.Store, func(name string, content []byte) []byte {
		if name == "model.weights.h5" {
			return []byte("\x89HDF\r\n\x1a\n")
		}
		return content
	}))
	f.Fuzz(func(t *testing.T, content []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = readBytes(content)
		runtime.ReadMemStats(&after)
		// Deflate grows a member 64 MiB at most here, and HDF5 may hold deflated chunks in turn.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<20+4096*uint64(len(content)) {
			t.Errorf("%d bytes allocated for a file of %d", grown, len(content))
		}
	})
}

// tinyArchive is a small seed.
func tinyArchive(t testing.TB) []byte {
	t.Helper()
	a := &Archive{Name: "m", Metadata: "{}", Config: `{"config":{"layers":[{"class_name":"Dense","name":"d"}]}}`,
		Layers: []ArchivedLayer{{Class: "dense", Name: "d", Variables: []Tensor{{Shape: []int{1, 1}, Data: []float32{1}}}}}}
	var out bytes.Buffer
	if err := a.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The same two layers in the number formats that Keras 3 can be told to use
// (tools/golden/keras3/make_files.py has the values).
func TestReadsBrainFloats(t *testing.T) {
	for _, name := range []string{"brain3.keras", "brain3.weights.h5", "brain3_model.h5"} {
		f, err := ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range [][]float32{{.5, -1.25, 2, .0078125, -3, 96}, {1.5, -.75}} {
			if !slices.ContainsFunc(f.Tensors, func(t Tensor) bool { return slices.Equal(t.Data, want) }) || len(f.Tensors) != 6 {
				t.Errorf("%s: no tensor %v among %d", name, want, len(f.Tensors))
			}
		}
	}
}

func TestRefusesQuantizedModels(t *testing.T) {
	for _, name := range []string{"int83.keras", "int83.weights.h5", "int83_model.h5"} {
		_, err := ReadFile(filepath.Join("testdata", name))
		if _, ok := errors.AsType[*QuantizedError](err); !ok || !strings.Contains(err.Error(), "int8: the model was quantized") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One of the files of save_weights(max_shard_size=...) is named so; a file that a callback
// numbered by epochs stands for itself.
func TestRefusesShards(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(dir, "w_00001.weights.h5")
	if err := os.Rename(filepath.Join(dir, "small3.weights.h5"), one); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(one); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "w.weights.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile(one)
	if _, ok := errors.AsType[*ForeignError](err); !ok || !strings.Contains(err.Error(), "w.weights.json lists") {
		t.Error(err)
	}
}
