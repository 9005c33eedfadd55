package layers

import "github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"

// Conv2D is keras.layers.Conv2D. Input [H W Cin], output [H' W' Filters], kernel [kh kw Cin Filters], bias [Filters].
type Conv2D struct {
	Filters int
	Kernel  [2]int
	Stride  int    // in both directions
	Padding string // Same or Valid
	Bias    bool
	Init    Initializer // of the kernel; nil means GlorotUniform
}

func (c Conv2D) window() window { return window{c.Kernel, c.Stride, c.Padding} }

func (c Conv2D) Shape(inputs ...Shape) (Shape, error) { return c.window().shape(inputs, c.Filters) }

func (c Conv2D) Variables(inputs ...Shape) []Variable {
	vars := []Variable{trained("kernel", c.Init, c.Kernel[0], c.Kernel[1], inputs[0][2], c.Filters)}
	if c.Bias {
		vars = append(vars, trained("bias", Zeros, c.Filters))
	}
	return vars
}

// Build implements Op. In training the kernel of Builder.collectedBefore may compute the layers before again.
func (c Conv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	if y, ok := b.collectedBefore(layer); ok {
		return y
	}
	w := c.window().over(inputs[0])
	y := b.kernels.Conv2D(inputs[0], b.variable(layer, "kernel"), w.Stride, w.Pad)
	if c.Bias {
		y = kernels.AddChannels(y, b.variable(layer, "bias"))
	}
	return y
}

// DepthwiseConv2D is keras.layers.DepthwiseConv2D with depth multiplier 1 and no bias: each channel has its own window.
// Input [H W C], output [H' W' C], kernel [kh kw C 1].
type DepthwiseConv2D struct {
	Kernel  [2]int
	Stride  int    // in both directions
	Padding string // Same or Valid
}

func (d DepthwiseConv2D) window() window { return window{d.Kernel, d.Stride, d.Padding} }

func (d DepthwiseConv2D) Shape(inputs ...Shape) (Shape, error) { return d.window().shape(inputs, 0) }

func (d DepthwiseConv2D) Variables(inputs ...Shape) []Variable {
	return []Variable{trained("depthwise_kernel", nil, d.Kernel[0], d.Kernel[1], inputs[0][2], 1)}
}

// Build implements Op. In training the kernel of Builder.bottleneckBefore may compute the layers before again.
func (d DepthwiseConv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	w := d.window().over(x)
	kernel := b.variable(layer, "depthwise_kernel")
	if bottleneck, ok := b.bottleneckBefore(layer, w.Pad); ok {
		return b.kernels.BottleneckDepthwise(bottleneck, kernel, d.Stride)
	}
	return b.kernels.DepthwiseConv2D(x, kernel, d.Stride, w.Pad)
}

// SeparableConv2D is keras.layers.SeparableConv2D with depth multiplier 1 and no bias: a depthwise convolution, then a
// 1x1 convolution. Input [H W Cin], output [H' W' Filters], kernels [kh kw Cin 1] and [1 1 Cin Filters].
type SeparableConv2D struct {
	Filters int
	Kernel  [2]int // of the depthwise part
	Stride  int    // of the depthwise part, in both directions
	Padding string // Same or Valid
}

func (s SeparableConv2D) depthwise() DepthwiseConv2D {
	return DepthwiseConv2D{Kernel: s.Kernel, Stride: s.Stride, Padding: s.Padding}
}

func (s SeparableConv2D) Shape(inputs ...Shape) (Shape, error) {
	return s.depthwise().window().shape(inputs, s.Filters)
}

func (s SeparableConv2D) Variables(inputs ...Shape) []Variable {
	return append(s.depthwise().Variables(inputs...), trained("pointwise_kernel", nil, 1, 1, inputs[0][2], s.Filters))
}

func (s SeparableConv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := s.depthwise().Build(b, layer, inputs...)
	return b.kernels.Conv2D(x, b.variable(layer, "pointwise_kernel"), 1, Padding{})
}
