package weights

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// kerasClass is Keras's class of a layer, empty for inputs and for operations that are no
// layers in Keras 3.
func kerasClass(layer *layers.Layer) string {
	switch op := layer.Op.(type) {
	case layers.Conv2D, backbone.ConvReLU:
		return "Conv2D"
	case layers.DepthwiseConv2D:
		return "DepthwiseConv2D"
	case layers.SeparableConv2D:
		return "SeparableConv2D"
	case layers.BatchNormalization:
		return "BatchNormalization"
	case layers.Normalization:
		return "Normalization"
	case layers.Dense:
		return "Dense"
	case layers.SoftAttention:
		return "SoftAttention"
	case layers.ReLU:
		if op.Max > 0 || backbone.AutoNumber(layer.Name, "re_lu") >= 0 {
			return "ReLU"
		}
		return "Activation"
	case layers.Softmax:
		return "Activation"
	case layers.MaxPooling2D:
		return "MaxPooling2D"
	case layers.AveragePooling2D:
		return "AveragePooling2D"
	case layers.GlobalAveragePooling2D:
		return "GlobalAveragePooling2D"
	case layers.Concatenate:
		return "Concatenate"
	case layers.Add:
		return "Add"
	case layers.Multiply:
		return "Multiply"
	case layers.Dropout:
		return "Dropout"
	case layers.Flatten:
		return "Flatten"
	case layers.Reshape:
		return "Reshape"
	case layers.Rescaling:
		return "Rescaling"
	case layers.ZeroPadding2D:
		return "ZeroPadding2D"
	case layers.Cropping2D:
		return "Cropping2D"
	}
	return ""
}

// node is a layer of a model in Keras 3's configuration.
type node struct {
	class, name string
	config      map[string]any // without name, dtype and trainable
	inputs      []string
	shape       layers.Shape  // of the output
	dtype       string        // of the output, float32 if empty
	ours        *layers.Layer // the layer with its variables, nil if it has none
	// variable, for a layer that has one of several variables of ours, is its name.
	variable string
}

// joins reports whether the class takes its inputs as a list.
func (n *node) joins() bool {
	return n.class == "Add" || n.class == "Multiply" || n.class == "Concatenate"
}

// model3 is the authors' network as a model of Keras 3 made of Keras's own layers.
type model3 struct {
	net    *skinattn.Network
	names3 map[string]string // Keras 3's names of the backbone's layers
	swish  map[string]string
	counts map[string]int // next number of automatic names, by class
	nodes  []*node
	byName map[string]*node
	theirs map[string]string // for a layer of ours, the node with its output
	inputs []string          // in the order of the authors' model
	output string
}

// newModel3 translates a network. Soft-Attention becomes a Conv3D on the three channels
// that the network looks at, cut out beforehand: so no backend can choose others.
func newModel3(n *skinattn.Network) (*model3, error) {
	b, whole, err := wholeBackbone(n)
	if err != nil {
		return nil, err
	}
	m := &model3{net: n, names3: b.Keras3Names(whole), swish: backbone.HardSwishes(n.Graph), counts: map[string]int{},
		byName: map[string]*node{}, theirs: map[string]string{}}
	counted := whole
	if b.HasTail() {
		if counted, err = whole.Cut(n.Cut); err != nil {
			return nil, err
		}
	}
	for _, layer := range counted.Layers() {
		if slices.Contains(b.UncountedLayers, layer.Name) {
			continue
		}
		name := m.names3[layer.Name]
		class, number := automatic(name)
		m.counts[class] = max(m.counts[class], number+1)
	}
	for _, layer := range n.Graph.Layers() {
		if whole.Layer(layer.Name) == nil || b.HasTail() && counted.Layer(layer.Name) == nil {
			delete(m.names3, layer.Name) // of the head: named anew
		}
		if err := m.layer(layer); err != nil {
			return nil, fmt.Errorf("layer %q: %w", layer.Name, err)
		}
	}
	m.output = m.theirs[n.Output]
	return m, m.sort()
}

// automatic splits an automatic name into class and number.
func automatic(name string) (class string, number int) {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '_' && i < len(name)-1 {
			if n := backbone.AutoNumber(name, name[:i]); n >= 0 {
				return name[:i], n
			}
		}
		if name[i] < '0' || name[i] > '9' {
			break
		}
	}
	return name, 0
}

// auto is the next automatic name of a class.
func (m *model3) auto(class string) string {
	m.counts[class]++
	if m.counts[class] == 1 {
		return class
	}
	return fmt.Sprintf("%s_%d", class, m.counts[class]-1)
}

// add appends a node and returns its name.
func (m *model3) add(n *node) string {
	m.nodes = append(m.nodes, n)
	m.byName[n.name] = n
	return n.name
}

// input returns the nodes whose outputs a layer of ours takes.
func (m *model3) input(layer *layers.Layer) []string {
	var names []string
	for _, input := range layer.Inputs {
		names = append(names, m.theirs[input])
	}
	return names
}

// layer adds the nodes of a layer of ours.
func (m *model3) layer(layer *layers.Layer) error {
	if last, ok := m.swish[layer.Name]; ok && last != layer.Name {
		return nil // a part of the activation that is added with its last part
	}
	n := &node{class: kerasClass(layer), name: m.names3[layer.Name], inputs: m.input(layer), shape: layer.Out}
	if len(layer.Op.Variables(m.net.Graph.InputShapes(layer)...)) > 0 {
		n.ours = layer
		if n.name == "" {
			n.name = layer.Name // as Keras numbers it
		}
	}
	switch op := layer.Op.(type) {
	case layers.Input:
		m.addInput(layer, op)
		return nil
	case layers.SoftAttention:
		m.theirs[layer.Name] = m.attention(layer, op)
		return nil
	case layers.ScaledAdd:
		scaled := m.add(&node{class: "Rescaling", name: n.name + "_scale", inputs: n.inputs[1:], shape: layer.Out,
			config: map[string]any{"scale": op.Scale, "offset": 0.0}})
		n.class, n.inputs = "Add", []string{n.inputs[0], scaled}
	case layers.AddScalar:
		n.class, n.config = "Rescaling", map[string]any{"scale": 1.0, "offset": op.Value}
	case layers.MulScalar:
		n.class, n.config = "Rescaling", map[string]any{"scale": op.Value, "offset": 0.0}
	case layers.Multiply:
		if m.swish[layer.Name] == layer.Name {
			n.class, n.config, n.inputs = "Activation", map[string]any{"activation": "hard_silu"}, n.inputs[:1]
		}
	default:
		var ok bool
		if n.config, ok = kerasConfig(layer.Op, n.class); !ok {
			return fmt.Errorf("%T has no counterpart in Keras", layer.Op)
		}
	}
	if n.name == "" {
		class := unweightedClass(layer.Op)
		if class == "" {
			class = kerasSnake(n.class)
		}
		n.name = m.auto(class)
	}
	m.theirs[layer.Name] = m.add(n)
	return nil
}

// addInput adds an input. The words of the metadata come as their places in the
// vocabulary, for Keras takes no texts with JAX and torch.
func (m *model3) addInput(layer *layers.Layer, op layers.Input) {
	name, dims, dtype := layer.Name, op.Dims, "float32"
	words := layer.Name == skinattn.SexInput || layer.Name == skinattn.LocalizationInput
	switch {
	case name == backbone.InputLayer:
		name = "input_layer"
	case words:
		dims, dtype = layers.Shape{1}, "int32"
	}
	m.inputs = append(m.inputs, name)
	at := m.add(&node{class: "InputLayer", name: name, shape: dims, dtype: dtype, config: map[string]any{"batch_shape": batched(dims)}})
	if words {
		at = m.add(&node{class: "CategoryEncoding", name: m.auto("category_encoding"), inputs: []string{at}, shape: op.Dims,
			config: map[string]any{"num_tokens": op.Dims[0], "output_mode": "multi_hot"}})
	}
	m.theirs[layer.Name] = at
}

// attention adds Soft-Attention and returns the node with its output: see
// layers.SoftAttention for the formula. The sum over the heads is their mean times their
// number, a power of two.
func (m *model3) attention(layer *layers.Layer, op layers.SoftAttention) string {
	x := m.theirs[layer.Inputs[0]]
	rows, cols, channels := layer.Out[0], layer.Out[1], layer.Out[2]
	const seen = seenChannels
	first := 0
	if op.CenterWindow {
		first = (channels - seen) / 2
	}
	at := x
	step := func(suffix, class string, shape layers.Shape, config map[string]any) *node {
		n := &node{class: class, name: layer.Name + suffix, inputs: []string{at}, shape: shape, config: config}
		at = m.add(n)
		return n
	}
	step("_volume", "Reshape", layers.Shape{rows, cols, channels, 1}, map[string]any{"target_shape": []int{rows, cols, channels, 1}})
	step("_window", "Cropping3D", layers.Shape{rows, cols, seen, 1}, map[string]any{
		"cropping": [][2]int{{0, 0}, {0, 0}, {first, channels - seen - first}}, "data_format": "channels_last"})
	step("", "Conv3D", layers.Shape{rows, cols, 1, op.Heads}, map[string]any{
		"filters": op.Heads, "kernel_size": []int{channels, 3, seen}, "strides": []int{1, 1, seen}, "padding": layers.Same,
		"data_format": "channels_last", "activation": "relu", "use_bias": true}).ours = layer
	step("_positions", "Reshape", layers.Shape{rows * cols, op.Heads}, map[string]any{"target_shape": []int{rows * cols, op.Heads}})
	step("_maps", "Softmax", layers.Shape{rows * cols, op.Heads}, map[string]any{"axis": 1})
	step("_mean", "GlobalAveragePooling1D", layers.Shape{rows * cols}, map[string]any{"data_format": "channels_first", "keepdims": false})
	step("_sum", "Rescaling", layers.Shape{rows * cols}, map[string]any{"scale": float64(op.Heads), "offset": 0.0})
	step("_map", "Reshape", layers.Shape{rows, cols, 1}, map[string]any{"target_shape": []int{rows, cols, 1}})
	if op.Gamma {
		gamma := step("_gamma", "Conv2D", layers.Shape{rows, cols, 1}, conv2D(layers.Conv2D{Filters: 1, Kernel: [2]int{1, 1}, Stride: 1, Padding: layers.Valid}))
		gamma.ours, gamma.variable = layer, "gamma"
	}
	return m.add(&node{class: "Multiply", name: layer.Name + "_product", inputs: []string{at, x}, shape: layer.Out})
}

// sort puts the nodes in the order of Keras's Model.layers, which numbers the groups of
// variables in the file.
func (m *model3) sort() error {
	order := layers.KerasOrder(m.output, func(name string) []string { return m.byName[name].inputs })
	m.nodes = m.nodes[:0]
	for _, name := range order {
		m.nodes = append(m.nodes, m.byName[name])
	}
	if len(m.nodes) != len(m.byName) {
		return fmt.Errorf("%d of %d layers do not feed the output", len(m.byName)-len(m.nodes), len(m.byName))
	}
	return nil
}

// attentionChannels names the channels that Soft-Attention looks at, such as "0, 1, 2";
// empty for a network without.
func attentionChannels(n *skinattn.Network) string {
	layer := n.Graph.Layer(skinattn.AttentionLayer)
	if layer == nil {
		return ""
	}
	first := 0
	if n.AttentionWindow == spec.CenterWindow {
		first = (layer.Out[2] - seenChannels) / 2
	}
	return fmt.Sprintf("%d, %d, %d", first, first+1, first+2)
}

// seenChannels is the number of channels that the attention looks at.
const seenChannels = 3

// vocabulary has the words of a metadata input by the number that the model takes.
func vocabulary(input string) []string {
	switch input {
	case skinattn.SexInput:
		return append([]string{"another word"}, ham10000.Sexes...)
	case skinattn.LocalizationInput:
		return append([]string{"another word"}, ham10000.Localizations...)
	}
	return nil
}
