package jpeg

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

// rgb upsamples and converts the planes.
func (src *planarImage) rgb() *Image {
	dst := &Image{Width: src.width, Height: src.height, Pix: make([]uint8, 3*src.width*src.height)}
	planes := make([]*upsampler, len(src.planes))
	for i := range planes {
		planes[i] = newUpsampler(&src.planes[i], src.width)
	}
	var rows [4][]uint8
	for y := range src.height {
		for i, p := range planes {
			rows[i] = p.row(y)
		}
		out := dst.Pix[3*src.width*y:][:3*src.width]
		switch src.model {
		case gray:
			interleave(out, rows[0], rows[0], rows[0])
		case rgb:
			interleave(out, rows[0], rows[1], rows[2])
		case yCbCr:
			convertYCbCr(out, rows[0], rows[1], rows[2])
		case cmyk:
			interleave(out, rows[0], rows[1], rows[2])
			for i, v := range out {
				out[i] = 255 - v
			}
			applyBlack(out, rows[3])
		case ycck:
			convertYCbCr(out, rows[0], rows[1], rows[2])
			applyBlack(out, rows[3])
		}
	}
	return dst
}

// convertYCbCr writes a row of RGB pixels to out. The three rows have one length.
func convertYCbCr(out, luma, cb, cr []uint8) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	out = out[:3*len(luma)]
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
