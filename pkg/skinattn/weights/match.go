package weights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// LoadBackbone fills the variables of n up to its cut from the weights of Keras
// applications in the file at path, with or without top. Every variable is
// filled exactly once and every tensor of the file up to the cut is used exactly
// once; anything else is an error that names it, and store is then unchanged. Installed
// weights that were damaged are a *ChangedError.
func LoadBackbone(path string, n *skinattn.Network, store *model.Store) error {
	b, err := backbone.Find(n.Backbone)
	if err != nil {
		return err
	}
	sum, err := SHA256(path)
	if err == nil {
		err = CheckInstalled(n.Backbone, path, sum)
	}
	if err != nil {
		return err
	}
	file, err := readFile(path, b)
	if err != nil {
		return err
	}
	match, err := MatchBackbone(n, file)
	if err != nil {
		return err
	}
	return match.Load(store)
}

// Match pairs the tensors of a Keras file with the variables of a network and
// lists what did not match.
type Match struct {
	Variables int // number of variables that the file has to fill
	Used      int // number of tensors that fill a variable
	// Unused are the tensors without a variable, as "layer: name".
	Unused []string
	// Missing are the paths of the variables without a tensor, in network order.
	Missing []string
	// Problems has an error for every variable without its tensor, in network order, and
	// one about all unused tensors.
	Problems []error

	values []value
}

// value is a variable with its values in the file.
type value struct {
	layers.Variable
	data []float32
}

// MatchBackbone pairs the part of n up to its cut with a Keras applications weights
// file: by the names of the layers or, if the file has other names than Keras 2.15, by
// their order, as Keras itself loads such files. An error concerns the network;
// Match.Problems says what does not match in the file.
func MatchBackbone(n *skinattn.Network, file *keras.File) (*Match, error) {
	b, whole, err := wholeBackbone(n)
	if err != nil {
		return nil, err
	}
	var wanted []layers.Variable // variables of n up to its cut
	for _, v := range n.Graph.Variables() {
		if whole.Layer(v.Layer) != nil {
			wanted = append(wanted, v)
		}
	}
	name := namesIn(file, b, whole)
	var beyond []string // layers of the file after n's cut
	for _, layer := range whole.Layers() {
		if n.Graph.Layer(layer.Name) == nil {
			beyond = append(beyond, name(layer.Name))
		}
	}
	byName := pair(file, wanted, name, beyond)
	if len(byName.Problems) > 0 {
		if name, beyond, ok := orderedNames(file, whole, n.Graph); ok {
			if byOrder := pair(file, wanted, name, beyond); len(byOrder.Problems) == 0 {
				return byOrder, nil
			}
		}
	}
	return byName, nil
}

// wholeBackbone returns the backbone of n, and its graph with the top.
func wholeBackbone(n *skinattn.Network) (*backbone.Backbone, *layers.Graph, error) {
	b, err := backbone.Find(n.Backbone)
	if err != nil {
		return nil, nil, err
	}
	whole, err := b.Graph(n.Size)
	return b, whole, err
}

// orderedNames pairs the layers with weights of the whole backbone, with or without its
// top, and the layers with weights of the file, both in their order. beyond are the
// file's layers that part lacks. ok reports whether all tensors of each pair have the same
// shapes.
func orderedNames(file *keras.File, whole, part *layers.Graph) (name func(string) string, beyond []string, ok bool) {
	theirs := weighted(file, slices.Clone(file.Layers))
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
			beyond = append(beyond, other)
		}
	}
	return func(layer string) string { return cmp.Or(rename[layer], layer) }, beyond, len(rename) == len(theirs)
}

// MatchNetwork pairs the whole network n with a Keras file of
// Model.save_weights or of a full model.
func MatchNetwork(n *skinattn.Network, file *keras.File) (*Match, error) {
	b, whole, err := wholeBackbone(n)
	if err != nil {
		return nil, err
	}
	inBackbone := namesIn(file, b, whole)
	taken := map[string]bool{} // the backbone's layers in the file
	for _, layer := range n.Graph.Layers() {
		if whole.Layer(layer.Name) != nil && !b.HasTail() {
			taken[inBackbone(layer.Name)] = true
		}
	}
	// The other layers with weights are paired by the order of Keras's numbers or, if
	// that does not fit, by their place in the network: see inFileOrder.
	paired := func(byPlace bool) *Match {
		rename := map[string]string{}
		for _, class := range []string{skinattn.AttentionLayer, skinattn.NormalizationLayer, skinattn.DenseClass, skinattn.BatchNormClass, "conv2d"} {
			var ours []string
			for _, layer := range n.Graph.Layers() {
				if backbone.AutoNumber(layer.Name, class) >= 0 && (b.HasTail() || whole.Layer(layer.Name) == nil) {
					ours = append(ours, layer.Name)
				}
			}
			theirs := slices.DeleteFunc(weighted(file, file.Numbered(class)), func(layer string) bool { return taken[layer] })
			if byPlace {
				inFileOrder(file, theirs)
			} else {
				slices.SortFunc(ours, func(a, b string) int { return backbone.AutoNumber(a, class) - backbone.AutoNumber(b, class) })
			}
			for i, layer := range ours[:min(len(ours), len(theirs))] {
				rename[layer] = theirs[i]
			}
		}
		return pair(file, n.Graph.Variables(), func(layer string) string {
			return cmp.Or(rename[layer], inBackbone(layer))
		}, nil)
	}
	byNumber := paired(false)
	if len(byNumber.Problems) > 0 {
		if byPlace := paired(true); len(byPlace.Problems) == 0 {
			return byPlace, nil
		}
	}
	return byNumber, nil
}

// namesIn translates the names of a backbone's layers to their names in a file. Keras
// numbers the layers that it names itself through a whole Python session: the second
// InceptionResNetV2 of a session begins with conv2d_203. The numbers of one backbone
// have no gap.
func namesIn(file *keras.File, b *backbone.Backbone, whole *layers.Graph) func(layer string) string {
	return numberedIn(file, neededLayers(b, whole))
}

// neededLayers are the layers up to a cut.
func neededLayers(b *backbone.Backbone, whole *layers.Graph) map[string]bool {
	needed := map[string]bool{}
	for _, cut := range b.Cuts {
		if part, err := whole.Cut(cut.Layer); err == nil {
			for _, layer := range part.Layers() {
				needed[layer.Name] = true
			}
		}
	}
	return needed
}

// numberedIn is namesIn for a backbone with the given layers.
func numberedIn(file *keras.File, needed map[string]bool) func(layer string) string {
	first := map[string]int{} // a class's lowest number in the file; every file has that layer
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

// pair finds the wanted variables in the file, under the names that their layers have
// there. The layers in ignore may have tensors that no variable takes.
func pair(file *keras.File, wanted []layers.Variable, name func(layer string) string, ignore []string) *Match {
	m := &Match{Variables: len(wanted)}
	loader := keras.NewLoader(file)
	blamed := map[string]bool{} // tensors of the wrong shape, which have a problem already
	for _, v := range wanted {
		layer := name(v.Layer)
		data, err := loader.Take(layer, v.Name, v.Shape...)
		if err != nil {
			m.Missing = append(m.Missing, v.Path())
			m.Problems = append(m.Problems, err)
			for _, t := range file.LayerTensors(layer) {
				if t.Weight() == v.Name {
					blamed[layer+": "+t.Name] = true
				}
			}
			continue
		}
		m.values = append(m.values, value{v, data})
	}
	m.Used = len(m.values)
	for _, name := range loader.Unused(ignore...) {
		if !blamed[name] {
			m.Unused = append(m.Unused, name)
		}
	}
	if len(m.Unused) > 0 {
		m.Problems = append(m.Problems, loader.Finish(ignore...))
	}
	return m
}

// MismatchError says that a file does not fit a network.
type MismatchError struct {
	Unused  []string // tensors without a variable, as "layer: name"
	Missing []string // paths of the variables without a tensor
	More    int      // problems beside Err
	Err     error    // the first problem
}

func (e *MismatchError) Error() string {
	if e.More == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (and %d more)", e.Err, e.More)
}

// Unwrap returns the first problem.
func (e *MismatchError) Unwrap() error { return e.Err }

// Err is nil if everything fits, and else a *MismatchError.
func (m *Match) Err() error {
	if len(m.Problems) == 0 {
		return nil
	}
	return &MismatchError{Unused: m.Unused, Missing: m.Missing, More: len(m.Problems) - 1, Err: m.Problems[0]}
}

// Load sets all variables in store. If anything does not fit it sets none and returns
// the error of Err.
func (m *Match) Load(store *model.Store) error {
	if err := m.Err(); err != nil {
		return err
	}
	for _, v := range m.values {
		if err := layers.SetVariable(store, v.Variable, v.data); err != nil {
			return fmt.Errorf("setting %s: %w", v.Path(), err)
		}
	}
	return nil
}
