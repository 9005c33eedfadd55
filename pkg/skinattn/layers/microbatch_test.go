package layers

import (
	"slices"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// TestGrouped compares a network in micro-batches of one image and of two with the whole batch at once. The network has a
// reduction, padding and scalars in a loop, maps that a later stage uses, and a vector at its end.
func TestGrouped(t *testing.T) {
	net := &Graph{}
	net.Add("image", Input{Dims: Shape{16, 12, 3}})
	net.Add("stem", Conv2D{Filters: 4, Kernel: [2]int{3, 3}, Stride: 2, Padding: Same}, "image")
	net.Add("stem_bn", BatchNormalization{Epsilon: 1e-3, Momentum: .9}, "stem")
	net.Add("relu", ReLU{Max: 6}, "stem_bn")
	net.Add("squeeze", GlobalAveragePooling2D{KeepDims: true}, "relu")
	net.Add("excite", Multiply{}, "relu", "squeeze")
	net.Add("pad", ZeroPadding2D{Pad: Padding{{0, 1}, {0, 1}}}, "excite")
	net.Add("depthwise", DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 2, Padding: Valid}, "pad")
	net.Add("pool", MaxPooling2D{Window: 2, Stride: 2, Padding: Same}, "relu")
	net.Add("sum", Add{}, "depthwise", "pool")
	net.Add("flat", Flatten{}, "sum")
	net.Add("scores", Dense{Units: 5, Activation: "softmax"}, "flat")
	images := filled(1, -1, 1, 6, 16, 12, 3)
	for _, eng := range testengine.Both(t) {
		store := model.NewStore()
		if err := Initialize(store, net.Variables(), 3); err != nil {
			t.Fatal(err)
		}
		exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, x *Node) []*Node {
			var results []*Node
			twoImages := 2 * 4 * (16*12*3 + 8*6*4)
			for _, b := range []*Builder{
				{}, {Grouped: true, limits: kernels.Limits{Stage: 1}}, {Grouped: true, limits: kernels.Limits{Stage: twoImages}}, {Grouped: true},
			} {
				b.Store = store
				outputs := b.Build(net, map[string]*Node{"image": x})
				results = append(results, outputs["sum"], outputs["scores"])
			}
			return results
		})
		results := exec.MustCall(images.Tensor())
		for i, r := range results[2:] {
			if err := near(arrayOf(r), arrayOf(results[i%2]), 1e-6); err != nil {
				t.Errorf("engine %s, result %d: %v", eng.Kind, i, err)
			}
		}
		exec.Finalize()
	}
}

// TestStages: a stage ends where maps shrink, and returns the maps that later layers use. Stages with micro-batches of
// about equal size are merged.
func TestStages(t *testing.T) {
	net := &Graph{}
	net.Add("image", Input{Dims: Shape{16, 16, 3}})
	net.Add("a", Conv2D{Filters: 2, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, "image")
	net.Add("b", Conv2D{Filters: 2, Kernel: [2]int{3, 3}, Stride: 2, Padding: Same}, "a")
	net.Add("c", ReLU{}, "b")
	net.Add("d", AveragePooling2D{Window: 2, Stride: 2, Padding: Same}, "a")
	net.Add("e", Add{}, "c", "d")
	net.Add("dropped", Dropout{Rate: .5}, "e")
	net.Add("flat", Flatten{}, "dropped")
	staged := func(bytes int) ([]*stage, []*Layer) {
		return (&Builder{net: net, limits: kernels.Limits{Stage: bytes}}).stages()
	}
	const first, second = 4 * (16*16*3 + 16*16*2), 4 * 3 * 8 * 8 * 2 // bytes of an image in layers a and e
	if stages, _ := staged(first - 1); len(stages) != 2 {
		t.Errorf("%d stages for groups of 1 and 3 images, want 2", len(stages))
	}
	for _, bytes := range []int{1, second} {
		if stages, _ := staged(bytes); len(stages) != 1 || stages[0].bytes != first ||
			!slices.Equal(stages[0].inputs, []string{"image"}) || !slices.Equal(stages[0].wanted, []string{"e"}) {
			t.Errorf("groups of one image in %d bytes: %+v, want one stage for e", bytes, stages)
		}
	}
	stages, rest := staged(2 * first)
	names := func(layers []*Layer) []string {
		var list []string
		for _, l := range layers {
			list = append(list, l.Name)
		}
		return list
	}
	want := []struct{ layers, inputs, wanted []string }{
		{[]string{"a", "b", "d"}, []string{"image"}, []string{"b", "d"}},
		{[]string{"c", "e"}, []string{"b", "d"}, []string{"e"}},
	}
	if len(stages) != len(want) {
		t.Fatalf("%d stages, want %d", len(stages), len(want))
	}
	for i, s := range stages {
		if !slices.Equal(names(s.layers), want[i].layers) || !slices.Equal(s.inputs, want[i].inputs) || !slices.Equal(s.wanted, want[i].wanted) {
			t.Errorf("stage %d: %v from %v for %v, want %v", i, names(s.layers), s.inputs, s.wanted, want[i])
		}
	}
	if got := names(rest); !slices.Equal(got, []string{"dropped", "flat"}) {
		t.Errorf("the rest is %v", got)
	}
}
