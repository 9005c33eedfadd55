package imaging

import "fmt"

// Order is the order of the colour channels in memory. Its text stands in run
// folders and on the command line.
type Order string

const (
	// RGBOrder is red, green, blue: what Pillow and Keras's loaders give.
	RGBOrder Order = "rgb"
	// BGROrder is blue, green, red: what cv2.imread gives. The authors fed it to
	// their metadata-regime networks unconverted.
	BGROrder Order = "bgr"
)

// Validate returns an error if o is not one of the two orders.
func (o Order) Validate() error {
	if o != RGBOrder && o != BGROrder {
		return fmt.Errorf("channel order %q: must be rgb or bgr", string(o))
	}
	return nil
}

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
	first, last := 0, 2
	if o == BGROrder {
		first, last = 2, 0
	}
	n := min(len(dst), len(rgb)) / 3 * 3
	dst, rgb = dst[:n], rgb[:n]
	for i := 0; i+2 < n; i += 3 {
		dst[i+first] = float32(rgb[i])
		dst[i+1] = float32(rgb[i+1])
		dst[i+last] = float32(rgb[i+2])
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

// Preprocess names a scaling of pixel values, as the modes of
// keras.applications.imagenet_utils.preprocess_input.
type Preprocess string

const (
	// PreprocessTF maps 0..255 to -1..1: x/127.5 - 1.
	PreprocessTF Preprocess = "tf"
	// PreprocessCaffe reverses the channels, then subtracts 103.939, 116.779 and
	// 123.68, the ImageNet means of blue, green and red, from the first, second
	// and third channel of the result.
	PreprocessCaffe Preprocess = "caffe"
	// PreprocessTorch divides by 255, then by channel subtracts 0.485, 0.456,
	// 0.406 and divides by 0.229, 0.224, 0.225 (means and deviations of red,
	// green and blue).
	PreprocessTorch Preprocess = "torch"
	// PreprocessNone leaves 0..255, for networks that rescale in the model
	// (MobileNetV3, EfficientNet).
	PreprocessNone Preprocess = "none"
)

// Validate returns an error if p is not one of the four modes.
func (p Preprocess) Validate() error {
	switch p {
	case PreprocessTF, PreprocessCaffe, PreprocessTorch, PreprocessNone:
		return nil
	}
	return fmt.Errorf("preprocessing mode %q: must be tf, caffe, torch or none", string(p))
}

// Apply scales the pixels of src, values 0..255 with three channels each, into
// dst, which may be src itself.
//
// Like Keras, a mode acts on channel positions and does not know which colour
// stands there: it is made for RGB input and gives something else on BGR input.
// So on the BGR input of the authors' metadata regime ([BGROrder]) "tf" gives
// BGR in -1..1, and "caffe" turns the pixels to RGB and then subtracts the mean
// of blue from red and of red from blue.
//
// An unknown mode, or lengths that differ or are no multiple of 3, is an error;
// dst is then unchanged.
func (p Preprocess) Apply(dst, src []float32) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != len(src) || len(src)%3 != 0 {
		return fmt.Errorf("preprocessing %d values into %d: lengths must be equal and a multiple of 3", len(src), len(dst))
	}
	switch p {
	case PreprocessTF:
		for i, v := range src {
			dst[i] = v/127.5 - 1
		}
	case PreprocessCaffe:
		for i := 0; i+2 < len(src); i += 3 {
			a, b, c := src[i], src[i+1], src[i+2]
			dst[i], dst[i+1], dst[i+2] = c-103.939, b-116.779, a-123.68
		}
	case PreprocessTorch:
		for i := 0; i+2 < len(src); i += 3 {
			dst[i] = (src[i]/255 - 0.485) / 0.229
			dst[i+1] = (src[i+1]/255 - 0.456) / 0.224
			dst[i+2] = (src[i+2]/255 - 0.406) / 0.225
		}
	case PreprocessNone:
		copy(dst, src)
	}
	return nil
}
