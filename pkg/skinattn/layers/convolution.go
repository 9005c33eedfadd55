package layers

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// form is one way to compute a convolution or one of its gradients. M stands
// for all output positions of the batch, taps for the window's positions.
type form string

const (
	// library is the engine's convolution.
	library form = "library"
	// columns is one matrix product: forward of [M taps*Cin], what each
	// position sees, with the kernel; for the kernel's gradient of the same
	// with the cotangent [M Cout]; for the input's gradient of the cotangent
	// with the kernel turned round, whose [M taps*Cin] is then added up where
	// the taps had looked.
	columns form = "columns"
	// shifts, of the kernel's gradient, is one matrix product for each tap,
	// [Cin M] with [M Cout].
	shifts form = "shifts"
	// rows, of the kernel's gradient, is one matrix product for each row of
	// the window, [kw*Cin M] with [M Cout].
	rows form = "rows"
)

// convolution is a convolution's geometry: all that the choice of its forms
// depends on.
type convolution struct {
	batch    int
	in, out  [2]int // rows and columns
	channels [2]int // of input and output
	window   [2]int
	stride   int
	pad      Padding
}

// forms are the choices for one convolution.
type forms struct{ forward, input, kernel form }

// platform is a kind of engine as far as the choice of forms goes.
type platform int

const (
	xlaCPU platform = iota
	xlaCUDA
	pureGo
)

// platformOf tells which kind a GoMLX backend is.
func platformOf(backend compute.Backend) platform {
	xla, isXLA := backend.(interface{ IsCUDA() bool })
	switch {
	case !isXLA:
		return pureGo
	case xla.IsCUDA():
		return xlaCUDA
	default:
		return xlaCPU
	}
}

// choose gives the forms for a convolution on a kind of engine.
//
// On a GPU they are the library's. For XLA on the CPU the rule comes from
// measuring the forms on the shapes of ResNet50, DenseNet, Inception networks
// and MobileNets, alone and within whole training steps
// (docs/performance.md). The pure Go engine's convolution is several times
// slower than its matrix product.
func (c convolution) choose(p platform) forms {
	positions := c.batch * c.out[0] * c.out[1]
	if p == xlaCUDA {
		return forms{library, library, library}
	}
	if c.taps() == 1 || p == pureGo {
		// Both of a 1x1 convolution's gradients then see the cotangent as one
		// matrix, which XLA makes once. A product for each image is quicker for
		// some kernels alone, but has it made twice.
		return forms{columns, columns, shifts}
	}
	f := forms{library, library, shifts}
	seen := c.taps() * c.channels[0] // values that a position sees
	if positions <= 1024 && seen >= 2048 {
		f.forward = columns
	}
	if c.channels[0] >= 128 && c.channels[1] >= 128 {
		f.input = columns
	}
	switch {
	case seen <= 32 && positions >= manyPositions: // they are gathered once for both
		f.forward, f.kernel = columns, columns
	case c.channels[0] < 16 && c.taps() > 9:
		f.kernel = rows
	case c.channels[0] < 16, c.channels[1] <= 32 && positions <= 2000:
		f.kernel = library
	}
	return f
}

// convolutionOf is the geometry of x [B H W Cin] with kernel [kh kw Cin Cout].
func convolutionOf(x, kernel *Node, stride int, pad Padding) convolution {
	dims, window := x.Shape().Dimensions, kernel.Shape().Dimensions
	c := convolution{batch: dims[0], in: [2]int(dims[1:3]), channels: [2]int(window[2:4]),
		window: [2]int(window[:2]), stride: stride, pad: pad}
	for axis := range c.out {
		c.out[axis] = windowOut(c.in[axis], c.window[axis], stride, pad[axis])
	}
	return c
}

// convolve correlates x [B H W Cin] with kernel [kh kw Cin Cout], in the forms
// that suit the engine.
func convolve(x, kernel *Node, stride int, pad Padding) *Node {
	c := convolutionOf(x, kernel, stride, pad)
	return c.build(x, kernel, c.choose(platformOf(x.Graph().Backend())))
}

// build makes the convolution in the given forms. GoMLX's own gradient of a
// convolution is not used: besides being slow, that for the input is wrong
// where a window with an even side moves by more than one.
func (c convolution) build(x, kernel *Node, f forms) *Node {
	return withGradient(
		func(in ...*Node) *Node { return c.forward(in[0], in[1], f.forward) },
		func(cotangent *Node) []*Node {
			return []*Node{
				c.inputGradient(cotangent, graph.StopGradient(kernel), f.input),
				c.kernelGradient(graph.StopGradient(x), cotangent, f.kernel),
			}
		}, x, kernel)
}

func (c convolution) taps() int { return c.window[0] * c.window[1] }

func (c convolution) forward(x, kernel *Node, f form) *Node {
	if f == library {
		return graph.Convolve(x, kernel).Strides(c.stride).PaddingPerDim(c.pad[:]).Done()
	}
	if c.taps() == 1 {
		return mixChannels(tapSlice(padMap(x, c.pad, 1), 0, 0, c.out, c.stride), graph.Reshape(kernel, c.channels[0], c.channels[1]), false)
	}
	y := graph.Dot(c.columnsOf(x), graph.Reshape(kernel, c.taps()*c.channels[0], c.channels[1])).MatMul()
	return graph.Reshape(y, c.batch, c.out[0], c.out[1], c.channels[1])
}

// columnsOf is what each output position sees of x, [M taps*Cin]. A row of a
// window lies in one piece in memory, but the windows overlap: each is taken in
// chunks as long as the stride.
func (c convolution) columnsOf(x *Node) *Node {
	chunks := (c.window[1] + c.stride - 1) / c.stride
	pad := c.pad
	pad[1][1] += max(0, (c.out[1]-1+chunks)*c.stride-c.in[1]-pad[1][0]-pad[1][1])
	padded := padMap(x, pad, 1)
	var pieces []*Node
	for r := range c.window[0] {
		for chunk := range chunks {
			columns := graph.Slice(padded, graph.AxisRange(),
				graph.AxisRange(r, r+reach(c.out[0], c.stride)).Stride(c.stride),
				graph.AxisRange(chunk*c.stride, (chunk+c.out[1])*c.stride), graph.AxisRange())
			piece := graph.Reshape(columns, c.batch, c.out[0], c.out[1], c.stride*c.channels[0])
			if width := c.window[1] - chunk*c.stride; width < c.stride {
				piece = graph.Slice(piece, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, width*c.channels[0]))
			}
			pieces = append(pieces, piece)
		}
	}
	return graph.Reshape(graph.Concatenate(pieces, -1), -1, c.taps()*c.channels[0])
}

// inputGradient is the cotangent of the input [B H W Cin].
func (c convolution) inputGradient(cotangent, kernel *Node, f form) *Node {
	in := []int{c.batch, c.in[0], c.in[1], c.channels[0]}
	spread := spreadPadding(in, cotangent.Shape().Dimensions, c.window, c.stride, c.pad)
	if f == library {
		turned := graph.Reverse(kernel, 0, 1)
		axes := imageAxes
		axes.KernelInputChannels, axes.KernelOutputChannels = 3, 2
		return graph.ConvGeneral(cotangent, turned, axes, []int{1, 1}, spread[:], []int{c.stride, c.stride}, nil, 1, 1)
	}
	flat := graph.Reshape(kernel, c.taps()*c.channels[0], c.channels[1])
	all := mixChannels(cotangent, flat, true)
	var sum *Node
	for tap := range c.taps() {
		share := graph.Slice(all, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(),
			graph.AxisRange(tap*c.channels[0], (tap+1)*c.channels[0]))
		sum = plus(sum, padMap(share, c.backTo(tap), c.stride))
	}
	return sum
}

// backTo pads what one tap gives for the output positions, after the stride
// has spread it, to the input positions that the tap had looked at.
func (c convolution) backTo(tap int) Padding {
	var pad Padding
	for axis, offset := range [2]int{tap / c.window[1], tap % c.window[1]} {
		before := offset - c.pad[axis][0]
		pad[axis] = [2]int{before, c.in[axis] - before - reach(c.out[axis], c.stride)}
	}
	return pad
}

// manyPositions is from where on a first convolution of images is quicker as a
// product of what each position sees.
const manyPositions = 16384

// kernelGradient is the cotangent of the kernel [kh kw Cin Cout].
func (c convolution) kernelGradient(x, cotangent *Node, f form) *Node {
	if f == library {
		return c.libraryKernelGradient(x, cotangent)
	}
	padded := padMap(x, c.pad, 1)
	// product is the sum over positions of seen [B H' W' K] times the cotangent: [K Cout].
	product := func(seen, cotangent *Node) *Node {
		dims := seen.Shape().Dimensions
		seen = graph.Reshape(seen, -1, dims[len(dims)-1])
		return graph.DotGeneral(seen, []int{0}, nil, graph.Reshape(cotangent, -1, c.channels[1]), []int{0}, nil)
	}
	var sum *Node
	switch f {
	case columns:
		sum = product(c.columnsOf(x), cotangent)
	case rows:
		// The columns' shifts are made once for all rows of the window.
		var shifted []*Node
		for col := range c.window[1] {
			shifted = append(shifted, graph.Slice(padded, graph.AxisRange(), graph.AxisRange(),
				graph.AxisRange(col, col+reach(c.out[1], c.stride)).Stride(c.stride), graph.AxisRange()))
		}
		row := graph.Concatenate(shifted, -1)
		var parts []*Node
		for r := range c.window[0] {
			parts = append(parts, product(graph.Slice(row, graph.AxisRange(),
				graph.AxisRange(r, r+reach(c.out[0], c.stride)).Stride(c.stride), graph.AxisRange(), graph.AxisRange()), cotangent))
		}
		sum = graph.Concatenate(parts, 0)
	default:
		if c.taps() == 1 {
			sum = sumOfProducts(tapSlice(padded, 0, 0, c.out, c.stride), cotangent)
			break
		}
		size := [4]int{c.batch, reach(c.out[0], c.stride), reach(c.out[1], c.stride), c.channels[0]}
		sum = eachTap(c.window, padded, cotangent, c.channels[:], func(seen view, cotangent *Node) *Node {
			return product(thin(seen([4]int{}, size), c.stride), cotangent)
		})
	}
	return graph.Reshape(sum, c.window[0], c.window[1], c.channels[0], c.channels[1])
}

// libraryKernelGradient is the kernel's gradient as a convolution of the map
// with the cotangent, where batch and channels have changed places.
func (c convolution) libraryKernelGradient(x, cotangent *Node) *Node {
	pad := c.pad
	for axis := range pad {
		// As many positions as the window has; a stride can leave some of the map unseen.
		pad[axis][1] = c.window[axis] + (c.out[axis]-1)*c.stride - c.in[axis] - c.pad[axis][0]
		if over := -pad[axis][1]; over > 0 {
			pad[axis][1] = 0
			crop := Padding{}
			crop[axis][1] = -over
			x = padMap(x, crop, 1)
		}
	}
	axes := imageAxes
	axes.InputBatch, axes.InputChannels = 3, 0
	axes.KernelInputChannels, axes.KernelOutputChannels, axes.KernelSpatial = 0, 3, []int{1, 2}
	axes.OutputBatch, axes.OutputChannels, axes.OutputSpatial = 2, 3, []int{0, 1}
	return graph.ConvGeneral(x, cotangent, axes, []int{1, 1}, pad[:], nil, []int{c.stride, c.stride}, 1, 1)
}

// imageAxes says where the axes of NHWC images and of Keras's kernels are.
var imageAxes = graph.ConvolveAxesConfig{
	InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
	KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
	OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
}
