package imaging

import (
	"io"

	"github.com/bep/imagemeta"
)

// orientation returns the EXIF orientation of an image file, 1 to 8; it is 1
// (upright) where the file has none or none that can be read.
func (f format) orientation(file io.ReadSeeker) int {
	orientation := 1
	_, err := imagemeta.Decode(imagemeta.Options{
		R:           file,
		ImageFormat: f.metadata,
		Sources:     imagemeta.EXIF,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool {
			return tag.Tag == "Orientation" && tag.Namespace == "IFD0"
		},
		HandleTag: func(tag imagemeta.TagInfo) error {
			// EXIF says SHORT; some programs write a LONG, which Pillow takes, too.
			var value int64
			switch v := tag.Value.(type) {
			case uint16:
				value = int64(v)
			case uint32:
				value = int64(v)
			case int32:
				value = int64(v)
			}
			if value >= 1 && value <= 8 {
				orientation = int(value)
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1
	}
	return orientation
}

// orient returns the upright picture of a picture with an EXIF orientation: 2 and
// 4 are mirrored left to right and top to bottom, 3 is turned by half, and 5 to 8 are 1 to
// 4 with rows and columns exchanged.
func orient(src *RGB, orientation int) *RGB {
	if orientation < 2 || orientation > 8 {
		return src
	}
	transposed, mirrored, flipped := orientation >= 5, orientation%4 >= 2, (orientation-1)%4 >= 2
	w, h := src.Width, src.Height
	if transposed {
		w, h = h, w
	}
	dst := newRGB(w, h)
	for y := range h {
		for x := range w {
			sx, sy := x, y
			if mirrored {
				sx = w - 1 - x
			}
			if flipped {
				sy = h - 1 - y
			}
			if transposed {
				sx, sy = sy, sx
			}
			copy(dst.Pix[3*(y*w+x):][:3], src.Pix[3*(sy*src.Width+sx):][:3])
		}
	}
	return dst
}
