package imaging

import (
	"math/rand/v2"
	"testing"
)

// TestSmartCrop's values are Keras's rule worked by hand; 448x336 is the
// development copy of HAM10000, 600x450 the original.
func TestSmartCrop(t *testing.T) {
	tests := []struct {
		width, height, targetHeight, targetWidth int
		left, top, cropWidth, cropHeight         int
	}{
		{448, 336, 224, 224, 56, 0, 336, 336},
		{600, 450, 224, 224, 75, 0, 450, 450},
		{450, 600, 299, 299, 0, 75, 450, 450},
		{224, 224, 224, 224, 0, 0, 224, 224},
		{5, 4, 3, 3, 0, 0, 4, 4},        // half a column is rounded down
		{30, 40, 10, 24, 0, 14, 30, 12}, // 30*10/24 = 12.5 rows
		{1, 1, 5, 4, 0, 0, 1, 1},        // 4/5 of a column: Keras fails, one is kept
		{30000, 2, 224, 224, 14999, 0, 2, 2},
	}
	for _, tc := range tests {
		left, top, w, h := smartCrop(tc.width, tc.height, tc.targetHeight, tc.targetWidth)
		if left != tc.left || top != tc.top || w != tc.cropWidth || h != tc.cropHeight {
			t.Errorf("%d x %d to height %d width %d: crop at (%d,%d) of %d x %d, want (%d,%d) of %d x %d",
				tc.width, tc.height, tc.targetHeight, tc.targetWidth, left, top, w, h, tc.left, tc.top, tc.cropWidth, tc.cropHeight)
		}
	}
}

// TestResizeStaysWithinPixels: both methods only mix pixels, so that no value
// leaves the range of the source and a uniform picture stays uniform.
func TestResizeStaysWithinPixels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		img := newRGB(1+rng.IntN(40), 1+rng.IntN(40))
		low, high := uint8(255), uint8(0)
		for i := range img.Pix {
			img.Pix[i] = uint8(40 + rng.IntN(100))
			low, high = min(low, img.Pix[i]), max(high, img.Pix[i])
		}
		h, w := 1+rng.IntN(50), 1+rng.IntN(50)
		uniform := newRGB(img.Width, img.Height)
		for i := range uniform.Pix {
			uniform.Pix[i] = 77
		}
		for name, resize := range map[string]func(*RGB, int, int) []float32{"smart": SmartResize, "stretch": StretchResize, "antialias": AntialiasResize} {
			got := resize(img, h, w)
			if len(got) != 3*h*w {
				t.Fatalf("%s: %d values for %d x %d", name, len(got), h, w)
			}
			for _, v := range got {
				if v < float32(low) || v > float32(high) {
					t.Fatalf("%s: %v outside %d..%d", name, v, low, high)
				}
			}
			for _, v := range resize(uniform, h, w) {
				if v != 77 {
					t.Fatalf("%s: uniform 77 became %v", name, v)
				}
			}
		}
	}
}

func TestResizeToNothing(t *testing.T) {
	img := pattern(4, 4)
	for _, size := range [][2]int{{0, 3}, {3, 0}, {-1, 3}} {
		if SmartResize(img, size[0], size[1]) != nil || StretchResize(img, size[0], size[1]) != nil {
			t.Errorf("height %d width %d gave an image", size[0], size[1])
		}
	}
}
