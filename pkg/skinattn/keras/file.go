package keras

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// Layout says how a file keeps its tensors.
type Layout string

// Layouts of files.
const (
	LayoutH5      Layout = "h5"         // HDF5 with lists of layers and weights: .h5 and .hdf5, of every Keras
	LayoutWeights Layout = "weights.h5" // HDF5 with variables by number: .weights.h5
	LayoutArchive Layout = "keras"      // a .keras archive, or its unzipped folder
	LayoutNPY     Layout = "npy"        // a folder of WriteFolder
)

// File is the content of a Keras weight file.
type File struct {
	Path   string
	Layout Layout
	// Model says that the file holds a whole model: configuration, weights and perhaps
	// the state of the optimizer, which is not read. Other files hold weights alone.
	Model bool
	// ModelConfig describes the layers of a whole model: Keras's JSON, unchecked; empty
	// in files of weights.
	ModelConfig  string
	KerasVersion string   // version of Keras that wrote the file, empty if the file does not say
	Backend      string   // what Keras computed with, such as "jax"; empty if the file does not say
	Layers       []string // all layers, with or without weights: as layer_names or config.json has them, or by class
	Tensors      []Tensor // in the order of Layers and, within a layer, of the file
	Unlisted     []string // paths of datasets among the weights that belong to no layer
	// Unnamed says that the file does not have the names of its layers, as files named
	// .weights.h5 of Keras before 3.6. Each layer is then called by its class and its number
	// in the class, such as "conv2d_3", in the order of the model.
	Unnamed bool
	// Nested are the layers that are models with weights of their own.
	Nested []string
	// Network describes the network in a file that this project exported, where Keras's
	// layout has no room for it: JSON, unchecked; empty in files of Keras.
	Network string

	byLayer map[string][]int
	classes map[string]string // see Class
}

// Class returns the class of a layer in snake case, such as "conv2d", empty if the file
// does not say.
func (f *File) Class(layer string) string { return f.classes[layer] }

// Translated returns the file under other names: layer translates the name of a layer, ""
// leaves the layer out, and tensor, which may be nil, translates a tensor whose layer has
// its new name already. more are further layers, without weights. Two layers of one name
// are an error.
func (f *File) Translated(layer func(name string) string, tensor func(Tensor) Tensor, more ...string) (*File, error) {
	to := *f
	to.Layers, to.Tensors, to.Nested, to.Unnamed = nil, nil, nil, false
	to.byLayer, to.classes = map[string][]int{}, map[string]string{}
	put := func(name, class string) error {
		if to.HasLayer(name) {
			return fmt.Errorf("two layers would be called %q", name)
		}
		to.Layers, to.byLayer[name], to.classes[name] = append(to.Layers, name), nil, class
		return nil
	}
	for _, name := range f.Layers {
		if to := layer(name); to != "" {
			if err := put(to, f.classes[name]); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range more {
		if err := put(name, ""); err != nil {
			return nil, err
		}
	}
	for _, name := range f.Nested {
		to.Nested = append(to.Nested, layer(name))
	}
	for _, t := range f.Tensors {
		if t.Layer = layer(t.Layer); t.Layer == "" {
			continue
		}
		if tensor != nil {
			t = tensor(t)
		}
		to.byLayer[t.Layer] = append(to.byLayer[t.Layer], len(to.Tensors))
		to.Tensors = append(to.Tensors, t)
	}
	return &to, nil
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

// ReadFile reads all tensors of a Keras file in any layout: HDF5, a .keras archive,
// or a folder, which is such an archive unzipped or was made by WriteFolder. An
// error is one line that names the file and the fault: not HDF5, truncated, no
// layer list, a tensor that is missing, listed twice or not finite. A form of
// model that Keras knows and this package does not read is a *ForeignError, and a
// quantized model is a *QuantizedError.
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
	// Opening a pipe that nobody writes to would wait for ever.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, errNotRegular
	}
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
		return nil, errNotRegular
	}
	f, err := readContent(in, info.Size())
	if err != nil {
		return nil, err
	}
	f.Path = path
	if list := shardList(path); list != "" {
		return nil, &ForeignError{What: "one of several files of weights, which " + list + " lists"}
	}
	return f, nil
}

var errNotRegular = errors.New("not a regular file")

var shard = regexp.MustCompile(`_\d{5}\.weights\.h5$`)

// shardList is the name of the list of a model's files of weights that has the file at path;
// empty if the file stands for itself, as one that is numbered by epochs does.
func shardList(path string) string {
	at := shard.FindStringIndex(path)
	if at == nil {
		return ""
	}
	list := path[:at[0]] + ".weights.json"
	if _, err := os.Stat(list); err != nil {
		return ""
	}
	return filepath.Base(list)
}

// readContent reads the first size bytes of in.
func readContent(in io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, 16)
	n, _ := in.ReadAt(head, 0)
	if bytes.HasPrefix(head[:n], []byte("PK")) {
		return readArchive(in, size)
	}
	h5, err := hdf5.New(in, size)
	if errors.Is(err, hdf5.ErrNotHDF5) {
		if what := hint(string(head[:n])); what != nil {
			return nil, fmt.Errorf("%w: %w", err, what)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return read(h5)
}

// hint says what a file may be that is not HDF5 and begins with head, nil if it is
// unknown.
func hint(head string) error {
	switch {
	case head == "":
		return errors.New("it is empty")
	case strings.HasPrefix(head, "version https://"):
		return errors.New("it is a Git LFS pointer; fetch the file itself")
	case strings.HasPrefix(strings.ToLower(strings.TrimSpace(head)), "<"):
		return errors.New("it is a web page or XML")
	case strings.HasPrefix(strings.TrimSpace(head), "{"):
		return &ForeignError{What: "JSON, perhaps the list of weights in several files (.weights.json)"}
	case len(head) > 8 && head[8] == '{' && head[7] == 0: // the length of a description, then it
		return &ForeignError{"a safetensors file, without the layers of a model", true}
	case len(head) > 8 && head[4:8] == "TFL3":
		return &ForeignError{"a model of TensorFlow Lite, whose weights may be rounded", true}
	case strings.HasPrefix(head, "\x80\x02"):
		return &ForeignError{"a file of Python's pickle, perhaps of " + pyTorch, true}
	}
	return nil
}

// read collects the tensors of an open file.
func read(h5 *hdf5.File) (*File, error) {
	f := &File{Layout: LayoutH5, byLayer: map[string][]int{}}
	group := h5.Root()
	if model, err := group.Group(modelGroup); err == nil {
		group, f.Model = model, true
	} else if !errors.Is(err, hdf5.ErrNotFound) {
		return nil, err
	}
	layers, err := names(group, "layer_names")
	if errors.Is(err, hdf5.ErrNotFound) {
		byNumber, numberErr := hasVariables(h5.Root())
		switch {
		case numberErr != nil:
			return nil, numberErr
		case !byNumber:
			return nil, errors.New("no attribute layer_names and no group layers: it holds no weights that Keras wrote")
		}
		f, err := readVariables(h5, nil)
		if err == nil {
			f.Network, err = text(networkAttribute, h5.Root())
		}
		return f, err
	}
	if err != nil {
		return nil, err
	}
	var versionErr, backendErr, configErr, networkErr error
	f.KerasVersion, versionErr = text("keras_version", h5.Root(), group)
	f.Backend, backendErr = text("backend", h5.Root(), group)
	f.ModelConfig, configErr = text("model_config", h5.Root())
	f.Network, networkErr = text(networkAttribute, h5.Root())
	if err := cmp.Or(versionErr, backendErr, configErr, networkErr); err != nil {
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
	if holdsLayers(weights) {
		r.file.Nested = append(r.file.Nested, layer)
	}
	return nil
}

// holdsLayers reports whether the names of a layer's weights begin with the names of
// several layers, as those of a model do: "conv/kernel:0", "dense/kernel:0".
func holdsLayers(weights []string) bool {
	owner := func(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }
	const most = 4 // the most weights of a layer without layers inside
	return len(weights) > most && slices.ContainsFunc(weights, func(name string) bool { return owner(name) != owner(weights[0]) })
}

func (r *reader) tensor(group *hdf5.Group, name string) (Tensor, error) {
	d, err := group.Dataset(name)
	if err != nil {
		return Tensor{}, err
	}
	if t := d.Type(); t == "int8" || t == "uint8" {
		return Tensor{}, &QuantizedError{Type: t}
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

// QuantizedError says that a tensor has whole numbers in the place of weights, as
// Model.quantize makes them in Keras 3.
type QuantizedError struct {
	Type string // of the numbers, such as "int8"
}

func (e *QuantizedError) Error() string {
	return "its values are " + e.Type + ": the model was quantized, and its weights are rounded"
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
