package jpeg

import "github.com/skinattn/skinattn/internal/simd"

// A JPEG usually stores its chroma at a lower resolution than its luma. Repeating
// chroma samples would change coloured edges by tens of grey levels; libjpeg
// interpolates them instead ("fancy upsampling"). This file does the same as
// libjpeg-turbo (jdsample.c), to the last bit.

// upsampler brings the rows of a component to the resolution of the picture.
type upsampler struct {
	*component
	out  []uint8
	sums []uint16 // a row at the component's width, times four, its first and last sample twice
}

// newUpsampler returns the upsampler of p for a picture of the given width.
func newUpsampler(p *component, width int) *upsampler {
	u := &upsampler{component: p}
	if p.scaleX > 1 || p.scaleY > 1 {
		u.out = make([]uint8, width, p.width*p.scaleX) // the last sample may reach over the right edge
	}
	if p.scaleX == 2 {
		u.sums = make([]uint16, p.width+2)
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
		u.sum(p.row(y), p.row(y))
		double(u.out[:cap(u.out)], u.sums, 4, 8)
	case p.scaleX == 1 && p.scaleY == 2:
		near, far := u.neighbours(y)
		bias := int32(1 + y&1)
		for i := range near {
			u.out[i] = uint8((3*int32(near[i]) + int32(far[i]) + bias) >> 2)
		}
	case p.scaleX == 2 && p.scaleY == 2 && wide:
		near, far := u.neighbours(y)
		u.sum(near, far)
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

// sum makes u.sums: three times near and once far.
func (u *upsampler) sum(near, far []uint8) {
	far, sums := far[:len(near)], u.sums[1:1+len(near)]
	n := 0
	if vectors {
		n = simd.SumRows(sums, near, far)
	}
	for i := n; i < len(near); i++ {
		sums[i] = 3*uint16(near[i]) + uint16(far[i])
	}
	u.sums[0], u.sums[len(u.sums)-1] = sums[0], sums[len(sums)-1]
}

// double doubles the width of a row with weights 3/4 and 1/4. Values of in are four times
// the samples, as upsampler.sums has them; even and odd are added to 16 times the samples of
// the even and the odd columns before the division (h2v1_fancy_upsample and
// h2v2_fancy_upsample).
func double(out []uint8, in []uint16, even, odd uint16) {
	n := len(in) - 2
	out = out[:2*n]
	done := 0
	if vectors {
		done = simd.DoubleRow(out, in, int(even), int(odd))
	}
	in, out = in[done:], out[2*done:]
	for i := 0; i+2 < len(in); i++ {
		three := 3 * in[i+1]
		out[2*i] = uint8((three + in[i] + even) >> 4)
		out[2*i+1] = uint8((three + in[i+2] + odd) >> 4)
	}
}
