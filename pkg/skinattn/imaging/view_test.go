package imaging

import (
	"image"
	"image/color"
	"testing"
)

// By hand: HAM10000's 600 x 450 photos lose 75 columns on either side.
func TestView(t *testing.T) {
	for _, c := range []struct {
		fit           ResizeMode
		width, height int
		want          image.Rectangle
	}{
		{CenterCrop, 600, 450, image.Rect(75, 0, 525, 450)},
		{CenterCrop, 450, 600, image.Rect(0, 75, 450, 525)},
		{CenterCrop, 64, 64, image.Rect(0, 0, 64, 64)},
		{Stretch, 600, 450, image.Rect(0, 0, 600, 450)},
	} {
		if got := c.fit.View(c.width, c.height); got != c.want {
			t.Errorf("%v of %d x %d is %v, want %v", c.fit, c.width, c.height, got, c.want)
		}
	}
}

func TestImage(t *testing.T) {
	img := (&RGB{Width: 2, Height: 1, Pix: []uint8{1, 2, 3, 4, 5, 6}}).Image()
	if img.Bounds() != image.Rect(0, 0, 2, 1) || img.RGBAAt(1, 0) != (color.RGBA{4, 5, 6, 255}) {
		t.Errorf("the picture is %v", img)
	}
}
