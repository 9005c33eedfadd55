package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// formed is a straight kernel [taps channels filters] in a form, in guarded memory.
func formed(t *testing.T, kernel []float32, form Form, taps, channels, filters int, atEnd bool) []float32 {
	out := guarded(t, len(kernel), atEnd)
	for i, v := range kernel {
		tap, c, f := i/(channels*filters), i/filters%channels, i%filters
		switch form {
		case Straight:
			out[i] = v
		case Transposed:
			out[(tap*filters+f)*channels+c] = v
		case Mirrored:
			out[((taps-1-tap)*filters+f)*channels+c] = v
		}
	}
	return out
}

// at is where a packed kernel has the value of a row, which is a tap and a channel, and a filter.
func (c *Conv) at(row, filter int) *float32 {
	if c.Level == Generic {
		return &c.plain[row*c.Filters+filter]
	}
	for _, p := range c.panels {
		if filter < p.first+p.filters {
			return &c.packed[p.at+row*c.Level.pitch(p.eighths)+filter-p.first]
		}
	}
	panic("no such filter")
}

// repackParts packs a kernel in one to three parts, the last one first.
func repackParts(r *rand.Rand, pack func(kernel []float32, form Form, part, parts int), kernel []float32, form Form) int {
	parts := 1 + r.IntN(3)
	for part := parts - 1; part >= 0; part-- {
		pack(kernel, form, part, parts)
	}
	return parts
}

// A kernel packed in each form, in parts, over another one, has its values where they belong, and zeros elsewhere.
func TestRepack(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for range 300 {
		taps, channels, filters := 1+r.IntN(3)*r.IntN(4), 1+r.IntN(90), 1+r.IntN(110)
		atEnd := r.IntN(2) == 0
		kernel := random(r, make([]float32, taps*channels*filters))
		for _, level := range Levels() {
			c, size := layConv(level, taps, channels, filters)
			c.place(guarded(t, size, atEnd))
			for _, form := range []Form{Straight, Transposed, Mirrored} {
				c.Repack(random(r, make([]float32, len(kernel))))
				parts := repackParts(r, c.RepackPart, formed(t, kernel, form, taps, channels, filters, atEnd), form)
				for i, want := range kernel {
					at := c.at(i/filters, i%filters)
					if *at != want {
						t.Fatalf("%v: %d taps, %d channels, %d filters, form %d in %d parts: %v at %d, want %v", level, taps, channels, filters, form, parts, *at, i, want)
					}
					*at = 0
				}
				for _, v := range append(c.packed, c.plain...) {
					if math.Float32bits(v) != 0 {
						t.Fatalf("%v: %d taps, %d channels, %d filters, form %d: %v between the values", level, taps, channels, filters, form, v)
					}
				}
			}
		}
	}
}

// A kernel is transformed alike on all levels, in all forms and parts, a few roundings from the transform in float64.
func TestRepackWinograd(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	g := winogradKernel()
	most := 0.
	for range 100 {
		channels, filters := 1+r.IntN(50), 1+r.IntN(110)
		atEnd := r.IntN(2) == 0
		kernel := random(r, make([]float32, 9*channels*filters))
		what := fmt.Sprintf("%d channels, %d filters", channels, filters)
		plain := MakeWinograd(Generic, channels, filters)
		plain.Repack(kernel)
		for p, product := range plain.products {
			row, col := g[p/winogradWindow], g[p%winogradWindow]
			for i := range channels * filters {
				want, sizes := 0., 0.
				for tap := range 9 {
					term := row[tap/3] * col[tap%3] * float64(kernel[tap*channels*filters+i])
					want, sizes = want+term, sizes+math.Abs(term)
				}
				if off := math.Abs(float64(product.plain[i])-want) / sizes * (1 << 24); off > 6 {
					t.Fatalf("%s: %v in matrix %d at %d, want %v", what, product.plain[i], p, i, want)
				} else if sizes > 0 {
					most = max(most, off)
				}
			}
		}
		for _, level := range Levels() {
			w := MakeWinograd(level, channels, filters)
			size := w.products[0].Bytes() / 4
			memory := guarded(t, (winogradPoints-1)*w.apart+size, atEnd)
			for p, product := range w.products {
				product.place(memory[p*w.apart:][:size:size])
			}
			for _, form := range []Form{Straight, Transposed, Mirrored} {
				w.Repack(random(r, make([]float32, len(kernel))))
				parts := repackParts(r, w.RepackPart, formed(t, kernel, form, 9, channels, filters, atEnd), form)
				for p, product := range w.products {
					for i, want := range plain.products[p].plain {
						at := product.at(i/filters, i%filters)
						if math.Float32bits(*at) != math.Float32bits(want) {
							t.Fatalf("%v: %s, form %d in %d parts: %v in matrix %d at %d, want %v", level, what, form, parts, *at, p, i, want)
						}
						*at = 0
					}
				}
				for _, v := range memory {
					if math.Float32bits(v) != 0 {
						t.Fatalf("%v: %s, form %d: %v between the values", level, what, form, v)
					}
				}
			}
		}
	}
	t.Logf("at most %.1f halves of the last place from the transform in float64", most)
}

// Repacked parts of the filters are parts of the whole, and what a Winograd computes with a mirrored kernel is the gradient with respect to the input of its convolution.
func TestRepackedGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	const size, channels, filters = 9, 20, 52
	// The convolution takes filters to channels: its gradient, channels to filters.
	kernel := random(r, make([]float32, 9*channels*filters)) // [3 3 filters channels]
	gradient := Image{random(r, make([]float32, size*size*channels)), size, size, channels, size * channels}
	want := make([]float64, size*size*filters)
	for i := range size * size {
		for tap := range 9 {
			y, x := i/size+tap/3-1, i%size+tap%3-1 // where the position of the output reads
			if y < 0 || x < 0 || y >= size || x >= size {
				continue
			}
			for f := range filters {
				for c := range channels {
					want[(y*size+x)*filters+f] += float64(gradient.Data[i*channels+c]) * float64(kernel[(tap*filters+f)*channels+c])
				}
			}
		}
	}
	for _, level := range Levels() {
		w := MakeWinograd(level, channels, filters)
		dst := Image{make([]float32, size*size*filters), size, size, filters, size * filters}
		for _, part := range w.Parts(2) {
			part.RepackMirrored(kernel)
			part.Compute([]Image{dst}, []Image{gradient}, 1, 1, make([]float32, w.Scratch()), Epilogue{})
		}
		for i, got := range dst.Data {
			if math.Abs(float64(got)-want[i]) > 3e-5*math.Sqrt(channels)*(1+math.Abs(want[i])/10) {
				t.Fatalf("%v: %v at %d, want %v", level, got, i, want[i])
			}
		}
	}
}

func TestRepackTakesNoMemory(t *testing.T) {
	for _, level := range Levels() {
		kernel := make([]float32, 9*40*40)
		c, w := MakeConv(level, 9, 40, 40), MakeWinograd(level, 40, 40)
		if n := testing.AllocsPerRun(3, func() {
			c.Repack(kernel)
			c.RepackTransposed(kernel)
			w.Repack(kernel)
			w.RepackTransposed(kernel)
		}); n > 0 {
			t.Errorf("%v: %v allocations", level, n)
		}
	}
}

func TestWrongKernelsPanic(t *testing.T) {
	for _, level := range Levels() {
		c, w := MakeConv(level, 2, 3, 4), MakeWinograd(level, 3, 4)
		for name, f := range map[string]func(){
			"no channels":      func() { MakeConv(level, 1, 0, 4) },
			"no filters":       func() { MakeWinograd(level, 3, 0) },
			"kernel":           func() { c.Repack(make([]float32, 25)) },
			"part":             func() { c.RepackPart(make([]float32, 24), Straight, 2, 2) },
			"winograd":         func() { w.RepackTransposed(make([]float32, 9*12-1)) },
			"winograd's part":  func() { w.RepackPart(make([]float32, 9*12), Mirrored, -1, 2) },
			"winograd's parts": func() { w.RepackPart(make([]float32, 9*12), Straight, 0, 0) },
		} {
			if message := panics(f); len(message) < 6 || message[:6] != "simd: " {
				t.Errorf("%v, %s: panics with %q", level, name, message)
			}
		}
	}
}

// The rule is what BenchmarkTrainingWinograd measures.
func TestTrainingWinogradPays(t *testing.T) {
	for _, c := range []struct {
		size, images, channels, filters int
		want                            bool
	}{
		{56, 8, 64, 64, true}, {28, 8, 128, 128, true}, {14, 8, 256, 256, true}, {14, 8, 512, 512, true}, {7, 8, 512, 512, true}, {7, 4, 512, 512, false}, {7, 1, 512, 512, false},
		{14, 2, 512, 512, true}, {14, 1, 512, 512, false}, {5, 8, 512, 512, false},
		{56, 8, 128, 32, true}, {28, 8, 128, 32, true}, {14, 8, 128, 32, true}, {7, 8, 128, 32, true}, {56, 8, 32, 128, true},
		{35, 8, 96, 96, true}, {35, 8, 48, 64, true}, {147, 8, 32, 64, true}, {35, 8, 32, 32, true}, {112, 8, 64, 128, true}, {8, 1, 192, 192, true},
		{4, 1, 64, 64, false}, {2, 8, 192, 192, false}, {1, 64, 64, 64, false}, {112, 8, 3, 64, false},
	} {
		for range 2 {
			if got := TrainingWinogradPays(c.size, c.size, c.images, c.channels, c.filters); got != c.want {
				t.Errorf("%d images of %dx%d, %d to %d: %v", c.images, c.size, c.size, c.channels, c.filters, got)
			}
			c.channels, c.filters = c.filters, c.channels
		}
	}
}

// BenchmarkRepack has what a step of training does to kernels; the speed is in bytes of the kernel as it was.
func BenchmarkRepack(b *testing.B) {
	for _, c := range []struct{ taps, channels, filters int }{
		{1, 512, 2048}, {1, 2048, 512}, {9, 512, 512}, {9, 64, 64}, {9, 128, 32}, {1, 1056, 176},
	} {
		kernel := random(rand.New(rand.NewPCG(1, 1)), make([]float32, c.taps*c.channels*c.filters))
		for _, level := range Levels()[1:] {
			run := func(name string, pack func(kernel []float32)) {
				b.Run(fmt.Sprintf("%dx%dto%d/%v/%s", c.taps, c.channels, c.filters, level, name), func(b *testing.B) {
					took := fastest(b, func() { pack(kernel) })
					b.ReportMetric(4*float64(len(kernel))/float64(took.Nanoseconds()), "GB/s")
					b.ReportMetric(took.Seconds()*1e3, "best-ms")
				})
			}
			k := MakeConv(level, c.taps, c.channels, c.filters)
			run("plain", k.Repack)
			run("plain transposed", k.RepackTransposed)
			if c.taps == 9 {
				w := MakeWinograd(level, c.channels, c.filters)
				run("winograd", w.Repack)
				run("winograd transposed", w.RepackTransposed)
			}
		}
	}
}

// BenchmarkTrainingWinograd has 3x3 convolutions of a batch whose kernel is packed anew: the fastest repetitions of Winograd's form and of the plain one, by turns.
func BenchmarkTrainingWinograd(b *testing.B) {
	for _, c := range []struct{ channels, filters, size, images int }{
		{64, 64, 56, 4}, {128, 128, 28, 4}, {256, 256, 14, 4}, {512, 512, 14, 4}, {512, 512, 7, 4}, // resnet50, vgg16
		{128, 32, 56, 4}, {128, 32, 28, 4}, {128, 32, 14, 4}, {128, 32, 7, 4}, {32, 128, 28, 4}, {32, 128, 7, 4}, // densenet201 and gradients
		{32, 64, 147, 4}, {32, 32, 35, 4}, {96, 96, 35, 4}, {48, 64, 35, 4}, {64, 48, 35, 4}, {64, 128, 112, 4}, {192, 192, 7, 4},
		// Few tiles: where the rule changes.
		{512, 512, 7, 1}, {512, 512, 7, 2}, {512, 512, 7, 6}, {512, 512, 7, 8}, {512, 512, 14, 1}, {512, 512, 14, 2}, {256, 256, 14, 1}, {256, 256, 7, 1}, {256, 256, 7, 2},
		{256, 256, 7, 4}, {384, 384, 7, 1}, {384, 384, 7, 2}, {384, 384, 7, 4}, {192, 192, 7, 1}, {160, 160, 7, 1}, {160, 160, 4, 1}, {64, 64, 4, 1}, {16, 16, 14, 1}, {16, 16, 7, 1},
		{16, 128, 14, 1}, {128, 16, 14, 1}, {8, 8, 14, 4}, {8, 64, 14, 4}, {24, 24, 14, 4}, {48, 48, 7, 1}, {48, 48, 4, 1},
	} {
		images := c.images
		for _, level := range Levels()[1:] {
			b.Run(fmt.Sprintf("%dto%dfor%dx%dx%d/%v", c.channels, c.filters, images, c.size, c.size, level), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				image := func(channels int) Image {
					return Image{random(r, make([]float32, c.size*c.size*channels)), c.size, c.size, channels, c.size * channels}
				}
				var src, dst []Image
				for range images {
					src, dst = append(src, image(c.channels)), append(dst, image(c.filters))
				}
				kernel := random(r, make([]float32, 9*c.channels*c.filters))
				k, w := MakeConv(level, 9, c.channels, c.filters), MakeWinograd(level, c.channels, c.filters)
				scratch, offsets := make([]float32, w.Scratch()), sameOffsets(c.size, c.channels)
				winograd, plain, packing := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
				for b.Loop() {
					start := time.Now()
					w.Repack(kernel)
					packing = min(packing, time.Since(start))
					w.ComputeTiles(dst, src, 1, 1, 0, Square.Tiles(c.size, c.size)*images, scratch, Epilogue{})
					winograd = min(winograd, time.Since(start))
					start = time.Now()
					k.Repack(kernel)
					for i := range src {
						k.Compute(dst[i].Data, c.filters, src[i].Data, offsets, Epilogue{})
					}
					plain = min(plain, time.Since(start))
				}
				b.ReportMetric(plain.Seconds()*1e3, "plain-ms")
				b.ReportMetric(winograd.Seconds()*1e3, "winograd-ms")
				b.ReportMetric(packing.Seconds()*1e3, "packing-ms")
				b.ReportMetric(plain.Seconds()/winograd.Seconds(), "plain/winograd")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// sameOffsets are where a 3x3 convolution with padding reads a dense map of so many rows and columns.
func sameOffsets(size, channels int) []int32 {
	var offsets []int32
	for tap := range 9 {
		for i := range size * size {
			y, x := i/size+tap/3-1, i%size+tap%3-1
			at := int32((y*size + x) * channels)
			if y < 0 || x < 0 || y >= size || x >= size {
				at = -1
			}
			offsets = append(offsets, at)
		}
	}
	return offsets
}
