package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// best repeats run and reports the fastest repetition: other processes disturb it less than the mean.
func best(b *testing.B, flops float64, run func()) {
	b.ReportMetric(flops/float64(fastest(b, run).Nanoseconds()), "GFLOP/s")
}

// fastest is how long the fastest repetition takes.
func fastest(b *testing.B, run func()) time.Duration {
	fastest := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		run()
		fastest = min(fastest, time.Since(start))
	}
	return fastest
}

// BenchmarkConv has shapes of the networks: a part of the positions as a thread would take it.
func BenchmarkConv(b *testing.B) {
	for _, c := range []struct{ taps, channels, filters, n int }{
		{1, 512, 512, 192}, // near the peak
		{3, 9, 32, 448}, {1, 32, 16, 448}, {1, 16, 96, 448}, {1, 96, 24, 448}, {1, 24, 144, 448}, {1, 144, 32, 392}, {1, 192, 64, 196}, {1, 64, 384, 196},
		{1, 576, 96, 196}, {1, 160, 960, 49}, {1, 960, 320, 49}, {1, 320, 1280, 49}, // mobilenet_v2
		{1, 16, 16, 448}, {1, 40, 120, 392}, {1, 120, 40, 392}, {1, 200, 80, 196}, {1, 672, 112, 196}, {1, 960, 240, 1}, // mobilenet_v3_large
		{1, 44, 44, 392}, {1, 176, 88, 196}, {1, 1056, 176, 49}, // nasnet_mobile
		{9, 64, 64, 224}, {9, 512, 512, 49}, {1, 2048, 512, 49}, {1, 512, 2048, 49}, {1, 256, 64, 392}, // resnet50
		{9, 128, 32, 392}, {1, 1024, 128, 196}, // densenet201
	} {
		for _, level := range Levels()[1:] {
			b.Run(fmt.Sprintf("%dx%dto%dfor%d/%v", c.taps, c.channels, c.filters, c.n, level), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				k := NewConv(level, random(r, make([]float32, c.taps*c.channels*c.filters)), c.taps, c.channels, c.filters)
				src := random(r, make([]float32, c.n*c.channels))
				dst := make([]float32, c.n*c.filters)
				e := Epilogue{Bias: random(r, make([]float32, c.filters)), Activation: Activation{ReLU: true, Max: 6}}
				offsets := make([]int32, c.taps*c.n)
				for i := range offsets {
					offsets[i] = int32((i%c.n + i/c.n) % c.n * c.channels)
				}
				best(b, 2*float64(c.taps*c.channels*c.filters*c.n), func() {
					if c.taps == 1 {
						k.ComputeRows(dst, c.filters, src, c.channels, c.n, e)
					} else {
						k.Compute(dst, c.filters, src, offsets, e)
					}
				})
			})
		}
	}
}

func BenchmarkDepthwise(b *testing.B) {
	for _, c := range []struct{ cols, stride, channels, n int }{
		{3, 1, 32, 7}, {3, 1, 64, 7}, {3, 1, 16, 14}, {3, 1, 128, 7}, {3, 1, 32, 14}, {3, 1, 32, 112}, {3, 2, 96, 56}, {3, 1, 144, 56}, {3, 1, 192, 28}, {3, 1, 384, 14}, {3, 1, 960, 7}, {5, 1, 120, 28}, {5, 1, 672, 14}, {5, 1, 960, 7}, {5, 1, 44, 28}, {7, 1, 44, 28},
	} {
		for _, level := range Levels()[1:] {
			b.Run(fmt.Sprintf("%dx%dby%d/%dfor%d/%v", c.cols, c.cols, c.stride, c.channels, c.n, level), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				d := NewDepthwise(level, random(r, make([]float32, c.cols*c.cols*c.channels)), c.cols, c.cols, c.stride, c.channels)
				width := (c.n-1)*c.stride + c.cols
				rows := c.n // of the output: the map's height
				src := random(r, make([]float32, ((rows-1)*c.stride+c.cols)*width*c.channels))
				dst := make([]float32, c.n*c.channels*rows)
				e := Epilogue{Bias: random(r, make([]float32, c.channels)), Activation: Activation{ReLU: true, Max: 6}}
				at := make([][]float32, c.cols)
				best(b, 2*float64(c.cols*c.cols*c.channels*c.n*rows), func() {
					for y := range rows {
						for i := range at {
							at[i] = src[(y*c.stride+i)*width*c.channels:][:width*c.channels]
						}
						d.Row(dst[y*c.n*c.channels:], c.channels, at, c.channels, c.n, e)
					}
				})
			})
		}
	}
}

// BenchmarkWinograd has the 3x3 convolutions of the networks, beside the plain form.
func BenchmarkWinograd(b *testing.B) {
	for _, c := range []struct{ channels, filters, size, images int }{
		{64, 64, 56, 1}, {128, 128, 28, 1}, {256, 256, 14, 1}, {256, 256, 14, 8}, {512, 512, 7, 1}, {512, 512, 7, 8}, // resnet50
		{128, 32, 56, 1}, {128, 32, 28, 1}, {128, 32, 14, 1}, {128, 32, 7, 1}, // densenet201
		{64, 64, 224, 1}, {128, 128, 112, 1}, {256, 256, 56, 1}, {512, 512, 28, 1}, {512, 512, 14, 1}, // vgg16
		{32, 64, 147, 1}, {32, 48, 35, 1}, {64, 96, 35, 1}, // inception_resnet_v2
	} {
		r := rand.New(rand.NewPCG(1, 1))
		image := func(channels int) Image {
			return Image{random(r, make([]float32, c.size*c.size*channels)), c.size, c.size, channels, c.size * channels}
		}
		var src, dst []Image
		for range c.images {
			src, dst = append(src, image(c.channels)), append(dst, image(c.filters))
		}
		kernel := random(r, make([]float32, 9*c.channels*c.filters))
		e := Epilogue{Bias: random(r, make([]float32, c.filters)), Activation: Activation{ReLU: true}}
		flops := float64(2 * 9 * c.channels * c.filters * c.size * c.size * c.images)
		for _, level := range Levels()[1:] {
			name := fmt.Sprintf("%dto%dfor%dx%dx%d/%v", c.channels, c.filters, c.images, c.size, c.size, level)
			b.Run(name+"/winograd", func(b *testing.B) {
				w := NewWinograd(level, kernel, c.channels, c.filters)
				scratch := make([]float32, w.Scratch())
				best(b, flops, func() { w.Compute(dst, src, 1, 1, scratch, e) })
			})
			b.Run(name+"/plain", func(b *testing.B) {
				k := NewConv(level, kernel, 9, c.channels, c.filters)
				offsets := make([]int32, 9*c.size*c.size)
				for tap := range 9 {
					for i := range c.size * c.size {
						y, x := i/c.size+tap/3-1, i%c.size+tap%3-1
						offsets[tap*c.size*c.size+i] = int32((y*c.size + x) * c.channels)
						if y < 0 || x < 0 || y >= c.size || x >= c.size {
							offsets[tap*c.size*c.size+i] = -1
						}
					}
				}
				best(b, flops, func() {
					for i := range src {
						k.Compute(dst[i].Data, c.filters, src[i].Data, offsets, e)
					}
				})
			})
		}
	}
}
