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
			if v, ok := tag.Value.(uint16); ok && v >= 1 && v <= 8 {
				orientation = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1
	}
	return orientation
}

// orient returns the upright picture of one that is stored with an EXIF orientation.
func orient(src *RGB, orientation int) *RGB {
	if orientation < 2 || orientation > 8 {
		return src
	}
	w, h := src.Width, src.Height
	if orientation >= 5 { // 5 to 8 swap rows and columns
		w, h = h, w
	}
	dst := newRGB(w, h)
	for y := range h {
		for x := range w {
			var sx, sy int
			switch orientation {
			case 2: // mirrored left to right
				sx, sy = w-1-x, y
			case 3: // turned by half
				sx, sy = w-1-x, h-1-y
			case 4: // mirrored top to bottom
				sx, sy = x, h-1-y
			case 5: // mirrored on the main diagonal
				sx, sy = y, x
			case 6: // to be turned a quarter clockwise
				sx, sy = y, w-1-x
			case 7: // mirrored on the other diagonal
				sx, sy = h-1-y, w-1-x
			case 8: // to be turned a quarter counter-clockwise
				sx, sy = h-1-y, x
			}
			copy(dst.Pix[3*(y*w+x):][:3], src.Pix[3*(sy*src.Width+sx):][:3])
		}
	}
	return dst
}
