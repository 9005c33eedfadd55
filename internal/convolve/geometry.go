package convolve

import "fmt"

// Kind is what a convolution computes, by the order of its operands' axes.
type Kind int64

// The kinds. A map is [B H W C].
const (
	// Forward is a map times a kernel [kh kw Cin Cout].
	Forward Kind = iota
	// InputGradient is a map times a kernel [kh kw Cout Cin]. The gradient of a forward convolution's input is one, of the reversed kernel:
	// each Cout is the Cin of the forward convolution.
	InputGradient
	// KernelGradient is the kernel [kh kw Cin Cout] of the map [B H W Cin] and the cotangent [B H' W' Cout] of a forward convolution's output.
	KernelGradient
)

// Geometry is a convolution of two operands with two spatial axes, as XLA has it.
type Geometry struct {
	Kind     Kind
	Stride   [2]int
	Dilation [2]int // of the first operand: so many less one zeros lie between its positions
	Spread   [2]int // of the second operand, likewise; the stride of the forward convolution in a KernelGradient
	Pad      [2][2]int
	Dims     [3][4]int // of the operands and the result
}

// numbers is how many numbers describe a geometry besides the dimensions.
const numbers = 11

// Numbers are what a custom call has as its attribute; [FromNumbers] reads them.
func (g Geometry) Numbers() [numbers]int64 {
	n := [numbers]int64{int64(g.Kind)}
	for axis := range 2 {
		n[1+axis], n[3+axis], n[5+axis] = int64(g.Stride[axis]), int64(g.Dilation[axis]), int64(g.Spread[axis])
		n[7+2*axis], n[8+2*axis] = int64(g.Pad[axis][0]), int64(g.Pad[axis][1])
	}
	return n
}

// FromNumbers is the geometry of a custom call: an error if it isn't one that Rewrite makes.
func FromNumbers(n []int64, dims [3][4]int) (Geometry, error) {
	if len(n) != numbers {
		return Geometry{}, fmt.Errorf("%d numbers describe a convolution, not %d", numbers, len(n))
	}
	g := Geometry{Kind: Kind(n[0]), Dims: dims}
	for axis := range 2 {
		g.Stride[axis], g.Dilation[axis], g.Spread[axis] = int(n[1+axis]), int(n[3+axis]), int(n[5+axis])
		g.Pad[axis] = [2]int{int(n[7+2*axis]), int(n[8+2*axis])}
	}
	if !g.valid() {
		return Geometry{}, fmt.Errorf("no convolution that is computed here: %+v", g)
	}
	return g, nil
}

// window has the rows and columns of the kernel, the channels of the map, and those that the kernel makes of them.
func (g Geometry) window() (size [2]int, channels, filters int) {
	kernel := g.Dims[1]
	switch g.Kind {
	case InputGradient:
		return [2]int{kernel[0], kernel[1]}, kernel[3], kernel[2]
	case KernelGradient:
		kernel = g.Dims[2]
	}
	return [2]int{kernel[0], kernel[1]}, kernel[2], kernel[3]
}

// valid says that the geometry is of a kind computed here and that its dimensions fit together.
func (g Geometry) valid() bool {
	for _, dims := range g.Dims {
		for _, d := range dims {
			if d < 1 || d > 1<<24 {
				return false
			}
		}
	}
	size, channels, filters := g.window()
	in, out, many := g.Dims[0], g.Dims[2], [2]int{1, 1}
	stride := g.Stride
	switch g.Kind {
	case Forward:
		if g.Dilation != many || g.Spread != many {
			return false
		}
	case InputGradient:
		if g.Stride != many || g.Spread != many {
			return false
		}
	case KernelGradient:
		if g.Stride != many || g.Dilation != many {
			return false
		}
		out, stride = g.Dims[1], g.Spread
	default:
		return false
	}
	if in[0] != out[0] || in[3] != channels || out[3] != filters {
		return false
	}
	for axis := range 2 {
		if stride[axis] < 1 || g.Dilation[axis] < 1 || g.Spread[axis] < 1 {
			return false
		}
		// In a kernel's gradient the last windows may leave a part of the map unseen.
		room := (in[1+axis]-1)*g.Dilation[axis] + 1 + g.Pad[axis][0] + g.Pad[axis][1] - size[axis]
		if room < 0 || room/stride[axis]+1 != out[1+axis] {
			return false
		}
	}
	return in[0]*in[1]*in[2]*in[3] < 1<<31 && out[0]*out[1]*out[2]*out[3] < 1<<31
}

// LeastWork is the number of multiplications from which a call pays: it packs the kernel, and asks the other cores to help, while XLA would compute other small ones at
// the same time. Tests lower it.
var LeastWork = 1 << 24

// leastChannels is the number of channels from which the micro-kernels pay: they broadcast one channel after the other. The rows of a window count
// as one where no padding lies between them.
const leastChannels = 12

// Pays says that a convolution is computed here rather than by XLA.
func (g Geometry) Pays() bool {
	if !g.valid() {
		return false
	}
	size, channels, filters := g.window()
	positions := g.Dims[2]
	if g.Kind == KernelGradient {
		positions = g.Dims[1]
	}
	work := positions[0] * positions[1] * positions[2] * size[0] * size[1] * channels * filters
	if g.joinsRows() {
		channels *= size[1]
	}
	return work >= LeastWork && channels >= leastChannels
}

// joinsRows says that a row of a window counts as one tap of a wider kernel.
func (g Geometry) joinsRows() bool {
	size, channels, _ := g.window()
	return g.Kind != InputGradient && size[1] > 1 && channels < 16 && g.Pad[1] == [2]int{}
}
