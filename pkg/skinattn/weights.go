package skinattn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
	fit, err := n.FitKeras(file)
	if err != nil {
		return err
	}
	return fit.Load(store)
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
// weights file: by the names of the layers or, where the names are not those of
// today's Keras, by their order, as Keras itself loads such files. The error is
// one of the network, not of the file.
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
	for _, v := range n.Graph.Variables() {
		if whole.Layer(v.Layer) != nil {
			wanted = append(wanted, v)
		}
	}
	return fitPart(file, b, whole, n.Graph, wanted), nil
}

// fitPart compares the wanted variables, of the layers that part has of the
// whole backbone, with an applications file.
func fitPart(file *keras.File, b *backbone.Backbone, whole, part *layers.Graph, wanted []layers.Variable) *Fit {
	name := NamesIn(file, b, whole)
	var beyond []string // layers of the backbone that part lacks
	for _, layer := range whole.Layers() {
		if part.Layer(layer.Name) == nil {
			beyond = append(beyond, name(layer.Name))
		}
	}
	byName := fit(keras.NewLoader(file), wanted, name, beyond)
	if len(byName.Problems) > 0 {
		if ordered, rest, ok := orderedNames(file, whole, part); ok {
			if byOrder := fit(keras.NewLoader(file), wanted, ordered, rest); len(byOrder.Problems) == 0 {
				return byOrder
			}
		}
	}
	return byName
}

// orderedNames pairs the layers with weights of the whole backbone, with or
// without its top, with those of the file in the order of both. rest are the
// file's layers that part lacks. ok says whether all tensors of each pair have
// the same shapes.
func orderedNames(file *keras.File, whole, part *layers.Graph) (name func(string) string, rest []string, ok bool) {
	theirs := slices.DeleteFunc(slices.Clone(file.Layers), func(layer string) bool { return len(file.LayerTensors(layer)) == 0 })
	rename := map[string]string{}
	for _, layer := range whole.Layers() {
		variables := layer.Op.Variables(whole.InputShapes(layer)...)
		if len(variables) == 0 || len(theirs) == len(rename) { // a file without top ends earlier
			continue
		}
		other := theirs[len(rename)]
		tensors := file.LayerTensors(other)
		if !slices.EqualFunc(variables, tensors, func(v layers.Variable, t keras.Tensor) bool { return slices.Equal(v.Shape, t.Shape) }) {
			return nil, nil, false
		}
		rename[layer.Name] = other
		if part.Layer(layer.Name) == nil {
			rest = append(rest, other)
		}
	}
	return func(layer string) string { return cmp.Or(rename[layer], layer) }, rest, len(rename) == len(theirs)
}

// FitKeras compares the whole network with a Keras file of Model.save_weights
// or of a full model.
func (n *Network) FitKeras(file *keras.File) (*Fit, error) {
	b, err := backbone.Find(n.Backbone)
	if err != nil {
		return nil, err
	}
	whole, err := b.Graph(n.Size)
	if err != nil {
		return nil, err
	}
	inBackbone := NamesIn(file, b, whole)
	taken := map[string]bool{} // layers of the file that are the backbone's
	for _, layer := range n.Graph.Layers() {
		if whole.Layer(layer.Name) != nil && !b.HasTail() {
			taken[inBackbone(layer.Name)] = true
		}
	}
	// The other layers with weights are paired by the order of their making or, if
	// that does not fit, by their place in the network: Keras numbers a layer when
	// its constructor is called, and dense(a)(dense(b)(x)) calls the outer first.
	pair := func(byPlace bool) *Fit {
		rename := map[string]string{}
		for _, class := range []string{AttentionLayer, NormalizationLayer, DenseClass, BatchNormClass, "conv2d"} {
			var ours []string
			for _, layer := range n.Graph.Layers() {
				if backbone.AutoNumber(layer.Name, class) >= 0 && (b.HasTail() || whole.Layer(layer.Name) == nil) {
					ours = append(ours, layer.Name)
				}
			}
			theirs := slices.DeleteFunc(file.Numbered(class), func(layer string) bool {
				return taken[layer] || len(file.LayerTensors(layer)) == 0
			})
			if byPlace {
				slices.SortFunc(theirs, func(a, b string) int { return slices.Index(file.Layers, a) - slices.Index(file.Layers, b) })
			} else {
				slices.SortFunc(ours, func(a, b string) int { return backbone.AutoNumber(a, class) - backbone.AutoNumber(b, class) })
			}
			for i, layer := range ours[:min(len(ours), len(theirs))] {
				rename[layer] = theirs[i]
			}
		}
		return fit(keras.NewLoader(file), n.Graph.Variables(), func(layer string) string {
			return cmp.Or(rename[layer], inBackbone(layer))
		}, nil)
	}
	byNumber := pair(false)
	if len(byNumber.Problems) > 0 {
		if byPlace := pair(true); len(byPlace.Problems) == 0 {
			return byPlace, nil
		}
	}
	return byNumber, nil
}

// NamesIn translates the names of a backbone's layers to those in a file. Keras
// numbers the layers that it names itself by what the Python session has built
// before, so that the second InceptionResNetV2 of a session begins with
// conv2d_203; the numbers of a backbone still run on without a gap.
func NamesIn(file *keras.File, b *backbone.Backbone, whole *layers.Graph) func(layer string) string {
	needed := map[string]bool{} // by a cut
	for _, cut := range b.Cuts {
		if part, err := whole.Cut(cut.Layer); err == nil {
			for _, layer := range part.Layers() {
				needed[layer.Name] = true
			}
		}
	}
	// first has the classes whose first layer every file of the network holds.
	first := map[string]int{}
	for class := range needed {
		if numbers := file.Numbered(class); len(numbers) > 0 {
			first[class] = backbone.AutoNumber(numbers[0], class)
		}
	}
	return func(layer string) string {
		at := strings.LastIndexByte(layer, '_')
		for _, class := range []string{layer, layer[:max(at, 0)]} {
			if n := backbone.AutoNumber(layer, class); n >= 0 && first[class] > 0 {
				return fmt.Sprintf("%s_%d", class, n+first[class])
			}
		}
		return layer
	}
}

// fit takes the wanted variables out of the loader, under the names that their
// layers have in the file.
func fit(loader *keras.Loader, wanted []layers.Variable, name func(layer string) string, ignore []string) *Fit {
	f := &Fit{Variables: len(wanted)}
	blamed := map[string]bool{} // tensors of the wrong shape, which need no second problem
	for _, v := range wanted {
		layer := name(v.Layer)
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
