package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// firstLayers has the tensors of a backbone's first n layers with weights.
func firstLayers(t *testing.T, name string, n int) *kerasFile {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &kerasFile{}
	for _, layer := range net.Graph.Layers() {
		if variables := layer.Op.Variables(net.Graph.InputShapes(layer)...); len(variables) > 0 && n > 0 {
			n--
			f.add(layer.Name, variables, layer.Name)
		}
	}
	return f
}

// expectRefusal wants an error of one line with the texts from Import, and nothing left
// behind.
func expectRefusal(t *testing.T, content []byte, backbone string, texts ...string) {
	t.Helper()
	parent := t.TempDir()
	t.Setenv(EnvDir, filepath.Join(parent, "weights"))
	path := filepath.Join(t.TempDir(), "file.h5")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	imported, err := Import(ImportOptions{Keras: path, Backbone: backbone, Dir: filepath.Join(parent, "run")})
	for _, text := range append(texts, path) {
		expectLine(t, err, text)
	}
	if imported.Fits || imported.Run != "" || imported.Installed != "" {
		t.Errorf("imported %+v", imported)
	}
	expectEntries(t, parent)
}

// Faults in the middle of whole files of every network that Keras has. The networks name
// their layers in different ways: with slashes, by the cell, and by Keras's numbers.
func TestWrongFilesOfFamilies(t *testing.T) {
	for _, b := range backbone.Table {
		if b.Weights.URL == "" {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			net := config(t, b.Name, nil)
			whole, err := b.Graph(0)
			if err != nil {
				t.Fatal(err)
			}
			testlong.Skip(t, isLarge(whole))
			wrongFiles(t, b.Name, net)
		})
	}
}

func wrongFiles(t *testing.T, name string, cfg spec.Network) {
	for form, file := range map[string]*kerasFile{"save_weights": fileOf(t, cfg), "applications": applicationsOf(t, name, false)} {
		middle := slices.IndexFunc(file.tensors[len(file.tensors)/3:], func(t keras.Tensor) bool { return len(t.Shape) == 4 }) + len(file.tensors)/3
		victim := file.tensors[middle]
		weight := strings.TrimSuffix(victim.Name[strings.LastIndex(victim.Name, "/")+1:], ":0")
		changed := func(change func(f *kerasFile)) []byte {
			f := &kerasFile{layers: slices.Clone(file.layers), tensors: slices.Clone(file.tensors)}
			change(f)
			return f.bytes()
		}
		whole := changed(func(*kerasFile) {})
		for fault, c := range map[string]struct {
			content []byte
			texts   []string
		}{
			"truncated":  {whole[:len(whole)-1], []string{"the file is truncated"}},
			"first half": {whole[:len(whole)/2], []string{"the file is truncated"}},
			"missing tensor": {changed(func(f *kerasFile) {
				f.tensors = slices.Delete(f.tensors, middle, middle+1)
			}), []string{victim.Layer, weight}},
			"missing layer": {changed(func(f *kerasFile) {
				f.without(func(t keras.Tensor) bool { return t.Layer == victim.Layer })
			}), []string{fmt.Sprintf("no layer %q", victim.Layer)}},
			"extra tensor": {changed(func(f *kerasFile) {
				extra := keras.Tensor{Layer: victim.Layer, Name: victim.Layer + "/other:0", Shape: []int{3}, Data: make([]float32, 3)}
				f.tensors = slices.Insert(f.tensors, middle+1, extra)
			}), []string{"no place in the network", victim.Layer + "/other:0"}},
			"wrong shape": {changed(func(f *kerasFile) {
				shape := slices.Clone(victim.Shape)
				shape[2]--
				f.tensors[middle].Shape, f.tensors[middle].Data = shape, victim.Data[:shape[0]*shape[1]*shape[2]*shape[3]]
			}), []string{fmt.Sprintf("tensor %q has shape", victim.Name), fmt.Sprintf("where the network has %v", victim.Shape)}},
		} {
			t.Run(form+"/"+fault, func(t *testing.T) { expectRefusal(t, c.content, name, c.texts...) })
		}
	}
}

// Files of one network given as another. Some networks share names of layers; the first
// layers are enough to distinguish them.
func TestFilesOfOtherNetworks(t *testing.T) {
	const first = 12
	for _, c := range []struct{ file, as, text string }{
		{"mobilenet_v2", "resnet50", "it has no weights of ResNet50"},
		{"mobilenet_v2", "densenet201", "it has no weights of DenseNet201"},
		{"mobilenet_v2", "nasnet_large", "it has no weights of NASNetLarge"},
		{"mobilenet_v2", "inception_resnet_v2", "it has no weights of InceptionResNetV2"},
		{"densenet201", "mobilenet_v2", "it has no weights of MobileNetV2"},
		{"resnet50", "nasnet_mobile", "it has no weights of NASNetMobile"},
		{"nasnet_mobile", "mobilenet", "it has no weights of MobileNet"},
		{"resnet50", "resnet152", "no layer"},
		{"nasnet_mobile", "nasnet_large", `has shape [3 3 3 32] where the network has [3 3 3 96]`},
		{"mobilenet_v3_small", "mobilenet_v3_large", "where the network has"},
		{"densenet201", "densenet201", "no layer"},
		{"inception_resnet_v2", "inception_resnet_v2", "no layer"},
		{"vgg16", "inception_resnet_v2", "where the network has"},
		{"resnet34", "vgg16", "built from scratch"},
	} {
		t.Run(c.file+" as "+c.as, func(t *testing.T) { expectRefusal(t, firstLayers(t, c.file, first).bytes(), c.as, c.text) })
	}
	for _, name := range []string{"resnet152", "nasnet_large", "densenet201", "resnet34"} {
		t.Run("text as "+name, func(t *testing.T) { expectRefusal(t, []byte("image_id,lesion_id,dx\n"), name, "not an HDF5 file") })
	}
}
