package keras

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// want is the network in small of tools/golden/keras/make_hdf5.py, which fills its
// tensors by name.
var want = []struct {
	layer, name, fill string
	shape             []int
}{
	{"conv", "conv/kernel:0", "conv/kernel", []int{1, 1, 2, 3}},
	{"conv", "conv/bias:0", "conv/bias", []int{3}},
	{"block_1/bn", "block_1/bn/gamma:0", "block_1/bn/gamma", []int{3}},
	{"block_1/bn", "block_1/bn/moving_variance:0", "block_1/bn/moving_variance", []int{3}},
	{"normalization", "mean:0", "normalization/mean", nil},
	{"normalization", "variance:0", "normalization/variance", nil},
	{"normalization", "count:0", "normalization/count", nil},
	{"dense", "dense/kernel:0", "dense/kernel", []int{3, 2}},
}

func TestReadFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		model   bool
		version string
	}{
		{"weights_fixed.h5", false, "2.2.4"},
		{"weights_variable.h5", false, "2.15.0"},
		{"split_names.h5", false, "2.2.4"},
		{"model.hdf5", true, "2.15.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join("testdata", c.name)
			f, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if f.Path != path || f.Model != c.model || f.KerasVersion != c.version || f.Unlisted != nil {
				t.Errorf("path %q, model %v, version %q, unlisted %q", f.Path, f.Model, f.KerasVersion, f.Unlisted)
			}
			if layers := []string{"input_1", "conv", "block_1/bn", "normalization", "dense"}; !slices.Equal(f.Layers, layers) {
				t.Errorf("layers %q, want %q", f.Layers, layers)
			}
			if len(f.Tensors) != len(want) {
				t.Fatalf("%d tensors, want %d", len(f.Tensors), len(want))
			}
			for i, w := range want {
				got := f.Tensors[i]
				expect := Tensor{Name: w.name, Layer: w.layer, Shape: w.shape, Data: FillByName(w.fill, w.shape)}
				if diff := cmp.Diff(expect, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("tensor %d: %s", i, diff)
				}
			}
			if got := f.LayerTensors("normalization"); len(got) != 3 || got[2].Data[0] != 9958 || got[2].Weight() != "count" {
				t.Errorf("normalization: %v", got)
			}
			if !f.HasLayer("input_1") || f.HasLayer("conv_1") {
				t.Error("HasLayer: wrong")
			}
		})
	}
}

func TestReadFileErrors(t *testing.T) {
	for name, text := range map[string]string{
		"no_layer_names":  "no attribute layer_names and no group layers",
		"layer_twice":     `layer_names lists the layer "conv" twice`,
		"layer_missing":   `layer "dense": /: "dense": not found`,
		"no_weight_names": `layer "conv": /conv: attribute "weight_names": not found`,
		"weight_twice":    `layer "conv": weight_names lists "conv/kernel:0" twice`,
		"tensor_missing":  `layer "conv": tensor "conv/bias:0": /conv/conv: "bias:0": not found`,
		"not_finite":      `layer "conv": tensor "conv/bias:0": value 1 is NaN`,
		"not_numbers":     `layer "conv": tensor "conv/bias:0": /conv/conv/bias:0: type string of variable length where numbers are wanted`,
		"shared":          "tensors overlap in the file",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "broken_"+name+".h5")
			_, err := ReadFile(path)
			expectError(t, err, "reading Keras weights ", path+": ", text)
		})
	}
}

func TestNotAWeightFile(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile("testdata/weights_fixed.h5")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, text string }{
		"empty":     {"", "not an HDF5 file: it is empty"},
		"text":      {"image_id,lesion_id,dx\n", "not an HDF5 file"},
		"page":      {"<!DOCTYPE html>\n", "it is a web page"},
		"zip":       {"PK\x03\x04........", "it begins like a zip archive: zip: not a valid zip file"},
		"shards":    {`{"metadata": {}, "weight_map": {}}`, "the list of weights in several files (.weights.json)"},
		"tensors":   {"\x20\x00\x00\x00\x00\x00\x00\x00{\"conv\":{}}", "it is a safetensors file"},
		"lite":      {"\x1c\x00\x00\x00TFL3\x14\x00", "it is a model of TensorFlow Lite"},
		"pickle":    {"\x80\x02}q\x00.", "it is a file of Python's pickle"},
		"pointer":   {"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
		"truncated": {string(whole[:len(whole)-1]), "the file is truncated: its header says 17192 bytes, it has 17191"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(path)
			expectError(t, err, "reading Keras weights ", path+": ", c.text)
		})
	}
	_, err = ReadFile(filepath.Join(dir, "absent"))
	expectError(t, err, "absent: no such file or directory")
	_, err = ReadFile(dir)
	expectError(t, err, dir+": a folder without index.json")
	if !errors.Is(err, ErrNoIndex) {
		t.Errorf("error %v is no ErrNoIndex", err)
	}
}

// expectError wants one line that holds the texts, each once.
func expectError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if strings.Count(err.Error(), text) != 1 {
			t.Errorf("error %q, want %q in it once", err, text)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %q", err)
	}
}

func TestUnlisted(t *testing.T) {
	f, err := ReadFile("testdata/broken_unlisted.h5")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"conv/conv/extra:0"}; !slices.Equal(f.Unlisted, want) {
		t.Errorf("unlisted %q, want %q", f.Unlisted, want)
	}
}

// The real file in the folder SKINATTN_WEIGHTS holds Keras's MobileNetV2 without top:
// 2,257,984 parameters by Keras's summary.
func TestRealWeights(t *testing.T) {
	dir := os.Getenv("SKINATTN_WEIGHTS")
	if dir == "" {
		t.Skip("SKINATTN_WEIGHTS is not set to a folder with Keras's MobileNetV2 weight file without top")
	}
	path := filepath.Join(dir, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5")
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parameters := 0
	for _, tensor := range f.Tensors {
		parameters += len(tensor.Data)
	}
	if len(f.Tensors) != 260 || parameters != 2257984 {
		t.Errorf("%d tensors of %d parameters, want 260 and 2257984", len(f.Tensors), parameters)
	}
}

func FuzzReadFile(f *testing.F) {
	// Small files: large ones take most of the fuzzer's time.
	paths, err := filepath.Glob("testdata/fuzz-seeds/*.h5")
	broken, _ := filepath.Glob("testdata/broken_*.h5")
	if err != nil || len(paths) == 0 || len(broken) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range append(paths, broken...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := readBytes(data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		// Whatever was read must be consistent.
		for _, tensor := range file.Tensors {
			n := 1
			for _, d := range tensor.Shape {
				n *= d
			}
			if n != len(tensor.Data) || !file.HasLayer(tensor.Layer) {
				t.Errorf("%s: %d values in shape %v", tensor.Name, len(tensor.Data), tensor.Shape)
			}
		}
	})
}
