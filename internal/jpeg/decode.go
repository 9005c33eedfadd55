// Package jpeg decodes JPEG images (ITU-T T.81 | ISO/IEC 10918-1) to the samples
// that libjpeg gives for them by default, to the last bit.
//
// T.81 leaves the rounding of the inverse discrete cosine transform open, so
// decoders differ by a level here and there. The decoders of Pillow, OpenCV and
// TensorFlow are libjpeg; the standard library's image/jpeg transforms in another
// way and keeps the coefficients to itself. This package has libjpeg's "islow"
// transform. It hands out the planes of the components before upsampling and
// colour conversion, which the caller does.
//
// The processes are those of photos: Huffman coding in baseline, extended
// sequential and progressive mode, 8 bits a sample, one, three or four components.
// Unlike libjpeg, which paints over damage, the package makes an error of data
// that is cut short, left over or contradicts T.81.
package jpeg

import (
	"errors"
	"fmt"
	"io"
)

// invalid returns the error for data that T.81 does not allow.
func invalid(format string, args ...any) error {
	return fmt.Errorf("invalid JPEG: "+format, args...)
}

// unsupported returns the error for a JPEG process that is not decoded.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("unsupported JPEG: "+format, args...)
}

// truncated returns the error for data that ends in what. It wraps
// [io.ErrUnexpectedEOF].
func truncated(what string) error {
	return fmt.Errorf("invalid JPEG: data ends in %s: %w", what, io.ErrUnexpectedEOF)
}

var errNoFrame = errors.New("invalid JPEG: no frame header")

type decoder struct {
	data []byte
	pos  int // of the next byte of data to be read

	quant           [4]*[64]uint16 // by destination, in row-major order of the block
	dc, ac          [4]*huffmanTable
	restartInterval int // MCUs; 0: none
	jfif, adobe     bool
	adobeTransform  uint8

	frame *frame
}

// Size returns the width and height in pixels of the JPEG image in data from its
// frame header.
func Size(data []byte) (width, height int, err error) {
	d := decoder{data: data}
	if err := d.begin(); err != nil {
		return 0, 0, err
	}
	for {
		marker, payload, err := d.segment()
		switch {
		case err != nil:
			return 0, 0, err
		case isFrameHeader(marker):
			f, err := parseFrame(marker, payload)
			if err != nil {
				return 0, 0, err
			}
			return f.width, f.height, nil
		case marker == markerSOS || marker == markerEOI:
			return 0, 0, errNoFrame
		}
	}
}

// Decode decodes the JPEG image in data. It needs memory in proportion to the
// picture's size, which [Size] tells, and refuses a picture that is too large to
// have been coded in so little data. The error for data that ends too early wraps
// [io.ErrUnexpectedEOF]. What follows the end of the image is not looked at.
func Decode(data []byte) (*Image, error) {
	d := &decoder{data: data}
	if err := d.begin(); err != nil {
		return nil, err
	}
	for {
		marker, payload, err := d.segment()
		if err != nil {
			return nil, err
		}
		switch {
		case marker == markerEOI:
			return d.finish()
		case marker == markerSOS:
			err = d.decodeScan(payload)
		case marker == markerDQT:
			err = d.parseQuantTables(payload)
		case marker == markerDHT:
			err = d.parseHuffmanTables(payload)
		case marker == markerDRI:
			err = d.parseRestartInterval(payload)
		case marker == markerAPP0:
			d.parseJFIF(payload)
		case marker == markerAPP14:
			d.parseAdobe(payload)
		case isFrameHeader(marker):
			err = d.beginFrame(marker, payload)
		}
		if err != nil {
			return nil, err
		}
	}
}

// finish makes the image after the last scan.
func (d *decoder) finish() (*Image, error) {
	f := d.frame
	if f == nil {
		return nil, errNoFrame
	}
	model, err := d.colorModel()
	if err != nil {
		return nil, err
	}
	img := &Image{Width: f.width, Height: f.height, Color: model}
	for i := range f.components {
		c := &f.components[i]
		if !c.complete() {
			return nil, invalid("scans of component %d are missing", i+1)
		}
		if f.progressive {
			c.reconstruct()
		}
		img.Planes = append(img.Planes, Plane{
			Width: c.width, Height: c.height, ScaleX: f.hMax / c.h, ScaleY: f.vMax / c.v,
			Stride: c.stride(), Pix: c.pix,
		})
	}
	return img, nil
}
