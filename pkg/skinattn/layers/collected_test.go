package layers

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// TestDenseBlock compares outputs, gradients and moving averages of a DenseNet block in training: XLA's CPU client with
// one buffer for the maps, and the pure Go engine layer by layer, with the automatic gradients of concatenations and batch
// norms.
func TestDenseBlock(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(net *Graph) // after the block
		frozen    map[string]bool
		filters   int // of the 1x1 convolutions
		collected []string
	}{
		{name: "as in DenseNet", filters: 10, collected: []string{"concat1", "concat2", "concat3"}},
		{name: "a layer behind a widening convolution", filters: 17, collected: []string{"concat1", "concat2", "concat3"}},
		{name: "frozen batch norms", filters: 10, frozen: map[string]bool{"bn2": true, "bn_out": true}, collected: []string{"concat1", "concat2", "concat3"}},
		{name: "another user of maps inside", filters: 10, collected: []string{"concat1", "concat2", "concat3"}, change: func(net *Graph) {
			net.Add("pool", AveragePooling2D{Window: 2, Padding: Valid}, "concat2")
			net.Add("other", Conv2D{Filters: 5, Kernel: [2]int{1, 1}, Stride: 1, Padding: Valid}, "pool")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := &Graph{}
			x := net.Add("x", Input{Dims: Shape{6, 4, 7}})
			norm := func(name, x string) string {
				return net.Add("relu_"+name, ReLU{}, net.Add(name, BatchNormalization{Epsilon: 1e-3, Momentum: .9}, x))
			}
			for i := range 3 {
				y := net.Add(fmt.Sprint("narrow", i+1), Conv2D{Filters: c.filters, Kernel: [2]int{1, 1}, Stride: 1, Padding: Valid}, norm(fmt.Sprint("bn", i+1), x))
				y = net.Add(fmt.Sprint("conv", i+1), Conv2D{Filters: 8, Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, norm(fmt.Sprint("inner", i+1), y))
				x = net.Add(fmt.Sprint("concat", i+1), Concatenate{}, x, y)
			}
			net.Add("out", Conv2D{Filters: 5, Kernel: [2]int{1, 1}, Stride: 1, Padding: Valid}, norm("bn_out", x))
			net.Add("mean", AveragePooling2D{Window: 2, Padding: Valid}, "out")
			last := "mean"
			if c.change != nil {
				c.change(net)
				last = net.Add("sum", Add{}, "mean", "other")
			}
			compareTraining(t, net, last, c.frozen, func(b *Builder) {
				collected := slices.Sorted(maps.Keys(b.collected))
				if kernels.HasCache(b.graph) != slices.Equal(collected, c.collected) || !kernels.HasCache(b.graph) && len(collected) > 0 {
					panic(fmt.Sprintf("collected: %v", collected))
				}
			})
		})
	}
}

// TestComputedAgain compares training where the gradient of a convolution computes its input again, and where the gradient
// of a ReLU reads what the batch norm behind it keeps, with the pure Go engine.
func TestComputedAgain(t *testing.T) {
	net := &Graph{}
	norm := BatchNormalization{Epsilon: 1e-3, Momentum: .9}
	x := net.Add("x", Input{Dims: Shape{6, 5, 3}})
	for i := range 2 {
		x = net.Add(fmt.Sprint("conv", i), embedded{Conv2D{Filters: 8, Kernel: [2]int{3, 3}, Stride: 1, Padding: Same, Bias: true}}, x)
		x = net.Add(fmt.Sprint("bn", i), norm, net.Add(fmt.Sprint("relu", i), ReLU{}, x))
	}
	x = net.Add("strided", Conv2D{Filters: 33, Kernel: [2]int{3, 3}, Stride: 2, Padding: Same}, x)
	x = net.Add("relu", ReLU{Max: 1}, net.Add("bn", norm, x))
	x = net.Add("last", Conv2D{Filters: 70, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, x)
	compareTraining(t, net, x, nil, func(*Builder) {})
}

// embedded is a convolution as other packages extend it.
type embedded struct{ Conv2D }

// compareTraining compares a layer's output, all gradients and the moving averages between the engines; built sees every
// Builder after its work.
func compareTraining(t *testing.T, net *Graph, last string, frozen map[string]bool, built func(b *Builder)) {
	t.Helper()
	input := filled(1, -1, 1, append([]int{4}, net.Layer("x").Out...)...)
	cotangent := filled(2, -1, 1, append([]int{4}, net.Last().Out...)...)
	var trained, moving []string
	for _, v := range net.Variables() {
		if v.Trainable {
			trained = append(trained, v.Path())
		} else {
			moving = append(moving, v.Path())
		}
	}
	names := slices.Concat([]string{"output", "x"}, trained, moving)
	var want []array
	for _, eng := range slices.Backward(testengine.Both(t)) { // the pure Go engine first
		store := model.NewStore()
		if err := Initialize(store, net.Variables(), 3); err != nil {
			t.Fatal(err)
		}
		for i, v := range net.Variables() {
			if v.Name == "beta" || v.Name == "gamma" {
				if err := SetVariable(store, v, filled(uint64(10+i), -.5, 1, v.Shape...).Floats()); err != nil {
					t.Fatal(err)
				}
			}
		}
		exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
			b := &Builder{Store: store, Training: true, Frozen: frozen}
			y := b.Build(net, map[string]*Node{"x": in[0]})[last]
			built(b)
			of := []*Node{in[0]}
			for _, path := range trained {
				of = append(of, store.GetVariable(path).NodeValue(y.Graph()))
			}
			return append([]*Node{y}, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, in[1])), of...)...)
		})
		var got []array
		for _, r := range exec.MustCall(input.Tensor(), cotangent.Tensor()) {
			got = append(got, arrayOf(r))
		}
		for _, path := range moving {
			got = append(got, arrayOf(store.GetVariable(path).MustValue()))
		}
		exec.Finalize()
		if want == nil {
			want = got
			continue
		}
		for i, name := range names {
			if err := near(got[i], want[i], 1e-4); err != nil {
				t.Errorf("engine %s: %s: %v", eng.Kind, name, err)
			}
		}
	}
}
