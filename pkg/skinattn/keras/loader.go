package keras

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Loader hands out the tensors of a file, each once, and notes which are left.
type Loader struct {
	file *File
	used []bool // by index in file.Tensors
}

// NewLoader returns a Loader over all tensors of f.
func NewLoader(f *File) *Loader {
	return &Loader{file: f, used: make([]bool, len(f.Tensors))}
}

// Take returns the values of one weight of a layer, such as "kernel" of
// "block_1_expand", and marks the tensor as used. A layer or weight that the file
// lacks, another shape than the given one (a scalar has no dimensions) and a tensor
// taken before are errors that name the tensor.
//
// A weight matches by the last part of the tensor's name without ":0". Names
// of other Keras versions match too: "conv1_W_1:0" is the kernel of its layer,
// "conv1_b:0" the bias, "bn_running_std:0" the moving variance, and Keras 3 has a
// kernel where Keras 2 has a depthwise_kernel.
func (l *Loader) Take(layer, weight string, shape ...int) ([]float32, error) {
	if !l.file.HasLayer(layer) {
		return nil, fmt.Errorf("%s: no layer %q%s", l.file.Path, layer, l.nearby())
	}
	index, err := l.match(layer, weight)
	if err != nil {
		return nil, fmt.Errorf("%s: layer %q: %w", l.file.Path, layer, err)
	}
	t := &l.file.Tensors[index]
	if l.used[index] {
		return nil, fmt.Errorf("%s: layer %q: tensor %q is used twice", l.file.Path, layer, t.Name)
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, fmt.Errorf("%s: layer %q: tensor %q has shape %v where the network has %v", l.file.Path, layer, t.Name, t.Shape, shape)
	}
	l.used[index] = true
	return t.Data, nil
}

// match finds the tensor of a layer by the name of its weight: by the exact name, else
// by the name that other versions of Keras give the weight.
func (l *Loader) match(layer, weight string) (int, error) {
	indexes := l.file.byLayer[layer]
	for _, same := range []func(*Tensor) bool{
		func(t *Tensor) bool { return t.Weight() == weight },
		func(t *Tensor) bool { return modernName(t.Weight()) == weight },
		func(t *Tensor) bool { return t.Weight() == "kernel" && weight == "depthwise_kernel" },
	} {
		found := -1
		for _, i := range indexes {
			if !same(&l.file.Tensors[i]) {
				continue
			}
			if found >= 0 {
				return 0, fmt.Errorf("both %q and %q could be its %q", l.file.Tensors[found].Name, l.file.Tensors[i].Name, weight)
			}
			found = i
		}
		if found >= 0 {
			return found, nil
		}
	}
	var have []string
	for _, i := range indexes {
		have = append(have, l.file.Tensors[i].Name)
	}
	if have == nil {
		return 0, fmt.Errorf("no weight %q: the layer has no weights in this file", weight)
	}
	return 0, fmt.Errorf("no weight %q among %s", weight, strings.Join(have, ", "))
}

// counter matches the number that TensorFlow appends to a name already in use.
var counter = regexp.MustCompile(`_\d+$`)

// modernName translates a weight name of Keras 1 and early Keras 2 to today's name.
func modernName(name string) string {
	name = counter.ReplaceAllString(name, "")
	for _, rename := range [][2]string{
		{"_W", "kernel"}, {"_b", "bias"},
		{"_gamma", "gamma"}, {"_beta", "beta"},
		{"_running_mean", "moving_mean"}, {"_running_std", "moving_variance"},
	} {
		if strings.HasSuffix(name, rename[0]) {
			return rename[1]
		}
	}
	return name
}

// nearby lists the first layers with weights, to show which network the file holds.
func (l *Loader) nearby() string {
	const most = 4
	var with []string
	for _, name := range l.file.Layers {
		if len(l.file.byLayer[name]) > 0 && len(with) < most {
			with = append(with, name)
		}
	}
	if len(with) == 0 {
		return ": no layer of the file has weights"
	}
	return fmt.Sprintf(" (its layers with weights start with %s)", strings.Join(with, ", "))
}

// Unused returns the tensors that were not taken, as "layer: name" in file
// order, followed by the datasets that no layer lists. The tensors of the layers
// in ignore, such as the layers after a cut, are left out.
func (l *Loader) Unused(ignore ...string) []string {
	var unused []string
	for i, t := range l.file.Tensors {
		if !l.used[i] && !slices.Contains(ignore, t.Layer) {
			unused = append(unused, fmt.Sprintf("%s: %s", t.Layer, t.Name))
		}
	}
	for _, path := range l.file.Unlisted {
		// The names of layers can hold slashes, as in MobileNetV3.
		inside := func(layer string) bool { return strings.HasPrefix(path, layer+"/") }
		if !slices.ContainsFunc(ignore, inside) {
			unused = append(unused, path+" (in no layer's weight_names)")
		}
	}
	return unused
}

// Finish returns an error that names the tensors which Unused lists, if there are any.
func (l *Loader) Finish(ignore ...string) error {
	unused := l.Unused(ignore...)
	if len(unused) == 0 {
		return nil
	}
	const most = 3
	text := strings.Join(unused[:min(most, len(unused))], ", ")
	if len(unused) > most {
		text += fmt.Sprintf(" and %d more", len(unused)-most)
	}
	return fmt.Errorf("%s: %d of %d tensors have no place in the network: %s; is it another network?",
		l.file.Path, len(unused), len(l.file.Tensors), text)
}

// Numbered returns the layers that Keras named automatically from a class,
// such as "dense", "dense_1", "dense_2" for "dense", in the order of their numbers:
// Keras counts the constructor calls of a class in a Python session. So the numbers
// depend on what else the session built, and a network asks for the second dense
// layer rather than for "dense_1".
func (f *File) Numbered(class string) []string {
	number := func(layer string) int {
		if layer == class {
			return 0
		}
		digits, ok := strings.CutPrefix(layer, class+"_")
		if !ok || strings.Trim(digits, "0123456789") != "" {
			return -1
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			return -1
		}
		return n
	}
	var layers []string
	for _, layer := range f.Layers {
		if number(layer) >= 0 {
			layers = append(layers, layer)
		}
	}
	slices.SortStableFunc(layers, func(a, b string) int { return number(a) - number(b) })
	return layers
}
