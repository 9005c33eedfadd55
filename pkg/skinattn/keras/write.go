package keras

import (
	"fmt"
	"io"
	"slices"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// kerasVersion is the version of Keras whose file layout and names Write follows.
const kerasVersion = "2.15.0"

// networkAttribute is the attribute with File.Network; Keras does not know it.
const networkAttribute = "skinattn_network"

// Write writes the file as Keras 2.15's Model.save_weights does, such that
// load_weights accepts it for a model with these layers in this order: one group a
// layer, with or without weights, and in it the tensors under their names. Layers
// must name every tensor's layer, and all values must be finite. Equal content gives
// equal bytes.
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
	for _, layer := range append(slices.Clone(f.Layers), topLevelGroup) {
		if err := f.writeLayer(root, layer); err != nil {
			return fmt.Errorf("layer %q: %w", layer, err)
		}
	}
	return hdf5.Write(w, root)
}

// checkLayers returns an error that names a layer listed twice, or a layer that has
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

func (f *File) writeLayer(root *hdf5.Tree, layer string) error {
	group, err := root.Group(layer)
	if err != nil {
		return err
	}
	var names []string
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.Layer != layer {
			continue
		}
		names = append(names, t.Name)
		if err := t.finite(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if err := group.Dataset(t.Name, hdf5.Array{Shape: t.Shape, Data: t.elements()}); err != nil {
			return err
		}
	}
	return setNames(group, "weight_names", names)
}

// elements are the tensor's values in the type that Keras stores: int64 for the count of
// Normalization, float32 for all others.
func (t *Tensor) elements() any {
	if t.Weight() != "count" || len(t.Shape) > 0 || len(t.Data) != 1 {
		return t.Data
	}
	return []int64{int64(t.Data[0])}
}

// maxAttribute is HDF5_OBJECT_HEADER_LIMIT of Keras.
const maxAttribute = 64512

// setNames writes a list of names as Keras and h5py 2 do: as texts of equal length, in
// numbered attributes if the list is too long for one, and an empty list as an empty
// array of float64.
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
	// The fewest parts that suffice; the first have one name more (numpy.array_split).
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
