package keras

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// Tensor is one variable of a layer.
type Tensor struct {
	Name  string    // as Keras wrote it, such as "block_1_expand/kernel:0" or "count:0"
	Layer string    // the layer that owns it, such as "block_1_expand"
	Shape []int     // empty for a scalar
	Data  []float32 // in C order; the int64 "count" of Normalization included
}

// Weight returns the last part of the tensor's name, without the output
// number: "kernel" of "block_1_expand/kernel:0".
func (t *Tensor) Weight() string {
	name, _, _ := strings.Cut(t.Name[strings.LastIndexByte(t.Name, '/')+1:], ":")
	return name
}

// File is the content of a Keras weight file.
type File struct {
	Path string
	// Model says that the file holds a whole model: configuration, weights and perhaps
	// the state of the optimizer, which is not read. Other files hold weights alone.
	Model bool
	// ModelConfig describes the layers of a whole model: Keras's JSON, unchecked; empty
	// in files of weights.
	ModelConfig  string
	KerasVersion string   // version of Keras that wrote the file, empty if the file does not say
	Layers       []string // all layers in the order of layer_names, with or without weights
	Tensors      []Tensor // in the order of layer_names and weight_names
	Unlisted     []string // paths of datasets among the weights that no weight_names lists
	// Network describes the network in a file that this project exported, where Keras's
	// layout has no room for it: JSON, unchecked; empty in files of Keras.
	Network string

	byLayer map[string][]int
}

// LayerTensors returns the tensors of a layer in the order of its
// weight_names, none if the layer is unknown or has no weights.
func (f *File) LayerTensors(layer string) []Tensor {
	var tensors []Tensor
	for _, i := range f.byLayer[layer] {
		tensors = append(tensors, f.Tensors[i])
	}
	return tensors
}

// HasLayer reports whether the file lists the layer.
func (f *File) HasLayer(layer string) bool {
	_, ok := f.byLayer[layer]
	return ok
}

// modelGroup holds the layers in a file of a whole model.
const modelGroup = "model_weights"

// topLevelGroup holds the variables of the model that belong to no layer. Every file
// since TensorFlow 2.6 has the group, mostly without variables.
const topLevelGroup = "top_level_model_weights"

// ReadFile reads all tensors of a Keras HDF5 file, or of a folder that
// WriteFolder made. An error is one line that names the file and the fault:
// not HDF5, truncated, no layer list, a tensor that is missing, listed twice or
// not finite.
func ReadFile(path string) (*File, error) {
	f, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading Keras weights %s: %w", path, withoutPath(err))
	}
	return f, nil
}

// withoutPath is the cause of an error that names a path, for messages that name it
// already.
func withoutPath(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

func readFile(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(path)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	h5, err := hdf5.New(in, info.Size())
	if errors.Is(err, hdf5.ErrNotHDF5) {
		return nil, fmt.Errorf("%w%s", err, hint(in))
	}
	if err != nil {
		return nil, err
	}
	f, err := read(h5)
	if err != nil {
		return nil, err
	}
	f.Path = path
	return f, nil
}

// hint says what a file that is not HDF5 may be.
func hint(in *os.File) string {
	head := make([]byte, 16)
	n, _ := in.ReadAt(head, 0)
	switch text := string(head[:n]); {
	case n == 0:
		return ": it is empty"
	case strings.HasPrefix(text, "PK\x03\x04"):
		return ": it is a zip archive, perhaps a .keras file; load it in Keras and save with save_weights(\"weights.h5\")"
	case strings.HasPrefix(text, "version https://"):
		return ": it is a Git LFS pointer; fetch the file itself"
	case strings.HasPrefix(strings.ToLower(strings.TrimSpace(text)), "<"):
		return ": it is a web page or XML"
	}
	return ""
}

// read collects the tensors of an open file.
func read(h5 *hdf5.File) (*File, error) {
	f := &File{byLayer: map[string][]int{}}
	group := h5.Root()
	if model, err := group.Group(modelGroup); err == nil {
		group, f.Model = model, true
	} else if !errors.Is(err, hdf5.ErrNotFound) {
		return nil, err
	}
	layers, err := names(group, "layer_names")
	if errors.Is(err, hdf5.ErrNotFound) {
		return nil, errors.New("no attribute layer_names: not a weight file of Keras 2 (files named .weights.h5 have another layout; " +
			"load it in Keras 2 and save with save_weights(\"weights.h5\"))")
	}
	if err != nil {
		return nil, err
	}
	var versionErr, configErr, networkErr error
	f.KerasVersion, versionErr = text("keras_version", h5.Root(), group)
	f.ModelConfig, configErr = text("model_config", h5.Root())
	f.Network, networkErr = text(networkAttribute, h5.Root())
	if err := cmp.Or(versionErr, configErr, networkErr); err != nil {
		return nil, err
	}
	r := reader{file: f, paths: map[string]bool{}, budget: h5.Size()}
	for _, layer := range layers {
		if f.HasLayer(layer) {
			return nil, fmt.Errorf("layer_names lists the layer %q twice", layer)
		}
		f.Layers = append(f.Layers, layer)
		if err := r.layer(group, layer); err != nil {
			return nil, fmt.Errorf("layer %q: %w", layer, err)
		}
	}
	if top, err := group.Group(topLevelGroup); err == nil && !f.HasLayer(topLevelGroup) {
		if _, err := top.Attr("weight_names"); err == nil {
			if err := r.layer(group, topLevelGroup); err != nil {
				return nil, fmt.Errorf("%s: %w", topLevelGroup, err)
			}
		}
	}
	return f, group.Walk(func(d *hdf5.Dataset) error {
		if !r.paths[d.Path()] {
			f.Unlisted = append(f.Unlisted, strings.TrimLeft(strings.TrimPrefix(d.Path(), group.Path()), "/"))
		}
		return nil
	})
}

// reader reads the tensors layer by layer.
type reader struct {
	file   *File
	paths  map[string]bool // paths of the datasets read
	budget int64           // bytes of the file that further tensors may take
	values int64           // number of values in all tensors so far
}

// maxValues bounds the values of a file, which can be compressed: 4 GiB, seven times
// the largest network of the paper's family.
const maxValues = 1 << 30

func (r *reader) layer(parent *hdf5.Group, layer string) error {
	group, err := parent.Group(layer)
	if err != nil {
		return err
	}
	weights, err := names(group, "weight_names")
	if err != nil {
		return err
	}
	r.file.byLayer[layer] = nil
	seen := make(map[string]bool, len(weights))
	for _, name := range weights {
		if seen[name] {
			return fmt.Errorf("weight_names lists %q twice", name)
		}
		seen[name] = true
		t, err := r.tensor(group, name)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		t.Layer = layer
		r.file.byLayer[layer] = append(r.file.byLayer[layer], len(r.file.Tensors))
		r.file.Tensors = append(r.file.Tensors, t)
	}
	return nil
}

func (r *reader) tensor(group *hdf5.Group, name string) (Tensor, error) {
	d, err := group.Dataset(name)
	if err != nil {
		return Tensor{}, err
	}
	// Tensors that share bytes exist only in files made to exhaust memory.
	stored, err := d.StoredBytes()
	if err != nil {
		return Tensor{}, err
	}
	if r.budget -= stored; r.budget < 0 {
		return Tensor{}, errors.New("tensors overlap in the file")
	}
	values := int64(1)
	for _, n := range d.Shape() {
		values *= int64(n)
	}
	if r.values += values; r.values > maxValues {
		return Tensor{}, fmt.Errorf("more than %d values in the file", int64(maxValues))
	}
	data, err := d.Float32s()
	if err != nil {
		return Tensor{}, err
	}
	t := Tensor{Name: name, Shape: d.Shape(), Data: data}
	if err := t.finite(); err != nil {
		return Tensor{}, err
	}
	r.paths[d.Path()] = true
	return t, nil
}

// finite returns an error that names the first value which is NaN or infinite.
func (t *Tensor) finite() error {
	for i, v := range t.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("value %d is %v", i, v)
		}
	}
	return nil
}

// names reads a list of names. Keras splits a list of more than 64 kB into
// attributes numbered from 0: layer_names0, layer_names1 and so on.
func names(group *hdf5.Group, attribute string) ([]string, error) {
	all, err := texts(group, attribute)
	if !errors.Is(err, hdf5.ErrNotFound) {
		return all, err
	}
	for i := 0; ; i++ {
		part, partErr := texts(group, fmt.Sprintf("%s%d", attribute, i))
		switch {
		case errors.Is(partErr, hdf5.ErrNotFound) && i > 0:
			return all, nil
		case errors.Is(partErr, hdf5.ErrNotFound):
			return nil, err
		case partErr != nil:
			return nil, partErr
		}
		all = append(all, part...)
	}
}

// text reads an attribute of one text from the first group that has the attribute. The
// text is empty if no group has.
func text(attribute string, groups ...*hdf5.Group) (string, error) {
	for _, group := range groups {
		all, err := texts(group, attribute)
		switch {
		case errors.Is(err, hdf5.ErrNotFound):
			continue
		case err == nil && len(all) > 1:
			err = fmt.Errorf("%d texts where there is one", len(all))
		}
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", attribute, err)
		}
		return strings.Join(all, ""), nil
	}
	return "", nil
}

// texts reads an attribute of texts.
func texts(group *hdf5.Group, attribute string) ([]string, error) {
	attr, err := group.Attr(attribute)
	if err != nil {
		return nil, err
	}
	return attr.Strings()
}
