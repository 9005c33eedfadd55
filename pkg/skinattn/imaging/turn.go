package imaging

import "math"

// Rotation turns square photos clockwise about their centre, mirrors them left to right
// where wanted and brings them to the size of the network's input, all in one step: by
// bilinear interpolation, with the nearest pixel beyond the edge, as the augmentation of
// training does. Without a turn it is [SmartResize]. Where the pixels come from is worked
// out once for all photos. A Rotation is safe for use by several goroutines.
type Rotation struct {
	taps []turnTap // by pixel of the result, in row-major order
}

// turnTap says where a pixel comes from: the first channels of four source pixels, and
// the weights of the right and the lower ones.
type turnTap struct {
	above, aboveNext, below, belowNext int32
	right, down                        float32
}

// NewRotation prepares turning photos of source x source pixels by degrees. The results
// have size x size pixels.
func NewRotation(source, size int, degrees float64, mirror bool) *Rotation {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	scale := float64(source) / float64(size)
	sin, cos = sin*scale, cos*scale
	middle, centre, last := float64(size)/2-.5, float64(source)/2-.5, float64(source-1)
	r := &Rotation{make([]turnTap, 0, size*size)}
	for row := range size {
		for col := range size {
			dy, dx := float64(row)-middle, float64(col)-middle
			if mirror {
				dx = -dx
			}
			y := min(max(cos*dy-sin*dx+centre, 0), last)
			x := min(max(sin*dy+cos*dx+centre, 0), last)
			top, left := int(y), int(x)
			above, below := 3*(top*source+left), 3*(min(top+1, source-1)*source+left)
			next := 3 * (min(left+1, source-1) - left)
			r.taps = append(r.taps, turnTap{int32(above), int32(above + next), int32(below), int32(below + next),
				float32(x - float64(left)), float32(y - float64(top))})
		}
	}
	return r
}

// Floats writes the turned photo src [source source 3] to dst [size size 3], which must
// not be src.
func (r *Rotation) Floats(dst, src []float32) { turn(r, dst, src) }

// Bytes is Floats for a photo of whole numbers.
func (r *Rotation) Bytes(dst []float32, src []uint8) { turn(r, dst, src) }

func turn[T float32 | uint8](r *Rotation, dst []float32, src []T) {
	for i := range r.taps {
		// Pointers to arrays, and each channel written out: a loop over slices takes twice as
		// long.
		tap, pixel := &r.taps[i], (*[3]float32)(dst[3*i:])
		a, b := (*[3]T)(src[tap.above:]), (*[3]T)(src[tap.aboveNext:])
		c, d := (*[3]T)(src[tap.below:]), (*[3]T)(src[tap.belowNext:])
		right, down := tap.right, tap.down
		pixel[0] = between(float32(a[0]), float32(b[0]), float32(c[0]), float32(d[0]), right, down)
		pixel[1] = between(float32(a[1]), float32(b[1]), float32(c[1]), float32(d[1]), right, down)
		pixel[2] = between(float32(a[2]), float32(b[2]), float32(c[2]), float32(d[2]), right, down)
	}
}

// between interpolates between a and b above, c and d below. The conversions forbid fused
// multiply-add, so that every processor rounds alike.
func between(a, b, c, d, right, down float32) float32 {
	upper := a + float32((b-a)*right)
	lower := c + float32((d-c)*right)
	return upper + float32((lower-upper)*down)
}

// Turn is [Rotation.Floats] for a single photo that keeps its size.
func Turn(dst, src []float32, size int, degrees float64, mirror bool) {
	NewRotation(size, size, degrees, mirror).Floats(dst, src)
}
