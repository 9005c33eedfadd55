package nb

import (
	"fmt"
	"image"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Pixels makes a picture of numbers as networks get them before scaling: RGB
// 0..255 [size size 3] in row-major order. Values are rounded and clipped to 0..255.
func Pixels(values []float32, size int) image.Image { return Must(pixels(values, size)) }

func pixels(values []float32, size int) (image.Image, error) {
	if size < 1 || len(values) != 3*size*size {
		return nil, fmt.Errorf("making a picture: %d values are no %d x %d pixels of three channels", len(values), size, size)
	}
	rgb := imaging.RGB{Width: size, Height: size, Pix: make([]uint8, len(values))}
	for i, v := range values {
		rgb.Pix[i] = uint8(min(max(v, 0), 255) + .5)
	}
	return rgb.Image(), nil
}
