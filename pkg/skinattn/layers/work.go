package layers

// multiplies is implemented by the operations that have products; those that embed one have its.
type multiplies interface {
	multiplyAdds(inputs []Shape, out Shape) int64
}

// MultiplyAdds counts the multiplications with additions of one example's way through the network: those of convolutions
// and matrix products, as papers count them. Additions of biases, batch norms, activations and poolings, which are few
// beside them, are not counted.
func (g *Graph) MultiplyAdds() (n int64) {
	for _, layer := range g.Layers() {
		if op, ok := layer.Op.(multiplies); ok {
			n += op.multiplyAdds(g.InputShapes(layer), layer.Out)
		}
	}
	return n
}

func (c Conv2D) multiplyAdds(inputs []Shape, out Shape) int64 {
	return int64(out.Size()) * int64(c.Kernel[0]*c.Kernel[1]*inputs[0][2])
}

func (d DepthwiseConv2D) multiplyAdds(_ []Shape, out Shape) int64 {
	return int64(out.Size()) * int64(d.Kernel[0]*d.Kernel[1])
}

func (s SeparableConv2D) multiplyAdds(inputs []Shape, out Shape) int64 {
	channels := inputs[0][2]
	return int64(out[0]*out[1]*channels)*int64(s.Kernel[0]*s.Kernel[1]) + int64(out.Size())*int64(channels)
}

func (d Dense) multiplyAdds(inputs []Shape, _ Shape) int64 {
	return int64(inputs[0][0]) * int64(d.Units)
}

// multiplyAdds counts, for each head, every row, three columns and three channels.
func (s SoftAttention) multiplyAdds(inputs []Shape, _ Shape) int64 {
	rows, cols := inputs[0][0], inputs[0][1]
	return int64(s.Heads) * int64(rows*cols) * int64(rows*3*seenChannels)
}
