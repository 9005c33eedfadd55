package keras

import (
	"fmt"
	"io"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// kerasVersion is the version whose file layout and names these files have.
const kerasVersion = "2.15.0"

// networkAttribute is an attribute of ours, beside Keras's: what Network holds.
const networkAttribute = "skinattn_network"

// Write writes the file as Keras 2.15's Model.save_weights does, such that
// load_weights accepts it for a model with these layers in this order: a group a
// layer, also for those without weights, which hold the tensors under their
// names. Layers must name every tensor's layer, and all values must be finite.
// Equal files give equal bytes.
func (f *File) Write(w io.Writer) error {
	if err := f.checkLayers(); err != nil {
		return err
	}
	root := &hdf5.Tree{}
	if err := setNames(root, "layer_names", f.Layers); err != nil {
		return err
	}
	texts := [][2]string{{"backend", "tensorflow"}, {"keras_version", kerasVersion}}
	if f.Network != "" {
		texts = append(texts, [2]string{networkAttribute, f.Network})
	}
	for _, text := range texts {
		if err := root.SetAttr(text[0], hdf5.Text(text[1])); err != nil {
			return err
		}
	}
	of := f.tensorsByLayer()
	for _, layer := range f.Layers {
		if err := writeLayer(root, layer, of[layer]); err != nil {
			return fmt.Errorf("layer %q: %w", layer, err)
		}
	}
	if err := writeLayer(root, topLevelGroup, nil); err != nil {
		return err
	}
	return hdf5.Write(w, root)
}

// checkLayers is an error that names a layer listed twice, or one that has
// tensors and is not listed.
func (f *File) checkLayers() error {
	listed := map[string]bool{}
	for _, layer := range f.Layers {
		if listed[layer] {
			return fmt.Errorf("the layer %q is listed twice", layer)
		}
		listed[layer] = true
	}
	for _, t := range f.Tensors {
		if !listed[t.Layer] {
			return fmt.Errorf("tensor %q is of the layer %q, which is not listed", t.Name, t.Layer)
		}
	}
	return nil
}

// tensorsByLayer keeps the order of the tensors.
func (f *File) tensorsByLayer() map[string][]*Tensor {
	of := map[string][]*Tensor{}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		of[t.Layer] = append(of[t.Layer], t)
	}
	return of
}

func writeLayer(root *hdf5.Tree, layer string, tensors []*Tensor) error {
	group, err := root.Group(layer)
	if err != nil {
		return err
	}
	names := make([]string, len(tensors))
	for i, t := range tensors {
		names[i] = t.Name
		if err := t.finite(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if err := group.Dataset(t.Name, hdf5.Array{Shape: t.Shape, Data: t.elements()}); err != nil {
			return err
		}
	}
	return setNames(group, "weight_names", names)
}

// elements are the tensor's values in the type that Keras keeps them in: the
// count of Normalization is an int64.
func (t *Tensor) elements() any {
	if t.Weight() != "count" || len(t.Shape) > 0 || len(t.Data) != 1 {
		return t.Data
	}
	return []int64{int64(t.Data[0])}
}

// maxAttribute is HDF5_OBJECT_HEADER_LIMIT of Keras.
const maxAttribute = 64512

// setNames writes a list of names as Keras and h5py 2 do: as texts of equal
// length, in numbered attributes if one is not enough, and as an empty array of
// float64 if there are none.
func setNames(group *hdf5.Tree, attribute string, names []string) error {
	if len(names) == 0 {
		return group.SetAttr(attribute, hdf5.Array{Shape: []int{0}, Data: []float64{}})
	}
	width := 1
	for _, name := range names {
		width = max(width, len(name))
	}
	most := maxAttribute / width
	if most == 0 {
		return fmt.Errorf("a name of %d bytes in %s", width, attribute)
	}
	if len(names) <= most {
		return group.SetAttr(attribute, hdf5.Texts(names...))
	}
	// As few parts as will do; the first ones have one name more (numpy.array_split).
	parts := (len(names) + most - 1) / most
	for i := range parts {
		n := len(names) / (parts - i)
		if len(names)%(parts-i) > 0 {
			n++
		}
		if err := group.SetAttr(fmt.Sprintf("%s%d", attribute, i), hdf5.Texts(names[:n]...)); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}
