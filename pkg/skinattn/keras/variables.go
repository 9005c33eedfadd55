package keras

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// Keras has a second layout, for files named .weights.h5 (since 2.12) and inside of .keras
// archives (keras/src/saving/saving_lib.py):
//
//	layers/<class>_<number>/vars/<i>
//
// The class is in snake case. The numbers count the layers of a class in the order of
// Model.layers, the first without a number. The i-th variable of a layer has no name. Since
// Keras 3.6 an attribute of the group vars has the layer's name.
const (
	variablesGroup = "vars"
	layersGroup    = "layers"
	// layersGroup213 is the name of layersGroup in files of Keras 2.12 and 2.13.
	layersGroup213 = "_layer_checkpoint_dependencies"
)

// archivedLayer is what config.json of an archive says of a layer.
type archivedLayer struct {
	Class  string `json:"class_name"`
	Module string
	Name   string
	Config json.RawMessage
}

// isOperation reports whether the entry is an operation between layers, such as x + 3: it
// is listed with the layers and is none.
func (l *archivedLayer) isOperation() bool { return strings.HasPrefix(l.Module, "keras.src.ops") }

// isModel reports whether the layer is a model itself.
func (l *archivedLayer) isModel() bool {
	return l.Class == "Functional" || l.Class == "Sequential" || l.Class == "Model"
}

// off reports whether an option of the layer is set to false.
func (l *archivedLayer) off(option string) bool {
	var options map[string]json.RawMessage
	return json.Unmarshal(l.Config, &options) == nil && string(options[option]) == "false"
}

// archivedLayers reads the layers in config.json.
func archivedLayers(config string) ([]archivedLayer, error) {
	var model struct {
		Class  string `json:"class_name"`
		Config struct{ Layers []archivedLayer }
	}
	if err := json.Unmarshal([]byte(config), &model); err != nil {
		return nil, fmt.Errorf("reading %s: %w", configMember, err)
	}
	if model.Config.Layers == nil {
		return nil, fmt.Errorf("%s lists no layers: the model is a %s, made by code that the file does not hold", configMember, model.Class)
	}
	for i := range model.Config.Layers {
		l := &model.Config.Layers[i]
		if l.Name == "" {
			var named struct{ Name string }
			if err := json.Unmarshal(l.Config, &named); err != nil {
				return nil, fmt.Errorf("reading %s: layer %d: %w", configMember, i, err)
			}
			l.Name = named.Name
		}
	}
	return model.Config.Layers, nil
}

// storedLayer is a group of the layout.
type storedLayer struct {
	group   string // such as "conv2d_3"
	name    string // the layer's name, empty if the file has none
	tensors []Tensor
	nested  bool // it is a model with weights
	config  *archivedLayer
}

// readVariables collects the tensors of a file in the layout with variables by number.
// layers are from config.json, nil without one.
func readVariables(h5 *hdf5.File, layers []archivedLayer) (*File, error) {
	f := &File{Layout: LayoutWeights, byLayer: map[string][]int{}, classes: map[string]string{}}
	r := reader{file: f, paths: map[string]bool{}, budget: h5.Size()}
	found := map[string]*storedLayer{}
	var skipped []string // groups with other things than weights
	err := h5.Root().WalkGroups(func(g *hdf5.Group) error {
		parts := strings.Split(strings.Trim(g.Path(), "/"), "/")
		if parts[len(parts)-1] != variablesGroup {
			return nil
		}
		switch {
		case parts[0] == "optimizer" || strings.Contains(parts[0], "metric"), len(parts) > 2 && parts[len(parts)-2] == "seed_generator":
			skipped = append(skipped, g.Path()+"/")
			return nil
		case len(parts) < 3 || parts[0] != layersGroup && parts[0] != layersGroup213:
			return nil // what it holds is unlisted
		}
		l := found[parts[1]]
		if l == nil {
			l = &storedLayer{group: parts[1]}
			found[parts[1]] = l
		}
		if err := r.variables(g, l, parts[2:len(parts)-1]); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimPrefix(g.Path(), "/"), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	order, err := r.order(found, layers)
	if err != nil {
		return nil, err
	}
	for _, l := range order {
		if err := r.add(l); err != nil {
			return nil, err
		}
	}
	return f, h5.Root().Walk(func(d *hdf5.Dataset) error {
		skip := slices.ContainsFunc(skipped, func(group string) bool { return strings.HasPrefix(d.Path(), group) })
		if !skip && !r.paths[d.Path()] {
			f.Unlisted = append(f.Unlisted, strings.TrimPrefix(d.Path(), "/"))
		}
		return nil
	})
}

// variables reads a group of variables of a layer or of a part of it; inner are the names
// that lead to the part.
func (r *reader) variables(g *hdf5.Group, l *storedLayer, inner []string) error {
	if len(inner) == 0 {
		name, err := text("name", g)
		if err != nil {
			return err
		}
		l.name = name
	}
	for i := 0; ; i++ {
		number := strconv.Itoa(i)
		if has, err := g.Has(number); err != nil || !has {
			return err
		}
		t, err := r.tensor(g, number)
		if err != nil {
			return fmt.Errorf("variable %d: %w", i, err)
		}
		t.Name = strings.Join(append(slices.Clone(inner), number), "/")
		l.tensors = append(l.tensors, t)
		l.nested = l.nested || len(inner) > 0 && inner[0] == layersGroup
	}
}

// order sorts the layers as config.json has them, or else by class and number.
func (r *reader) order(found map[string]*storedLayer, layers []archivedLayer) ([]*storedLayer, error) {
	var order []*storedLayer
	if layers == nil {
		for _, l := range found {
			order = append(order, l)
		}
		slices.SortFunc(order, func(a, b *storedLayer) int {
			aClass, aNumber := splitGroup(a.group)
			bClass, bNumber := splitGroup(b.group)
			if c := strings.Compare(aClass, bClass); c != 0 {
				return c
			}
			return aNumber - bNumber
		})
		named := slices.ContainsFunc(order, func(l *storedLayer) bool { return l.name != "" })
		r.file.Unnamed = !named
		for _, l := range order {
			if named && l.name == "" && len(l.tensors) > 0 {
				return nil, fmt.Errorf("%s/%s has no name, and other layers have", layersGroup, l.group)
			}
			if l.name == "" {
				l.name = l.group
			}
		}
		return order, nil
	}
	count := map[string]int{}
	for i := range layers {
		c := &layers[i]
		if c.isOperation() {
			continue
		}
		class := SnakeCase(c.Class)
		group := class
		if n := count[class]; n > 0 {
			group = fmt.Sprintf("%s_%d", class, n)
		}
		count[class]++
		l := found[group]
		if l == nil { // nothing is stored of it
			l = &storedLayer{group: group}
		}
		delete(found, group)
		if l.name != "" && l.name != c.Name {
			return nil, fmt.Errorf("%s names the layer of %s/%s %q, %s %q: they are of two models", configMember, layersGroup, group, c.Name, weightsMember, l.name)
		}
		l.name, l.config = c.Name, c
		l.nested = l.nested && c.isModel()
		order = append(order, l)
	}
	for group, l := range found {
		if len(l.tensors) > 0 {
			return nil, fmt.Errorf("%s has the layer %s/%s, which %s does not list", weightsMember, layersGroup, group, configMember)
		}
	}
	return order, nil
}

// add puts a layer into the file.
func (r *reader) add(l *storedLayer) error {
	f := r.file
	if f.HasLayer(l.name) {
		return fmt.Errorf("two layers are called %q", l.name)
	}
	class, _ := splitGroup(l.group)
	f.Layers, f.byLayer[l.name], f.classes[l.name] = append(f.Layers, l.name), nil, class
	if l.nested {
		f.Nested = append(f.Nested, l.name)
	}
	names := variableNames(class, l)
	for i, t := range l.tensors {
		name := t.Name
		if len(names) == len(l.tensors) {
			name = names[i]
		}
		t.Layer, t.Name = l.name, l.name+"/"+name
		f.byLayer[l.name] = append(f.byLayer[l.name], len(f.Tensors))
		f.Tensors = append(f.Tensors, t)
	}
	return nil
}

// variableNames are the names of a layer's variables in Keras's order, none for a class
// that is not Keras's own.
func variableNames(class string, l *storedLayer) []string {
	n := len(l.tensors)
	switch class {
	case "conv1d", "conv2d", "conv3d", "depthwise_conv2d", "dense":
		return []string{"kernel", "bias"}[:min(n, 2)]
	case "separable_conv2d":
		return []string{"depthwise_kernel", "pointwise_kernel", "bias"}[:min(n, 3)]
	case "normalization":
		return []string{"mean", "variance", "count"}
	case "batch_normalization":
		names := []string{"gamma", "beta", "moving_mean", "moving_variance"}
		switch {
		case n == 2:
			names = names[2:]
		case n == 3 && l.config != nil && l.config.off("center"):
			names = []string{"gamma", "moving_mean", "moving_variance"}
		case n == 3: // InceptionResNetV2 has no scale
			names = names[1:]
		}
		return names
	}
	return nil
}

// splitGroup splits "conv2d_3" into the class and the number, 0 for the first.
func splitGroup(group string) (class string, number int) {
	at := strings.LastIndexByte(group, '_')
	if at > 0 {
		if n, err := strconv.ParseUint(group[at+1:], 10, 31); err == nil {
			return group[:at], int(n)
		}
	}
	return group, 0
}

var (
	notWord   = regexp.MustCompile(`\W+`)
	wordStart = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	lowUpper  = regexp.MustCompile(`([a-z])([A-Z])`)
)

// SnakeCase is to_snake_case of keras/src/utils/naming.py: "depthwise_conv2d" of
// "DepthwiseConv2D".
func SnakeCase(class string) string {
	class = notWord.ReplaceAllString(class, "")
	class = wordStart.ReplaceAllString(class, "${1}_${2}")
	return strings.ToLower(lowUpper.ReplaceAllString(class, "${1}_${2}"))
}

// hasVariables reports whether the root has the layout with variables by number.
func hasVariables(root *hdf5.Group) (bool, error) {
	for _, name := range []string{layersGroup, layersGroup213} {
		if _, err := root.Group(name); err == nil {
			return true, nil
		} else if !errors.Is(err, hdf5.ErrNotFound) {
			return false, err
		}
	}
	return false, nil
}
