package weights

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/skinattn/skinattn/internal/hdf5"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// kerasFile is a Keras weights file that a test writes: real files are too large for the
// repository. Packages hdf5 and keras test the reader with small files of h5py.
type kerasFile struct {
	layers  []string // layer_names; bytes adds the layers of tensors that the list lacks
	tensors []keras.Tensor
	config  string // model_config; makes it a whole model
}

// fileOf is the file of a network with tensors filled by name. The numbers of the head's
// layers are higher than ours, as after other networks in a Python session.
func fileOf(t *testing.T, cfg spec.Network) *kerasFile {
	t.Helper()
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &kerasFile{}
	theirs := map[string]string{"soft_attention": "soft_attention_1", "normalization": "normalization_2", "dense": "dense_9", "dense_1": "dense_10", "dense_2": "dense_11"}
	for _, layer := range net.Graph.Layers() {
		name := layer.Name
		if other, ok := theirs[name]; ok {
			name = other
		}
		f.layers = append(f.layers, name)
		f.add(name, layer.Op.Variables(net.Graph.InputShapes(layer)...), layer.Name)
	}
	return f
}

// applicationsOf is the ImageNet file of a backbone, with or without top.
func applicationsOf(t *testing.T, name string, top bool) *kerasFile {
	t.Helper()
	b, err := backbone.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Graph(0)
	if err != nil {
		t.Fatal(err)
	}
	f := &kerasFile{}
	for _, layer := range g.Layers() {
		if layer.Name == "predictions" && !top {
			break
		}
		f.layers = append(f.layers, layer.Name)
		f.add(layer.Name, layer.Op.Variables(g.InputShapes(layer)...), layer.Name)
	}
	return f
}

func (f *kerasFile) add(layer string, variables []layers.Variable, fill string) {
	for _, v := range variables {
		f.tensors = append(f.tensors, keras.Tensor{
			Layer: layer, Name: layer + "/" + v.Name + ":0", Shape: v.Shape, Data: keras.FillByName(fill+"/"+v.Name, v.Shape)})
	}
}

// tensor returns the tensor with a name.
func (f *kerasFile) tensor(name string) *keras.Tensor {
	for i := range f.tensors {
		if f.tensors[i].Name == name {
			return &f.tensors[i]
		}
	}
	panic("no tensor " + name)
}

// without removes the tensors for which drop is true, and the layers that lose all their
// tensors.
func (f *kerasFile) without(drop func(keras.Tensor) bool) *kerasFile {
	had := map[string]bool{}
	for _, tensor := range f.tensors {
		had[tensor.Layer] = true
	}
	f.tensors = slices.DeleteFunc(f.tensors, drop)
	for _, tensor := range f.tensors {
		delete(had, tensor.Layer)
	}
	f.layers = slices.DeleteFunc(f.layers, func(layer string) bool { return had[layer] })
	return f
}

// save writes the file into a new folder and returns its path.
func (f *kerasFile) save(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, f.bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// bytes returns the file as HDF5.
func (f *kerasFile) bytes() []byte {
	names := slices.Clone(f.layers)
	of := map[string][]keras.Tensor{}
	for _, t := range f.tensors {
		of[t.Layer] = append(of[t.Layer], t)
		if !slices.Contains(names, t.Layer) {
			names = append(names, t.Layer)
		}
	}
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	root := &hdf5.Tree{}
	weights := root
	if f.config != "" {
		var err error
		weights, err = root.Group("model_weights")
		check(err)
		check(root.SetAttr("model_config", hdf5.Text(f.config)))
	}
	check(weights.SetAttr("layer_names", hdf5.Texts(names...)))
	check(weights.SetAttr("keras_version", hdf5.Text("2.15.0")))
	for _, layer := range names {
		group, err := weights.Group(layer)
		check(err)
		var tensors []string
		for _, t := range of[layer] {
			tensors = append(tensors, t.Name)
			check(group.Dataset(t.Name, hdf5.Array{Shape: t.Shape, Data: t.Data}))
		}
		check(group.SetAttr("weight_names", hdf5.Texts(tensors...)))
	}
	var out bytes.Buffer
	check(hdf5.Write(&out, root))
	return out.Bytes()
}
