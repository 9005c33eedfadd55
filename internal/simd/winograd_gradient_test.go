package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// runGradient takes all groups of tiles through, divided among threads that run one after the other.
func runGradient(g WinogradGradient, src, cotangent []Image, top, left, parts int, fresh func(n int) []float32) []float32 {
	in, out := g.Matrices()
	inputs, cotangents, sums, scratch := fresh(in), fresh(out), fresh(g.Sums()), fresh(g.Scratch())
	for first := 0; first < g.Tiles; first += GradientTiles {
		n := min(GradientTiles, g.Tiles-first)
		for part := range parts {
			g.Transform(inputs, cotangents, src, cotangent, top, left, first, first+n*part/parts, first+n*(part+1)/parts, scratch)
		}
		for part := range parts {
			g.Add(sums, inputs, cotangents, first, part, parts, scratch)
		}
	}
	gradient := fresh(g.Shape.taps() * g.Channels * g.Filters)
	for part := range parts {
		g.Finish(gradient, sums, part, parts)
	}
	return gradient
}

// TestWinogradGradient compares with sums in float64, all levels and divisions among threads bit by bit.
func TestWinogradGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for round := range 240 {
		shape := Shape(round % 3)
		channels, filters, images := 1+r.IntN(40), 1+r.IntN(60), 1+r.IntN(3)
		rows, cols, top, left := 1+r.IntN(11), 1+r.IntN(11), r.IntN(4)-1, r.IntN(4)-1
		if shape != Square {
			top, left = r.IntN(8)-1, r.IntN(8)-1
		}
		inRows, inCols := 1+r.IntN(12), 1+r.IntN(12)
		if round < 6 { // more than a group of tiles
			channels, filters, images, rows, cols, inRows, inCols = 1+r.IntN(20), 1+r.IntN(20), 3, 41, 39, 40, 38
		}
		atEnd := r.IntN(2) == 0
		image := func(rows, cols, channels int) Image { return guardedImage(t, r, rows, cols, channels, atEnd) }
		var src, cotangent []Image
		for range images {
			src, cotangent = append(src, image(inRows, inCols, channels)), append(cotangent, image(rows, cols, filters))
		}
		what := fmt.Sprintf("shape %d, %d images, %dx%dx%d, cotangents %dx%dx%d, top %d, left %d", shape, images, inRows, inCols, channels, rows, cols, filters, top, left)
		fresh := func(n int) []float32 {
			values := guarded(t, n, atEnd)
			for i := range values {
				values[i] = float32(math.NaN())
			}
			return values
		}
		var plain []float32
		for _, level := range Levels() {
			g := WinogradGradient{level, shape, channels, filters, images * shape.Tiles(rows, cols)}
			got := runGradient(g, src, cotangent, top, left, 1+r.IntN(5), fresh)
			if plain == nil {
				plain = got
				for at, v := range got {
					sum, size := 0., 0.
					dy, dx := shape.offset(at / filters / channels)
					dy, dx = dy-top, dx-left
					c, f := at/filters%channels, at%filters
					for i := range images {
						for y := range rows {
							for x := range cols {
								if uint(y+dy) < uint(inRows) && uint(x+dx) < uint(inCols) {
									p := float64(src[i].Data[(y+dy)*src[i].RowStride+(x+dx)*src[i].Stride+c]) * float64(cotangent[i].Data[y*cotangent[i].RowStride+x*cotangent[i].Stride+f])
									sum, size = sum+p, size+math.Abs(p)
								}
							}
						}
					}
					if !(math.Abs(float64(v)-sum) <= 4e-6*size+6e-5*math.Sqrt(float64(images*rows*cols))) {
						t.Fatalf("%s: value %d is %v, want %v", what, at, v, sum)
					}
				}
			} else if at := sameBits(got, plain); at >= 0 {
				t.Fatalf("%s: %v has %v at %d, plain Go %v", what, level, got[at], at, plain[at])
			}
		}
	}
}

// offset is where a tap lies in the window.
func (s Shape) offset(tap int) (dy, dx int) {
	switch s {
	case Row:
		return 0, tap
	case Column:
		return tap, 0
	}
	return tap / 3, tap % 3
}

// TestWinogradGradientIsExact asks that the error is at most so many times that of the plain sum in blocks, in the mean.
func TestWinogradGradientIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	const size, channels, filters, images = 28, 16, 16, 4
	level, _ := Best()
	src := random(r, make([]float32, images*size*size*channels))
	for i, v := range src {
		src[i] = max(v, 0)
	}
	cotangent := random(r, make([]float32, images*size*size*filters))
	imagesOf := func(values []float32, channels int) (all []Image) {
		for one := range slices.Chunk(values, size*size*channels) {
			all = append(all, Image{one, size, size, channels, size * channels})
		}
		return all
	}
	for shape, most := range []float64{Square: 6, Row: 20, Column: 20} {
		shape := Shape(shape)
		last, right := shape.offset(shape.taps() - 1)
		top, left := last/2, right/2
		g := WinogradGradient{level, shape, channels, filters, images * shape.Tiles(size, size)}
		fast := runGradient(g, imagesOf(src, channels), imagesOf(cotangent, filters), top, left, 1, func(n int) []float32 { return make([]float32, n) })
		var offsets []int32
		for tap := range shape.taps() {
			dy, dx := shape.offset(tap)
			for i := range images * size * size {
				y, x := i/size%size+dy-top, i%size+dx-left
				at := int32(((i/size/size*size+y)*size + x) * channels)
				if y < 0 || x < 0 || y >= size || x >= size {
					at = -1
				}
				offsets = append(offsets, at)
			}
		}
		plain, exact := make([]float32, len(fast)), make([]float64, len(fast))
		k := KernelGradient{level, shape.taps(), channels, filters}
		k.Add(plain, src, offsets, cotangent, filters, make([]float32, k.Scratch()))
		positions := images * size * size
		for at := range exact {
			tap, c, f := at/filters/channels, at/filters%channels, at%filters
			for i, from := range offsets[tap*positions : (tap+1)*positions] {
				if from >= 0 {
					exact[at] += float64(src[int(from)+c]) * float64(cotangent[i*filters+f])
				}
			}
		}
		fastError, plainError := relativeError(fast, exact), relativeError(plain, exact)
		t.Logf("shape %d, relative errors in the mean: Winograd %.2g, plain %.2g", shape, fastError, plainError)
		if fastError > most*plainError {
			t.Errorf("shape %d: Winograd's error is more than %g times that of the plain sum", shape, most)
		}
	}
}

// relativeError is the root of the mean square of the errors, over that of the values.
func relativeError(got []float32, want []float64) float64 {
	var sum, norm float64
	for i, w := range want {
		sum += math.Pow(float64(got[i])-w, 2)
		norm += w * w
	}
	return math.Sqrt(sum / norm)
}

func TestWinogradGradientOfWrongSlicesPanics(t *testing.T) {
	for _, level := range Levels() {
		g := WinogradGradient{level, Square, 2, 3, 1}
		s := func(n int) []float32 { return make([]float32, n) }
		in, out := g.Matrices()
		src, cotangent := []Image{{s(2 * 9), 3, 3, 2, 6}}, []Image{{s(3 * 9), 3, 3, 3, 9}}
		run := func(inputs, cotangents, sums, gradient, scratch int, src, cotangent []Image, first, to int) func() {
			return func() {
				g.Transform(s(inputs), s(cotangents), src, cotangent, 1, 1, first, first, to, s(scratch))
				g.Add(s(sums), s(inputs), s(cotangents), first, 0, 1, s(scratch))
				g.Finish(s(gradient), s(sums), 0, 1)
			}
		}
		run(in, out, g.Sums(), 54, g.Scratch(), src, cotangent, 0, 1)()
		for name, f := range map[string]func(){
			"inputs":       run(in-1, out, g.Sums(), 54, g.Scratch(), src, cotangent, 0, 1),
			"cotangents":   run(in, out-1, g.Sums(), 54, g.Scratch(), src, cotangent, 0, 1),
			"sums":         run(in, out, g.Sums()-1, 54, g.Scratch(), src, cotangent, 0, 1),
			"gradient":     run(in, out, g.Sums(), 53, g.Scratch(), src, cotangent, 0, 1),
			"scratch":      run(in, out, g.Sums(), 54, g.Scratch()-1, src, cotangent, 0, 1),
			"no images":    run(in, out, g.Sums(), 54, g.Scratch(), nil, nil, 0, 1),
			"one of two":   run(in, out, g.Sums(), 54, g.Scratch(), src, nil, 0, 1),
			"too short":    run(in, out, g.Sums(), 54, g.Scratch(), []Image{{s(17), 3, 3, 2, 6}}, cotangent, 0, 1),
			"more tiles":   run(in, out, g.Sums(), 54, g.Scratch(), src, cotangent, 0, 2),
			"other images": run(in, out, g.Sums(), 54, g.Scratch(), append(src, src...), append(cotangent, cotangent...), 0, 1),
			"no group":     run(in, out, g.Sums(), 54, g.Scratch(), src, cotangent, 1, 1),
			"part to add":  func() { g.Add(s(g.Sums()), s(in), s(out), 0, 2, 2, s(g.Scratch())) },
			"last part":    func() { g.Finish(s(54), s(g.Sums()), 2, 2) },
			"no parts":     func() { g.Finish(s(54), s(g.Sums()), 0, 0) },
		} {
			if message := panics(f); len(message) < 6 || message[:6] != "simd: " {
				t.Errorf("%v, %s: panics with %q", level, name, message)
			}
		}
	}
}

// The expectations are measured: twice the speed for most shapes that pay, 1.1 to 1.3 times for the least, and .5 to 1.1 for those that don't.
func TestWinogradGradientPays(t *testing.T) {
	for _, c := range []struct {
		size, images, channels, filters int
		want                            bool
	}{
		{56, 8, 64, 64, true}, {28, 8, 128, 128, true}, {14, 8, 256, 256, true}, {7, 8, 512, 512, true}, {7, 4, 512, 512, true}, {7, 3, 512, 512, false}, {7, 1, 512, 512, false},
		{14, 1, 512, 512, true}, {8, 4, 1024, 256, true}, {8, 2, 1024, 256, false}, {8, 2, 256, 256, true}, {7, 8, 128, 32, true}, {7, 16, 64, 24, true}, {28, 8, 16, 16, true},
		{3, 16, 512, 512, false}, {3, 32, 512, 512, true}, {5, 8, 512, 512, false}, {6, 4, 512, 512, false}, {3, 16, 192, 192, true},
		{56, 8, 64, 16, true}, {112, 8, 3, 64, false}, {2, 8, 192, 192, false}, {1, 64, 64, 64, false},
	} {
		if got := WinogradGradientPays(Square, c.size, c.size, c.images, c.channels, c.filters); got != c.want {
			t.Errorf("%d images of %dx%d, %d to %d: %v", c.images, c.size, c.size, c.channels, c.filters, got)
		}
	}
	for _, c := range []struct {
		rows, cols, images, channels, filters int
		want                                  bool
	}{
		{17, 17, 8, 160, 192, true}, {17, 17, 8, 16, 200, true}, {8, 8, 8, 600, 600, true}, {2, 2, 16, 600, 600, false}, {1, 2, 16, 600, 600, false}, {3, 1, 64, 192, 192, false},
	} {
		if got := WinogradGradientPays(Row, c.rows, c.cols, c.images, c.channels, c.filters); got != c.want {
			t.Errorf("%d images of %dx%d in rows, %d to %d: %v", c.images, c.rows, c.cols, c.channels, c.filters, got)
		}
	}
}
