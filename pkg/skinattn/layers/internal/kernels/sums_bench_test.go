package kernels

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// BenchmarkSums compares ways to sum products over the positions of large maps of MobileNetV2 and NASNetMobile: the
// gradient of depthwise kernels by a reduction of each kernel offset's products, offset by offset and all offsets
// together, and the two sums of a batch norm by two reductions and together.
func BenchmarkSums(b *testing.B) {
	const batch = 32
	for _, c := range []struct{ window, side, channels, stride int }{
		{3, 112, 32, 1}, {3, 112, 96, 2}, {3, 56, 144, 1}, {3, 14, 384, 1}, {5, 28, 88, 1}, {7, 56, 88, 2},
	} {
		w := sameWindow(c.side, [2]int{c.window, c.window}, c.stride)
		out := w.Out([2]int{c.side, c.side})
		d := depthwiseGradient{in: []int{batch, c.side, c.side, c.channels}, out: []int{batch, out[0], out[1], c.channels}, Window: w}
		x, cotangent := filled(1, -1, 1, d.in...).Tensor(), filled(2, -1, 1, d.out...).Tensor()
		maps := func(in []*Node) (seen, padded *Node) {
			return padMap(in[0], w.Pad, 1), padMap(in[1], d.cotangentPadding(), 1)
		}
		name := fmt.Sprintf("%dx%d stride %d on %dx%dx%d, kernel's gradient", c.window, c.window, c.stride, c.side, c.side, c.channels)
		compareWays(b, name, []*tensors.Tensor{x, cotangent},
			way{"reductions", func(in []*Node) *Node {
				padded := padMap(in[0], w.Pad, 1)
				var sums []*Node
				for offset := range w.offsets() {
					sums = append(sums, graph.ReduceSum(graph.Mul(w.seen(padded, offset, out), in[1]), 0, 1, 2))
				}
				return graph.Reshape(graph.Stack(sums, 0), c.window, c.window, c.channels, 1)
			}},
			way{"offset by offset", func(in []*Node) *Node { return d.offsetByOffset(maps(in)) }},
			way{"together", func(in []*Node) *Node {
				seen, padded := maps(in)
				return d.total(materialize(d.addOffsets(nil, seen, padded), seen))
			}})
		if c.stride == 1 && c.window == 3 {
			stack := func(sum, products *Node) *Node { return graph.Stack([]*Node{sum, products}, 0) }
			compareWays(b, fmt.Sprintf("two sums over %dx%dx%d", c.side, c.side, c.channels), []*tensors.Tensor{x, cotangent},
				way{"reductions", func(in []*Node) *Node {
					return stack(graph.ReduceSum(in[0], 0, 1, 2), graph.ReduceSum(graph.Mul(in[0], in[1]), 0, 1, 2))
				}},
				way{"together", func(in []*Node) *Node { return stack(pairedSums(in[0], in[1], in[1])) }})
		}
		x.MustFinalizeAll()
		cotangent.MustFinalizeAll()
	}
}
