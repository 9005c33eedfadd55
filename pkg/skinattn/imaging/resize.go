package imaging

import (
	"fmt"
	"image"
	"math"
)

// ResizeMode says how a photo is brought to the shape of the network's input. Its
// text stands in run folders and on the command line.
type ResizeMode string

const (
	// CenterCrop crops to the target's aspect ratio and resizes bilinearly
	// ([SmartResize]): the authors' metadata regime.
	CenterCrop ResizeMode = ""
	// Stretch resizes by nearest neighbour, changing the aspect ratio
	// ([StretchResize]): the authors' augmented-data regime.
	Stretch ResizeMode = "stretch"
	// Antialias crops as CenterCrop and reduces with antialiasing ([AntialiasResize]), so
	// that copies of a photo in several sizes look alike to the network.
	Antialias ResizeMode = "antialias"
)

// String names the mode in file names and messages: "center-crop", "stretch" or
// "antialias".
func (f ResizeMode) String() string {
	if f == CenterCrop {
		return "center-crop"
	}
	return string(f)
}

// number stands for the mode in the header of a cache file.
func (f ResizeMode) number() uint32 {
	switch f {
	case Stretch:
		return 1
	case Antialias:
		return 2
	}
	return 0
}

// Resize brings img to size x size pixels; see [SmartResize], [StretchResize] and
// [AntialiasResize].
func (f ResizeMode) Resize(img *RGB, size int) []float32 { return f.resized(img, size, size) }

// ResizeTo is Resize into dst [size size 3].
func (f ResizeMode) ResizeTo(dst []float32, img *RGB, size int) {
	f.resize(dst[:3*size*size], img, size, size)
}

// Keeps reports whether Resize to size x size pixels leaves the pixels of img, or of a part of
// it, as they are.
func (f ResizeMode) Keeps(img *RGB, size int) bool {
	part := f.part(img, size)
	return part.Dx() == size && part.Dy() == size
}

// Crop writes the part of img that Resize keeps to dst [size size 3], where it [ResizeMode.Keeps]
// the pixels.
func (f ResizeMode) Crop(dst []uint8, img *RGB, size int) {
	part := f.part(img, size)
	for y := range size {
		copy(dst[3*size*y:][:3*size], img.Pix[3*((part.Min.Y+y)*img.Width+part.Min.X):])
	}
}

// part is what Resize keeps of img, in its pixels.
func (f ResizeMode) part(img *RGB, size int) image.Rectangle {
	if f == Stretch {
		return image.Rect(0, 0, img.Width, img.Height)
	}
	left, top, width, height := smartCrop(img.Width, img.Height, size, size)
	return image.Rect(left, top, left+width, top+height)
}

// resized returns a picture [height][width][3], or nil if it would be empty.
func (f ResizeMode) resized(img *RGB, height, width int) []float32 {
	if height <= 0 || width <= 0 {
		return nil
	}
	dst := make([]float32, 3*height*width)
	f.resize(dst, img, height, width)
	return dst
}

// resize writes the picture [height][width][3] to dst.
func (f ResizeMode) resize(dst []float32, img *RGB, height, width int) {
	switch f {
	case Stretch:
		stretchResize(dst, img, height, width)
	case Antialias:
		antialiasResize(dst, img, height, width)
	default:
		smartResize(dst, img, height, width)
	}
}

// Validate returns an error if f is not one of the named values.
func (f ResizeMode) Validate() error {
	if f != CenterCrop && f != Stretch && f != Antialias {
		return fmt.Errorf("resize is %q; it must be %s, %s or empty (%s)", string(f), Stretch, Antialias, CenterCrop)
	}
	return nil
}

// SmartResize resizes img to height x width as smart_resize of Keras 2.15 does
// (keras/src/preprocessing/image.py over tf.image.resize): the largest centred
// part with the target's aspect ratio, then bilinear interpolation with
// half-pixel centres and no antialiasing.
//
// The result has shape [height][width][3], channels red, green, blue, values 0
// to 255, not rounded. Where Keras would crop to zero rows or columns (and
// fail), one is kept. Height and width must be positive; otherwise the result
// is nil.
func SmartResize(img *RGB, height, width int) []float32 {
	return CenterCrop.resized(img, height, width)
}

func smartResize(dst []float32, img *RGB, height, width int) {
	left, top, cropWidth, cropHeight := smartCrop(img.Width, img.Height, height, width)
	columns := taps(cropWidth, width)
	for i := range columns {
		columns[i].lower = 3 * (left + columns[i].lower)
		columns[i].upper = 3 * (left + columns[i].upper)
	}
	stride := 3 * img.Width
	for y, row := range taps(cropHeight, height) {
		upper := img.Pix[(top+row.lower)*stride:][:stride]
		lower := img.Pix[(top+row.upper)*stride:][:stride]
		out := dst[3*width*y:][:3*width]
		for x, column := range columns {
			l, r := column.lower, column.upper
			a, b := upper[l:l+3:l+3], upper[r:r+3:r+3]
			c, d := lower[l:l+3:l+3], lower[r:r+3:r+3]
			for k := range 3 {
				out[3*x+k] = bilinear(a[k], b[k], c[k], d[k], column.weight, row.weight)
			}
		}
	}
}

// smartCrop returns the part of a width x height picture that smart_resize
// keeps. The float32 steps are Keras's: they decide where a rounding falls.
func smartCrop(width, height, targetHeight, targetWidth int) (left, top, cropWidth, cropHeight int) {
	cropHeight = int(float32(width*targetHeight) / float32(targetWidth))
	cropWidth = int(float32(height*targetWidth) / float32(targetHeight))
	cropHeight = max(1, min(height, cropHeight))
	cropWidth = max(1, min(width, cropWidth))
	top = int(float32(height-cropHeight) / 2)
	left = int(float32(width-cropWidth) / 2)
	return left, top, cropWidth, cropHeight
}

// tap holds the two source samples of an output sample and the weight of the
// second.
type tap struct {
	lower, upper int
	weight       float32
}

// taps places out samples over in samples as TensorFlow's ResizeBilinear kernel
// does with half_pixel_centers (compute_interpolation_weights in
// image_resizer_state.h and resize_bilinear_op.cc).
func taps(in, out int) []tap {
	result := make([]tap, out)
	scale := float32(in) / float32(out)
	for i := range result {
		// The conversions forbid fused multiply-add, so that every processor
		// rounds alike.
		position := float32((float32(i)+0.5)*scale) - 0.5
		floor := float32(math.Floor(float64(position)))
		result[i] = tap{
			lower:  min(max(int(floor), 0), in-1),
			upper:  min(max(int(math.Ceil(float64(position))), 0), in-1),
			weight: position - floor,
		}
	}
	return result
}

// bilinear interpolates between a, b (upper row) and c, d (lower row).
func bilinear(a, b, c, d uint8, wx, wy float32) float32 {
	fa, fc := float32(a), float32(c)
	top := fa + float32((float32(b)-fa)*wx)
	bottom := fc + float32((float32(d)-fc)*wx)
	return top + float32((bottom-top)*wy)
}

// StretchResize resizes img to height x width by nearest neighbour without
// keeping the aspect ratio, as Keras's load_img does by default (Pillow's
// NEAREST). The result is as of [SmartResize], with whole values.
func StretchResize(img *RGB, height, width int) []float32 { return Stretch.resized(img, height, width) }

func stretchResize(dst []float32, img *RGB, height, width int) {
	columns := nearest(img.Width, width)
	i := 0
	for _, sy := range nearest(img.Height, height) {
		row := img.Pix[3*img.Width*sy:][:3*img.Width]
		for _, sx := range columns {
			dst[i] = float32(row[3*sx])
			dst[i+1] = float32(row[3*sx+1])
			dst[i+2] = float32(row[3*sx+2])
			i += 3
		}
	}
}

// nearest places out samples over in samples as Pillow's ImagingScaleAffine
// does, which adds up positions in double precision.
func nearest(in, out int) []int {
	result := make([]int, out)
	scale := float64(in) / float64(out)
	position := scale * 0.5
	for i := range result {
		result[i] = min(int(position), in-1)
		position += scale
	}
	return result
}
