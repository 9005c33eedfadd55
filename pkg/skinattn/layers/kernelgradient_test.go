package layers

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

// TestDepthwiseKernelGradient compares all taps at once with one tap after the
// other, which TestDepthwiseConv2D holds against loops on the pure Go engine.
func TestDepthwiseKernelGradient(t *testing.T) {
	for _, eng := range testEngines {
		for _, c := range []struct {
			window [2]int
			stride int
			width  int // of the output: added in 2, 2, 7 and 1 parts
		}{{[2]int{3, 3}, 1, 28}, {[2]int{3, 3}, 2, 26}, {[2]int{5, 5}, 1, 7}, {[2]int{2, 7}, 3, 17}} {
			d := depthwiseGradient{
				in:  []int{6, reach(5, c.stride) + c.window[0] - 1, reach(c.width, c.stride) + c.window[1] - 1, 3},
				out: []int{6, 5, c.width, 3}, window: c.window, stride: c.stride,
			}
			exec := graph.MustNewExec(eng.Backend, func(x, cotangent *Node) []*Node {
				wide := padMap(cotangent, d.spread(), 1)
				return []*Node{d.byTap(x, wide), d.total(d.addTaps(nil, x, wide)), d.total(d.addTaps(d.noSums(x), x, wide))}
			})
			ways := exec.MustCall(filled(1, -1, 1, d.in...).tensor(), filled(2, -1, 1, d.out...).tensor())
			for _, way := range ways[1:] {
				if err := near(arrayOf(way), arrayOf(ways[0]), 1e-5); err != nil {
					t.Errorf("%+v on engine %s: %v", c, eng.Kind, err)
				}
			}
			exec.Finalize()
		}
	}
}

// TestPairOfSums: both sums are those of a loop.
func TestPairOfSums(t *testing.T) {
	for _, width := range []int{28, 13, 17} { // added in 2, 1 and 17 parts
		x, y := filled(1, -1, 2, 3, 4, width, 5), filled(2, -1, 1, 3, 4, width, 5)
		want := zeros(2, 5)
		for i := range x.v {
			want.v[i%5] += x.v[i]
			want.v[5+i%5] += x.v[i] * y.v[i]
		}
		for _, eng := range testEngines {
			exec := graph.MustNewExec(eng.Backend, func(x, y *Node) *Node {
				sum, products := pairOfSums(x, y)
				return graph.Stack([]*Node{sum, products}, 0)
			})
			if err := near(arrayOf(exec.MustCall(x.tensor(), y.tensor())[0]), want, 1e-4); err != nil {
				t.Errorf("width %d on engine %s: %v", width, eng.Kind, err)
			}
			exec.Finalize()
		}
	}
}
