package weights

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// kerasSnake is the class in automatic names.
func kerasSnake(class string) string { return keras.SnakeCase(class) }

// batched is a shape with the batch axis, whose length is open.
func batched(shape layers.Shape) []any {
	dims := []any{nil}
	for _, n := range shape {
		dims = append(dims, n)
	}
	return dims
}

func conv2D(op layers.Conv2D) map[string]any {
	return map[string]any{"filters": op.Filters, "kernel_size": op.Kernel, "strides": square(op.Stride), "padding": op.Padding,
		"data_format": "channels_last", "activation": "linear", "use_bias": op.Bias}
}

func square(n int) [2]int { return [2]int{n, n} }

func pooling(window, stride int, padding string) map[string]any {
	if stride == 0 {
		stride = window
	}
	return map[string]any{"pool_size": square(window), "strides": square(stride), "padding": padding, "data_format": "channels_last"}
}

// kerasConfig has the arguments of an operation's class in Keras. The arguments that it
// leaves out have Keras's defaults, which concern training and first weights.
func kerasConfig(op layers.Op, class string) (config map[string]any, ok bool) {
	switch op := op.(type) {
	case layers.Conv2D:
		return conv2D(op), true
	case backbone.ConvReLU:
		config = conv2D(op.Conv2D)
		config["activation"] = "relu"
		return config, true
	case layers.DepthwiseConv2D:
		return map[string]any{"kernel_size": op.Kernel, "strides": square(op.Stride), "padding": op.Padding, "depth_multiplier": 1,
			"data_format": "channels_last", "activation": "linear", "use_bias": false}, true
	case layers.SeparableConv2D:
		return map[string]any{"filters": op.Filters, "kernel_size": op.Kernel, "strides": square(op.Stride), "padding": op.Padding,
			"depth_multiplier": 1, "data_format": "channels_last", "activation": "linear", "use_bias": false}, true
	case layers.BatchNormalization:
		return map[string]any{"axis": -1, "momentum": op.Momentum, "epsilon": op.Epsilon, "center": true, "scale": !op.NoScale}, true
	case layers.Normalization:
		return map[string]any{"axis": nil, "invert": false}, true
	case layers.Dense:
		activation := op.Activation
		if activation == "" {
			activation = "linear"
		}
		return map[string]any{"units": op.Units, "activation": activation, "use_bias": true}, true
	case layers.ReLU:
		switch {
		case class == "Activation":
			return map[string]any{"activation": "relu"}, true
		case op.Max > 0:
			return map[string]any{"max_value": op.Max}, true
		}
		return map[string]any{}, true
	case layers.Softmax:
		return map[string]any{"activation": "softmax"}, true
	case layers.MaxPooling2D:
		return pooling(op.Window, op.Stride, op.Padding), true
	case layers.AveragePooling2D:
		return pooling(op.Window, op.Stride, op.Padding), true
	case layers.GlobalAveragePooling2D:
		return map[string]any{"data_format": "channels_last", "keepdims": op.KeepDims}, true
	case layers.Concatenate:
		return map[string]any{"axis": -1}, true
	case layers.Add:
		return map[string]any{}, true
	case layers.Dropout:
		return map[string]any{"rate": op.Rate}, true
	case layers.Flatten:
		return map[string]any{"data_format": "channels_last"}, true
	case layers.Reshape:
		return map[string]any{"target_shape": op.Dims}, true
	case layers.Rescaling:
		return map[string]any{"scale": op.Scale, "offset": op.Offset}, true
	case layers.ZeroPadding2D:
		return map[string]any{"padding": op.Pad, "data_format": "channels_last"}, true
	case layers.Cropping2D:
		return map[string]any{"cropping": op.Crop, "data_format": "channels_last"}, true
	}
	return nil, false
}

// config is the text of config.json: the model as Keras 3 serialises it.
func (m *model3) config(name string) (string, error) {
	type object = map[string]any
	history := func(name string) []any { return []any{name, 0, 0} }
	tensor := func(name string) object {
		n := m.byName[name]
		return object{"class_name": "__keras_tensor__", "config": object{"shape": batched(n.shape), "dtype": n.outputType(), "keras_history": history(name)}}
	}
	all := []object{}
	for _, n := range m.nodes {
		config := object{"name": n.name, "dtype": "float32"}
		maps.Copy(config, n.config)
		inbound := []object{}
		if n.class == "InputLayer" {
			config["dtype"] = n.outputType()
		} else {
			config["trainable"] = true
			var args []any
			for _, input := range n.inputs {
				args = append(args, tensor(input))
			}
			if n.joins() {
				args = []any{args}
			}
			inbound = append(inbound, object{"args": args, "kwargs": object{}})
		}
		all = append(all, object{"module": "keras.layers", "class_name": n.class, "registered_name": nil, "name": n.name,
			"config": config, "inbound_nodes": inbound})
	}
	var inputs any = history(m.inputs[0])
	if len(m.inputs) > 1 {
		several := []any{}
		for _, input := range m.inputs {
			several = append(several, history(input))
		}
		inputs = several
	}
	text, err := json.Marshal(object{"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
		"config": object{"name": name, "trainable": true, "layers": all, "input_layers": inputs, "output_layers": history(m.output)}})
	return string(text), err
}

func (n *node) outputType() string {
	if n.dtype == "" {
		return "float32"
	}
	return n.dtype
}

// metadata is the text of metadata.json. Beside Keras's version it says what a user of the
// model has to feed.
func (m *model3) metadata() (string, error) {
	type input struct {
		Name  string   `json:"name"`
		What  string   `json:"what"`
		Words []string `json:"words,omitempty"` // by number
	}
	about := struct {
		Inputs   []input  `json:"inputs"`
		Classes  []string `json:"classes"`
		Channels string   `json:"attention_channels,omitempty"`
	}{Classes: ham10000.Classes}
	for _, name := range m.inputs {
		in := input{Name: name, Words: vocabulary(name)}
		switch {
		case in.Words != nil:
			in.What = "the number of the word, shape (N, 1)"
		case len(m.byName[name].shape) == 1:
			in.What = "years, shape (N, 1)"
		default:
			in.What = pixelsInWords(m.net.Network)
		}
		about.Inputs = append(about.Inputs, in)
	}
	about.Channels = attentionChannels(m.net)
	text, err := json.Marshal(map[string]any{"keras_version": keras.Version3, "skinattn": about})
	return string(text), err
}

// pixelsInWords describes the image input.
func pixelsInWords(n spec.Network) string {
	scaling := map[imaging.Preprocess]string{
		imaging.PreprocessTF:    "from -1 to 1 (pixel/127.5 - 1)",
		imaging.PreprocessCaffe: "minus 103.939, 116.779, 123.68 for blue, green, red, in that order",
		imaging.PreprocessTorch: "from 0 to 1, minus .485, .456, .406, over .229, .224, .225 for red, green, blue",
		imaging.PreprocessNone:  "from 0 to 255",
	}[n.Preprocess]
	return fmt.Sprintf("pixels, shape (N, %d, %d, 3), channels in the order %s, %s", n.Size, n.Size, n.ChannelOrder, scaling)
}
