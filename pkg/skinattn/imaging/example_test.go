package imaging_test

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// Keras's smart_resize crops the centre to the target's shape and interpolates without
// rounding: a photo of 4 x 2 pixels that brightens from left to right.
func ExampleSmartResize() {
	photo := &imaging.RGB{Width: 4, Height: 2, Pix: make([]uint8, 4*2*3)}
	for i := range photo.Pix {
		photo.Pix[i] = uint8(50 * (i / 3 % 4))
	}
	fmt.Println("seen:", imaging.CenterCrop.View(photo.Width, photo.Height))
	for _, size := range []int{1, 2, 4} {
		pixels := imaging.SmartResize(photo, size, size)
		var row []float32 // the red of the first row
		for x := range size {
			row = append(row, pixels[3*x])
		}
		fmt.Println(size, "pixels:", row)
	}
	// Output:
	// seen: (1,0)-(3,2)
	// 1 pixels: [75]
	// 2 pixels: [50 100]
	// 4 pixels: [50 62.5 87.5 100]
}

// The scaling modes of keras.applications act on channel positions. On BGR input, caffe's
// means meet the wrong colours.
func ExamplePreprocess_Apply() {
	for _, order := range []imaging.Order{imaging.RGBOrder, imaging.BGROrder} {
		for _, mode := range []imaging.Preprocess{imaging.PreprocessTF, imaging.PreprocessCaffe} {
			x := make([]float32, 3)
			order.Floats(x, []uint8{255, 102, 0}) // orange
			if err := mode.Apply(x, x); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Printf("%s %-5s %6.1f\n", order, mode, x)
		}
	}
	// Output:
	// rgb tf    [   1.0   -0.2   -1.0]
	// rgb caffe [-103.9  -14.8  131.3]
	// bgr tf    [  -1.0   -0.2    1.0]
	// bgr caffe [ 151.1  -14.8 -123.7]
}

// A quarter turn, clockwise, of a photo of 2 x 2 pixels with grey levels 10 to 40.
func ExampleRotation() {
	photo := []uint8{10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40}
	turned := make([]float32, len(photo))
	imaging.NewRotation(2, 2, 90, false).Bytes(turned, photo)
	fmt.Printf("%.0f %.0f\n%.0f %.0f\n", turned[0], turned[3], turned[6], turned[9])
	// Output:
	// 30 10
	// 40 20
}
