package kernels

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/internal/testengine"
)

// TestChoose applies the rule to layers of the networks that it is made for.
func TestChoose(t *testing.T) {
	onCPU := func(f, i, k algorithm) map[platform]algorithms { return map[platform]algorithms{xlaCPU: {f, i, k}} }
	for _, c := range []struct {
		name        string
		batch, side int
		window      [2]int
		stride      int
		channels    [2]int
		want        map[platform]algorithms
	}{
		{name: "ResNet's stem", batch: 8, side: 230, window: [2]int{7, 7}, stride: 2, channels: [2]int{3, 64}, want: onCPU(native, native, perRowGEMM)},
		{name: "MobileNet's stem", batch: 32, side: 225, window: [2]int{3, 3}, stride: 2, channels: [2]int{3, 32}, want: onCPU(im2col, native, im2col)},
		{name: "ResNet 3x3 on 56", batch: 8, side: 56, window: [2]int{3, 3}, stride: 1, channels: [2]int{64, 64}, want: onCPU(native, native, perOffsetGEMM)},
		{name: "ResNet 3x3 on 14", batch: 8, side: 14, window: [2]int{3, 3}, stride: 1, channels: [2]int{256, 256}, want: onCPU(native, im2col, perOffsetGEMM)},
		{name: "ResNet 3x3 on 7", batch: 8, side: 7, window: [2]int{3, 3}, stride: 1, channels: [2]int{512, 512}, want: onCPU(im2col, im2col, perOffsetGEMM)},
		{name: "the same, large batch", batch: 32, side: 7, window: [2]int{3, 3}, stride: 1, channels: [2]int{512, 512}, want: onCPU(native, im2col, perOffsetGEMM)},
		{name: "DenseNet 3x3 on 14", batch: 8, side: 14, window: [2]int{3, 3}, stride: 1, channels: [2]int{128, 32}, want: onCPU(native, native, native)},
		{name: "DenseNet 3x3 on 56", batch: 8, side: 56, window: [2]int{3, 3}, stride: 1, channels: [2]int{128, 32}, want: onCPU(native, native, perOffsetGEMM)},
		{name: "Inception 7x1", batch: 8, side: 17, window: [2]int{7, 1}, stride: 1, channels: [2]int{160, 192}, want: onCPU(native, im2col, perOffsetGEMM)},
		{name: "1x1 on 56", batch: 8, side: 56, window: [2]int{1, 1}, stride: 1, channels: [2]int{64, 256}, want: onCPU(im2col, im2col, perOffsetGEMM)},
		{name: "1x1 on 14", batch: 8, side: 14, window: [2]int{1, 1}, stride: 1, channels: [2]int{1024, 256}, want: onCPU(im2col, im2col, perOffsetGEMM)},
		{name: "1x1/2 on 14", batch: 8, side: 14, window: [2]int{1, 1}, stride: 2, channels: [2]int{1024, 256}, want: onCPU(im2col, im2col, perOffsetGEMM)},
		{name: "1x1 of images", batch: 8, side: 224, window: [2]int{1, 1}, stride: 1, channels: [2]int{3, 8}, want: onCPU(im2col, im2col, perOffsetGEMM)},
	} {
		out := (c.side-c.window[0])/c.stride + 1
		geometry := convolution{batch: c.batch, in: [2]int{c.side, c.side}, out: [2]int{out, out}, channels: c.channels,
			Window: Window{Size: c.window, Stride: c.stride}}
		if c.stride == 1 {
			geometry.out = geometry.in
		}
		c.want[xlaCUDA] = algorithms{native, native, native}
		c.want[pureGo] = algorithms{im2col, im2col, perOffsetGEMM}
		for p, want := range c.want {
			if got := geometry.choose(p); got != want {
				t.Errorf("%s on platform %d: %v, want %v", c.name, p, got, want)
			}
		}
	}
}

// TestAlgorithmsAgree compares every algorithm of the forward pass and of both gradients with loops over float64. The pads
// are TensorFlow's, worked out by hand.
func TestAlgorithmsAgree(t *testing.T) {
	type variant struct {
		geometry   convolution
		algorithms algorithms
		x, k, ct   array
		want       [3]array
	}
	var variants []variant
	for _, s := range []struct {
		batch, rows, cols, in, out int
		window                     [2]int
		stride                     int
		pad                        Padding
	}{
		{2, 64, manyPositions / 128, 2, 3, [2]int{1, 1}, 1, Padding{}}, // in halves
		{3, 5, 6, 3, 4, [2]int{1, 1}, 1, Padding{}},
		{3, 6, 5, 4, 1, [2]int{1, 1}, 2, Padding{}},
		{3, 5, 4, 3, 2, [2]int{1, 1}, 3, Padding{}},
		{3, 6, 7, 5, 3, [2]int{3, 3}, 1, Padding{{1, 1}, {1, 1}}},
		{3, 6, 7, 3, 5, [2]int{3, 3}, 2, Padding{{0, 1}, {1, 1}}},
		{3, 8, 6, 3, 2, [2]int{3, 3}, 2, Padding{}},
		{3, 8, 9, 1, 1, [2]int{5, 5}, 3, Padding{{1, 2}, {1, 1}}},
		{3, 11, 10, 3, 4, [2]int{7, 7}, 2, Padding{}},
		{3, 4, 9, 3, 4, [2]int{1, 7}, 1, Padding{{0, 0}, {3, 3}}},
		{3, 9, 4, 3, 4, [2]int{7, 1}, 1, Padding{{3, 3}, {0, 0}}},
		{3, 7, 6, 3, 4, [2]int{2, 2}, 2, Padding{{0, 1}, {0, 0}}},
		{3, 3, 3, 2, 2, [2]int{2, 4}, 1, Padding{{0, 1}, {1, 2}}},
	} {
		c := convolution{batch: s.batch, in: [2]int{s.rows, s.cols}, channels: [2]int{s.in, s.out}, Window: Window{s.window, s.stride, s.pad}}
		c.out = c.Out(c.in)
		x, k := filled(1, -1, 1, s.batch, s.rows, s.cols, s.in), filled(2, -1, 1, s.window[0], s.window[1], s.in, s.out)
		ct := filled(3, -1, 1, s.batch, c.out[0], c.out[1], s.out)
		y, dx, dk := convolved(x, k, ct, s.stride, s.pad)
		for i, kernel := range []algorithm{native, im2col, perOffsetGEMM, perRowGEMM} {
			either := []algorithm{native, im2col}[i%2]
			variants = append(variants, variant{c, algorithms{either, either, kernel}, x, k, ct, [3]array{y, dx, dk}})
		}
	}
	for _, eng := range testengine.Both(t) {
		var args []any
		for _, v := range variants {
			args = append(args, v.x.Tensor(), v.k.Tensor(), v.ct.Tensor())
		}
		exec := graph.MustNewExec(eng.Backend, func(in []*Node) []*Node {
			var results []*Node
			for i, v := range variants {
				x, k, ct := in[3*i], in[3*i+1], in[3*i+2]
				y := v.geometry.build(x, k, v.algorithms)
				results = append(append(results, y), graph.Gradient(graph.ReduceAllSum(graph.Mul(y, ct)), x, k)...)
			}
			return results
		})
		results := exec.MustCall(args...)
		for i, v := range variants {
			for j, what := range []string{"forward", "input gradient", "kernel gradient"} {
				if err := near(arrayOf(results[3*i+j]), v.want[j], 1e-5); err != nil {
					t.Errorf("engine %s, %+v as %v: %s: %v", eng.Kind, v.geometry, v.algorithms, what, err)
				}
			}
		}
		exec.Finalize()
	}
}

// convolved is a convolution, and its gradients under a cotangent, as loops.
func convolved(x, k, ct array, stride int, pad Padding) (y, dx, dk array) {
	y, dx, dk = zeros(ct.Dims...), zeros(x.Dims...), zeros(k.Dims...)
	for n := range ct.Dims[0] {
		for i := range ct.Dims[1] {
			for j := range ct.Dims[2] {
				for di := range k.Dims[0] {
					for dj := range k.Dims[1] {
						r, s := i*stride+di-pad[0][0], j*stride+dj-pad[1][0]
						if r < 0 || s < 0 || r >= x.Dims[1] || s >= x.Dims[2] {
							continue
						}
						for c := range x.Dims[3] {
							for f := range ct.Dims[3] {
								atY, atX, atK := ct.Index(n, i, j, f), x.Index(n, r, s, c), k.Index(di, dj, c, f)
								y.V[atY] += x.V[atX] * k.V[atK]
								dx.V[atX] += ct.V[atY] * k.V[atK]
								dk.V[atK] += ct.V[atY] * x.V[atX]
							}
						}
					}
				}
			}
		}
	}
	return y, dx, dk
}
