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

// A photo of which a part has the wanted size is that part, in every mode that crops.
func TestCropIsResize(t *testing.T) {
	for _, c := range []struct {
		mode                ResizeMode
		width, height, size int
		keeps               bool
	}{
		{CenterCrop, 40, 30, 30, true}, {Antialias, 40, 30, 30, true}, {Antialias, 30, 43, 30, true}, {Antialias, 30, 30, 30, true}, {Stretch, 30, 30, 30, true},
		{Stretch, 40, 30, 30, false}, {Antialias, 40, 30, 29, false}, {CenterCrop, 40, 30, 40, false}, {Antialias, 40, 29, 30, false},
	} {
		img := pattern(c.width, c.height)
		if keeps := c.mode.Keeps(img, c.size); keeps != c.keeps {
			t.Errorf("%v of %d x %d to %d keeps the pixels: %v", c.mode, c.width, c.height, c.size, keeps)
		}
		if !c.keeps {
			continue
		}
		part := make([]uint8, 3*c.size*c.size)
		c.mode.Crop(part, img, c.size)
		for i, want := range c.mode.Resize(img, c.size) {
			if float32(part[i]) != want {
				t.Fatalf("%v of %d x %d to %d: value %d is %d, resized %v", c.mode, c.width, c.height, c.size, i, part[i], want)
			}
		}
	}
}

func TestImage(t *testing.T) {
	img := (&RGB{Width: 2, Height: 1, Pix: []uint8{1, 2, 3, 4, 5, 6}}).Image()
	if img.Bounds() != image.Rect(0, 0, 2, 1) || img.RGBAAt(1, 0) != (color.RGBA{4, 5, 6, 255}) {
		t.Errorf("the picture is %v", img)
	}
}
