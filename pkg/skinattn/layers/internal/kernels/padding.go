package kernels

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// Padding is the zeros around a map, or with negative numbers the crop, as [before, after] for rows and columns.
type Padding [2][2]int

// negated crops what p adds.
func (p Padding) negated() Padding {
	for axis := range p {
		p[axis] = [2]int{-p[axis][0], -p[axis][1]}
	}
	return p
}

// Pad puts pad around x [B H W C]. GoMLX's Pad has no gradient; here the gradient is the crop.
func Pad(x *Node, pad Padding) *Node {
	return withGradient(
		func(in ...*Node) *Node { return padMap(in[0], pad, 1) },
		func(cotangent *Node) []*Node { return []*Node{padMap(cotangent, pad.negated(), 1)} },
		x)
}

// padMap pads rows and columns of x [B H W C] with zeros, and puts dilation-1 zeros between neighbours. Negative pads crop,
// by a slice, since the Pad of the pure Go backend takes none.
func padMap(x *Node, pad Padding, dilation int) *Node {
	return padWith(x, pad, dilation, graph.ScalarZero(x.Graph(), x.DType()))
}

// padWith is padMap with value in place of zero.
func padWith(x *Node, pad Padding, dilation int, value *Node) *Node {
	var grow, crop Padding
	for axis := range pad {
		for side, n := range pad[axis] {
			grow[axis][side], crop[axis][side] = max(n, 0), max(-n, 0)
		}
	}
	if grow != (Padding{}) || dilation != 1 {
		along := func(axis int) compute.PadAxis {
			return compute.PadAxis{Start: grow[axis][0], End: grow[axis][1], Interior: dilation - 1}
		}
		x = graph.Pad(x, value, compute.PadAxis{}, along(0), along(1), compute.PadAxis{})
	}
	if crop != (Padding{}) {
		dims := x.Shape().Dimensions
		x = graph.Slice(x, graph.AxisRange(),
			graph.AxisRange(crop[0][0], dims[1]-crop[0][1]), graph.AxisRange(crop[1][0], dims[2]-crop[1][1]))
	}
	return x
}

// padEnd appends n zeros on an axis.
func padEnd(x *Node, axis, n int) *Node {
	pads := make([]compute.PadAxis, x.Rank())
	pads[axis].End = n
	return graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()), pads...)
}

// scatterPadding puts a kernel offset's values in out windows, dilated by w.Stride, at the positions that the offset sees
// in a map of size in.
func (w Window) scatterPadding(offset int, in, out [2]int) (pad Padding) {
	for axis, at := range w.at(offset) {
		before := at - w.Pad[axis][0]
		pad[axis] = [2]int{before, in[axis] - before - extent(out[axis], w.Stride)}
	}
	return pad
}

// dilationPadding pads the cotangent of out windows, dilated by w.Stride, so that the rotated window with stride 1 leads
// from the cotangent back to a map of size in, before w.Pad.
func (w Window) dilationPadding(in, out [2]int) Padding {
	pad := w.scatterPadding(w.offsets()-1, in, out)
	for axis, k := range w.Size {
		pad[axis][1] += k - 1
	}
	return pad
}
