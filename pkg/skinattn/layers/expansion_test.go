package layers

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// TestExpansion compares wide maps made image by image with the same layers built
// one by one, which have tests of their own: values and all gradients.
func TestExpansion(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     Shape
		limit  float64
		layers func(net *Graph)
	}{
		{"stride 1", Shape{30, 28, 2}, 6, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, "relu")
		}},
		{"without an upper bound, 5x5", Shape{60, 64, 3}, 0, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{5, 5}, Stride: 1, Padding: Same}, "relu")
		}},
		{"stride 2 with a layer for the border", Shape{14, 16, 4}, 6, func(net *Graph) {
			net.Add("pad", ZeroPadding2D{Pad: Padding{{0, 1}, {0, 1}}}, "relu")
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "pad")
		}},
		{"stride 2, no border", Shape{15, 13, 1}, 6, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "relu")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := &Graph{}
			net.Add("x", Input{Dims: c.in})
			net.Add("conv", Conv2D{Filters: 6 * c.in[2], Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, "x")
			net.Add("bn", BatchNormalization{Epsilon: 1e-3, Momentum: .9}, "conv")
			net.Add("relu", ReLU{Max: c.limit}, "bn")
			c.layers(net)
			x := filled(1, -1, 1, append([]int{4}, c.in...)...)
			cotangent := filled(2, -1, 1, append([]int{4}, net.Last().Out...)...)
			for _, eng := range testEngines {
				store := model.NewStore()
				if err := Initialize(store, net.Variables(), 3); err != nil {
					t.Fatal(err)
				}
				// Both bounds of the ReLU are met, and the border differs from relu(shift).
				channels := Shape{6 * c.in[2]}
				for name, value := range map[string]array{"gamma": filled(4, 1, 4, channels...), "beta": filled(5, 0, 4, channels...)} {
					if err := SetVariable(store, Variable{Layer: "bn", Name: name, Shape: channels}, value.floats()); err != nil {
						t.Fatal(err)
					}
				}
				exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
					var results []*Node
					for _, wideBytes := range []int{1 << 40, 1} {
						b := &Builder{Store: store, Training: true, wideBytes: wideBytes}
						y := b.Build(net, map[string]*Node{"x": in[0]})["depthwise"]
						of := []*Node{in[0]}
						for _, v := range []string{"/conv/kernel", "/bn/gamma", "/bn/beta", "/depthwise/depthwise_kernel"} {
							of = append(of, store.GetVariable(v).NodeValue(y.Graph()))
						}
						layer := net.Layer("depthwise")
						d := layer.Op.(DepthwiseConv2D)
						seen := net.InputShapes(layer)[0]
						pad, err := resolvePadding(d.Padding, seen[0], seen[1], d.Kernel, d.Stride)
						if err != nil {
							panic(err)
						}
						if e, ok := b.expansionBefore(layer, pad); ok != (wideBytes == 1 && hasCache(y.Graph())) || ok && e.images != 1 {
							panic(fmt.Sprintf("engine %s, wide from %d bytes on: expansion is %v, of %d images", eng.Kind, wideBytes, ok, e.images))
						}
						results = append(append(results, y), graph.Gradient(graph.ReduceAllSum(graph.Mul(y, in[1])), of...)...)
					}
					return results
				})
				results := exec.MustCall(x.tensor(), cotangent.tensor())
				half := len(results) / 2
				for i, name := range []string{"output", "x", "kernel", "gamma", "beta", "depthwise kernel"} {
					if err := near(arrayOf(results[half+i]), arrayOf(results[i]), 2e-4); err != nil {
						t.Errorf("engine %s: %s: %v", eng.Kind, name, err)
					}
				}
				exec.Finalize()
			}
		})
	}
}
