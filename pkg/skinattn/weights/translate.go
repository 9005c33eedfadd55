package weights

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// readFile reads a Keras file of any generation under the names of Keras 2.15, which the
// networks here have.
func readFile(path string, b *backbone.Backbone) (*keras.File, error) {
	file, err := keras.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(file.Nested) > 0 {
		return nil, &NestedError{Keras: path, Layer: file.Nested[0]}
	}
	if file, err = translate(file, b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// NestedError says that a layer of a Keras file is a model with weights of its own: the
// networks here have all layers in one model.
type NestedError struct{ Keras, Layer string }

func (e *NestedError) Error() string {
	return fmt.Sprintf("%s: the layer %q is a model nested in the model", e.Keras, e.Layer)
}

// translate gives the layers and tensors of a file the names of Keras 2.15.
func translate(file *keras.File, b *backbone.Backbone) (*keras.File, error) {
	whole, err := b.Graph(0)
	if err != nil {
		return nil, err
	}
	if file.Unnamed {
		if file, err = withNames(file, b, whole); err != nil {
			return nil, err
		}
	}
	names3 := b.Keras3Names(whole)
	needed := map[string]bool{}
	for layer := range neededLayers(b, whole) {
		needed[names3[layer]] = true
	}
	number := numberedIn(file, needed)
	inFile := func(layer string) string { return number(names3[layer]) }
	ours := map[string]string{} // by the file's names of layers
	var more []string
	if hasKeras3Names(file, whole, inFile) {
		present := map[string]bool{} // layers that the file has, as themselves or within another
		for _, layer := range slices.Backward(whole.Layers()) {
			if names3[layer.Name] == "" && present[layer.Name] {
				more = append(more, layer.Name)
			} else if file.HasLayer(inFile(layer.Name)) {
				ours[inFile(layer.Name)] = layer.Name
				present[layer.Name] = true
			}
			if present[layer.Name] {
				for _, input := range layer.Inputs {
					present[input] = present[input] || names3[input] == ""
				}
			}
		}
	}
	taken := map[string]bool{}
	for _, layer := range ours {
		taken[layer] = true
	}
	for _, layer := range more {
		taken[layer] = true
	}
	return file.Translated(func(name string) string {
		if layer, ok := ours[name]; ok {
			return layer
		}
		if taken[name] { // a layer of the head whose name is a layer of the backbone in Keras 2.15
			return name + " (head)"
		}
		return name
	}, attentionTensor, more...)
}

// hasKeras3Names reports whether the file has layers under the names of Keras 3 that are
// not those of Keras 2.15, and none of those.
func hasKeras3Names(file *keras.File, whole *layers.Graph, inFile func(string) string) bool {
	has := false
	for _, layer := range whole.Layers() {
		if len(layer.Op.Variables(whole.InputShapes(layer)...)) == 0 || inFile(layer.Name) == layer.Name {
			continue
		}
		if file.HasLayer(layer.Name) {
			return false
		}
		has = has || file.HasLayer(inFile(layer.Name))
	}
	return has
}

// attentionGamma is the layer of exported networks that has the attention's gamma.
const attentionGamma = skinattn.AttentionLayer + "_gamma"

// attentionTensor names the tensors of Soft-Attention by their shapes: in files of Keras 3
// they have numbers, or the names of a Conv3D.
func attentionTensor(t keras.Tensor) keras.Tensor {
	if t.Layer == attentionGamma && len(t.Data) == 1 {
		t.Layer, t.Name, t.Shape = skinattn.AttentionLayer, skinattn.AttentionLayer+"/gamma", nil
	}
	if backbone.AutoNumber(t.Layer, skinattn.AttentionLayer) < 0 || slices.Contains([]string{"kernel_conv3d", "bias_conv3d", "gamma"}, t.Weight()) {
		return t
	}
	switch len(t.Shape) {
	case 0:
		t.Name = t.Layer + "/gamma"
	case 1:
		t.Name = t.Layer + "/bias_conv3d"
	case 5:
		t.Name = t.Layer + "/kernel_conv3d"
	}
	return t
}

// withNames names the layers of a file that has numbers by class only: it looks for the
// network among the authors' and Keras's own whose layers have the same shapes in the same
// order.
func withNames(file *keras.File, b *backbone.Backbone, whole *layers.Graph) (*keras.File, error) {
	for _, c := range candidates(b, whole) {
		if names, ok := c.names(file); ok {
			return file.Translated(func(group string) string { return names[group] }, nil, c.unweighted()...)
		}
	}
	return nil, fmt.Errorf("it has the classes of its layers and not their names, and no network on %s that is known has these layers: "+
		"a .keras file of the model has the names", b.Title)
}

// candidate is a network that a file may hold.
type candidate struct {
	graph *layers.Graph
	order []string // its layers in Keras's order
	ours  map[string]*layers.Layer
	// least, in the candidate that is a backbone alone, are the layers that a file must
	// have: it may end before the top.
	least map[string]bool
}

// candidates are the authors' networks on b, with every cut in both variants, and then the
// backbone, with its top or without.
func candidates(b *backbone.Backbone, whole *layers.Graph) []candidate {
	var all []candidate
	cuts := keras3Cuts(b, whole)
	for _, cut := range b.Cuts {
		cuts = append(cuts, cut.Layer)
	}
	slices.Sort(cuts)
	for _, cut := range slices.Compact(cuts) {
		for _, variant := range []spec.Variant{spec.Metadata, spec.Augmented} {
			for _, attention := range []bool{true, false} {
				for _, head := range []spec.Pooling{"", spec.GAP} {
					cfg, err := skinattn.AuthorsNetwork(b.Name, variant)
					if err != nil {
						continue
					}
					cfg.Cut, cfg.SoftAttention, cfg.Head = cut, attention, head
					net, err := skinattn.NewNetwork(cfg)
					if err != nil {
						continue // such as an attention on a map that is too small
					}
					if order, ours, err := kerasLayers(net); err == nil {
						all = append(all, candidate{graph: net.Graph, order: order, ours: ours})
					}
				}
			}
		}
	}
	alone := candidate{graph: whole, ours: map[string]*layers.Layer{}, least: neededLayers(b, whole)}
	for _, layer := range whole.Layers() {
		alone.order = append(alone.order, layer.Name)
		alone.ours[layer.Name] = layer
	}
	return append(all, alone)
}

// keras3Cuts are the layers that the authors' code cuts at in Keras 3: their indexes count
// from the end, and MobileNetV3 has fewer layers there.
func keras3Cuts(b *backbone.Backbone, whole *layers.Graph) []string {
	names3 := b.Keras3Names(whole)
	var there []string
	for _, layer := range whole.Layers() {
		if names3[layer.Name] != "" {
			there = append(there, layer.Name)
		}
	}
	var cuts []string
	for _, cut := range b.Cuts {
		if at := len(there) + cut.Index - len(whole.Layers()); at >= 0 && at < len(there) {
			cuts = append(cuts, there[at])
		}
	}
	return cuts
}

// headClasses are the classes without weights that tell one head from another.
var headClasses = []string{"flatten", "global_average_pooling2d", "max_pooling2d"}

// names gives the names of the candidate's layers by the groups of a file of numbered
// classes, if the file fits: the same weights in each class in the same order, but for the
// rows of dense kernels, which depend on the size of the image.
func (c candidate) names(file *keras.File) (map[string]string, bool) {
	names := map[string]string{}
	count := map[string]int{}
	for _, name := range c.order {
		layer := c.ours[name]
		if layer == nil {
			continue
		}
		class := keras.SnakeCase(kerasClass(layer))
		variables := layer.Op.Variables(c.graph.InputShapes(layer)...)
		if len(variables) == 0 && !slices.Contains(headClasses, class) {
			continue
		}
		group := class
		if count[class] > 0 {
			group = fmt.Sprintf("%s_%d", class, count[class])
		}
		count[class]++
		if len(variables) == 0 {
			continue
		}
		tensors := file.LayerTensors(group)
		if len(tensors) == 0 && c.least != nil && !c.least[name] {
			continue
		}
		if !slices.EqualFunc(variables, tensors, func(v layers.Variable, t keras.Tensor) bool {
			rows := class == "dense" && len(v.Shape) == 2 && len(t.Shape) == 2
			return slices.Equal(v.Shape, t.Shape) || rows && v.Shape[1] == t.Shape[1]
		}) {
			return nil, false
		}
		names[group] = name
	}
	for _, group := range file.Layers {
		if names[group] == "" && len(file.LayerTensors(group)) > 0 {
			return nil, false
		}
	}
	for _, class := range headClasses {
		if c.least == nil && len(file.Numbered(class)) != count[class] {
			return nil, false
		}
	}
	return names, true
}

// unweighted are the candidate's layers without weights.
func (c candidate) unweighted() []string {
	if c.least != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.order), func(name string) bool {
		layer := c.ours[name]
		return layer != nil && len(layer.Op.Variables(c.graph.InputShapes(layer)...)) > 0
	})
}
