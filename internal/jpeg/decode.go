// Package jpeg decodes JPEG images (ITU-T T.81 | ISO/IEC 10918-1) to the RGB pixels
// that libjpeg gives for them by default, to the last bit.
//
// T.81 leaves the rounding of the inverse discrete cosine transform and the upsampling
// of chroma open, so decoders differ. Pillow, OpenCV and TensorFlow decode with libjpeg.
// The pixels of the standard library's image/jpeg differ by a few grey levels, at
// coloured edges by tens. This package has libjpeg's "islow" transform, its "fancy"
// upsampling and its colour conversion.
//
// The package decodes the processes that photos use: Huffman coding in baseline,
// extended sequential and progressive mode, 8 bits a sample, one, three or four
// components. Where libjpeg paints over damage, the package returns an error: for data
// that is cut short, left over or against T.81.
package jpeg

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// invalid returns the error for data that T.81 does not allow.
func invalid(format string, args ...any) error {
	return fmt.Errorf("invalid JPEG: "+format, args...)
}

// unsupported returns the error for a JPEG process that is not decoded.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("unsupported JPEG: "+format, args...)
}

// truncated returns the error for data that ends within the named part. It wraps
// [io.ErrUnexpectedEOF].
func truncated(part string) error {
	return fmt.Errorf("invalid JPEG: data ends in %s: %w", part, io.ErrUnexpectedEOF)
}

var errNoFrame = errors.New("invalid JPEG: no frame header")

// Image is a decoded picture.
type Image struct {
	Width, Height int     // in pixels
	Pix           []uint8 // [Height][Width][3] in row-major order; channels red, green, blue
}

type decoder struct {
	data   []byte
	pos    int // of the next byte of data to be read
	accept func(width, height int) error

	quant           [4]*[64]uint16 // by destination, in row-major order of the block
	dc, ac          [4]*huffmanTable
	restartInterval int // MCUs; 0: none
	jfif, adobe     bool
	adobeTransform  uint8

	frame *frame
}

// Size returns the width and height in pixels of the JPEG image that data begins
// with. It reads up to the first scan. If data ends before it, the error wraps
// [io.ErrUnexpectedEOF].
func Size(data []byte) (width, height int, err error) {
	d := decoder{data: data}
	if err := d.begin(); err != nil {
		return 0, 0, err
	}
	var f *frame
	for {
		marker, payload, err := d.segment()
		switch {
		case err != nil:
			return 0, 0, err
		case isFrameHeader(marker):
			if f, err = parseFrame(marker, payload); err != nil {
				return 0, 0, err
			}
		case marker == markerSOS || marker == markerEOI:
			if f == nil {
				return 0, 0, errNoFrame
			}
			return f.width, f.height, nil
		}
	}
}

// Decode decodes the JPEG image at the beginning of data and ignores the bytes behind it.
// If accept is not nil, Decode calls it with the size in pixels
// from the frame header, before it allocates memory for the picture, and returns its
// error. A picture too large for the length of data is an error before the
// allocation, too. The error for data that ends too early wraps [io.ErrUnexpectedEOF].
//
// Beside the 3 bytes a pixel of the result, decoding takes up to 12 bytes a pixel (a
// progressive picture of four components without subsampling).
func Decode(data []byte, accept func(width, height int) error) (*Image, error) {
	f, err := decodeFrame(data, accept)
	if err != nil {
		return nil, err
	}
	return f.rgb(), nil
}

// decodeFrame is [Decode] without upsampling and colour conversion.
func decodeFrame(data []byte, accept func(width, height int) error) (*frame, error) {
	d := &decoder{data: data, accept: accept}
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

// finish completes the frame after the last scan.
func (d *decoder) finish() (f *frame, err error) {
	if f = d.frame; f == nil {
		return nil, errNoFrame
	}
	if f.model, err = d.colorModel(); err != nil {
		return nil, err
	}
	for i := range f.components {
		c := &f.components[i]
		if slices.ContainsFunc(c.known[:], func(known uint8) bool { return known != 1 }) {
			return nil, invalid("scans of component %d are missing", i+1)
		}
		if f.progressive {
			c.reconstruct()
		}
	}
	return f, nil
}
