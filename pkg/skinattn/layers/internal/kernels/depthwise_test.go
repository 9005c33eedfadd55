package kernels

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
)

// TestDepthwiseKernelGradient compares the kernel's gradient of all offsets at once with offsetByOffset, which
// TestDepthwiseConv2D in package layers compares with loops on the pure Go engine.
func TestDepthwiseKernelGradient(t *testing.T) {
	for _, eng := range testengine.Both(t) {
		for _, c := range []struct {
			window [2]int
			stride int
			width  int // of the output: added in 2, 2, 7 and 1 parts
		}{{[2]int{3, 3}, 1, 28}, {[2]int{3, 3}, 2, 26}, {[2]int{5, 5}, 1, 7}, {[2]int{2, 7}, 3, 17}} {
			d := depthwiseGradient{
				in:  []int{6, extent(5, c.stride) + c.window[0] - 1, extent(c.width, c.stride) + c.window[1] - 1, 3},
				out: []int{6, 5, c.width, 3}, Window: Window{Size: c.window, Stride: c.stride},
			}
			exec := graph.MustNewExec(eng.Backend, func(x, cotangent *Node) []*Node {
				padded := padMap(cotangent, d.cotangentPadding(), 1)
				return []*Node{d.offsetByOffset(x, padded), d.total(d.addOffsets(nil, x, padded)), d.total(d.addOffsets(d.zeroSums(x), x, padded))}
			})
			ways := exec.MustCall(filled(1, -1, 1, d.in...).Tensor(), filled(2, -1, 1, d.out...).Tensor())
			for _, way := range ways[1:] {
				if err := near(arrayOf(way), arrayOf(ways[0]), 1e-5); err != nil {
					t.Errorf("%+v on engine %s: %v", c, eng.Kind, err)
				}
			}
			exec.Finalize()
		}
	}
}

// TestPairedSums compares both sums with a loop.
func TestPairedSums(t *testing.T) {
	for _, width := range []int{28, 13, 17} { // added in 2, 1 and 17 parts
		x, y := filled(1, -1, 2, 3, 4, width, 5), filled(2, -1, 1, 3, 4, width, 5)
		want := zeros(2, 5)
		for i := range x.V {
			want.V[i%5] += x.V[i]
			want.V[5+i%5] += x.V[i] * y.V[i]
		}
		for _, eng := range testengine.Both(t) {
			exec := graph.MustNewExec(eng.Backend, func(x, y *Node) *Node {
				sum, products := pairedSums(x, y, y)
				return graph.Stack([]*Node{sum, products}, 0)
			})
			if err := near(arrayOf(exec.MustCall(x.Tensor(), y.Tensor())[0]), want, 1e-4); err != nil {
				t.Errorf("width %d on engine %s: %v", width, eng.Kind, err)
			}
			exec.Finalize()
		}
	}
}
