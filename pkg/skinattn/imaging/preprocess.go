package imaging

import "fmt"

// Order is the order of the colour channels in memory. Its text stands in run
// folders and on the command line.
type Order string

const (
	// RGBOrder is red, green, blue, as from Pillow and Keras's loaders.
	RGBOrder Order = "rgb"
	// BGROrder is blue, green, red, as from cv2.imread. The authors fed it unconverted to
	// their networks of the metadata regime.
	BGROrder Order = "bgr"
)

// Reversed is the other order.
func (o Order) Reversed() Order {
	if o == BGROrder {
		return RGBOrder
	}
	return BGROrder
}

// Floats writes the pixels of rgb, which are in RGB order (as in [RGB] and
// [Cache]), to dst in order o as numbers 0 to 255. It writes
// min(len(dst), len(rgb)) values, rounded down to whole pixels.
func (o Order) Floats(dst []float32, rgb []uint8) {
	n := min(len(dst), len(rgb)) / 3 * 3
	dst, rgb = dst[:n], rgb[:n]
	if o != BGROrder {
		vectors.Widen(dst, rgb)
		return
	}
	for i := 0; i+2 < n; i += 3 {
		dst[i+2] = float32(rgb[i])
		dst[i+1] = float32(rgb[i+1])
		dst[i] = float32(rgb[i+2])
	}
}

// Reorder turns pixels in RGB order into order o, in place.
func (o Order) Reorder(rgb []float32) {
	if o != BGROrder {
		return
	}
	for i := 0; i+2 < len(rgb); i += 3 {
		rgb[i], rgb[i+2] = rgb[i+2], rgb[i]
	}
}

// Preprocess names a scaling of pixel values: a mode of
// keras.applications.imagenet_utils.preprocess_input. [Preprocess.Scaling] has the
// numbers.
type Preprocess string

const (
	PreprocessTF    Preprocess = "tf"    // to -1..1
	PreprocessCaffe Preprocess = "caffe" // blue, green, red minus the ImageNet means
	PreprocessTorch Preprocess = "torch" // standardised with the ImageNet means and deviations
	// PreprocessNone leaves 0..255, for networks that rescale in the model
	// (MobileNetV3, EfficientNet).
	PreprocessNone Preprocess = "none"
)

// Scaling is the arithmetic of a mode: it reverses the channels of a pixel if Reverse is
// set and makes (x/Divisor - Mean)/Std of each. Mean and Std are by channel position
// after the reversal.
type Scaling struct {
	Reverse   bool
	Divisor   float32
	Mean, Std [3]float32
}

// scalings are the modes of Keras 2.15 (keras/src/applications/imagenet_utils.py).
var scalings = map[Preprocess]Scaling{
	PreprocessTF:    {Divisor: 127.5, Mean: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1}},
	PreprocessCaffe: {Reverse: true, Divisor: 1, Mean: [3]float32{103.939, 116.779, 123.68}, Std: [3]float32{1, 1, 1}},
	PreprocessTorch: {Divisor: 255, Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}},
	PreprocessNone:  {Divisor: 1, Std: [3]float32{1, 1, 1}},
}

// Validate returns an error if p is not one of the four modes.
func (p Preprocess) Validate() error {
	if _, ok := scalings[p]; !ok {
		return fmt.Errorf("preprocessing mode %q: must be tf, caffe, torch or none", string(p))
	}
	return nil
}

// Scaling returns the arithmetic of p, which must be one of the four modes.
func (p Preprocess) Scaling() Scaling { return scalings[p] }

// Apply scales the pixels of src, values 0..255 with three channels each, into dst, which
// may be src itself.
//
// Like Keras, a mode acts on channel positions and does not know which colour stands
// there: it is made for RGB input and gives something else on BGR input. So on the BGR
// input of the authors' metadata regime ([BGROrder]) "tf" gives BGR in -1..1, and "caffe"
// turns the pixels to RGB and then subtracts the mean of blue from red and of red from
// blue.
//
// An unknown mode, or lengths that differ or are no multiple of 3, is an error; dst is
// then unchanged.
func (p Preprocess) Apply(dst, src []float32) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != len(src) || len(src)%3 != 0 {
		return fmt.Errorf("preprocessing %d values into %d: lengths must be equal and a multiple of 3", len(src), len(dst))
	}
	s := p.Scaling()
	for i := 0; i < len(src); i += 3 {
		pixel := [3]float32(src[i:])
		if s.Reverse {
			pixel[0], pixel[2] = pixel[2], pixel[0]
		}
		for c, v := range pixel {
			dst[i+c] = (v/s.Divisor - s.Mean[c]) / s.Std[c]
		}
	}
	return nil
}
