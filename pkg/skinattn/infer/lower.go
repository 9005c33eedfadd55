package infer

import (
	"cmp"
	"fmt"
	"math"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Weights returns the values of a variable by its path ("/layer/variable"), in Keras's layout. The plan does not keep them.
type Weights func(path string) ([]float32, error)

// Pixels says what the input of a network is made of: RGB pixels 0..255, put into an order of channels and scaled.
type Pixels struct {
	Order   imaging.Order
	Scaling imaging.Scaling
}

// lowering turns the layers of a graph into nodes.
type lowering struct {
	graph   *layers.Graph
	weights Weights
	pixels  map[string]*Pixels // by input layer
	nodes   []*node            // inputs before their users
	values  map[string]*node   // by layer, or name of a second output
}

func (l *lowering) lower() error {
	l.values = map[string]*node{}
	for _, layer := range l.graph.Layers() {
		if err := l.layer(layer); err != nil {
			return err
		}
	}
	return nil
}

func (l *lowering) add(n *node) *node {
	l.nodes = append(l.nodes, n)
	return n
}

func (l *lowering) layer(layer *layers.Layer) error {
	unsupported := func(why string) error { return &ErrUnsupported{layer.Name, layer.Op, why} }
	out, err := shapeOf(layer.Out)
	if err != nil {
		return unsupported(err.Error())
	}
	var in []*node
	for _, name := range layer.Inputs {
		in = append(in, l.values[name])
	}
	n := &node{layer: layer.Name, in: in, shape: out}
	put := func(k kind) {
		n.kind = k
		l.values[layer.Name] = l.add(n)
	}
	variable := func(name string) (values []float32) {
		if err == nil {
			values, err = l.weights("/" + layer.Name + "/" + name)
		}
		return values
	}
	uniform := func(scale, shift float64) {
		n.scale, n.shift = filled(out.channels, scale), filled(out.channels, shift)
		put(affineNode)
	}
	switch op := layer.Op.(type) {
	case layers.Input:
		n.pixels = l.pixels[layer.Name]
		if n.pixels != nil && out.channels != 3 {
			return unsupported("pixels have 3 channels")
		}
		put(inputNode)
	case layers.ReLU:
		n.act = simd.Activation{ReLU: true, Max: float32(op.Max)}
		put(affineNode)
	case layers.Softmax:
		l.values[layers.LogitsOf(layer.Name)] = in[0]
		put(softmaxNode)
	case layers.Dense:
		n.window, n.kernel, n.shift = window{size: [2]int{1, 1}, stride: 1}, variable("kernel"), float64s(variable("bias"))
		switch op.Activation {
		case "":
		case "relu":
			n.act.ReLU = true
		case "softmax":
			put(convNode)
			l.values[layers.LogitsOf(layer.Name)] = n
			n = &node{layer: layer.Name, in: []*node{n}, shape: out}
			put(softmaxNode)
			return err
		default:
			return unsupported(fmt.Sprintf("activation %q", op.Activation))
		}
		put(convNode)
	case layers.Dropout:
		l.values[layer.Name] = in[0]
	case layers.Conv2D:
		l.conv(n, op, variable)
		put(convNode)
	case backbone.ConvReLU:
		l.conv(n, op.Conv2D, variable)
		n.act.ReLU = true
		put(convNode)
	case layers.DepthwiseConv2D:
		n.window, n.kernel = place2D(op.Kernel, op.Stride, op.Padding, in[0].shape), variable("depthwise_kernel")
		put(depthwiseNode)
	case layers.SeparableConv2D:
		n.window, n.kernel = place2D(op.Kernel, op.Stride, op.Padding, in[0].shape), variable("depthwise_kernel")
		n.channels = in[0].channels
		put(depthwiseNode)
		n = &node{layer: layer.Name, in: []*node{n}, shape: out, window: window{size: [2]int{1, 1}, stride: 1}, kernel: variable("pointwise_kernel")}
		put(convNode)
	case layers.Add:
		sum := in[0]
		for _, x := range in[1:] {
			sum = l.add(&node{kind: addNode, layer: layer.Name, in: []*node{sum, x}, shape: out, factor: 1})
		}
		l.values[layer.Name] = sum
	case layers.ScaledAdd:
		n.factor = op.Scale
		put(addNode)
	case layers.Multiply:
		product := in[0]
		for _, x := range in[1:] {
			if product.shape != out {
				product, x = x, product
			}
			if product.shape != out || x.shape != out && x.shape != (shape{1, 1, out.channels}) {
				return unsupported(fmt.Sprintf("%v times %v", product.shape, x.shape))
			}
			product = l.add(&node{kind: multiplyNode, layer: layer.Name, in: []*node{product, x}, shape: out})
		}
		l.values[layer.Name] = product
	case layers.AddScalar:
		uniform(1, op.Value)
	case layers.MulScalar:
		uniform(op.Value, 0)
	case layers.Rescaling:
		if in[0].kind == inputNode && in[0].pixels != nil && l.graph.Consumers()[layer.Inputs[0]] == 1 {
			if in[0].affine.scale == nil {
				in[0].affine = affine{scale: filled(3, 1), shift: make([]float64, 3)}
			}
			for c := range 3 {
				in[0].affine.scale[c] *= op.Scale
				in[0].affine.shift[c] = in[0].affine.shift[c]*op.Scale + op.Offset
			}
			l.values[layer.Name] = in[0]
			break
		}
		uniform(op.Scale, op.Offset)
	case layers.BatchNormalization:
		mean, variance, beta := variable("moving_mean"), variable("moving_variance"), variable("beta")
		var gamma []float32
		if !op.NoScale {
			gamma = variable("gamma")
		}
		if err != nil {
			return err
		}
		n.scale, n.shift = make([]float64, out.channels), make([]float64, out.channels)
		for c := range n.scale {
			n.scale[c] = 1 / math.Sqrt(float64(variance[c])+op.Epsilon)
			if gamma != nil {
				n.scale[c] *= float64(gamma[c])
			}
			n.shift[c] = float64(beta[c]) - float64(mean[c])*n.scale[c]
		}
		put(affineNode)
	case layers.Normalization:
		mean, variance := variable("mean"), variable("variance")
		if err != nil {
			return err
		}
		deviation := max(math.Sqrt(float64(variance[0])), 1e-7)
		uniform(1/deviation, -float64(mean[0])/deviation)
	case layers.MaxPooling2D:
		n.window = place2D([2]int{op.Window, op.Window}, cmp.Or(op.Stride, op.Window), op.Padding, in[0].shape)
		put(maxPoolNode)
	case layers.AveragePooling2D:
		n.window = place2D([2]int{op.Window, op.Window}, cmp.Or(op.Stride, op.Window), op.Padding, in[0].shape)
		put(averagePoolNode)
	case layers.GlobalAveragePooling2D:
		put(meanNode)
	case layers.ZeroPadding2D:
		n.window = window{size: [2]int{1, 1}, stride: 1, pad: op.Pad, zeros: true}
		put(padNode)
	case layers.Cropping2D:
		n.window = window{size: [2]int{1, 1}, stride: 1, zeros: true}
		for axis, crop := range op.Crop {
			n.window.pad[axis] = [2]int{-crop[0], -crop[1]}
		}
		put(padNode)
	case layers.Concatenate:
		put(concatNode)
	case layers.Flatten, layers.Reshape:
		put(reshapeNode)
	case layers.SoftAttention:
		l.attention(n, op, variable)
		if err == nil {
			l.values[layer.Name] = l.nodes[len(l.nodes)-1]
		}
	default:
		return unsupported("")
	}
	return err
}

func (l *lowering) conv(n *node, op layers.Conv2D, variable func(string) []float32) {
	n.window, n.kernel = place2D(op.Kernel, op.Stride, op.Padding, n.in[0].shape), variable("kernel")
	if op.Bias {
		n.shift = float64s(variable("bias"))
	}
}

// attention adds the logits of the heads, a convolution of three channels, the maps, and the product with the input. The
// rows of the kernel that meet padding alone are left out.
func (l *lowering) attention(n *node, op layers.SoftAttention, variable func(string) []float32) {
	const seen = 3 // channels
	x := n.in[0]
	kernel, bias := variable("kernel_conv3d"), variable("bias_conv3d")
	var gamma []float32
	if op.Gamma {
		gamma = variable("gamma")
	}
	first := 0
	if op.CenterWindow {
		first = (x.channels - seen) / 2
	}
	before := (x.channels - 1) / 2
	low, high := max(0, before-(x.rows-1)), min(x.channels, before+x.rows)
	logits := l.add(&node{kind: convNode, layer: n.layer, in: []*node{x}, shape: shape{x.rows, x.cols, op.Heads}, first: first,
		window: window{size: [2]int{high - low, 3}, stride: 1, pad: [2][2]int{{before - low, high - 1 - before}, {1, 1}}},
		affine: affine{shift: float64s(bias), act: simd.Activation{ReLU: true}}})
	if kernel != nil {
		logits.kernel = kernel[low*3*seen*op.Heads : high*3*seen*op.Heads]
	}
	maps := l.add(&node{kind: mapsNode, layer: n.layer, in: []*node{logits}, shape: logits.shape, heads: op.Heads})
	l.values[layers.MapsOf(n.layer)] = maps
	n.kind, n.in, n.factor = weighNode, []*node{x, maps}, 1
	if gamma != nil {
		n.factor = float64(gamma[0])
	}
	l.add(n)
}

// place2D is a window with TensorFlow's pads for a map.
func place2D(size [2]int, stride int, padding string, in shape) window {
	w := window{size: size, stride: stride}
	if padding == layers.Same {
		w.pad = [2][2]int{samePad(in.rows, size[0], stride), samePad(in.cols, size[1], stride)}
	}
	return w
}

// samePad is TensorFlow's SAME rule on one axis.
func samePad(in, kernel, stride int) [2]int {
	total := max(((in+stride-1)/stride-1)*stride+kernel-in, 0)
	return [2]int{total / 2, total - total/2}
}

func filled(n int, v float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func float64s(values []float32) []float64 {
	s := make([]float64, len(values))
	for i, v := range values {
		s[i] = float64(v)
	}
	return s
}
