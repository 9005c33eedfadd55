package weights

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/keras"
)

// Every wrong file gives one line that names the file and the fault, and leaves nothing
// behind.
func TestWrongFiles(t *testing.T) {
	good := func(change func(f *kerasFile)) []byte {
		f := fileOf(t, authors(t, 224))
		change(f)
		return f.bytes()
	}
	layer := func(name string) func(keras.Tensor) bool {
		return func(t keras.Tensor) bool { return t.Layer == name }
	}
	whole := good(func(*kerasFile) {})
	small, err := os.ReadFile("../keras/testdata/weights_fixed.h5")
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := `{"config":{"layers":[{"class_name":"StringLookup","name":"string_lookup","config":{"vocabulary":["male","female","unknown"]}}]}}`
	wide := `{"config":{"layers":[{"class_name":"InputLayer","name":"input_1","config":{"batch_input_shape":[null,224,299,3]}}]}}`
	zero := `{"config":{"layers":[{"class_name":"InputLayer","name":"input_1","config":{"batch_input_shape":[null,-7,-7,3]}}]}}`
	for name, c := range map[string]struct {
		content  []byte
		opts     ImportOptions
		text     string
		problems int // more than one
	}{
		"empty":         {content: nil, text: "not an HDF5 file: it is empty"},
		"text":          {content: []byte("image_id,lesion_id,dx\n"), text: "not an HDF5 file"},
		"web page":      {content: []byte("<html>"), text: "it is a web page"},
		"keras archive": {content: []byte("PK\x03\x04...."), text: "it begins like a zip archive: zip: not a valid zip file"},
		"truncated":     {content: whole[:len(whole)-1], text: "the file is truncated"},
		"no longer HDF5 inside": {content: append(slices.Clone(whole[:96]), make([]byte, len(whole)-96)...),
			text: "no object header here"},
		"another network": {content: small, text: "it has no weights of MobileNetV2 (its layers start with conv, block_1/bn, normalization): is it another network?"},
		"no weights at all": {content: good(func(f *kerasFile) { f.without(func(keras.Tensor) bool { return true }) }),
			text: "no layer of the file has weights"},
		"missing tensor": {content: good(func(f *kerasFile) {
			f.without(func(t keras.Tensor) bool {
				return t.Name == "block_3_expand_BN/gamma/gamma:0" || t.Name == "block_3_expand_BN/gamma:0"
			})
		}), text: `layer "block_3_expand_BN": no weight "gamma" among block_3_expand_BN/beta:0`},
		"missing layer": {content: good(func(f *kerasFile) { f.without(layer("block_3_expand_BN")) }),
			text: `no layer "block_3_expand_BN"`, problems: 4},
		"missing last layer of the backbone": {content: good(func(f *kerasFile) { f.without(layer("block_14_depthwise")) }),
			opts: ImportOptions{Cut: "block_14_depthwise"}, text: `no layer "block_14_depthwise"`},
		"missing attention": {content: good(func(f *kerasFile) { f.without(layer("soft_attention_1")) }),
			text: `tensor "dense_10/kernel:0" has 34816 rows, a network without Soft-Attention and with metadata at 224 px has 51136`},
		"missing normalization": {content: good(func(f *kerasFile) { f.without(layer("normalization_2")) }),
			text: `no layer "normalization"`, problems: 3},
		"missing classes": {content: good(func(f *kerasFile) { f.without(layer("dense_10")) }),
			text: `tensor "dense_9/kernel:0" has shape [21 4096]; the network ends in a dense kernel [features 7]`},
		"missing both dense layers": {content: good(func(f *kerasFile) {
			f.without(func(t keras.Tensor) bool { return strings.HasPrefix(t.Layer, "dense") })
		}),
			text: "it has no dense layer for the classes"},
		"extra tensor": {content: good(func(f *kerasFile) {
			f.tensors = append(f.tensors, keras.Tensor{Layer: "Conv1", Name: "Conv1/bias:0", Shape: []int{32}, Data: make([]float32, 32)})
		}), text: "1 of 226 tensors have no place in the network: Conv1: Conv1/bias:0"},
		"extra layer": {content: good(func(f *kerasFile) {
			f.tensors = append(f.tensors, keras.Tensor{Layer: "batch_normalization", Name: "batch_normalization/gamma:0", Shape: []int{20}, Data: make([]float32, 20)})
		}), text: "no place in the network: batch_normalization: batch_normalization/gamma:0"},
		"wrong shape": {content: good(func(f *kerasFile) {
			k := f.tensor("Conv1/kernel:0")
			k.Shape, k.Data = []int{3, 3, 3, 16}, k.Data[:3*3*3*16]
		}), text: `tensor "Conv1/kernel:0" has shape [3 3 3 16] where the network has [3 3 3 32]`},
		"transposed": {content: good(func(f *kerasFile) { f.tensor("block_1_expand/kernel:0").Shape = []int{1, 1, 96, 16} }),
			text: `has shape [1 1 96 16] where the network has [1 1 16 96]`},
		"five classes": {content: good(func(f *kerasFile) {
			k, b := f.tensor("dense_10/kernel:0"), f.tensor("dense_10/bias:0")
			k.Shape, k.Data, b.Shape, b.Data = []int{34816, 5}, k.Data[:34816*5], []int{5}, b.Data[:5]
		}), text: `tensor "dense_10/kernel:0" has shape [34816 5]; the network ends in a dense kernel [features 7]`},
		"other metadata": {content: good(func(f *kerasFile) {
			k := f.tensor("dense_9/kernel:0")
			k.Shape, k.Data = []int{20, 4096}, k.Data[:20*4096]
		}), text: `tensor "dense_9/kernel:0" has shape [20 4096] where the network has [21 4096]`},
		"other order of words": {content: good(func(f *kerasFile) { f.config = vocabulary }),
			text: `layer "string_lookup" has the vocabulary ["male" "female" "unknown"]; the networks here have ["female" "male" "unknown"] or`},
		"not square":           {content: good(func(f *kerasFile) { f.config = wide }), text: `input layer "input_1" takes images of 299 x 224 pixels`},
		"size below zero":      {content: good(func(f *kerasFile) { f.config = zero }), text: "size is -7; it must be in [0, 4096]"},
		"damaged model_config": {content: good(func(f *kerasFile) { f.config = `{"config":` }), text: "reading model_config: unexpected end of JSON"},
		"not a number":         {content: good(func(f *kerasFile) { f.tensor("Conv1/kernel:0").Data[5] = float32(math.NaN()) }), text: "value 5 is NaN"},
		"negative variance": {content: good(func(f *kerasFile) { f.tensor("bn_Conv1/moving_variance:0").Data[31] = -1 }),
			text: `layer "bn_Conv1": tensor "bn_Conv1/moving_variance:0" is a variance with values below 0`},
		"size that does not fit": {content: whole, opts: ImportOptions{Size: 128},
			text: `tensor "dense_10/kernel:0" has 34816 rows, a network with Soft-Attention and with metadata at 128 px has 11776; 256 px has that many`},
		"cut that does not fit": {content: whole, opts: ImportOptions{Cut: "block_13_expand_relu"}, text: "has 34816 rows"},
		"unknown cut":           {content: whole, opts: ImportOptions{Cut: "block_99"}, text: `MobileNetV2 has no layer "block_99" to cut at`},
		"cut at the top":        {content: whole, opts: ImportOptions{Cut: "predictions"}, text: "the backbone in the file ends at block_14_depthwise, not at predictions"},
		"unknown channel order": {content: whole, opts: ImportOptions{ChannelOrder: "rbg"}, text: `channel order is "rbg"; it must be rgb or bgr`},
		"unknown scaling":       {content: whole, opts: ImportOptions{Preprocess: "tff"}, text: `preprocess is "tff"; it must be tf, caffe, torch or none`},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			t.Setenv(EnvDir, filepath.Join(parent, "weights"))
			path := filepath.Join(t.TempDir(), "file.h5")
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			opts := c.opts
			opts.Keras, opts.Backbone, opts.Dir = path, "mobilenet_v2", filepath.Join(parent, "run")
			imported, err := Import(opts)
			expectLine(t, err, c.text)
			if err == nil {
				return
			}
			if strings.Count(err.Error(), path) != 1 {
				t.Errorf("error %q does not name the file once", err)
			}
			if imported.Fits || imported.Run != "" || imported.Installed != "" {
				t.Errorf("imported %+v", imported)
			}
			expectEntries(t, parent)
			report, checkErr := Check(opts)
			if checkErr == nil || checkErr.Error() != err.Error() || report.Fits {
				t.Errorf("check: fits %v, error %v; import: %v", report.Fits, checkErr, err)
			}
			if want := max(c.problems, 1); len(report.Problems) != want {
				t.Errorf("%d problems %q, want %d", len(report.Problems), report.Problems, want)
			}
		})
	}
}

func TestImportNoFile(t *testing.T) {
	_, err := Import(ImportOptions{Keras: "absent.h5", Backbone: "mobilenet_v2", Dir: t.TempDir()})
	expectLine(t, err, "reading Keras weights absent.h5: no such file or directory")
	_, err = Import(ImportOptions{Keras: "absent.h5", Backbone: "mobilenet_v4", Dir: t.TempDir()})
	expectLine(t, err, `backbone "mobilenet_v4" is unknown; choose one of`)
}

// ImageNet weights are installed if their layers up to the cut fit.
func TestApplicationsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "weights")
	t.Setenv(EnvDir, dir)
	place, err := Path("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	install := func(path string) (Imported, error) {
		return Import(ImportOptions{Keras: path, Backbone: "mobilenet_v2", Dir: filepath.Join(dir, "run")})
	}
	top := applicationsOf(t, "mobilenet_v2", true).save(t, "top.h5")
	imported, err := install(top)
	if err != nil || imported.Installed != place || imported.Run != "" || imported.Form != FormApplications || imported.Network != nil {
		t.Fatalf("%+v, %v", imported, err)
	}
	// Keras's whole MobileNetV2 has 262 variables, 216 of them up to the cut.
	if imported.Variables != 216 || imported.Used != 216 || imported.Tensors != 262 || imported.Parameters != 3538984 {
		t.Errorf("%+v", imported)
	}
	expectEntries(t, dir, filepath.Base(place), filepath.Base(place)+recordEnding) // and no run
	if _, err := install(top); err != nil {
		t.Errorf("the same again: %v", err)
	}

	bare := applicationsOf(t, "mobilenet_v2", false)
	other := bare.save(t, "bare.h5")
	_, err = install(other)
	expectLine(t, err, place+" is there with other weights")
	var installed *OtherWeightsError
	if !errors.As(err, &installed) || *installed != (OtherWeightsError{other, place}) {
		t.Errorf("%+v", installed)
	}
	if err := os.WriteFile(place, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := install(other); err != nil {
		t.Errorf("over a damaged file: %v", err)
	}
	want, _ := SHA256(other)
	if got, err := SHA256(place); err != nil || got != want {
		t.Errorf("installed %s, want %s", got, want)
	}

	// A layer beyond the cut may be missing or have other shapes, a layer before may not.
	bare.without(func(t keras.Tensor) bool { return t.Layer == "Conv_1" })
	bare.tensor("block_16_expand/kernel:0").Shape = []int{160, 960}
	if report, err := Check(ImportOptions{Keras: bare.save(t, "b.h5"), Backbone: "mobilenet_v2"}); err != nil || !report.Fits {
		t.Errorf("changed beyond the cut: %v", err)
	}
	report, err := Check(ImportOptions{Keras: bare.save(t, "b.h5"), Backbone: "mobilenet_v2", Cut: "block_16_expand_BN"})
	expectLine(t, err, `tensor "block_16_expand/kernel:0" has shape [160 960] where the network has [1 1 160 960]`)
	if report.Cut != "block_16_expand_BN" {
		t.Errorf("cut %s", report.Cut)
	}
	bare.tensor("Conv1/kernel:0").Name = "Conv1/nucleus:0"
	report, err = Check(ImportOptions{Keras: bare.save(t, "b.h5"), Backbone: "mobilenet_v2"})
	expectLine(t, err, `layer "Conv1": no weight "kernel" among Conv1/nucleus:0 (and 1 more)`)
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || !slices.Equal(mismatch.Missing, []string{"/Conv1/kernel"}) || len(mismatch.Unused) != 1 {
		t.Errorf("%+v", mismatch)
	}
	if len(report.Problems) != 2 || !slices.Equal(report.Unused, []string{"Conv1: Conv1/nucleus:0"}) || report.Used != 215 {
		t.Errorf("report %+v", report)
	}

	// A folder that can't be made is an error.
	t.Setenv(EnvDir, filepath.Join(top, "weights"))
	_, err = install(other)
	expectLine(t, err, "not a directory")
}
