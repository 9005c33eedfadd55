package kernels

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/arraytest"
)

type array = arraytest.Array

var zeros, filled, arrayOf, near = arraytest.Zeros, arraytest.Filled, arraytest.Of, arraytest.Near

// TestPlatform: platformOf recognizes each engine.
func TestPlatform(t *testing.T) {
	want := map[string]platform{engine.CPU: xlaCPU, engine.CUDA: xlaCUDA, engine.Go: pureGo}
	for _, eng := range testengine.Both(t) {
		if got := platformOf(eng.Backend); got != want[eng.Kind] {
			t.Errorf("engine %s is platform %d, want %d", eng.Kind, got, want[eng.Kind])
		}
	}
}

// TestGraphSize limits the nodes of forward pass and gradients, whatever the number of channels: networks with hundreds of
// layers must compile.
func TestGraphSize(t *testing.T) {
	state := NewState(false, Limits{})
	same := func(before, after int) Padding { return Padding{{before, after}, {before, after}} }
	for _, c := range []struct {
		name   string
		kernel []int
		build  func(x, kernel *Node) *Node
		limit  int
	}{
		{"1x1", []int{1, 1, 300, 200}, func(x, k *Node) *Node { return Conv2D(x, k, 1, Padding{}) }, 60},
		{"3x3/2", []int{3, 3, 300, 200}, func(x, k *Node) *Node { return Conv2D(x, k, 2, same(0, 1)) }, 120},
		{"7x7/2", []int{7, 7, 300, 20}, func(x, k *Node) *Node { return Conv2D(x, k, 2, same(2, 3)) }, 120},
		{"depthwise 3x3", []int{3, 3, 300, 1}, func(x, k *Node) *Node { return state.DepthwiseConv2D(x, k, 1, same(1, 1)) }, 300},
		{"depthwise 7x7/2", []int{7, 7, 300, 1}, func(x, k *Node) *Node { return state.DepthwiseConv2D(x, k, 2, same(2, 3)) }, 1000},
		{"max pooling", nil, func(x, _ *Node) *Node { return MaxPool(x, Window{[2]int{3, 3}, 2, same(0, 1)}) }, 150},
		{"average pooling", nil, func(x, _ *Node) *Node { return AveragePool(x, Window{[2]int{3, 3}, 1, same(1, 1)}) }, 100},
	} {
		g := graph.NewGraph(testengine.Open(t).Backend, "size")
		x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, 8, 28, 28, 300))
		if !hasLoops(g) {
			t.Skip("the pure Go engine has no loops")
		}
		of, k := []*Node{x}, (*Node)(nil)
		if c.kernel != nil {
			k = graph.Parameter(g, "k", shapes.Make(dtypes.Float32, c.kernel...))
			of = append(of, k)
		}
		graph.Gradient(graph.ReduceAllSum(c.build(x, k)), of...)
		if n := len(g.Nodes()); n > c.limit {
			t.Errorf("%s: %d nodes, want at most %d", c.name, n, c.limit)
		} else {
			t.Logf("%s: %d nodes", c.name, n)
		}
	}
}

// way is a way to compute a value.
type way struct {
	name  string
	build func(in []*Node) *Node
}

// compareWays times ways to compute a value on testengine.Open's engine. All must give the same value.
func compareWays(b *testing.B, what string, in []*tensors.Tensor, ways ...way) {
	b.Helper()
	args := make([]any, len(in))
	for i, x := range in {
		args[i] = x
	}
	var first []*tensors.Tensor
	for _, w := range ways {
		exec := graph.MustNewExec(testengine.Open(b).Backend, w.build)
		results := exec.MustCall(args...)
		if first == nil {
			first = results
		}
		for i, r := range results {
			if err := near(arrayOf(r), arrayOf(first[i]), 2e-4); err != nil {
				b.Fatalf("%s, %s: output %d: %v", what, w.name, i, err)
			}
		}
		b.Run(fmt.Sprintf("%s/%s", what, w.name), func(b *testing.B) {
			for b.Loop() {
				for _, r := range exec.MustCall(args...) {
					r.MustFinalizeAll()
				}
			}
		})
		exec.Finalize()
	}
}
