package skinattn

import (
	"fmt"
	"slices"

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
	fit, err := n.FitBackbone(file)
	if err != nil {
		return err
	}
	return fit.Load(store)
}

// LoadKeras fills all variables from a Keras file of the whole network:
// Model.save_weights or a full model. It is as strict as LoadBackbone.
func (n *Network) LoadKeras(store *model.Store, file *keras.File) error {
	return n.FitKeras(file).Load(store)
}

// CheckStore says which variable of the network store lacks or has in another
// shape.
func (n *Network) CheckStore(store *model.Store) error {
	for _, v := range n.Graph.Variables() {
		have := store.GetVariable(v.Path())
		if have == nil {
			return fmt.Errorf("variable %s of the network has no weights", v.Path())
		}
		if !slices.Equal(have.Shape().Dimensions, v.Shape) {
			return fmt.Errorf("variable %s has shape %v where the network has %v", v.Path(), have.Shape().Dimensions, v.Shape)
		}
	}
	return nil
}

// Fit is how the tensors of a Keras file meet the variables of a network.
type Fit struct {
	Variables int // that the file is to fill
	Used      int // tensors that have found their variable
	// Unused are the tensors without a variable, as "layer: name".
	Unused []string
	// Problems are the variables without their tensor, in network order, and one
	// about Unused.
	Problems []error

	values []value
}

// value is a variable and what the file has for it.
type value struct {
	layers.Variable
	data []float32
}

// FitBackbone compares the part up to the cut with a Keras applications
// weights file. The error is one of the network, not of the file.
func (n *Network) FitBackbone(file *keras.File) (*Fit, error) {
	b, err := backbone.Find(n.Backbone)
	if err != nil {
		return nil, err
	}
	whole, err := b.Graph(n.Size)
	if err != nil {
		return nil, err
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
	return fit(keras.NewLoader(file), wanted, nil, beyond), nil
}

// FitKeras compares the whole network with a Keras file of Model.save_weights
// or of a full model.
func (n *Network) FitKeras(file *keras.File) *Fit {
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
	return fit(keras.NewLoader(file), n.Graph.Variables(), rename, nil)
}

// fit takes the wanted variables out of the loader, under the layer names of
// the file where rename has one.
func fit(loader *keras.Loader, wanted []layers.Variable, rename map[string]string, ignore []string) *Fit {
	f := &Fit{Variables: len(wanted)}
	blamed := map[string]bool{} // tensors of the wrong shape, which need no second problem
	for _, v := range wanted {
		layer := v.Layer
		if name, ok := rename[layer]; ok {
			layer = name
		}
		data, err := loader.Take(layer, v.Name, v.Shape...)
		if err != nil {
			f.Problems = append(f.Problems, err)
			for _, t := range loader.File().LayerTensors(layer) {
				if t.Weight() == v.Name {
					blamed[layer+": "+t.Name] = true
				}
			}
			continue
		}
		f.values = append(f.values, value{v, data})
	}
	f.Used = len(f.values)
	for _, name := range loader.Unused(ignore...) {
		if !blamed[name] {
			f.Unused = append(f.Unused, name)
		}
	}
	if len(f.Unused) > 0 {
		f.Problems = append(f.Problems, loader.Finish(ignore...))
	}
	return f
}

// Err is nil if everything fits, and else the first problem with the number of
// the others.
func (f *Fit) Err() error {
	switch n := len(f.Problems); n {
	case 0:
		return nil
	case 1:
		return f.Problems[0]
	default:
		return fmt.Errorf("%w (and %d more; 'skinattn weights check' lists them)", f.Problems[0], n-1)
	}
}

// Load sets all variables in store, or none if something does not fit.
func (f *Fit) Load(store *model.Store) error {
	if err := f.Err(); err != nil {
		return err
	}
	for _, v := range f.values {
		if err := layers.SetVariable(store, v.Variable, v.data); err != nil {
			return fmt.Errorf("setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
