package layers

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// TestBottleneck compares outputs and gradients of the layers around a depthwise convolution in training: computed layer
// by layer and image by image, on each engine. The results of the pure Go engine are computed layer by layer, with the
// automatic gradient of batch norms.
func TestBottleneck(t *testing.T) {
	for _, c := range []struct {
		name      string
		in        Shape
		limit     float64 // of the ReLU
		widening  int     // channels that a 1x1 convolution makes of one
		expansion bool
		layers    func(net *Graph) // from "relu" to "depthwise"
	}{
		{"expansion, stride 1", Shape{30, 28, 2}, 6, 6, true, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, "relu")
		}},
		{"expansion without an upper bound, 5x5", Shape{60, 64, 3}, 0, 6, true, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{5, 5}, Stride: 1, Padding: Same}, "relu")
		}},
		{"expansion, stride 2 with a layer for the border", Shape{14, 16, 4}, 6, 6, true, func(net *Graph) {
			net.Add("pad", ZeroPadding2D{Pad: Padding{{0, 1}, {0, 1}}}, "relu")
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "pad")
		}},
		{"expansion, stride 2, no border", Shape{15, 13, 1}, 6, 6, true, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "relu")
		}},
		{"not widened, stride 1", Shape{9, 14, 4}, 6, 1, false, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, "relu")
		}},
		{"not widened, stride 2, 5x5", Shape{12, 9, 4}, 0, 1, false, func(net *Graph) {
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{5, 5}, Stride: 2, Padding: Same}, "relu")
		}},
		{"not widened, with a layer for the border", Shape{8, 10, 4}, 6, 1, false, func(net *Graph) {
			net.Add("pad", ZeroPadding2D{Pad: Padding{{0, 1}, {0, 1}}}, "relu")
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "pad")
		}},
		{"another looks at the map, too", Shape{8, 10, 4}, 6, 1, false, func(net *Graph) {
			net.Add("first", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, "relu")
			net.Add("sum", Add{}, "relu", "first")
			net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, "sum")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			channels := c.widening * c.in[2]
			net := &Graph{}
			net.Add("x", Input{Dims: c.in})
			net.Add("conv", Conv2D{Filters: channels, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, "x")
			net.Add("bn", BatchNormalization{Epsilon: 1e-3, Momentum: .9}, "conv")
			net.Add("relu", ReLU{Max: c.limit}, "bn")
			c.layers(net)
			net.Add("bn_behind", BatchNormalization{Epsilon: 1e-3, Momentum: .9}, "depthwise")
			net.Add("relu_behind", ReLU{Max: c.limit}, "bn_behind")
			x := filled(1, -1, 1, append([]int{4}, c.in...)...)
			cotangent := filled(2, -1, 1, append([]int{4}, net.Last().Out...)...)
			var names []string
			for _, v := range net.Variables() {
				if v.Trainable {
					names = append(names, "/"+v.Layer+"/"+v.Name)
				}
			}
			var first []array
			for _, eng := range testengine.Both(t) {
				store := model.NewStore()
				if err := Initialize(store, net.Variables(), 3); err != nil {
					t.Fatal(err)
				}
				// Both bounds of the ReLU are met, and the border differs from relu(shift).
				for name, value := range map[string]array{"gamma": filled(4, 1, 4, channels), "beta": filled(5, 0, 4, channels)} {
					for _, layer := range []string{"bn", "bn_behind"} {
						if err := SetVariable(store, Variable{Layer: layer, Name: name, Shape: Shape{channels}}, value.Floats()); err != nil {
							t.Fatal(err)
						}
					}
				}
				exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, in []*Node) []*Node {
					var results []*Node
					for _, wideBytes := range []int{1 << 40, 1} {
						b := &Builder{Store: store, Training: true, limits: kernels.Limits{Cache: wideBytes}}
						y := b.Build(net, map[string]*Node{"x": in[0]})["relu_behind"]
						checkGroups(b, c.expansion, wideBytes == 1 && kernels.HasCache(y.Graph()))
						of := []*Node{in[0]}
						for _, name := range names {
							of = append(of, store.GetVariable(name).NodeValue(y.Graph()))
						}
						results = append(append(results, y), graph.Gradient(graph.ReduceAllSum(graph.Mul(y, in[1])), of...)...)
					}
					return results
				})
				for i, r := range exec.MustCall(x.Tensor(), cotangent.Tensor()) {
					result, names := arrayOf(r), append([]string{"output", "x"}, names...)
					if len(first) < len(names) {
						first = append(first, result)
					} else if err := near(result, first[i%len(names)], 2e-4); err != nil {
						t.Errorf("engine %s, way %d: %s: %v", eng.Kind, i/len(names), names[i%len(names)], err)
					}
				}
				exec.Finalize()
			}
		})
	}
}

// checkGroups panics unless the depthwise convolution is computed in micro-batches of one image if inGroups, and together
// with the layers before it if expansion, too.
func checkGroups(b *Builder, expansion, inGroups bool) {
	layer := b.net.Layer("depthwise")
	d := layer.Op.(DepthwiseConv2D)
	seen := b.net.InputShapes(layer)[0]
	w, err := d.window().on(seen[0], seen[1])
	if err != nil {
		panic(err)
	}
	if e, ok := b.bottleneckBefore(layer, w.Pad); ok != (expansion && inGroups) || ok && e.Images != 1 {
		panic(fmt.Sprintf("an expansion in groups: %v, of %d images; should be %v", ok, e.Images, expansion && inGroups))
	}
	if images, ok := b.kernels.TooWide(b.graph, b.outputs[layer.Inputs[0]].Shape().Dimensions); ok != inGroups || ok && images != 1 {
		panic(fmt.Sprintf("in groups: %v, of %d images; should be %v", ok, images, inGroups))
	}
}
