package backbone

import "github.com/skinattn/skinattn/pkg/skinattn/layers"

// builder adds the layers of a backbone to a graph. Each method returns the name of the
// last layer that it adds.
type builder struct {
	*layers.Graph
	bn layers.BatchNormalization // settings of every batch norm
}

// auto adds a layer under Keras's automatic name for its class.
func (b builder) auto(class string, op layers.Op, inputs ...string) string {
	return b.Add(AutoName(b.Graph, class), op, inputs...)
}

// normalize adds a batch norm and an activation under the given names.
func (b builder) normalize(norm, activation string, relu layers.ReLU, x string) string {
	return b.Add(activation, relu, b.Add(norm, b.bn, x))
}

// imageNetTop ends a network with the mean over the map, in a layer of the given name,
// and the 1000 classes of ImageNet.
func (b builder) imageNetTop(pool, x string) {
	x = b.Add(pool, layers.GlobalAveragePooling2D{}, x)
	b.Add("predictions", layers.Dense{Units: 1000, Activation: "softmax"}, x)
}

// depthwise adds a depthwise convolution; for stride 2, also the padding before it.
func (b builder) depthwise(name, pad string, window, stride int, x string) string {
	op := layers.DepthwiseConv2D{Kernel: [2]int{window, window}, Stride: stride, Padding: layers.Same}
	if stride == 2 {
		op.Padding = layers.Valid
		x = b.Add(pad, b.correctPad(x, window), x)
	}
	return b.Add(name, op, x)
}

// correctPad pads x for a VALID window of stride 2, as Keras's correct_pad does.
func (b builder) correctPad(x string, window int) layers.ZeroPadding2D {
	in := b.Layer(x).Out
	return layers.ZeroPadding2D{Pad: layers.Padding{layers.CorrectPad(in[0], window), layers.CorrectPad(in[1], window)}}
}

// same is a convolution with a square window, SAME padding and no bias.
func same(filters, window, stride int) layers.Conv2D {
	return layers.Conv2D{Filters: filters, Kernel: [2]int{window, window}, Stride: stride, Padding: layers.Same}
}

// valid is same with VALID padding.
func valid(filters, window, stride int) layers.Conv2D {
	return layers.Conv2D{Filters: filters, Kernel: [2]int{window, window}, Stride: stride, Padding: layers.Valid}
}

// biased is a convolution with a bias.
func biased(conv layers.Conv2D) layers.Conv2D {
	conv.Bias = true
	return conv
}

// evenPad adds n rows and columns of zeros on every side.
func evenPad(n int) layers.ZeroPadding2D {
	return layers.ZeroPadding2D{Pad: layers.Padding{{n, n}, {n, n}}}
}
