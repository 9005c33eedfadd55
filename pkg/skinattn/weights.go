package skinattn

import (
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// LoadBackbone fills the variables up to the cut from a Keras applications
// weights file, with or without top. Every variable is filled exactly once and
// every tensor of the file up to the cut is used exactly once; anything else is
// an error that names it, and store is then unchanged.
func (n *Network) LoadBackbone(store *model.Store, file *keras.File) error {
	b, err := backbone.Find(n.Backbone)
	if err != nil {
		return err
	}
	whole, err := b.Graph(n.Size)
	if err != nil {
		return err
	}
	var wanted []layers.Variable
	var beyond []string // layers of the backbone that the cut drops
	for _, layer := range whole.Layers() {
		if n.Graph.Layer(layer.Name) == nil {
			beyond = append(beyond, layer.Name)
		}
	}
	for _, v := range n.Graph.Variables() {
		if whole.Layer(v.Layer) != nil {
			wanted = append(wanted, v)
		}
	}
	return fill(store, keras.NewLoader(file), wanted, nil, beyond)
}

// LoadKeras fills all variables from a Keras file of the whole network:
// Model.save_weights or a full model.
func (n *Network) LoadKeras(store *model.Store, file *keras.File) error {
	rename := map[string]string{}
	// Keras numbers these layers by what else was built in the session.
	for class, ours := range map[string][]string{
		AttentionLayer:     {AttentionLayer},
		NormalizationLayer: {NormalizationLayer},
		metadataLayer:      {metadataLayer, metadataOnlyDense},
	} {
		theirs := file.Numbered(class)
		for i, name := range ours {
			if i < len(theirs) {
				rename[name] = theirs[i]
			}
		}
	}
	return fill(store, keras.NewLoader(file), n.Graph.Variables(), rename, nil)
}

// fill takes the wanted variables out of the loader, under the layer names of
// the file where rename has one, and sets them all once nothing is missing and
// nothing is left over.
func fill(store *model.Store, loader *keras.Loader, wanted []layers.Variable, rename map[string]string, ignore []string) error {
	values := make([][]float32, len(wanted))
	for i, v := range wanted {
		layer := v.Layer
		if name, ok := rename[layer]; ok {
			layer = name
		}
		var err error
		if values[i], err = loader.Take(layer, v.Name, v.Shape...); err != nil {
			return err
		}
	}
	if err := loader.Finish(ignore...); err != nil {
		return err
	}
	for i, v := range wanted {
		if err := layers.SetVariable(store, v, values[i]); err != nil {
			return fmt.Errorf("setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
