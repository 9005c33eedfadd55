package kernels

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/arrays"
)

var testEngines = arrays.Engines()

type array = arrays.Array

var zeros, filled, arrayOf, near = arrays.Zeros, arrays.Filled, arrays.Of, arrays.Near

// TestPlatform: the engines are told apart.
func TestPlatform(t *testing.T) {
	want := map[string]platform{engine.CPU: xlaCPU, engine.CUDA: xlaCUDA, engine.Go: pureGo}
	for _, eng := range testEngines {
		if got := platformOf(eng.Backend); got != want[eng.Kind] {
			t.Errorf("engine %s is platform %d, want %d", eng.Kind, got, want[eng.Kind])
		}
	}
}

// TestGraphSize: no layer's forward pass and gradients take more than some hundred
// nodes, whatever its channels: hundreds of layers must compile.
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
		g := graph.NewGraph(testEngines[0].Backend, "size")
		x := graph.Parameter(g, "x", arrays.Shape(8, 28, 28, 300))
		if !hasLoops(g) {
			t.Skip("the pure Go engine has no loops")
		}
		of, k := []*Node{x}, (*Node)(nil)
		if c.kernel != nil {
			k = graph.Parameter(g, "k", arrays.Shape(c.kernel...))
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

// way is one of several ways to compute a value.
type way struct {
	name  string
	build func(in []*Node) *Node
}

// compareWays times ways to compute a value on the engine that $SKINATTN_ENGINE names.
// They must agree.
func compareWays(b *testing.B, what string, in []*tensors.Tensor, ways ...way) {
	b.Helper()
	args := make([]any, len(in))
	for i, x := range in {
		args[i] = x
	}
	var first []*tensors.Tensor
	for _, w := range ways {
		exec := graph.MustNewExec(testEngines[0].Backend, w.build)
		results := exec.MustCall(args...)
		if first == nil {
			first = results
		}
		if err := arrays.Agree(results, first); err != nil {
			b.Fatalf("%s, %s: %v", what, w.name, err)
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
