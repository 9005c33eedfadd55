package layers

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// MaxPooling2D is keras.layers.MaxPooling2D with a square window. Input
// [H W C], output [H' W' C]. SAME padding never wins.
type MaxPooling2D struct {
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

// Shape implements Op.
func (m MaxPooling2D) Shape(inputs ...Shape) (Shape, error) {
	return pool(m).shape(inputs)
}

// Variables implements Op.
func (MaxPooling2D) Variables(...Shape) []Variable { return nil }

// Build implements Op. The gradient goes to the first largest value of each
// window, in rows and then columns, as in TensorFlow on the CPU. GoMLX's own
// (XLA's select-and-scatter) is 100 times slower than the forward pass.
func (m MaxPooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	pad, _ := pool(m).resolve(x)
	dims, stride, window := x.Shape().Dimensions, pool(m).stride(), [2]int{m.Window, m.Window}
	var y *Node
	return withGradient(
		func(in ...*Node) *Node {
			y = graph.MaxPool(in[0]).Window(m.Window).Strides(stride).PaddingPerDim(pad[:]).Done()
			return y
		},
		func(cotangent *Node) []*Node {
			winner := firstTap(padWith(graph.StopGradient(x), pad, x.DType().LowestValue()), y, window, stride)
			spread := spreadPadding(dims, cotangent.Shape().Dimensions, window, stride, pad)
			shares, winners := padMap(cotangent, spread, stride), padMap(winner, spread, stride)
			var sum *Node
			for tap := range m.Window * m.Window {
				r, c := m.Window-1-tap/m.Window, m.Window-1-tap%m.Window
				in := [2]int{dims[1], dims[2]}
				share := tapSlice(shares, r, c, in, 1)
				won := graph.Equal(tapSlice(winners, r, c, in, 1), graph.Scalar(x.Graph(), winner.DType(), tap))
				share = graph.Where(won, share, graph.ZerosLike(share))
				sum = plus(sum, share)
			}
			return []*Node{sum}
		}, x)
}

// firstTap is the number, counted by rows, of the first tap of each window that
// sees the window's largest value y.
func firstTap(padded, y *Node, window [2]int, stride int) *Node {
	out := [2]int(y.Shape().Dimensions[1:3])
	taps := window[0] * window[1]
	number := func(tap int) *Node {
		return graph.BroadcastToDims(graph.Scalar(y.Graph(), dtypes.Int32, tap), y.Shape().Dimensions...)
	}
	winner := number(taps - 1)
	for tap := taps - 2; tap >= 0; tap-- {
		seen := tapSlice(padded, tap/window[1], tap%window[1], out, stride)
		winner = graph.Where(graph.Equal(seen, y), number(tap), winner)
	}
	return winner
}

// AveragePooling2D is keras.layers.AveragePooling2D with a square window.
// Input [H W C], output [H' W' C]. SAME padding is left out of the count: the
// mean of 1..6 under a window of 3 is 1.5, 2, 3, 4, 5, 5.5.
type AveragePooling2D struct {
	Window  int
	Stride  int    // in both directions; 0 means Window
	Padding string // Same or Valid
}

// Shape implements Op.
func (a AveragePooling2D) Shape(inputs ...Shape) (Shape, error) {
	return pool(a).shape(inputs)
}

// Variables implements Op.
func (AveragePooling2D) Variables(...Shape) []Variable { return nil }

// Build implements Op. The mean is a sum of strided slices, which XLA fuses
// into one loop, and so is its gradient.
func (a AveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	x := inputs[0]
	pad, out := pool(a).resolve(x)
	dims, stride, window := x.Shape().Dimensions, pool(a).stride(), [2]int{a.Window, a.Window}
	share := graph.Const(x.Graph(), inverseCounts([2]int{dims[1], dims[2]}, out, a.Window, stride, pad))
	share = graph.ConvertDType(share, x.DType())
	return withGradient(
		func(in ...*Node) *Node {
			return graph.Mul(windowSum(padMap(in[0], pad, 1), window, out, stride), share)
		},
		func(cotangent *Node) []*Node {
			in, shared := [2]int{dims[1], dims[2]}, graph.Mul(cotangent, share)
			if stride > 1 {
				slide := slider{in: in, out: out, window: window, stride: stride, pad: pad}
				return []*Node{slide.back(shared, func(_ int, at *Node) *Node { return at })}
			}
			spread := spreadPadding(dims, cotangent.Shape().Dimensions, window, stride, pad)
			return []*Node{windowSum(padMap(shared, spread, 1), window, in, 1)}
		}, x)
}

// pool is what the two pooling layers have in common.
type pool struct {
	Window, Stride int
	Padding        string
}

func (p pool) stride() int {
	if p.Stride == 0 {
		return p.Window
	}
	return p.Stride
}

func (p pool) shape(inputs []Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	if p.Window < 1 || p.Stride < 0 {
		return nil, fmt.Errorf("a pooling window of %d with stride %d makes no sense", p.Window, p.Stride)
	}
	window := [2]int{p.Window, p.Window}
	pad, err := resolvePadding(p.Padding, in[0], in[1], window, p.stride())
	if err != nil {
		return nil, err
	}
	return mapShape(in, window, p.stride(), pad, in[2])
}

// resolve gives the padding and the output's rows and columns for x [B H W C].
func (p pool) resolve(x *Node) (pad Padding, out [2]int) {
	dims := x.Shape().Dimensions
	pad, err := resolvePadding(p.Padding, dims[1], dims[2], [2]int{p.Window, p.Window}, p.stride())
	if err != nil {
		panic(err)
	}
	for axis := range out {
		out[axis] = windowOut(dims[axis+1], p.Window, p.stride(), pad[axis])
	}
	return pad, out
}

// inverseCounts is [1][out rows][out columns][1]: one over the number of the
// map's positions that each window covers.
func inverseCounts(in, out [2]int, window, stride int, pad Padding) [][][][]float32 {
	covered := func(axis, position int) int {
		start := position*stride - pad[axis][0]
		return min(start+window, in[axis]) - max(start, 0)
	}
	rows := make([][][]float32, out[0])
	for r := range rows {
		rows[r] = make([][]float32, out[1])
		for c := range rows[r] {
			rows[r][c] = []float32{1 / float32(covered(0, r)*covered(1, c))}
		}
	}
	return [][][][]float32{rows}
}

// windowSum sums what the window's taps see of a padded map.
func windowSum(padded *Node, window, out [2]int, stride int) *Node {
	var sum *Node
	for r := range window[0] {
		for c := range window[1] {
			sum = plus(sum, tapSlice(padded, r, c, out, stride))
		}
	}
	return sum
}

// GlobalAveragePooling2D is keras.layers.GlobalAveragePooling2D: the mean over
// all positions, [C], or [1 1 C] with KeepDims.
type GlobalAveragePooling2D struct{ KeepDims bool }

// Shape implements Op.
func (p GlobalAveragePooling2D) Shape(inputs ...Shape) (Shape, error) {
	in, err := oneMap(inputs)
	if err != nil {
		return nil, err
	}
	if p.KeepDims {
		return Shape{1, 1, in[2]}, nil
	}
	return in[2:], nil
}

// Variables implements Op.
func (GlobalAveragePooling2D) Variables(...Shape) []Variable { return nil }

// Build implements Op.
func (p GlobalAveragePooling2D) Build(_ *Builder, _ *Layer, inputs ...*Node) *Node {
	if p.KeepDims {
		return graph.ReduceAndKeep(inputs[0], graph.ReduceMean, 1, 2)
	}
	return graph.ReduceMean(inputs[0], 1, 2)
}
