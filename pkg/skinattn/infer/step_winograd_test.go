package infer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Convolutions in Winograd's form equal the engine's, with the same bits at every level, number of threads and batch.
func TestWinogradEqualsEngine(t *testing.T) {
	conv := func(filters int) layers.Conv2D {
		return layers.Conv2D{Filters: filters, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same, Bias: true}
	}
	for name, test := range map[string]struct {
		input layers.Shape
		steps int // in Winograd's form
		build func(g *layers.Graph, x string) string
	}{
		"edges": {layers.Shape{9, 6, 20}, 1, func(g *layers.Graph, x string) string {
			return g.Add("relu", layers.ReLU{Max: 6}, g.Add("bn", bn, g.Add("conv", conv(50), x)))
		}},
		"without padding, behind a crop": {layers.Shape{11, 12, 16}, 1, func(g *layers.Graph, x string) string {
			c := conv(48)
			c.Padding = layers.Valid
			return g.Add("conv", c, g.Add("crop", layers.Cropping2D{Crop: layers.Padding{{1, 0}, {0, 2}}}, x))
		}},
		"residual": {layers.Shape{7, 7, 48}, 2, func(g *layers.Graph, x string) string {
			y := g.Add("conv2", conv(48), g.Add("relu1", layers.ReLU{}, g.Add("conv1", conv(64), x)))
			return g.Add("relu2", layers.ReLU{}, g.Add("add", layers.Add{}, x, y))
		}},
		"norm behind the activation": {layers.Shape{8, 8, 16}, 1, func(g *layers.Graph, x string) string {
			return g.Add("bn", bn, g.Add("relu", layers.ReLU{}, g.Add("conv", conv(48), x)))
		}},
		"parts of a concatenation": {layers.Shape{6, 5, 24}, 2, func(g *layers.Graph, x string) string {
			return g.Add("concat", layers.Concatenate{}, g.Add("conv1", conv(49), x), g.Add("conv2", conv(64), x))
		}},
		"few filters of a large map": {layers.Shape{25, 26, 16}, 1, func(g *layers.Graph, x string) string {
			return g.Add("conv", conv(16), x)
		}},
		"a large kernel": {layers.Shape{13, 13, 160}, 1, func(g *layers.Graph, x string) string {
			return g.Add("bn", bn, g.Add("relu", layers.ReLU{}, g.Add("conv", conv(200), x)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := addAll(t, func(g *layers.Graph) { test.build(g, g.Add("input", layers.Input{Dims: test.input})) })
			tr := newTrial(rand.New(rand.NewPCG(1, 2)), g, 2, g.Last().Name)
			steps := 0
			for _, s := range tr.compile(t, simd.Generic, 1).each.steps {
				if w, ok := s.(*winogradStep); ok {
					steps++
					if large := name == "a large kernel"; w.large() != large {
						t.Errorf("large is %v", w.large())
					}
				}
			}
			if steps != test.steps {
				t.Errorf("%d convolutions in Winograd's form, want %d", steps, test.steps)
			}
			tr.check(t)
		})
	}
}

// Whose shape does not pay stays in the plain form, and so does what Winograd's form cannot do.
func TestWinogradPays(t *testing.T) {
	g := addAll(t, func(g *layers.Graph) {
		x := g.Add("input", layers.Input{Dims: layers.Shape{28, 28, 64}})
		for name, conv := range map[string]layers.Conv2D{
			"stride": {Filters: 64, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same},
			"wide":   {Filters: 64, Kernel: [2]int{3, 5}, Stride: 1, Padding: layers.Same},
			"narrow": {Filters: 8, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Same},
		} {
			g.Add(name, conv, x)
		}
	})
	tr := newTrial(rand.New(rand.NewPCG(1, 2)), g, 1, "stride", "wide", "narrow")
	if slices.ContainsFunc(tr.compile(t, simd.Generic, 1).each.steps, func(s step) bool { _, ok := s.(*winogradStep); return ok }) {
		t.Error("a convolution is in Winograd's form")
	}
}
