package imaging

import "github.com/skinattn/skinattn/internal/jpeg"

// A JPEG usually holds its chroma in a lower resolution. Repeating samples would
// show at coloured edges by tens of grey levels; libjpeg, and with it every
// library the authors used, interpolates ("fancy upsampling"). This file does it
// as libjpeg-turbo does (jdsample.c), to the last bit.

// upsampler brings rows of a plane to the resolution of the picture.
type upsampler struct {
	plane *jpeg.Plane
	out   []uint8
	sums  []int32 // a row of 3*near + far samples, for halves in both directions
}

// newUpsampler returns the upsampler of plane for a picture of the given width.
func newUpsampler(plane *jpeg.Plane, width int) *upsampler {
	u := &upsampler{plane: plane}
	if plane.ScaleX > 1 || plane.ScaleY > 1 {
		u.out = make([]uint8, width, plane.Width*plane.ScaleX) // the last sample may stick out
	}
	if plane.ScaleX == 2 && plane.ScaleY == 2 {
		u.sums = make([]int32, plane.Width)
	}
	return u
}

// row returns row y of the picture. It holds until the next call.
func (u *upsampler) row(y int) []uint8 {
	p := u.plane
	// libjpeg has smooth steps for halves alone, and not for planes too narrow to
	// have an inner sample.
	switch wide := p.Width > 2; {
	case p.ScaleX == 1 && p.ScaleY == 1:
		return p.Row(y)
	case p.ScaleX == 2 && p.ScaleY == 1 && wide:
		upsampleH2V1(u.out[:cap(u.out)], p.Row(y))
	case p.ScaleX == 1 && p.ScaleY == 2:
		near, far := u.neighbours(y)
		bias := int32(1 + y&1)
		for i := range near {
			u.out[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
		}
	case p.ScaleX == 2 && p.ScaleY == 2 && wide:
		near, far := u.neighbours(y)
		far = far[:len(near)]
		for i := range near {
			u.sums[i] = 3*int32(near[i]) + int32(far[i])
		}
		upsampleH2V2(u.out[:cap(u.out)], u.sums)
	default:
		in := p.Row(y / p.ScaleY)
		for x := range u.out {
			u.out[x] = in[x/p.ScaleX]
		}
	}
	return u.out
}

// neighbours returns the rows of the plane nearest to row y of a picture twice as
// high: the one that it lies in and, towards its side, the next, which at the
// edges is the same.
func (u *upsampler) neighbours(y int) (near, far []uint8) {
	i := y / 2
	j := i - 1 + 2*(y&1)
	return u.plane.Row(i), u.plane.Row(min(max(j, 0), u.plane.Height-1))
}

// upsampleH2V1 doubles a row with weights 3/4 and 1/4 (h2v1_fancy_upsample).
func upsampleH2V1(out, in []uint8) {
	n := len(in)
	out = out[:2*n]
	out[0] = in[0]
	out[1] = uint8((3*int32(in[0]) + int32(in[1]) + 2) >> 2)
	for i := 1; i < n-1; i++ {
		v := 3 * int32(in[i])
		out[2*i] = uint8((v + int32(in[i-1]) + 1) >> 2)
		out[2*i+1] = uint8((v + int32(in[i+1]) + 2) >> 2)
	}
	out[2*n-2] = uint8((3*int32(in[n-1]) + int32(in[n-2]) + 1) >> 2)
	out[2*n-1] = in[n-1]
}

// upsampleH2V2 doubles a row of vertical sums, 4 times the samples, with weights
// 3/4 and 1/4 (h2v2_fancy_upsample).
func upsampleH2V2(out []uint8, sums []int32) {
	n := len(sums)
	out = out[:2*n]
	out[0] = uint8((4*sums[0] + 8) >> 4)
	out[1] = uint8((3*sums[0] + sums[1] + 7) >> 4)
	for i := 1; i < n-1; i++ {
		v := 3 * sums[i]
		out[2*i] = uint8((v + sums[i-1] + 8) >> 4)
		out[2*i+1] = uint8((v + sums[i+1] + 7) >> 4)
	}
	out[2*n-2] = uint8((3*sums[n-1] + sums[n-2] + 8) >> 4)
	out[2*n-1] = uint8((4*sums[n-1] + 7) >> 4)
}
