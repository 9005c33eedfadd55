package weights

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// KerasFile returns the file that Keras's Model.save_weights writes for the authors'
// network with the weights in store: all layers of the Keras network in its order and
// under the names of a new Python session, so that load_weights accepts it. All
// variables must be in store.
func KerasFile(n *skinattn.Network, store *model.Store) (*keras.File, error) {
	names, ours, err := kerasLayers(n)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(n.Network)
	if err != nil {
		return nil, err
	}
	file := &keras.File{Layers: names, Network: string(config)}
	for _, name := range names {
		layer := ours[name]
		if layer == nil {
			continue
		}
		tensors, err := stored(n, layer, store)
		if err != nil {
			return nil, err
		}
		for i, v := range layer.Op.Variables(n.Graph.InputShapes(layer)...) {
			t := tensors[i]
			t.Name, t.Layer = weightName(name, layer, v), name
			file.Tensors = append(file.Tensors, t)
		}
	}
	return file, nil
}

// stored reads the variables of a layer from a store, in Keras's order and under the names
// that they have here.
func stored(n *skinattn.Network, layer *layers.Layer, store *model.Store) ([]keras.Tensor, error) {
	var all []keras.Tensor
	for _, v := range layer.Op.Variables(n.Graph.InputShapes(layer)...) {
		v.Layer = layer.Name
		stored := store.GetVariable(v.Path())
		if stored == nil {
			return nil, fmt.Errorf("the weights lack %s", v.Path())
		}
		value, err := stored.Value()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		data, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		if len(data) != v.Shape.Size() {
			return nil, fmt.Errorf("%s has %d values where the network has shape %v", v.Path(), len(data), v.Shape)
		}
		all = append(all, keras.Tensor{Name: v.Name, Layer: layer.Name, Shape: v.Shape, Data: data})
	}
	return all, nil
}

// Archive returns the authors' network with the weights in store as a model of Keras 3
// made of Keras's own layers: every backend computes the same. All variables must be in
// store.
func Archive(n *skinattn.Network, store *model.Store) (*keras.Archive, error) {
	m, err := newModel3(n)
	if err != nil {
		return nil, err
	}
	network, err := json.Marshal(n.Network)
	if err != nil {
		return nil, err
	}
	archive := &keras.Archive{Name: "skinattn_" + n.Backbone, Network: string(network)}
	if archive.Config, err = m.config(archive.Name); err != nil {
		return nil, err
	}
	if archive.Metadata, err = m.metadata(); err != nil {
		return nil, err
	}
	for _, node := range m.nodes {
		layer := keras.ArchivedLayer{Class: keras.SnakeCase(node.class), Name: node.name}
		if node.ours != nil {
			all, err := stored(n, node.ours, store)
			if err != nil {
				return nil, err
			}
			layer.Variables = node.variables(all)
		}
		archive.Layers = append(archive.Layers, layer)
	}
	return archive, nil
}

// variables are those of the layer's variables that the node has. The attention's gamma is
// the kernel of a convolution of its own.
func (n *node) variables(all []keras.Tensor) []keras.Tensor {
	var own []keras.Tensor
	for _, t := range all {
		switch {
		case n.variable == t.Name:
			t.Shape = []int{1, 1, 1, 1}
		case n.variable != "" || n.class == "Conv3D" && t.Name == "gamma":
			continue
		}
		own = append(own, t)
	}
	return own
}

// weightName is Keras's name for a variable of a layer; name is Keras's for the layer.
func weightName(name string, layer *layers.Layer, v layers.Variable) string {
	if _, ok := layer.Op.(layers.Normalization); ok {
		return v.Name + ":0" // Keras's adapt makes the variables, outside of the layer's name
	}
	return name + "/" + v.Name + ":0"
}

// kerasLayers lists the layers of the authors' Keras network, and finds our layer for
// each. Two have no counterpart: they turn a word of the metadata into the one-hot
// vector that is an input of our network.
func kerasLayers(n *skinattn.Network) (names []string, ours map[string]*layers.Layer, err error) {
	b, whole, err := wholeBackbone(n)
	if err != nil {
		return nil, nil, err
	}
	kept, err := whole.Cut(n.Cut)
	if err != nil {
		return nil, nil, err
	}
	// Keras has counted the layers of a backbone with its top; a network with
	// Soft-Attention in its middle has no top.
	counted := whole
	if b.HasTail() {
		counted = kept
	}
	numbers := map[string]int{}
	auto := func(class string) string {
		if _, begun := numbers[class]; !begun {
			for _, layer := range counted.Layers() {
				if !slices.Contains(b.UncountedLayers, layer.Name) {
					numbers[class] = max(numbers[class], backbone.AutoNumber(layer.Name, class)+1)
				}
			}
		}
		numbers[class]++
		if numbers[class] == 1 {
			return class
		}
		return fmt.Sprintf("%s_%d", class, numbers[class]-1)
	}

	ours = map[string]*layers.Layer{}
	inputs := map[string][]string{}
	theirs := map[string]string{} // for our layer, the Keras layer with the same output
	for _, layer := range n.Graph.Layers() {
		name := layer.Name
		if class := unweightedClass(layer.Op); kept.Layer(name) == nil && class != "" {
			name = auto(class)
		}
		ours[name] = layer
		for _, input := range layer.Inputs {
			inputs[name] = append(inputs[name], theirs[input])
		}
		if layer.Name == skinattn.SexInput || layer.Name == skinattn.LocalizationInput {
			lookup, encoding := auto("string_lookup"), auto("category_encoding")
			inputs[lookup], inputs[encoding] = []string{name}, []string{lookup}
			name = encoding
		}
		theirs[layer.Name] = name
	}
	return layers.KerasOrder(n.Output, func(layer string) []string { return inputs[layer] }), ours, nil
}

// unweightedClass is the class in Keras's automatic names of an operation without
// weights, empty for other operations.
func unweightedClass(op layers.Op) string {
	switch op.(type) {
	case layers.MaxPooling2D:
		return "max_pooling2d"
	case layers.GlobalAveragePooling2D:
		return "global_average_pooling2d"
	case layers.Concatenate:
		return "concatenate"
	case layers.ReLU:
		return "activation"
	case layers.Add:
		return "add"
	case layers.Dropout:
		return "dropout"
	case layers.Flatten:
		return "flatten"
	}
	return ""
}
