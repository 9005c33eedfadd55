package keras

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// small is the network in small of file_test.go.
func small() *File {
	f := &File{Layers: []string{"input_1", "conv", "block_1/bn", "normalization", "dense"}, Network: `{"size":64}`}
	for _, w := range want {
		f.Tensors = append(f.Tensors, Tensor{Name: w.name, Layer: w.layer, Shape: w.shape, Data: FillByName(w.fill, w.shape)})
	}
	return f
}

func writeFile(t *testing.T, f *File) string {
	t.Helper()
	var content bytes.Buffer
	if err := f.Write(&content); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "weights.h5")
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFolder(t *testing.T, f *File) string {
	t.Helper()
	dir := t.TempDir()
	if err := f.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWriteThenRead(t *testing.T) {
	for form, write := range map[string]func(*testing.T, *File) string{"h5": writeFile, "npy": writeFolder} {
		f := small()
		path := write(t, f)
		got, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if form == "h5" {
			if got.KerasVersion != "2.15.0" {
				t.Errorf("version %q", got.KerasVersion)
			}
			got.KerasVersion = ""
			f.Layout, f.Backend = LayoutH5, "tensorflow"
		} else { // JSON may be laid out anew
			var compact bytes.Buffer
			if err := json.Compact(&compact, []byte(got.Network)); err != nil {
				t.Fatal(err)
			}
			got.Network = compact.String()
			f.Layout = LayoutNPY
		}
		f.Path = path
		if diff := cmp.Diff(f, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(File{})); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
		if tensors := got.LayerTensors("block_1/bn"); len(tensors) != 2 || !got.HasLayer("input_1") {
			t.Errorf("%s: %d tensors of block_1/bn", form, len(tensors))
		}
	}
}

// Write gives the groups, types and names of the file that h5py wrote for the same
// network.
func TestWritesKerasLayout(t *testing.T) {
	ours, theirs := outline(t, writeFile(t, small())), outline(t, "testdata/weights_variable.h5")
	// The fixture's version of the file has texts of variable length.
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Error(diff)
	}
}

func openHDF5(t *testing.T, path string) *hdf5.File {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := hdf5.New(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// outline lists the datasets with their types and the name lists.
func outline(t *testing.T, path string) []string {
	t.Helper()
	f := openHDF5(t, path)
	var lines []string
	group := func(g *hdf5.Group) {
		for _, attribute := range []string{"layer_names", "weight_names", "backend", "keras_version"} {
			if a, err := g.Attr(attribute); err == nil {
				texts, err := a.Strings()
				lines = append(lines, fmt.Sprint(g.Path(), attribute, a.Shape(), texts, err))
			}
		}
	}
	group(f.Root())
	for _, layer := range append(small().Layers, "top_level_model_weights") {
		g, err := f.Root().Group(layer)
		if err != nil {
			t.Fatal(err)
		}
		group(g)
	}
	if err := f.Root().Walk(func(d *hdf5.Dataset) error {
		lines = append(lines, fmt.Sprint(d.Path(), d.Type(), d.Shape()))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}

// Lists of names beyond 64512 bytes are split as Keras splits them.
func TestWriteSplitsNames(t *testing.T) {
	for _, c := range []struct {
		layers, width int
		parts         []int // numpy.array_split(range(layers), the least number of parts of at most 64512 bytes)
	}{{1008, 64, nil}, {1009, 64, []int{505, 504}}, {3001, 64, []int{1001, 1000, 1000}}, {5, 4096, nil}, {32, 4096, []int{11, 11, 10}}} {
		f := &File{}
		for i := range c.layers {
			f.Layers = append(f.Layers, fmt.Sprintf("%0*d", c.width, i))
		}
		path := writeFile(t, f)
		got, err := ReadFile(path)
		if err != nil || !slices.Equal(got.Layers, f.Layers) {
			t.Errorf("%d layers of %d bytes: %d came back, %v", c.layers, c.width, len(got.Layers), err)
		}
		h5 := openHDF5(t, path)
		var parts []int
		for {
			attr, err := h5.Root().Attr(fmt.Sprintf("layer_names%d", len(parts)))
			if err != nil {
				break
			}
			parts = append(parts, attr.Shape()[0])
		}
		if !slices.Equal(parts, c.parts) {
			t.Errorf("%d layers of %d bytes: parts of %v, want %v", c.layers, c.width, parts, c.parts)
		}
	}
	if err := setNames(&hdf5.Tree{}, "weight_names", []string{strings.Repeat("n", 64513)}); err == nil {
		t.Error("a name that fits in no attribute was written")
	}
}

func TestWriteErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(f *File)
		h5, want string // want is for both forms where h5 is empty
	}{
		"not finite":       {func(f *File) { f.Tensors[0].Data[3] = float32(math.NaN()) }, "", `layer "conv": tensor "conv/kernel:0": value 3 is NaN`},
		"infinite":         {func(f *File) { f.Tensors[1].Data[0] = float32(math.Inf(-1)) }, "", `tensor "conv/bias:0": value 0 is -Inf`},
		"unlisted layer":   {func(f *File) { f.Layers = f.Layers[:4] }, "", `tensor "dense/kernel:0" is of the layer "dense", which is not listed`},
		"layer twice":      {func(f *File) { f.Layers = append(f.Layers, "conv") }, "", `the layer "conv" is listed twice`},
		"tensor twice":     {func(f *File) { f.Tensors[1].Name = "conv/kernel:0" }, `dataset "conv/kernel:0": there is something of that name`, "another one is called conv.kernel.npy already"},
		"shape":            {func(f *File) { f.Tensors[1].Shape = []int{2} }, "", "3 values for shape [2]"},
		"network not JSON": {func(f *File) { f.Network = "{" }, "-", "json"},
	} {
		f := small()
		c.change(f)
		h5, npy := f.Write(&bytes.Buffer{}), f.WriteFolder(t.TempDir())
		if c.h5 == "" {
			c.h5 = c.want
		}
		if c.h5 != "-" && (h5 == nil || !strings.Contains(h5.Error(), c.h5)) {
			t.Errorf("%s: h5: error %v, want %q", name, h5, c.h5)
		}
		if npy == nil || !strings.Contains(npy.Error(), c.want) {
			t.Errorf("%s: npy: error %v, want %q", name, npy, c.want)
		}
	}
}

// An error names every fault of a folder, and no file outside of it is opened.
func TestReadFolderErrors(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.npy")
	if err := os.WriteFile(outside, []byte("\x93NUMPY"), 0o600); err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, IndexFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), old, new, 1)
			if changed == string(text) {
				t.Fatalf("%q is not in %s", old, text)
			}
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	const bias = "conv.bias.npy"
	replace := func(with func(path string) error) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, bias)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := with(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   string
	}{
		"no index":       {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, IndexFile)) }, "a folder without index.json"},
		"index no JSON":  {change("{", "["), "index.json: invalid character"},
		"another format": {change("skinattn npy weights", "other"), `index.json is of format "other", version 1; "skinattn npy weights", version 1 is read`},
		"later version":  {change(`"version": 1`, `"version": 2`), "version 2;"},
		"layer twice":    {change(`"input_1"`, `"conv"`), `lists the layer "conv" twice`},
		"layer unlisted": {change(`"dense"`, `"dense_1"`), `layer "dense": tensor "dense/kernel:0": index.json does not list the layer`},
		"tensor twice":   {change(`"name": "conv/bias:0"`, `"name": "conv/kernel:0"`), `tensor "conv/kernel:0": index.json lists it twice`},
		"file twice":     {change(bias, "conv.kernel.npy"), `tensor "conv/bias:0": another tensor has its file conv.kernel.npy`},
		"shape":          {change("    3\n", "    4\n"), "has shape"},
		"outside":        {change(bias, "../secret.npy"), "it lies outside the folder"},
		"absolute":       {change(bias, outside), "it lies outside the folder"},
		"gone":           {replace(func(path string) error { return nil }), bias + ": no such file or directory"},
		"a folder":       {replace(func(path string) error { return os.Mkdir(path, 0o700) }), "not a regular file"},
		"a link":         {replace(func(path string) error { return os.Symlink(outside, path) }), "not a regular file"},
		"no npy":         {replace(func(path string) error { return os.WriteFile(path, []byte("text"), 0o600) }), "not an .npy file (4 bytes)"},
		"long index": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, IndexFile), bytes.Repeat([]byte(" "), maxIndex+1), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "index.json has more than 16777216 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFolder(t, small())
			c.damage(t, dir)
			_, err := ReadFile(dir)
			expectError(t, err, "reading Keras weights "+dir+": ", c.want)
		})
	}
}
