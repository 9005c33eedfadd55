package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plain3x3 is the sum in float64 at a position of the output.
func plain3x3(src Image, kernel []float32, channels, filters, row, col, f int) (sum float64) {
	for y := range 3 {
		for x := range 3 {
			if row+y < 0 || col+x < 0 || row+y >= src.Rows || col+x >= src.Cols {
				continue
			}
			for c := range channels {
				sum += float64(src.Data[(row+y)*src.RowStride+(col+x)*src.Stride+c]) * float64(kernel[((3*y+x)*channels+c)*filters+f])
			}
		}
	}
	return sum
}

// guardedImage is a map of random values, with or without room between positions and rows, that begins or ends where memory does.
func guardedImage(t *testing.T, r *rand.Rand, rows, cols, channels int, atEnd bool) Image {
	m := Image{Rows: rows, Cols: cols, Stride: channels + r.IntN(2)*r.IntN(9)}
	m.RowStride = cols*m.Stride + r.IntN(2)*r.IntN(30)
	m.Data = random(r, guarded(t, (rows-1)*m.RowStride+(cols-1)*m.Stride+channels, atEnd))
	return m
}

func TestWinograd(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 150 {
		channels, filters, images := 1+r.IntN(40), 1+r.IntN(60), 1+r.IntN(3)
		rows, cols, top, left := 1+r.IntN(11), 1+r.IntN(11), r.IntN(4)-1, r.IntN(4)-1
		atEnd := r.IntN(2) == 0
		image := func(rows, cols, channels int) Image { return guardedImage(t, r, rows, cols, channels, atEnd) }
		var src, dst []Image
		inRows, inCols := 1+r.IntN(12), 1+r.IntN(12)
		for range images {
			src, dst = append(src, image(inRows, inCols, channels)), append(dst, image(rows, cols, filters))
		}
		kernel := random(r, make([]float32, 9*channels*filters))
		e := Epilogue{Activation: activations[r.IntN(len(activations))]}
		if r.IntN(3) > 0 {
			e.Bias = random(r, guarded(t, filters, atEnd))
		}
		if r.IntN(2) > 0 {
			e.ResidualStride = filters + r.IntN(5)
			e.Residual = random(r, guarded(t, (images*rows*cols-1)*e.ResidualStride+filters, atEnd))
		}
		what := fmt.Sprintf("%d images, %dx%dx%d to %dx%dx%d, top %d, left %d, bias %v, residual %v, %+v", images, inRows, inCols, channels, rows, cols, filters, top, left, e.Bias != nil, e.Residual != nil, e.Activation)
		var before, plain [][]float32
		for _, d := range dst {
			before = append(before, slices.Clone(d.Data))
		}
		for _, level := range Levels() {
			whole := NewWinograd(level, kernel, channels, filters)
			parts := []*Winograd{whole}
			if r.IntN(2) == 0 {
				parts = whole.Parts(2)
			}
			for i := range dst {
				copy(dst[i].Data, before[i])
			}
			for _, w := range parts {
				scratch := random(r, guarded(t, w.Scratch(), atEnd))
				if all := Square.Tiles(rows, cols) * images; r.IntN(2) == 0 { // two threads
					middle := r.IntN(all + 1)
					w.ComputeTiles(dst, src, top, left, middle, all, scratch, e)
					w.ComputeTiles(dst, src, top, left, 0, middle, scratch, e)
				} else {
					w.Compute(dst, src, top, left, scratch, e)
				}
			}
			for i, d := range dst {
				if level == Generic {
					plain = append(plain, slices.Clone(d.Data))
					want := before[i]
					for y := range rows {
						for x := range cols {
							for f := range filters {
								sum := plain3x3(src[i], kernel, channels, filters, y-top, x-left, f)
								if e.Bias != nil {
									sum += float64(e.Bias[f])
								}
								if e.Residual != nil {
									sum += float64(e.Residual[((i*rows+y)*cols+x)*e.ResidualStride+f])
								}
								at := y*d.RowStride + x*d.Stride + f
								if got := d.Data[at]; math.Abs(float64(got)-reference(e.Activation, sum)) > 3e-5*math.Sqrt(float64(channels))*(1+math.Abs(sum)/10) {
									t.Fatalf("%s: %v in image %d at row %d, column %d, filter %d, want %v", what, got, i, y, x, f, reference(e.Activation, sum))
								}
								want[at] = d.Data[at]
							}
						}
					}
					if at := sameBits(d.Data, want); at >= 0 {
						t.Fatalf("%s: what lies between the positions has changed at %d", what, at)
					}
				} else if at := sameBits(d.Data, plain[i]); at >= 0 {
					t.Fatalf("%s: %v has %v in image %d at %d, plain Go %v", what, level, d.Data[at], i, at, plain[i][at])
				}
			}
		}
	}
}

// The error of Winograd's form is at most three times that of the plain sum, in the mean.
func TestWinogradIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const size, channels, filters = 12, 256, 16
	src := Image{random(r, make([]float32, size*size*channels)), size, size, channels, size * channels}
	for i, v := range src.Data {
		src.Data[i] = max(v, 0)
	}
	kernel := random(r, make([]float32, 9*channels*filters))
	level, _ := Best()
	newImage := func() Image {
		return Image{make([]float32, size*size*filters), size, size, filters, size * filters}
	}
	fast, plain := newImage(), newImage()
	w := NewWinograd(level, kernel, channels, filters)
	w.Compute([]Image{fast}, []Image{src}, 1, 1, make([]float32, w.Scratch()), Epilogue{})
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
	NewConv(level, kernel, 9, channels, filters).Compute(plain.Data, filters, src.Data, offsets, Epilogue{})
	var fastError, plainError, norm float64
	for i := range plain.Data {
		want := plain3x3(src, kernel, channels, filters, i/filters/size-1, i/filters%size-1, i%filters)
		fastError += math.Pow(float64(fast.Data[i])-want, 2)
		plainError += math.Pow(float64(plain.Data[i])-want, 2)
		norm += want * want
	}
	t.Logf("relative errors in the mean: Winograd %.2g, plain %.2g", math.Sqrt(fastError/norm), math.Sqrt(plainError/norm))
	if fastError > 9*plainError {
		t.Error("Winograd's error is more than three times that of the plain sum")
	}
}

// A window may begin further to the left of the map than it is wide.
func TestWinogradFarFromTheMap(t *testing.T) {
	for _, level := range Levels() {
		kernel := make([]float32, 9*24*24)
		for i := range kernel {
			kernel[i] = 1
		}
		w := NewWinograd(level, kernel, 24, 24)
		src := Image{make([]float32, 4*4*24), 4, 4, 24, 4 * 24}
		for i := range src.Data {
			src.Data[i] = 1
		}
		dst := Image{make([]float32, 4*12*24), 4, 12, 24, 12 * 24}
		w.Compute([]Image{dst}, []Image{src}, 1, 9, make([]float32, w.Scratch()), Epilogue{})
		for x := range 12 {
			// The windows of row 1 see three rows, and of the columns 0 to 3 those from x-9 to x-7.
			want := float32(3 * 24 * max(0, min(3, x-6, 13-x)))
			if got := dst.Data[(12+x)*24]; math.Abs(float64(got-want)) > 1e-3 {
				t.Errorf("%v: column %d is %g, want %g", level, x, got, want)
			}
		}
	}
}
