package layers

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
)

// attentionReference is the formula in SoftAttention's comment as loops: the maps [B Heads H W] and the output.
func attentionReference(x array, variables map[string]array, heads, first int) (maps, y array) {
	kernel, bias := variables["kernel_conv3d"], variables["bias_conv3d"]
	batch, rows, cols, channels := x.Dims[0], x.Dims[1], x.Dims[2], x.Dims[3]
	maps, y = zeros(batch, heads, rows, cols), zeros(x.Dims...)
	gamma := 1.
	if g, learned := variables["gamma"]; learned {
		gamma = g.V[0]
	}
	for n := range batch {
		for m := range heads {
			total := 0.
			for i := range rows {
				for j := range cols {
					logit := bias.At(m)
					for r := range rows {
						for dj := -1; dj <= 1; dj++ {
							k := (channels-1)/2 + r - i
							if k < 0 || k >= channels || j+dj < 0 || j+dj >= cols {
								continue
							}
							for c := range 3 {
								logit += kernel.At(k, dj+1, c, 0, m) * x.At(n, r, j+dj, first+c)
							}
						}
					}
					e := math.Exp(max(logit, 0))
					maps.Set(e, n, m, i, j)
					total += e
				}
			}
			for i := range rows {
				for j := range cols {
					share := maps.At(n, m, i, j) / total
					maps.Set(share, n, m, i, j)
					for c := range channels {
						at := y.Index(n, i, j, c)
						y.V[at] += gamma * share * x.At(n, i, j, c)
					}
				}
			}
		}
	}
	return maps, y
}

func TestSoftAttention(t *testing.T) {
	var trials []trial
	for _, c := range []struct {
		rows, cols, channels, first int
		op                          SoftAttention
	}{
		{3, 4, 9, 0, SoftAttention{Heads: 2}}, // more channels than a column has rows to see
		{4, 3, 5, 0, SoftAttention{Heads: 3}}, // rows that the kernel can't reach
		{3, 3, 3, 0, SoftAttention{Heads: 1}},
		{3, 4, 8, 2, SoftAttention{Heads: 2, CenterWindow: true}}, // (8-3)/2, rounded down
		{2, 3, 7, 2, SoftAttention{Heads: 2, CenterWindow: true, Gamma: true}},
		{3, 2, 6, 0, SoftAttention{Heads: 2, Gamma: true}},
	} {
		trials = append(trials, trial{name: fmt.Sprintf("%+v on %dx%dx%d", c.op, c.rows, c.cols, c.channels), op: c.op,
			in: []array{filled(5, -1, 1, 2, c.rows, c.cols, c.channels)},
			reference: func(in []array, variables map[string]array) array {
				_, y := attentionReference(in[0], variables, c.op.Heads, c.first)
				return y
			}})
	}
	checkAll(t, trials...)
}

// TestSoftAttentionMaps compares the second output.
func TestSoftAttentionMaps(t *testing.T) {
	c := trial{op: SoftAttention{Heads: 3}, in: []array{filled(6, -1, 1, 2, 4, 3, 11)},
		reference: func(in []array, _ map[string]array) array { return in[0] }}
	whole := &trialGraph{variables: map[string]array{}}
	whole.add(&c, 0)
	variables := map[string]array{
		"kernel_conv3d": whole.variables["/layer0/kernel_conv3d"], "bias_conv3d": whole.variables["/layer0/bias_conv3d"]}
	want, _ := attentionReference(c.in[0], variables, 3, 0)
	for _, eng := range testengine.Both(t) {
		store := whole.store(t)
		exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
			return (&Builder{Store: store}).Build(&whole.net, map[string]*Node{"x0_0": x})[MapsOf("layer0")]
		})
		if err := near(arrayOf(exec.MustCall(c.in[0].Tensor())[0]), want, 1e-5); err != nil {
			t.Errorf("engine %s: %v", eng.Kind, err)
		}
		exec.Finalize()
	}
}

// TestGammaStart: gamma starts at .01, as in Datta et al.
func TestGammaStart(t *testing.T) {
	variables := SoftAttention{Heads: 2, Gamma: true}.Variables(Shape{3, 3, 5})
	last := variables[len(variables)-1]
	if got := last.Init(last.Shape, nil); last.Name != "gamma" || !last.Trainable || len(got) != 1 || got[0] != .01 {
		t.Errorf("%+v starts at %v, want a trained gamma of .01", last, got)
	}
}
