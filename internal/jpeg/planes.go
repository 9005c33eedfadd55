package jpeg

// colorModel says what the planes of an image hold.
type colorModel uint8

const (
	gray  colorModel = iota // one plane
	yCbCr                   // three planes, JFIF's YCbCr
	rgb                     // three planes
	cmyk                    // four planes, each 255 minus the amount of ink
	ycck                    // four planes: YCbCr of the inks C, M and Y; K as in cmyk
)

// planarImage is a decoded image before upsampling and colour conversion.
type planarImage struct {
	width, height int // in pixels
	model         colorModel
	planes        []plane // in the order of the frame header
}

// plane holds the samples of one component.
type plane struct {
	width, height  int     // of the picture, in samples: planarImage.width/scaleX and height/scaleY, rounded up
	scaleX, scaleY int     // pixels of the image per sample, 1..4
	stride         int     // from one row of pix to the next
	pix            []uint8 // whole 8x8 blocks, which may reach over the picture's right and lower edges
}

// row returns the width samples of row y.
func (p *plane) row(y int) []uint8 {
	return p.pix[y*p.stride:][:p.width:p.width]
}

// colorModel decides as libjpeg does: by JFIF's marker, then by Adobe's, then by the
// component identifiers (T.81 leaves the colour space to the application).
func (d *decoder) colorModel() (colorModel, error) {
	switch c := d.frame.components; len(c) {
	case 1:
		return gray, nil
	case 3:
		ids := [3]uint8{c[0].id, c[1].id, c[2].id}
		if !d.jfif && (d.adobe && d.adobeTransform == 0 || !d.adobe && ids == [3]uint8{'R', 'G', 'B'}) {
			return rgb, nil
		}
		return yCbCr, nil
	default:
		switch {
		case !d.adobe:
			return 0, unsupported("four components of unknown colour model, without Adobe's marker")
		case d.adobeTransform == 0:
			return cmyk, nil
		}
		return ycck, nil
	}
}
