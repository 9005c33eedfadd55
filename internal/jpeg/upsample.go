package jpeg

// A JPEG usually stores its chroma at a lower resolution than its luma. Repeating
// chroma samples would change coloured edges by tens of grey levels; libjpeg
// interpolates them instead ("fancy upsampling"). This file does the same as
// libjpeg-turbo (jdsample.c), to the last bit.

// upsampler brings the rows of a component to the resolution of the picture.
type upsampler struct {
	*component
	out  []uint8
	sums []int32 // a row at the component's width, times four
}

// newUpsampler returns the upsampler of p for a picture of the given width.
func newUpsampler(p *component, width int) *upsampler {
	u := &upsampler{component: p}
	if p.scaleX > 1 || p.scaleY > 1 {
		u.out = make([]uint8, width, p.width*p.scaleX) // the last sample may reach over the right edge
	}
	if p.scaleX == 2 {
		u.sums = make([]int32, p.width)
	}
	return u
}

// row returns row y of the picture. The next call overwrites it.
func (u *upsampler) row(y int) []uint8 {
	p := u.component
	// libjpeg interpolates for factors of two only, and horizontally only in components
	// wide enough to have an inner sample.
	switch wide := p.width > 2; {
	case p.scaleX == 1 && p.scaleY == 1:
		return p.row(y)
	case p.scaleX == 2 && p.scaleY == 1 && wide:
		for i, v := range p.row(y) {
			u.sums[i] = 4 * int32(v)
		}
		double(u.out[:cap(u.out)], u.sums, 4, 8)
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
		double(u.out[:cap(u.out)], u.sums, 8, 7)
	default:
		in := p.row(y / p.scaleY)
		for x := range u.out {
			u.out[x] = in[x/p.scaleX]
		}
	}
	return u.out
}

// neighbours returns the two rows of the component nearest to row y of a picture twice
// as high, the nearer one first. At the top and bottom edge both are the same row.
func (u *upsampler) neighbours(y int) (near, far []uint8) {
	i := y / 2
	j := i - 1 + 2*(y&1)
	return u.component.row(i), u.component.row(min(max(j, 0), u.height-1))
}

// double doubles the width of a row with weights 3/4 and 1/4. Values of in are four times
// the samples; even and odd are added to 16 times the samples of the even and the odd
// columns before the division (h2v1_fancy_upsample and h2v2_fancy_upsample).
func double(out []uint8, in []int32, even, odd int32) {
	n := len(in)
	out = out[:2*n]
	out[0] = uint8((4*in[0] + even) >> 4)
	for i := 1; i < n; i++ {
		out[2*i-1] = uint8((3*in[i-1] + in[i] + odd) >> 4)
		out[2*i] = uint8((3*in[i] + in[i-1] + even) >> 4)
	}
	out[2*n-1] = uint8((4*in[n-1] + odd) >> 4)
}
