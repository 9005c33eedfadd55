package jpeg

import "github.com/skinattn/skinattn/internal/simd"

// colorModel is the meaning of the components of a frame.
type colorModel uint8

const (
	gray  colorModel = iota // one component
	yCbCr                   // three components, JFIF's YCbCr
	rgb                     // three components
	cmyk                    // four components, each 255 minus the amount of ink
	ycck                    // four components: YCbCr of the inks C, M and Y; K as in cmyk
)

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

// The products of the JFIF conversion from YCbCr to RGB as libjpeg's jdcolor.c
// tabulates them, in fixed point with 16 fractional bits.
var crToR, cbToB, crToG, cbToG = func() (cr2r, cb2b, cr2g, cb2g [256]int32) {
	const half = 1 << 15
	for i := range 256 {
		c := int32(i) - 128
		cr2r[i] = (91881*c + half) >> 16 // 1.40200
		cb2b[i] = (116130*c + half) >> 16
		cr2g[i] = -46802 * c // 0.71414; not shifted before the sum
		cb2g[i] = -22554*c + half
	}
	return
}()

// rgb upsamples and converts the samples of all components.
func (f *frame) rgb() *Image {
	dst := &Image{Width: f.width, Height: f.height, Pix: make([]uint8, 3*f.width*f.height)}
	upsamplers := make([]*upsampler, len(f.components))
	for i := range upsamplers {
		upsamplers[i] = newUpsampler(&f.components[i], f.width)
	}
	var rows [4][]uint8
	for y := range f.height {
		for i, u := range upsamplers {
			rows[i] = u.row(y)
		}
		if f.model == gray {
			rows[1], rows[2] = rows[0], rows[0]
		}
		out := dst.Pix[3*f.width*y:][:3*f.width]
		if f.model == yCbCr || f.model == ycck {
			convertYCbCr(out, rows[0], rows[1], rows[2])
		} else {
			interleave(out, rows[0], rows[1], rows[2])
		}
		if f.model == cmyk {
			for i, v := range out {
				out[i] = 255 - v
			}
		}
		if rows[3] != nil {
			applyBlack(out, rows[3])
		}
	}
	return dst
}

// convertYCbCr writes a row of RGB pixels to out. The three rows have one length.
func convertYCbCr(out, luma, cb, cr []uint8) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	out = out[:3*len(luma)]
	if vectors {
		n := simd.ConvertYCbCr(out, luma, cb, cr)
		out, luma, cb, cr = out[3*n:], luma[n:], cb[n:], cr[n:]
	}
	for x, l := range luma {
		v := int32(l)
		pixel := out[3*x : 3*x+3 : 3*x+3]
		pixel[0] = clamp(v + crToR[cr[x]])
		pixel[1] = clamp(v + (cbToG[cb[x]]+crToG[cr[x]])>>16)
		pixel[2] = clamp(v + cbToB[cb[x]])
	}
}

// interleave writes three rows of equal length to out, pixel by pixel.
func interleave(out, r, g, b []uint8) {
	for x := range r {
		out[3*x], out[3*x+1], out[3*x+2] = r[x], g[x], b[x]
	}
}

// applyBlack replaces the amounts of the inks C, M and Y in pixels, 3 bytes a pixel,
// by red, green and blue. white is 255 minus the amount of black ink. It rounds as
// Pillow does (Convert.c, cmyk2rgb).
func applyBlack(pixels, white []uint8) {
	for x, w := range white {
		for i := 3 * x; i < 3*x+3; i++ {
			product := uint32(pixels[i])*uint32(w) + 128
			pixels[i] = w - uint8((product>>8+product)>>8) // product/255, rounded
		}
	}
}
