package layers

// SeparableConv2D is keras.layers.SeparableConv2D with depth multiplier 1 and
// no bias: a depthwise convolution, then a 1x1 convolution. Input [H W Cin],
// output [H' W' Filters], kernels [kh kw Cin 1] and [1 1 Cin Filters].
type SeparableConv2D struct {
	Filters int
	Kernel  [2]int
	Stride  int    // in both directions, of the depthwise part
	Padding string // Same or Valid
}

func (s SeparableConv2D) depthwise() DepthwiseConv2D {
	return DepthwiseConv2D{Kernel: s.Kernel, Stride: s.Stride, Padding: s.Padding}
}

// Shape implements Op.
func (s SeparableConv2D) Shape(inputs ...Shape) (Shape, error) {
	out, err := s.depthwise().Shape(inputs...)
	if err != nil {
		return nil, err
	}
	return Shape{out[0], out[1], s.Filters}, nil
}

// Variables implements Op.
func (s SeparableConv2D) Variables(inputs ...Shape) []Variable {
	return append(s.depthwise().Variables(inputs...), Variable{
		Name: "pointwise_kernel", Shape: Shape{1, 1, inputs[0][2], s.Filters}, Trainable: true, Init: GlorotUniform})
}

// Build implements Op.
func (s SeparableConv2D) Build(b *Builder, layer *Layer, inputs ...*Node) *Node {
	x := s.depthwise().Build(b, layer, inputs...)
	return convolve(x, b.variable(layer, "pointwise_kernel", x.Graph()), 1, Padding{})
}
