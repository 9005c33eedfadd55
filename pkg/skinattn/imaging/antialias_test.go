package imaging

import (
	"fmt"
	"math"
	"testing"

	"github.com/skinattn/skinattn/internal/simd"
)

// antialiasPlain is the filter by its definition: all rows along the row, then all columns.
func antialiasPlain(img *RGB, height, width int) []float32 {
	left, top, cropWidth, cropHeight := smartCrop(img.Width, img.Height, height, width)
	columns, rows := spans(cropWidth, width), spans(cropHeight, height)
	narrow := make([]float64, 3*width*cropHeight)
	for y := range cropHeight {
		for x, span := range columns {
			for k, weight := range span.Weights {
				for c := range 3 {
					narrow[3*(width*y+x)+c] += float64(float64(img.Pix[3*((top+y)*img.Width+left+span.First+k)+c]) * weight)
				}
			}
		}
	}
	dst := make([]float32, 3*height*width)
	for y, span := range rows {
		for i := range 3 * width {
			var sum float64
			for k, weight := range span.Weights {
				sum += float64(narrow[3*width*(span.First+k)+i] * weight)
			}
			dst[3*width*y+i] = float32(sum)
		}
	}
	return dst
}

// Photos are reduced to the same bits by vector instructions and without: published ones, tall
// ones, large ones, of odd sizes, down to a pixel and enlarged.
func TestAntialiasHasEqualBits(t *testing.T) {
	before := vectors
	defer func() { vectors = before }()
	for _, c := range []struct{ width, height, targetHeight, targetWidth int }{
		{600, 450, 336, 336}, {600, 450, 224, 224}, {450, 600, 224, 224}, {1024, 768, 336, 336}, {1601, 1203, 64, 64}, {2000, 15, 15, 40},
		{61, 47, 31, 17}, {40, 40, 41, 41}, {33, 33, 90, 70}, {7, 5, 1, 1}, {5, 7, 4, 6}, {1, 1, 3, 3}, {2, 1, 1, 2}, {336, 336, 336, 335},
	} {
		img := pattern(c.width, c.height)
		want := antialiasPlain(img, c.targetHeight, c.targetWidth)
		for _, level := range simd.Levels() {
			vectors = level
			t.Run(fmt.Sprintf("%dx%d to %dx%d, %v", c.width, c.height, c.targetWidth, c.targetHeight, level), func(t *testing.T) {
				for i, got := range AntialiasResize(img, c.targetHeight, c.targetWidth) {
					if math.Float32bits(got) != math.Float32bits(want[i]) {
						t.Fatalf("value %d is %v, want %v", i, got, want[i])
					}
				}
			})
		}
	}
}
