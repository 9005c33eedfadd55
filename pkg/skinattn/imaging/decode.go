package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"

	"github.com/skinattn/skinattn/internal/jpeg"
)

const (
	// MaxPixels is the largest image that is decoded: 100 million pixels, 300 MB
	// as RGB and at most 1.2 GB (progressive CMYK JPEG) on the way there. A larger
	// one is refused from its header, before any memory is set aside for it.
	MaxPixels = 100_000_000

	// MaxFileBytes is the largest image file that is read: 512 MiB.
	MaxFileBytes = 512 << 20
)

// RGB is a decoded photo with 8 bits a channel.
type RGB struct {
	Width, Height int     // in pixels
	Pix           []uint8 // [Height][Width][3] in row-major order; channels red, green, blue
}

// newRGB returns a black image.
func newRGB(width, height int) *RGB {
	return &RGB{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
}

// DecodeFile reads the JPEG or PNG file at path as [Decode] does. Every error
// names the file.
func DecodeFile(path string) (*RGB, error) {
	data, err := readImageFile(path)
	if err != nil {
		return nil, err
	}
	img, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decoding %s: %w", path, err)
	}
	return img, nil
}

// readImageFile returns the content of path, refusing what cannot be an image
// that [Decode] takes.
func readImageFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: not a regular file", path)
	}
	if info.Size() > MaxFileBytes {
		return nil, fmt.Errorf("reading %s: %d bytes is more than the limit of %d for an image file", path, info.Size(), MaxFileBytes)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}

// Decode decodes a JPEG or PNG image and applies its EXIF orientation, if it
// has one. What the result holds for each kind of file:
//
//   - JPEG, baseline or progressive, YCbCr or RGB: to the last bit as libjpeg
//     (hence Pillow and OpenCV) decodes it by default, with its integer inverse
//     cosine transform and smooth ("fancy") chroma upsampling;
//   - grey JPEG or PNG: the grey value in all three channels;
//   - CMYK and YCCK JPEG with Adobe's marker: (255-C)*(255-K)/255 and so on, no
//     colour profile; without the marker the meaning of the inks is unknown and
//     it is an error;
//   - 16-bit PNG: the high byte of each channel;
//   - PNG with transparency: composited over white, the colour of the page.
//
// A file that is empty, cut short, damaged, of another format or larger than
// [MaxPixels] is an error. Unreadable EXIF data counts as none.
func Decode(data []byte) (*RGB, error) { return decode(data, MaxPixels) }

func decode(data []byte, maxPixels int) (*RGB, error) {
	var format struct {
		size   func([]byte) (width, height int, err error)
		decode func([]byte) (*RGB, error)
	}
	switch {
	case len(data) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		format.size, format.decode = jpeg.Size, decodeJPEG
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		format.size, format.decode = pngSize, decodePNG
	default:
		return nil, errors.New("neither a JPEG nor a PNG image")
	}
	width, height, err := format.size(data)
	if err != nil {
		return nil, describe(err)
	}
	if width <= 0 || height <= 0 {
		return nil, fmt.Errorf("image of %d x %d pixels", width, height)
	}
	// The division keeps the test safe from overflow on 32-bit machines.
	if width > maxPixels/height {
		return nil, fmt.Errorf("image of %d x %d pixels is more than the limit of %d pixels", width, height, maxPixels)
	}
	img, err := format.decode(data)
	if err != nil {
		return nil, describe(err)
	}
	return orient(img, exifOrientation(data)), nil
}

func decodeJPEG(data []byte) (*RGB, error) {
	img, err := jpeg.Decode(data)
	if err != nil {
		return nil, err
	}
	return fromJPEG(img), nil
}

func pngSize(data []byte) (width, height int, err error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	return config.Width, config.Height, err
}

func decodePNG(data []byte) (*RGB, error) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return toRGB(img), nil
}

// describe says "cut short" for what the decoders call an unexpected EOF.
func describe(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the image is cut short: %w", err)
	}
	return err
}

// toRGB converts a PNG image, over white where it is transparent.
func toRGB(src image.Image) *RGB {
	bounds := src.Bounds()
	dst := newRGB(bounds.Dx(), bounds.Dy())
	switch src := src.(type) {
	case *image.Gray:
		for y := range dst.Height {
			row := src.Pix[y*src.Stride:][:dst.Width]
			out := dst.Pix[3*dst.Width*y:]
			for x, v := range row {
				out[3*x], out[3*x+1], out[3*x+2] = v, v, v
			}
		}
		return dst
	case *image.RGBA:
		if src.Opaque() {
			copyOpaque(dst, src.Pix, src.Stride)
			return dst
		}
	}
	i := 0
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, b, a := src.At(x, y).RGBA() // 16 bits, multiplied by alpha
			white := 0xffff - a
			dst.Pix[i] = uint8((r + white) >> 8)
			dst.Pix[i+1] = uint8((g + white) >> 8)
			dst.Pix[i+2] = uint8((b + white) >> 8)
			i += 3
		}
	}
	return dst
}

// copyOpaque drops the fourth channel of 4-byte pixels.
func copyOpaque(dst *RGB, pix []uint8, stride int) {
	for y := range dst.Height {
		row := pix[y*stride:]
		out := dst.Pix[3*dst.Width*y:]
		for x := range dst.Width {
			copy(out[3*x:3*x+3], row[4*x:4*x+3])
		}
	}
}
