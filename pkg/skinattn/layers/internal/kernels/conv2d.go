package kernels

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/convolve"
)

// algorithm is a way to compute a convolution or one of its gradients. M is the number of output positions in the batch.
type algorithm string

const (
	// native is the engine's convolution.
	native algorithm = "native"
	// im2col is one GEMM: of the patches [M offsets*Cin] with the kernel (forward) or with the cotangent [M Cout] (the
	// kernel's gradient), or of the cotangent with the transposed kernel (the input's gradient), whose result [M
	// offsets*Cin] is then added up at the places of the kernel offsets (col2im).
	im2col algorithm = "im2col"
	// perOffsetGEMM is, for the kernel's gradient, a GEMM for each kernel offset, [Cin M] with [M Cout].
	perOffsetGEMM algorithm = "per offset"
	// perRowGEMM is, for the kernel's gradient, a GEMM for each row of the window, [kw*Cin M] with [M Cout].
	perRowGEMM algorithm = "per row"
)

// convolution is the geometry of a convolution, by which its algorithms are chosen.
type convolution struct {
	batch    int
	in, out  [2]int // rows and columns
	channels [2]int // of input and output
	Window
}

type algorithms struct{ forward, input, kernel algorithm }

// manyPositions is the number of output positions from which im2col is quicker for the first convolution of a network.
const manyPositions = 16384

// choose gives the algorithms for a kind of engine. On a GPU all are native. The rule for XLA on the CPU was measured on
// the shapes of ResNet50, DenseNet, Inception networks and MobileNets, alone and within whole training steps
// (docs/performance.md). The pure Go engine's convolution is several times slower than its GEMM.
func (c convolution) choose(p platform) algorithms {
	positions := c.batch * c.out[0] * c.out[1]
	if p == xlaCUDA {
		return algorithms{native, native, native}
	}
	if c.offsets() == 1 || p == pureGo {
		// Both gradients of a 1x1 convolution take the cotangent as one matrix, which XLA computes once. A GEMM for each
		// image alone is quicker for some kernels, but with it XLA computes the cotangent twice.
		return algorithms{im2col, im2col, perOffsetGEMM}
	}
	a := algorithms{native, native, perOffsetGEMM}
	patch := c.offsets() * c.channels[0] // values in a window
	if positions <= 1024 && patch >= 2048 {
		a.forward = im2col
	}
	if c.channels[0] >= 128 && c.channels[1] >= 128 {
		a.input = im2col
	}
	switch {
	case patch <= 32 && positions >= manyPositions: // forward pass and kernel's gradient share the patches
		a.forward, a.kernel = im2col, im2col
	case c.channels[0] < 16 && c.offsets() > 9:
		a.kernel = perRowGEMM
	case c.channels[0] < 16, c.channels[1] <= 32 && positions <= 2000:
		a.kernel = native
	}
	return a
}

// algorithms chooses for a graph. What the engine leaves to internal/convolve is native.
func (c convolution) algorithms(g *graph.Graph) algorithms {
	a := c.choose(platformOf(g.Backend()))
	if !calls(g) {
		return a
	}
	for kind, algorithm := range []*algorithm{&a.forward, &a.input, &a.kernel} {
		if c.geometry(convolve.Kind(kind)).Pays() {
			*algorithm = native
		}
	}
	return a
}

// calls reports whether the engine leaves convolutions of g to internal/convolve.
func calls(g *graph.Graph) bool {
	return convolve.Active() && platformOf(g.Backend()) == xlaCPU && !usesBFloat16(g)
}

// geometry is the native form of the convolution or of one of its gradients.
func (c convolution) geometry(kind convolve.Kind) convolve.Geometry {
	one := [2]int{1, 1}
	x, y := [4]int{c.batch, c.in[0], c.in[1], c.channels[0]}, [4]int{c.batch, c.out[0], c.out[1], c.channels[1]}
	kernel := [4]int{c.Size[0], c.Size[1], c.channels[0], c.channels[1]}
	g := convolve.Geometry{Kind: kind, Stride: one, Dilation: one, Spread: one}
	stride := [2]int{c.Stride, c.Stride}
	switch kind {
	case convolve.Forward:
		g.Stride, g.Pad, g.Dims = stride, c.Pad, [3][4]int{x, kernel, y}
	case convolve.InputGradient:
		g.Dilation, g.Pad, g.Dims = stride, c.dilationPadding(c.in, c.out), [3][4]int{y, kernel, x}
	case convolve.KernelGradient:
		g.Spread, g.Dims = stride, [3][4]int{x, y, kernel}
		var crop Padding
		g.Pad, crop = c.kernelGradientPadding()
		for axis := range crop {
			g.Dims[0][1+axis] += crop[axis][1]
		}
	}
	return g
}

// Conv2D correlates x [B H W Cin] with kernel [kh kw Cin Cout]: [B H' W' Cout]. The algorithms of the forward pass and of
// both gradients are chosen for the engine.
func Conv2D(x, kernel *Node, stride int, pad Padding) *Node {
	c := convolutionOf(x, kernel, stride, pad)
	return c.build(x, kernel, c.algorithms(x.Graph()))
}

func convolutionOf(x, kernel *Node, stride int, pad Padding) convolution {
	dims, size := x.Shape().Dimensions, kernel.Shape().Dimensions
	c := convolution{batch: dims[0], in: [2]int(dims[1:3]), channels: [2]int(size[2:4]), Window: Window{[2]int(size[:2]), stride, pad}}
	c.out = c.Out(c.in)
	return c
}

// Conv2D is the function of that name. Where x is a lazy expression, such as a batch norm and a ReLU, the gradient computes
// it again: x needs no memory between the forward pass and the gradient.
func (s *State) Conv2D(x, kernel *Node, stride int, pad Padding) *Node {
	c := convolutionOf(x, kernel, stride, pad)
	e, lazy := s.lazy[x]
	if !lazy || c.multiplications() < minMultiplications {
		return Conv2D(x, kernel, stride, pad)
	}
	return c.buildAgain(x, kernel, c.algorithms(x.Graph()), func(cotangent *Node) *Node { return e.again(cotangent) })
}

// minMultiplications is the number of multiplications for each value of a map from which computing the map a second time
// takes little of the time of its convolution.
const minMultiplications = 64

// multiplications is how often the convolution uses a value of its input.
func (c convolution) multiplications() int {
	return c.offsets() * c.channels[1] / (c.Stride * c.Stride)
}

// build computes the convolution by the given algorithms. GoMLX's gradients are not used: they are slow, and the input's
// is wrong for a window with an even side and a stride above 1.
func (c convolution) build(x, kernel *Node, a algorithms) *Node {
	return c.buildAgain(x, kernel, a, func(*Node) *Node { return graph.StopGradient(x) })
}

// buildAgain is build; again gives x to the gradient.
func (c convolution) buildAgain(x, kernel *Node, a algorithms, again func(cotangent *Node) *Node) *Node {
	return withGradient(
		func(in ...*Node) *Node { return c.forward(in[0], in[1], a.forward) },
		func(cotangent *Node) []*Node {
			return []*Node{
				c.inputGradient(cotangent, graph.StopGradient(kernel), a.input),
				c.kernelGradient(again(cotangent), cotangent, a.kernel),
			}
		}, x, kernel)
}

func (c convolution) forward(x, kernel *Node, a algorithm) *Node {
	if a == native {
		return inPrecision(x, kernel, func(x, kernel *Node) *Node {
			return graph.Convolve(x, kernel).Strides(c.Stride).PaddingPerDim(c.Pad[:]).Done()
		})
	}
	if c.offsets() == 1 {
		return pointwise(c.seen(padMap(x, c.Pad, 1), 0, c.out), graph.Reshape(kernel, c.channels[0], c.channels[1]), false)
	}
	y := MatMul(c.patches(x), graph.Reshape(kernel, c.offsets()*c.channels[0], c.channels[1]))
	return graph.Reshape(y, c.batch, c.out[0], c.out[1], c.channels[1])
}

// patches has the window of each output position on x, [M offsets*Cin]. A row of a window is contiguous in memory, but
// windows overlap: each row is taken in chunks as long as the stride.
func (c convolution) patches(x *Node) *Node {
	chunks := (c.Size[1] + c.Stride - 1) / c.Stride
	pad := c.Pad
	pad[1][1] += max(0, (c.out[1]-1+chunks)*c.Stride-c.in[1]-pad[1][0]-pad[1][1])
	padded := padMap(x, pad, 1)
	var pieces []*Node
	for r := range c.Size[0] {
		for chunk := range chunks {
			columns := graph.Slice(padded, graph.AxisRange(), steps(r, c.out[0], c.Stride),
				graph.AxisRange(chunk*c.Stride, (chunk+c.out[1])*c.Stride))
			piece := graph.Reshape(columns, c.batch, c.out[0], c.out[1], c.Stride*c.channels[0])
			if width := c.Size[1] - chunk*c.Stride; width < c.Stride {
				piece = graph.SliceAxis(piece, -1, graph.AxisRange(0, width*c.channels[0]))
			}
			pieces = append(pieces, piece)
		}
	}
	return graph.Reshape(graph.Concatenate(pieces, -1), -1, c.offsets()*c.channels[0])
}

// inputGradient is the cotangent of the input [B H W Cin].
func (c convolution) inputGradient(cotangent, kernel *Node, a algorithm) *Node {
	if a == native {
		pad, axes := c.dilationPadding(c.in, c.out), imageAxes
		axes.KernelInputChannels, axes.KernelOutputChannels = 3, 2
		return inPrecision(cotangent, graph.Reverse(kernel, 0, 1), func(cotangent, kernel *Node) *Node {
			return graph.ConvGeneral(cotangent, kernel, axes, []int{1, 1}, pad[:], []int{c.Stride, c.Stride}, nil, 1, 1)
		})
	}
	flat := graph.Reshape(kernel, c.offsets()*c.channels[0], c.channels[1])
	all := pointwise(cotangent, flat, true)
	var sum *Node
	for offset := range c.offsets() {
		share := graph.SliceAxis(all, -1, graph.AxisRange(offset*c.channels[0], (offset+1)*c.channels[0]))
		sum = plus(sum, padMap(share, c.scatterPadding(offset, c.in, c.out), c.Stride))
	}
	return sum
}

// kernelGradient is the cotangent of the kernel [kh kw Cin Cout].
func (c convolution) kernelGradient(x, cotangent *Node, a algorithm) *Node {
	if a == native {
		return c.nativeKernelGradient(x, cotangent)
	}
	padded := padMap(x, c.Pad, 1)
	// product sums seen [B H' W' K] times the cotangent over positions: [K Cout].
	product := func(seen, cotangent *Node) *Node {
		dims := seen.Shape().Dimensions
		seen = graph.Reshape(seen, -1, dims[len(dims)-1])
		return dotGeneral(seen, []int{0}, nil, graph.Reshape(cotangent, -1, c.channels[1]), []int{0}, nil)
	}
	var sum *Node
	switch a {
	case im2col:
		sum = product(c.patches(x), cotangent)
	case perRowGEMM:
		// All rows of the window share the shifts along a row.
		var shifted []*Node
		for col := range c.Size[1] {
			shifted = append(shifted, graph.SliceAxis(padded, 2, steps(col, c.out[1], c.Stride)))
		}
		row := graph.Concatenate(shifted, -1)
		var parts []*Node
		for r := range c.Size[0] {
			parts = append(parts, product(graph.SliceAxis(row, 1, steps(r, c.out[0], c.Stride)), cotangent))
		}
		sum = graph.Concatenate(parts, 0)
	default:
		if c.offsets() == 1 {
			sum = contractPositions(c.seen(padded, 0, c.out), cotangent)
			break
		}
		size := [4]int{c.batch, extent(c.out[0], c.Stride), extent(c.out[1], c.Stride), c.channels[0]}
		sum = c.perOffset(padded, cotangent, c.channels[:], func(seen view, cotangent *Node) *Node {
			return product(subsample(seen([4]int{}, size), c.Stride), cotangent)
		})
	}
	return graph.Reshape(sum, c.Size[0], c.Size[1], c.channels[0], c.channels[1])
}

// nativeKernelGradient is kernelGradient as a convolution of the map with the cotangent; batch and channels swap places.
func (c convolution) nativeKernelGradient(x, cotangent *Node) *Node {
	pad, crop := c.kernelGradientPadding()
	x = padMap(x, crop, 1)
	axes := imageAxes
	axes.InputBatch, axes.InputChannels = 3, 0
	axes.KernelInputChannels, axes.KernelOutputChannels, axes.KernelSpatial = 0, 3, []int{1, 2}
	axes.OutputBatch, axes.OutputChannels, axes.OutputSpatial = 2, 3, []int{0, 1}
	return inPrecision(x, cotangent, func(x, cotangent *Node) *Node {
		return graph.ConvGeneral(x, cotangent, axes, []int{1, 1}, pad[:], nil, []int{c.Stride, c.Stride}, 1, 1)
	})
}

// kernelGradientPadding is the padding of nativeKernelGradient: the result has the window's size. With a stride, the windows may not reach the end
// of the map, which is then cropped.
func (c convolution) kernelGradientPadding() (pad, crop Padding) {
	pad = c.Pad
	for axis := range pad {
		pad[axis][1] = c.Size[axis] + (c.out[axis]-1)*c.Stride - c.in[axis] - c.Pad[axis][0]
		if pad[axis][1] < 0 {
			pad[axis][1], crop[axis][1] = 0, pad[axis][1]
		}
	}
	return pad, crop
}

// imageAxes says where the axes of NHWC images and of Keras's kernels are.
var imageAxes = graph.ConvolveAxesConfig{
	InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
	KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
	OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
}
