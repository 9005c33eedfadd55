package imaging

import "image"

// Package image would convert chroma by repeating samples. libjpeg, and with it
// every library the authors used, interpolates them ("fancy upsampling"), which
// shows at coloured edges by tens of grey levels; this file does it as
// libjpeg-turbo does (jdsample.c, jdcolor.c), to the last bit. What then still
// differs is the rounding of the inverse cosine transform in image/jpeg: one
// value in thirty, by 1 or 2.

// Fixed-point products of the JFIF conversion, as jdcolor.c tabulates them.
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

// convertYCbCr converts src, whose bounds begin at the origin.
func convertYCbCr(dst *RGB, src *image.YCbCr) {
	width, height := dst.Width, dst.Height
	cbRow := make([]uint8, width+1) // one spare: pairs are written for odd widths too
	crRow := make([]uint8, width+1)
	up := newUpsampler(src)
	for y := range height {
		up.row(cbRow, src.Cb, y)
		up.row(crRow, src.Cr, y)
		luma := src.Y[y*src.YStride:][:width]
		cb, cr := cbRow[:width], crRow[:width]
		out := dst.Pix[3*width*y:][:3*width]
		for x, l := range luma {
			v := int32(l)
			pixel := out[3*x : 3*x+3 : 3*x+3]
			pixel[0] = clamp8(v + crToR[cr[x]])
			pixel[1] = clamp8(v + (cbToG[cb[x]]+crToG[cr[x]])>>16)
			pixel[2] = clamp8(v + cbToB[cb[x]])
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

// upsampler brings rows of a chroma plane to the width of the luma plane.
type upsampler struct {
	src           *image.YCbCr
	width, height int     // of the picture's part of a chroma plane, in samples
	sums          []int32 // a row of 3*near + far samples, for 4:2:0
}

func newUpsampler(src *image.YCbCr) *upsampler {
	u := &upsampler{src: src, width: src.Rect.Dx(), height: src.Rect.Dy()}
	switch src.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		u.width = (u.width + 1) / 2
	case image.YCbCrSubsampleRatio420:
		u.width, u.height = (u.width+1)/2, (u.height+1)/2
		u.sums = make([]int32, u.width)
	case image.YCbCrSubsampleRatio440:
		u.height = (u.height + 1) / 2
	}
	return u
}

// row writes the chroma samples of luma row y to out, which has the width of
// the picture and one more.
func (u *upsampler) row(out []uint8, plane []uint8, y int) {
	ratio := u.src.SubsampleRatio
	switch {
	case ratio == image.YCbCrSubsampleRatio444:
		copy(out, u.line(plane, y))
	case ratio == image.YCbCrSubsampleRatio422 && u.width > 2:
		upsampleH2V1(out, u.line(plane, y))
	case ratio == image.YCbCrSubsampleRatio420 && u.width > 2:
		near, far := u.neighbours(plane, y)
		for i := range u.sums {
			u.sums[i] = 3*int32(near[i]) + int32(far[i])
		}
		upsampleH2V2(out, u.sums)
	case ratio == image.YCbCrSubsampleRatio440:
		near, far := u.neighbours(plane, y)
		bias := int32(1 + y&1)
		for i := range near {
			out[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
		}
	default: // libjpeg repeats samples for other ratios and for very narrow pictures
		for x := range u.src.Rect.Dx() {
			out[x] = plane[u.src.COffset(x, y)]
		}
	}
}

// line returns the picture's part of row i of a chroma plane.
func (u *upsampler) line(plane []uint8, i int) []uint8 {
	return plane[i*u.src.CStride:][:u.width]
}

// neighbours returns the chroma rows nearest to luma row y: the one that it lies
// in and, towards its side, the next, which at the edges is the same.
func (u *upsampler) neighbours(plane []uint8, y int) (near, far []uint8) {
	i := y / 2
	j := i - 1 + 2*(y&1)
	return u.line(plane, i), u.line(plane, min(max(j, 0), u.height-1))
}

// upsampleH2V1 doubles a row with weights 3/4 and 1/4 (h2v1_fancy_upsample).
func upsampleH2V1(out []uint8, in []uint8) {
	n := len(in)
	out[0] = in[0]
	out[1] = uint8((3*int32(in[0]) + int32(in[1]) + 2) >> 2)
	for i := 1; i < n-1; i++ {
		v := 3 * int32(in[i])
		out[2*i] = uint8((v + int32(in[i-1]) + 1) >> 2)
		out[2*i+1] = uint8((v + int32(in[i+1]) + 2) >> 2)
	}
	out[2*n-2] = uint8((3*int32(in[n-1]) + int32(in[n-2]) + 1) >> 2)
	if 2*n-1 < len(out) {
		out[2*n-1] = in[n-1]
	}
}

// upsampleH2V2 doubles a row of vertical sums, 4 times the samples, with weights
// 3/4 and 1/4 (h2v2_fancy_upsample).
func upsampleH2V2(out []uint8, sums []int32) {
	n := len(sums)
	out[0] = uint8((4*sums[0] + 8) >> 4)
	out[1] = uint8((3*sums[0] + sums[1] + 7) >> 4)
	for i := 1; i < n-1; i++ {
		v := 3 * sums[i]
		out[2*i] = uint8((v + sums[i-1] + 8) >> 4)
		out[2*i+1] = uint8((v + sums[i+1] + 7) >> 4)
	}
	out[2*n-2] = uint8((3*sums[n-1] + sums[n-2] + 8) >> 4)
	if 2*n-1 < len(out) {
		out[2*n-1] = uint8((4*sums[n-1] + 7) >> 4)
	}
}
