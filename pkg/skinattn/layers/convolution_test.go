package layers

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

// TestChooseForms: the rule, on layers of the networks it is for.
func TestChooseForms(t *testing.T) {
	onCPU := func(f, i, k form) map[platform]forms { return map[platform]forms{xlaCPU: {f, i, k}} }
	for _, c := range []struct {
		name        string
		batch, side int
		window      [2]int
		stride      int
		channels    [2]int
		want        map[platform]forms
	}{
		{name: "ResNet's stem", batch: 8, side: 230, window: [2]int{7, 7}, stride: 2, channels: [2]int{3, 64}, want: onCPU(library, library, rows)},
		{name: "MobileNet's stem", batch: 32, side: 225, window: [2]int{3, 3}, stride: 2, channels: [2]int{3, 32}, want: onCPU(columns, library, columns)},
		{name: "ResNet 3x3 on 56", batch: 8, side: 56, window: [2]int{3, 3}, stride: 1, channels: [2]int{64, 64}, want: onCPU(library, library, shifts)},
		{name: "ResNet 3x3 on 14", batch: 8, side: 14, window: [2]int{3, 3}, stride: 1, channels: [2]int{256, 256}, want: onCPU(library, columns, shifts)},
		{name: "ResNet 3x3 on 7", batch: 8, side: 7, window: [2]int{3, 3}, stride: 1, channels: [2]int{512, 512}, want: onCPU(columns, columns, shifts)},
		{name: "the same, large batch", batch: 32, side: 7, window: [2]int{3, 3}, stride: 1, channels: [2]int{512, 512}, want: onCPU(library, columns, shifts)},
		{name: "DenseNet 3x3 on 14", batch: 8, side: 14, window: [2]int{3, 3}, stride: 1, channels: [2]int{128, 32}, want: onCPU(library, library, library)},
		{name: "DenseNet 3x3 on 56", batch: 8, side: 56, window: [2]int{3, 3}, stride: 1, channels: [2]int{128, 32}, want: onCPU(library, library, shifts)},
		{name: "Inception 7x1", batch: 8, side: 17, window: [2]int{7, 1}, stride: 1, channels: [2]int{160, 192}, want: onCPU(library, columns, shifts)},
		{name: "1x1 on 56", batch: 8, side: 56, window: [2]int{1, 1}, stride: 1, channels: [2]int{64, 256}, want: onCPU(columns, columns, shifts)},
		{name: "1x1 on 14", batch: 8, side: 14, window: [2]int{1, 1}, stride: 1, channels: [2]int{1024, 256}, want: onCPU(columns, columns, shifts)},
		{name: "1x1/2 on 14", batch: 8, side: 14, window: [2]int{1, 1}, stride: 2, channels: [2]int{1024, 256}, want: onCPU(columns, columns, shifts)},
		{name: "1x1 of images", batch: 8, side: 224, window: [2]int{1, 1}, stride: 1, channels: [2]int{3, 8}, want: onCPU(columns, columns, shifts)},
	} {
		out := (c.side-c.window[0])/c.stride + 1
		geometry := convolution{batch: c.batch, in: [2]int{c.side, c.side}, out: [2]int{out, out}, window: c.window, stride: c.stride, channels: c.channels}
		if c.stride == 1 {
			geometry.out = geometry.in
		}
		c.want[xlaCUDA] = forms{library, library, library}
		c.want[pureGo] = forms{columns, columns, shifts}
		for p, want := range c.want {
			if got := geometry.choose(p); got != want {
				t.Errorf("%s on platform %d: %v, want %v", c.name, p, got, want)
			}
		}
	}
}

// TestPlatform: the engines are told apart.
func TestPlatform(t *testing.T) {
	want := map[string]platform{"cpu": xlaCPU, "cuda": xlaCUDA, "go": pureGo}
	for _, eng := range testEngines {
		if got := platformOf(eng.Backend); got != want[eng.Kind] {
			t.Errorf("engine %s is platform %d, want %d", eng.Kind, got, want[eng.Kind])
		}
	}
}

// TestFormsAgree compares every form of the forward pass and of both gradients
// with loops over float64, on shapes around those that the rule is made for.
func TestFormsAgree(t *testing.T) {
	type variant struct {
		geometry convolution
		forms    forms
		x, k, ct array
		want     [3]array
	}
	var variants []variant
	for _, s := range []struct {
		batch, rows, cols, in, out int
		window                     [2]int
		stride                     int
		padding                    string
	}{
		{2, 64, manyPositions / 128, 2, 3, [2]int{1, 1}, 1, Same}, // in halves
		{3, 5, 6, 3, 4, [2]int{1, 1}, 1, Same},
		{3, 6, 5, 4, 1, [2]int{1, 1}, 2, Valid},
		{3, 5, 4, 3, 2, [2]int{1, 1}, 3, Same},
		{3, 6, 7, 5, 3, [2]int{3, 3}, 1, Same},
		{3, 6, 7, 3, 5, [2]int{3, 3}, 2, Same},
		{3, 8, 6, 3, 2, [2]int{3, 3}, 2, Valid},
		{3, 8, 9, 1, 1, [2]int{5, 5}, 3, Same},
		{3, 11, 10, 3, 4, [2]int{7, 7}, 2, Valid},
		{3, 4, 9, 3, 4, [2]int{1, 7}, 1, Same},
		{3, 9, 4, 3, 4, [2]int{7, 1}, 1, Same},
		{3, 7, 6, 3, 4, [2]int{2, 2}, 2, Same},
		{3, 3, 3, 2, 2, [2]int{2, 4}, 1, Same},
	} {
		pad, err := resolvePadding(s.padding, s.rows, s.cols, s.window, s.stride)
		if err != nil {
			t.Fatal(err)
		}
		c := convolution{batch: s.batch, in: [2]int{s.rows, s.cols}, channels: [2]int{s.in, s.out}, window: s.window, stride: s.stride, pad: pad}
		for axis := range c.out {
			c.out[axis] = windowOut(c.in[axis], c.window[axis], c.stride, pad[axis])
		}
		x, k := filled(1, -1, 1, s.batch, s.rows, s.cols, s.in), filled(2, -1, 1, s.window[0], s.window[1], s.in, s.out)
		y := convReference(Conv2D{Filters: s.out, Kernel: s.window, Stride: s.stride, Padding: s.padding})([]array{x}, map[string]array{"kernel": k})
		ct := filled(3, -1, 1, y.dims...)
		dx, dk := convGradients(x, k, ct, s.stride, pad)
		kernels := []form{library, columns, shifts, rows}
		for i, kernel := range kernels {
			either := []form{library, columns}[i%2]
			variants = append(variants, variant{c, forms{either, either, kernel}, x, k, ct, [3]array{y, dx, dk}})
		}
	}
	for _, eng := range testEngines {
		var args []any
		for _, v := range variants {
			args = append(args, v.x.tensor(), v.k.tensor(), v.ct.tensor())
		}
		exec := graph.MustNewExec(eng.Backend, func(in []*Node) []*Node {
			var results []*Node
			for i, v := range variants {
				x, k, ct := in[3*i], in[3*i+1], in[3*i+2]
				y := v.geometry.build(x, k, v.forms)
				results = append(append(results, y), graph.Gradient(graph.ReduceAllSum(graph.Mul(y, ct)), x, k)...)
			}
			return results
		})
		results := exec.MustCall(args...)
		for i, v := range variants {
			for j, what := range []string{"forward", "input gradient", "kernel gradient"} {
				if err := near(arrayOf(results[3*i+j]), v.want[j], 1e-5); err != nil {
					t.Errorf("engine %s, %+v as %v: %s: %v", eng.Kind, v.geometry, v.forms, what, err)
				}
			}
		}
		exec.Finalize()
	}
}

// convGradients are the gradients of a convolution as loops.
func convGradients(x, k, ct array, stride int, pad Padding) (dx, dk array) {
	dx, dk = zeros(x.dims...), zeros(k.dims...)
	for n := range ct.dims[0] {
		for i := range ct.dims[1] {
			for j := range ct.dims[2] {
				for di := range k.dims[0] {
					for dj := range k.dims[1] {
						r, s := i*stride+di-pad[0][0], j*stride+dj-pad[1][0]
						if r < 0 || s < 0 || r >= x.dims[1] || s >= x.dims[2] {
							continue
						}
						for c := range x.dims[3] {
							for f := range ct.dims[3] {
								g := ct.at(n, i, j, f)
								dx.v[dx.index(n, r, s, c)] += g * k.at(di, dj, c, f)
								dk.v[dk.index(di, dj, c, f)] += g * x.at(n, r, s, c)
							}
						}
					}
				}
			}
		}
	}
	return dx, dk
}

// TestGraphSize: no layer's forward pass and gradients take more than some
// hundred nodes, whatever its channels: hundreds of layers must compile.
func TestGraphSize(t *testing.T) {
	for _, c := range []struct {
		op    Op
		limit int
	}{
		{Conv2D{Filters: 200, Kernel: [2]int{1, 1}, Stride: 1, Padding: Same}, 60},
		{Conv2D{Filters: 200, Kernel: [2]int{3, 3}, Stride: 2, Padding: Same}, 120},
		{Conv2D{Filters: 20, Kernel: [2]int{7, 7}, Stride: 2, Padding: Same}, 120},
		{DepthwiseConv2D{Kernel: [2]int{3, 3}, Stride: 1, Padding: Same}, 300},
		{DepthwiseConv2D{Kernel: [2]int{7, 7}, Stride: 2, Padding: Same}, 1000},
		{MaxPooling2D{Window: 3, Stride: 2, Padding: Same}, 150},
		{AveragePooling2D{Window: 3, Stride: 1, Padding: Same}, 100},
	} {
		g := graph.NewGraph(testEngines[0].Backend, "size")
		x := graph.Parameter(g, "x", shapeOf(8, 28, 28, 300))
		if !hasLoops(g) {
			t.Skip("the pure Go engine has no loops")
		}
		in := Shape{28, 28, 300}
		var y *Node
		switch op := c.op.(type) {
		case Conv2D:
			k := graph.Parameter(g, "k", shapeOf(op.Variables(in)[0].Shape...))
			pad, _ := resolvePadding(op.Padding, 28, 28, op.Kernel, op.Stride)
			y = convolve(x, k, op.Stride, pad)
			graph.Gradient(graph.ReduceAllSum(y), x, k)
		case DepthwiseConv2D:
			k := graph.Parameter(g, "k", shapeOf(op.Variables(in)[0].Shape...))
			pad, _ := resolvePadding(op.Padding, 28, 28, op.Kernel, op.Stride)
			y = (&Builder{}).depthwise(x, k, op.Stride, pad)
			graph.Gradient(graph.ReduceAllSum(y), x, k)
		default:
			y = c.op.Build(&Builder{}, &Layer{}, x)
			graph.Gradient(graph.ReduceAllSum(y), x)
		}
		if n := len(g.Nodes()); n > c.limit {
			t.Errorf("%T%+v: %d nodes, want at most %d", c.op, c.op, n, c.limit)
		} else {
			t.Logf("%T%+v: %s %d nodes", c.op, c.op, fmt.Sprint(in), n)
		}
	}
}
