package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// gradientCase is a kernel's gradient with all its parts, in slices that end or begin where memory does.
type gradientCase struct {
	taps, channels, filters, n, stride int
	sums, before, src, cotangent       []float32
	offsets                            []int32
	atEnd                              bool
}

func newGradientCase(t testing.TB, r *rand.Rand, taps, channels, filters, n int) *gradientCase {
	c := &gradientCase{taps: taps, channels: channels, filters: filters, n: n, atEnd: r.IntN(2) == 0}
	c.stride = filters + r.IntN(3)*r.IntN(9)
	places, step := 1+r.IntN(n+5), channels+r.IntN(3)*r.IntN(9)
	if r.IntN(4) == 0 { // channels and cotangents are copied
		step = (channels + 511) / 512 * 512
		c.stride = (filters + 511) / 512 * 512
	}
	c.sums = random(r, guarded(t, taps*channels*filters, c.atEnd))
	c.before = slices.Clone(c.sums)
	c.src = random(r, guarded(t, (places-1)*step+channels, c.atEnd))
	c.cotangent = random(r, guarded(t, (n-1)*c.stride+filters, c.atEnd))
	padding := r.IntN(5)
	c.offsets = guardedOf[int32](t, taps*n, c.atEnd)
	for i := range c.offsets {
		c.offsets[i] = int32(r.IntN(places) * step)
		if r.IntN(4) < padding {
			c.offsets[i] = -1 - c.offsets[i]
		}
	}
	if padding == 4 {
		c.src = nil
	}
	return c
}

func (c *gradientCase) String() string {
	return fmt.Sprintf("%d taps, %d channels, %d filters, %d positions, a stride of %d", c.taps, c.channels, c.filters, c.n, c.stride)
}

func (c *gradientCase) run(t testing.TB, level Level) []float32 {
	copy(c.sums, c.before)
	g := KernelGradient{level, c.taps, c.channels, c.filters}
	scratch := guarded(t, g.Scratch(), c.atEnd)
	for i := range scratch {
		scratch[i] = float32(math.NaN())
	}
	g.Add(c.sums, c.src, c.offsets, c.cotangent, c.stride, scratch)
	return slices.Clone(c.sums)
}

func TestKernelGradientIsTheSumInFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 60 {
		c := newGradientCase(t, r, 1+r.IntN(9), 1+r.IntN(40), 1+r.IntN(40), 1+r.IntN(300))
		for _, level := range Levels() {
			got := c.run(t, level)
			for at, v := range got {
				tap, ch, f := at/c.filters/c.channels, at/c.filters%c.channels, at%c.filters
				sum := float64(c.before[at])
				for i, from := range c.offsets[tap*c.n : (tap+1)*c.n] {
					if from >= 0 {
						sum += float64(c.src[int(from)+ch]) * float64(c.cotangent[i*c.stride+f])
					}
				}
				if !near(v, sum, c.n) {
					t.Fatalf("%v: %v has %v for tap %d, channel %d, filter %d, want %v", c, level, v, tap, ch, f, sum)
				}
			}
		}
	}
}

func TestKernelGradientHasTheSameBitsOnEachLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	check := func(taps, channels, filters, n int) {
		c := newGradientCase(t, r, taps, channels, filters, n)
		want := c.run(t, Generic)
		for _, level := range Levels()[1:] {
			got := c.run(t, level)
			if at := sameBits(got, want); at >= 0 {
				t.Fatalf("%v: %v has %v for tap %d, channel %d, filter %d, plain Go %v", c, level, got[at], at/c.filters/c.channels, at/c.filters%c.channels, at%c.filters, want[at])
			}
		}
	}
	for channels := 1; channels <= 18; channels++ { // each micro-kernel, with and without a tail
		for filters := 1; filters <= 70; filters++ {
			check(1, channels, filters, 1+r.IntN(8))
		}
	}
	for range 150 {
		check(1+r.IntN(9), 1+r.IntN(70), 1+r.IntN(70), 1+r.IntN(60))
	}
	for range 20 {
		check(1+r.IntN(3), 1+r.IntN(40), 1+r.IntN(40), 1+r.IntN(600))
	}
	for range 30 { // several panels
		check(1+r.IntN(2), 1+r.IntN(40), 97+r.IntN(60), 1+r.IntN(300))
	}
	check(1, 3, 1000, 5) // more filters than go through the channels at once
	check(2, 17, 401, 3)
}

// Blocks of positions are added one after the other: calls for whole blocks give what one call gives.
func TestKernelGradientHasTheSameBitsInBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	for _, level := range Levels() {
		c := newGradientCase(t, r, 2, 9, 20, 3*GradientBlock-5)
		want := c.run(t, level)
		copy(c.sums, c.before)
		g := KernelGradient{level, c.taps, c.channels, c.filters}
		for from := 0; from < c.n; from += GradientBlock {
			to := min(from+GradientBlock, c.n)
			var offsets []int32
			for tap := range c.taps {
				offsets = append(offsets, c.offsets[tap*c.n+from:tap*c.n+to]...)
			}
			g.Add(c.sums, c.src, offsets, c.cotangent[from*c.stride:], c.stride, make([]float32, g.Scratch()))
		}
		if at := sameBits(c.sums, want); at >= 0 {
			t.Errorf("%v: %v at %d in blocks, at once %v", level, c.sums[at], at, want[at])
		}
	}
}

func TestKernelGradientOfWrongSlicesPanics(t *testing.T) {
	for _, level := range Levels() {
		g := KernelGradient{level, 2, 3, 4}
		s := func(n int) []float32 { return make([]float32, n) }
		scratch := s(g.Scratch())
		for name, f := range map[string]func(){
			"sums":      func() { g.Add(s(23), s(3), []int32{0, 0}, s(4), 4, scratch) },
			"offsets":   func() { g.Add(s(24), s(3), []int32{0, 0, 0}, s(8), 4, scratch) },
			"offset":    func() { g.Add(s(24), s(3), []int32{0, 1}, s(4), 4, scratch) },
			"cotangent": func() { g.Add(s(24), s(3), []int32{0, 0, 0, 0}, s(7), 4, scratch) },
			"stride":    func() { g.Add(s(24), s(3), []int32{0, 0, 0, 0}, s(8), -1, scratch) },
			"scratch":   func() { g.Add(s(24), s(3), []int32{0, 0}, s(4), 4, scratch[1:]) },
		} {
			if message := panics(f); len(message) < 6 || message[:6] != "simd: " {
				t.Errorf("%v, %s: panics with %q", level, name, message)
			}
		}
		sums := s(24)
		g.Add(sums, nil, nil, nil, 4, scratch)                               // no positions
		g.Add(sums, nil, []int32{-1, -1}, []float32{1, 2, 3, 4}, 4, scratch) // nothing but padding
		if at := sameBits(sums, s(24)); at >= 0 {
			t.Errorf("%v: %v of padding", level, sums[at])
		}
	}
}

// BenchmarkKernelGradient has shapes of the networks: half a batch, as a thread would take it.
func BenchmarkKernelGradient(b *testing.B) {
	for _, c := range []struct{ rows, columns, step, channels, filters, size, images int }{
		{1, 1, 1, 64, 256, 56, 8}, {1, 1, 1, 256, 64, 56, 8}, {1, 1, 1, 2048, 512, 7, 16}, {1, 1, 1, 512, 2048, 7, 16}, // resnet50
		{3, 3, 1, 64, 64, 56, 8}, {3, 3, 1, 128, 128, 28, 8}, {3, 3, 1, 256, 256, 14, 8}, {3, 3, 1, 512, 512, 7, 16}, {7, 7, 2, 3, 64, 112, 8}, {7, 1, 1, 21, 64, 112, 8},
		{1, 1, 1, 256, 128, 14, 8}, {1, 1, 1, 1024, 128, 14, 8}, {3, 3, 1, 128, 32, 14, 8}, // densenet201
		{1, 1, 1, 16, 96, 112, 8}, {1, 1, 1, 24, 144, 56, 8}, {1, 1, 1, 96, 24, 112, 8}, {1, 1, 1, 320, 1280, 7, 16}, // mobilenet_v2
		{1, 7, 1, 160, 192, 17, 8}, // inception_resnet_v2
	} {
		for _, level := range Levels()[1:] {
			b.Run(fmt.Sprintf("%dx%dby%d/%dto%dfor%dx%dx%d/%v", c.rows, c.columns, c.step, c.channels, c.filters, c.images, c.size, c.size, level), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				g := KernelGradient{level, c.rows * c.columns, c.channels, c.filters}
				n, size := c.images*c.size*c.size, c.size*c.step
				src := random(r, make([]float32, c.images*size*size*c.channels))
				cotangent := random(r, make([]float32, n*c.filters))
				var offsets []int32
				for tap := range g.Taps {
					for i := range n {
						y := i/c.size%c.size*c.step + tap/c.columns - c.rows/2
						x := i%c.size*c.step + tap%c.columns - c.columns/2
						at := ((i/c.size/c.size*size+y)*size + x) * c.channels
						if y < 0 || x < 0 || y >= size || x >= size {
							at = -1
						}
						offsets = append(offsets, int32(at))
					}
				}
				sums, scratch := make([]float32, g.Taps*c.channels*c.filters), make([]float32, g.Scratch())
				best(b, 2*float64(g.Taps*c.channels*c.filters*n), func() { g.Add(sums, src, offsets, cotangent, c.filters, scratch) })
			})
		}
	}
}
