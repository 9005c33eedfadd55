package jpeg

// A ColorModel says what the planes of an image hold.
type ColorModel uint8

const (
	Gray  ColorModel = iota // one plane
	YCbCr                   // three planes, JFIF's YCbCr
	RGB                     // three planes
	CMYK                    // four planes, each 255 less the amount of ink
	YCCK                    // four planes: YCbCr of the inks C, M and Y; K as in CMYK
)

// Image is a decoded image before upsampling and colour conversion.
type Image struct {
	Width, Height int // in pixels
	Color         ColorModel
	Planes        []Plane // in the order of the frame header
}

// Plane holds the samples of one component.
type Plane struct {
	Width, Height  int     // of the picture, in samples: Image.Width/ScaleX and Image.Height/ScaleY, rounded up
	ScaleX, ScaleY int     // pixels of the image per sample, 1..4
	Stride         int     // from one row of Pix to the next
	Pix            []uint8 // whole 8x8 blocks, so more than the picture to the right and below
}

// Row returns the Width samples of row y.
func (p *Plane) Row(y int) []uint8 {
	return p.Pix[y*p.Stride:][:p.Width:p.Width]
}

// colorModel follows libjpeg: JFIF's marker, then Adobe's, then the component
// identifiers decide (T.81 leaves the colour space to the application).
func (d *decoder) colorModel() (ColorModel, error) {
	switch c := d.frame.components; len(c) {
	case 1:
		return Gray, nil
	case 3:
		ids := [3]uint8{c[0].id, c[1].id, c[2].id}
		if !d.jfif && (d.adobe && d.adobeTransform == 0 || !d.adobe && ids == [3]uint8{'R', 'G', 'B'}) {
			return RGB, nil
		}
		return YCbCr, nil
	default:
		switch {
		case !d.adobe:
			return 0, unsupported("four components of unknown colour model, without Adobe's marker")
		case d.adobeTransform == 0:
			return CMYK, nil
		}
		return YCCK, nil
	}
}
