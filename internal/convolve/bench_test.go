package convolve

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/skinattn/skinattn/internal/simd"
)

// shapes are convolutions of the networks, with a batch of 8.
var shapes = []struct {
	side     int
	window   [2]int
	stride   int
	channels [2]int
}{
	{56, [2]int{1, 1}, 1, [2]int{64, 256}}, {56, [2]int{1, 1}, 1, [2]int{256, 64}}, {56, [2]int{3, 3}, 1, [2]int{64, 64}},
	{56, [2]int{1, 1}, 2, [2]int{256, 512}},
	{28, [2]int{3, 3}, 1, [2]int{128, 128}}, {14, [2]int{1, 1}, 1, [2]int{1024, 256}}, {14, [2]int{1, 1}, 1, [2]int{256, 1024}},
	{14, [2]int{3, 3}, 1, [2]int{256, 256}}, {7, [2]int{3, 3}, 1, [2]int{512, 512}}, {7, [2]int{1, 1}, 1, [2]int{512, 2048}}, {7, [2]int{1, 1}, 1, [2]int{2048, 512}},
	{28, [2]int{1, 1}, 1, [2]int{256, 128}}, {14, [2]int{1, 1}, 1, [2]int{1024, 128}}, {14, [2]int{3, 3}, 1, [2]int{128, 32}}, {7, [2]int{3, 3}, 1, [2]int{128, 32}},
	{56, [2]int{3, 3}, 2, [2]int{128, 128}}, {17, [2]int{1, 7}, 1, [2]int{160, 192}}, {112, [2]int{3, 3}, 1, [2]int{128, 128}},
	{35, [2]int{3, 3}, 1, [2]int{64, 96}}, {147, [2]int{3, 3}, 1, [2]int{32, 64}},
}

// BenchmarkRun computes convolutions and their gradients. The rate counts the multiplications and additions of the plain form.
func BenchmarkRun(b *testing.B) {
	level, ok := simd.Best()
	if !ok {
		b.Skip("no kernels for this processor")
	}
	for _, s := range shapes {
		for kind := range KernelGradient + 1 {
			g := of(kind, 8, [2]int{s.side, s.side}, s.window, s.stride, s.channels, [2][2]int{{s.window[0] / 2, (s.window[0] - 1) / 2}, {s.window[1] / 2, (s.window[1] - 1) / 2}})
			name := fmt.Sprintf("%dx%d stride %d %d to %d on %d, %s", s.window[0], s.window[1], s.stride, s.channels[0], s.channels[1], s.side,
				[]string{"forward", "input", "kernel"}[kind])
			b.Run(name, func(b *testing.B) {
				x, y, out := make([]float32, size(g.Dims[0])), make([]float32, size(g.Dims[1])), make([]float32, size(g.Dims[2]))
				for b.Loop() {
					if err := g.Run(level, goroutines(runtime.GOMAXPROCS(0)), x, y, out); err != nil {
						b.Fatal(err)
					}
				}
				positions := 8 * (s.side / s.stride) * (s.side / s.stride)
				work := 2 * positions * s.window[0] * s.window[1] * s.channels[0] * s.channels[1]
				b.ReportMetric(float64(work)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}

// of is the geometry of a kind for a forward convolution.
func of(kind Kind, batch int, in, window [2]int, stride int, channels [2]int, pad [2][2]int) Geometry {
	one := [2]int{1, 1}
	var out [2]int
	for axis := range out {
		out[axis] = (in[axis]+pad[axis][0]+pad[axis][1]-window[axis])/stride + 1
	}
	x, y := [4]int{batch, in[0], in[1], channels[0]}, [4]int{batch, out[0], out[1], channels[1]}
	k := [4]int{window[0], window[1], channels[0], channels[1]}
	g := Geometry{Kind: kind, Stride: one, Dilation: one, Spread: one, Pad: pad}
	switch kind {
	case Forward:
		g.Stride, g.Dims = [2]int{stride, stride}, [3][4]int{x, k, y}
	case InputGradient:
		g.Dilation, g.Dims = [2]int{stride, stride}, [3][4]int{y, k, x}
		for axis := range pad {
			before := window[axis] - 1 - pad[axis][0]
			g.Pad[axis] = [2]int{before, in[axis] + window[axis] - 2 - (out[axis]-1)*stride - before}
		}
	case KernelGradient:
		g.Spread, g.Dims = [2]int{stride, stride}, [3][4]int{x, y, k}
	}
	return g
}
