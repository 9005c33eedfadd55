package imaging

import "math"

// Turn writes a square photo src [size size 3], turned by degrees about its
// centre, to dst: bilinear, and beyond the edge the nearest pixel, as training's
// augmentation turns photos. mirror turns its mirror image.
func Turn(dst, src []float32, size int, degrees float64, mirror bool) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	centre, last := float64(size)/2-.5, float64(size-1)
	i := 0
	for r := range size {
		for c := range size {
			dy, dx := float64(r)-centre, float64(c)-centre
			if mirror {
				dx = -dx
			}
			y := min(max(cos*dy-sin*dx+centre, 0), last)
			x := min(max(sin*dy+cos*dx+centre, 0), last)
			top, left := int(y), int(x)
			down, right := float32(y-float64(top)), float32(x-float64(left))
			above := 3 * (top*size + left)
			below := 3 * (min(top+1, size-1)*size + left)
			next := 3 * (min(left+1, size-1) - left)
			for k := range 3 {
				a, b := src[above+k], src[below+k]
				a += (src[above+next+k] - a) * right
				b += (src[below+next+k] - b) * right
				dst[i] = a + (b-a)*down
				i++
			}
		}
	}
}
