package nb

import (
	"image/color"
	"testing"
)

func TestPixels(t *testing.T) {
	img := Pixels([]float32{-3, 127.6, 300, 1, 2, 3, 0, 0, 0, 254.4, 254.5, 255}, 2)
	for at, want := range map[[2]int]color.RGBA{{0, 0}: {0, 128, 255, 255}, {1, 0}: {1, 2, 3, 255}, {1, 1}: {254, 255, 255, 255}} {
		if got := img.At(at[0], at[1]); got != want {
			t.Errorf("pixel %v is %v, want %v", at, got, want)
		}
	}
	if _, err := pixels(make([]float32, 13), 2); err == nil {
		t.Error("13 numbers pass for 2 x 2 pixels")
	}
}
