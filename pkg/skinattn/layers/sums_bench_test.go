package layers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	benchmarks "github.com/janpfeifer/go-benchmarks"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// BenchmarkSums compares ways to sum products over the positions of large maps: the
// gradient of depthwise kernels, by a reduction of each tap's products, tap by tap
// and all taps together, and the two sums of a batch norm, by two reductions and
// together. On maps of MobileNetV2, and with a larger window of NASNetMobile.
func BenchmarkSums(b *testing.B) {
	const batch = 32
	eng, err := engine.Open(context.Background(), "", engine.Options{Log: func(line string) { b.Log(line) }})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ window, side, channels, stride int }{
		{3, 112, 32, 1}, {3, 112, 96, 2}, {3, 56, 144, 1}, {3, 14, 384, 1}, {5, 28, 88, 1}, {7, 56, 88, 2},
	} {
		pad, err := resolvePadding(Same, c.side, c.side, [2]int{c.window, c.window}, c.stride)
		if err != nil {
			b.Fatal(err)
		}
		out := windowOut(c.side, c.window, c.stride, pad[0])
		d := depthwiseGradient{in: []int{batch, c.side, c.side, c.channels}, out: []int{batch, out, out, c.channels},
			window: [2]int{c.window, c.window}, stride: c.stride, pad: pad}
		x, cotangent := filled(1, -1, 1, d.in...).tensor(), filled(2, -1, 1, d.out...).tensor()
		maps := func(in []*Node) (padded, wide *Node) { return padMap(in[0], pad, 1), padMap(in[1], d.spread(), 1) }
		name := fmt.Sprintf("%dx%d/%d on %dx%dx%d, kernel's gradient", c.window, c.window, c.stride, c.side, c.side, c.channels)
		functions := compareForms(b, eng, name, []*tensors.Tensor{x, cotangent},
			namedForm{"reductions", func(in []*Node) *Node {
				padded := padMap(in[0], pad, 1)
				var taps []*Node
				for tap := range c.window * c.window {
					seen := tapSlice(padded, tap/c.window, tap%c.window, [2]int{out, out}, c.stride)
					taps = append(taps, graph.ReduceSum(graph.Mul(seen, in[1]), 0, 1, 2))
				}
				return graph.Stack(taps, 0)
			}},
			namedForm{"tap by tap", func(in []*Node) *Node { return d.byTap(maps(in)) }},
			namedForm{"together", func(in []*Node) *Node {
				padded, wide := maps(in)
				return d.total(held(d.addTaps(nil, padded, wide), padded))
			}})
		if c.stride == 1 && c.window == 3 {
			stack := func(sum, products *Node) *Node { return graph.Stack([]*Node{sum, products}, 0) }
			functions = append(functions, compareForms(b, eng, fmt.Sprintf("two sums over %dx%dx%d", c.side, c.side, c.channels), []*tensors.Tensor{x, cotangent},
				namedForm{"reductions", func(in []*Node) *Node {
					return stack(graph.ReduceSum(in[0], 0, 1, 2), graph.ReduceSum(graph.Mul(in[0], in[1]), 0, 1, 2))
				}},
				namedForm{"together", func(in []*Node) *Node { return stack(pairOfSums(in[0], in[1])) }})...)
		}
		benchmarks.New(functions...).WithWarmUps(2).WithDuration(time.Second).WithQuantiles(5, 95).Done()
		x.MustFinalizeAll()
		cotangent.MustFinalizeAll()
	}
}
