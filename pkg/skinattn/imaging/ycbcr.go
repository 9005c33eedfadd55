package imaging

import "github.com/skinattn/skinattn/internal/jpeg"

// Fixed-point products of the JFIF conversion, as libjpeg's jdcolor.c tabulates
// them: 16 bits behind the point.
var crToR, cbToB, crToG, cbToG = func() (cr2r, cb2b, cr2g, cb2g [256]int32) {
	const half = 1 << 15
	for i := range 256 {
		c := int32(i) - 128
		cr2r[i] = (91881*c + half) >> 16 // 1.40200
		cb2b[i] = (116130*c + half) >> 16
		cr2g[i] = -46802 * c // 0.71414; kept unshifted for the sum
		cb2g[i] = -22554*c + half
	}
	return
}()

// fromJPEG converts the planes of a JPEG image to RGB.
func fromJPEG(src *jpeg.Image) *RGB {
	dst := newRGB(src.Width, src.Height)
	planes := make([]*upsampler, len(src.Planes))
	for i := range planes {
		planes[i] = newUpsampler(&src.Planes[i], src.Width)
	}
	var rows [4][]uint8
	for y := range src.Height {
		for i, p := range planes {
			rows[i] = p.row(y)
		}
		out := dst.Pix[3*src.Width*y:][:3*src.Width]
		switch src.Color {
		case jpeg.Gray:
			interleave(out, rows[0], rows[0], rows[0])
		case jpeg.RGB:
			interleave(out, rows[0], rows[1], rows[2])
		case jpeg.YCbCr:
			convertYCbCr(out, rows[0], rows[1], rows[2])
		case jpeg.CMYK:
			interleave(out, rows[0], rows[1], rows[2])
			for i, v := range out {
				out[i] = 255 - v
			}
			darken(out, rows[3])
		case jpeg.YCCK:
			convertYCbCr(out, rows[0], rows[1], rows[2])
			darken(out, rows[3])
		}
	}
	return dst
}

// convertYCbCr converts a row of samples of one resolution.
func convertYCbCr(out, luma, cb, cr []uint8) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	out = out[:3*len(luma)]
	for x, l := range luma {
		v := int32(l)
		pixel := out[3*x : 3*x+3 : 3*x+3]
		pixel[0] = clamp8(v + crToR[cr[x]])
		pixel[1] = clamp8(v + (cbToG[cb[x]]+crToG[cr[x]])>>16)
		pixel[2] = clamp8(v + cbToB[cb[x]])
	}
}

func interleave(out, r, g, b []uint8) {
	for x := range r {
		out[3*x], out[3*x+1], out[3*x+2] = r[x], g[x], b[x]
	}
}

// darken replaces amounts of the inks C, M and Y, 3 bytes a pixel, by the light
// that they and the black ink leave, white being what black leaves, with the
// rounding of Pillow (Convert.c, cmyk2rgb).
func darken(pixels, white []uint8) {
	for x, w := range white {
		for i := 3 * x; i < 3*x+3; i++ {
			product := uint32(pixels[i])*uint32(w) + 128
			pixels[i] = w - uint8((product>>8+product)>>8) // divided by 255
		}
	}
}

func clamp8(v int32) uint8 {
	if uint32(v) <= 255 {
		return uint8(v)
	}
	if v < 0 {
		return 0
	}
	return 255
}
