package jpeg

// A JPEG usually stores its chroma at a lower resolution than its luma. Repeating
// chroma samples would change coloured edges by tens of grey levels; libjpeg
// interpolates them instead ("fancy upsampling"). This file does the same as
// libjpeg-turbo (jdsample.c), to the last bit.

// upsampler brings the rows of a plane to the resolution of the picture.
type upsampler struct {
	plane *plane
	out   []uint8
	sums  []int32 // 2x2 upsampling: a row of 3*near + far samples
}

// newUpsampler returns the upsampler of p for a picture of the given width.
func newUpsampler(p *plane, width int) *upsampler {
	u := &upsampler{plane: p}
	if p.scaleX > 1 || p.scaleY > 1 {
		u.out = make([]uint8, width, p.width*p.scaleX) // the last sample may reach over the right edge
	}
	if p.scaleX == 2 && p.scaleY == 2 {
		u.sums = make([]int32, p.width)
	}
	return u
}

// row returns row y of the picture. The next call overwrites it.
func (u *upsampler) row(y int) []uint8 {
	p := u.plane
	// libjpeg interpolates for factors of two only, and horizontally only in planes
	// wide enough to have an inner sample.
	switch wide := p.width > 2; {
	case p.scaleX == 1 && p.scaleY == 1:
		return p.row(y)
	case p.scaleX == 2 && p.scaleY == 1 && wide:
		upsampleH2V1(u.out[:cap(u.out)], p.row(y))
	case p.scaleX == 1 && p.scaleY == 2:
		near, far := u.neighbours(y)
		bias := int32(1 + y&1)
		for i := range near {
			u.out[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
		}
	case p.scaleX == 2 && p.scaleY == 2 && wide:
		near, far := u.neighbours(y)
		far = far[:len(near)]
		for i := range near {
			u.sums[i] = 3*int32(near[i]) + int32(far[i])
		}
		upsampleH2V2(u.out[:cap(u.out)], u.sums)
	default:
		in := p.row(y / p.scaleY)
		for x := range u.out {
			u.out[x] = in[x/p.scaleX]
		}
	}
	return u.out
}

// neighbours returns the two rows of the plane nearest to row y of a picture twice
// as high, the nearer one first. At the top and bottom edge both are the same row.
func (u *upsampler) neighbours(y int) (near, far []uint8) {
	i := y / 2
	j := i - 1 + 2*(y&1)
	return u.plane.row(i), u.plane.row(min(max(j, 0), u.plane.height-1))
}

// upsampleH2V1 doubles the width of a row with weights 3/4 and 1/4
// (h2v1_fancy_upsample).
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

// upsampleH2V2 doubles the width of a row of vertical sums, which are 4 times the
// samples, with weights 3/4 and 1/4 (h2v2_fancy_upsample).
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
