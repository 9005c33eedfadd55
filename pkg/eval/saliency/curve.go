package saliency

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Order lists the pixels of a map from bright to dark; pixels of equal value
// come in an order drawn from rng.
func Order(values []float32, rng *rand.Rand) []int {
	order := rng.Perm(len(values))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order
}

// Replace copies photo, pixels of three channels, to dst and takes the pixels
// listed from fill.
func Replace(dst, photo, fill []float32, pixels []int) {
	copy(dst, photo)
	for _, p := range pixels {
		copy(dst[3*p:3*p+3], fill[3*p:3*p+3])
	}
}

// Stops returns how many of n pixels have changed at each point of a curve of
// steps equal steps: steps+1 numbers from 0 to n.
func Stops(n, steps int) []int {
	stops := make([]int, steps+1)
	for i := range stops {
		stops[i] = int(math.Round(float64(n) * float64(i) / float64(steps)))
	}
	return stops
}

// Area is the area under a curve of equal steps over shares from 0 to 1, by the
// trapezoidal rule. It needs two points.
func Area(curve []float64) float64 {
	last := len(curve) - 1
	sum := (curve[0] + curve[last]) / 2
	for _, v := range curve[1:last] {
		sum += v
	}
	return sum / float64(last)
}

// MeanColor returns a picture of the photo's mean colour, as big as photo:
// pixels of three channels.
func MeanColor(photo []float32) []float32 {
	var sum [3]float64
	for i, v := range photo {
		sum[i%3] += float64(v)
	}
	out := make([]float32, len(photo))
	for i := range out {
		out[i] = float32(sum[i%3] * 3 / float64(len(photo)))
	}
	return out
}

// Blur returns a photo of the given width, pixels of three channels, under a
// Gaussian of standard deviation sigma pixels, cut off at 3 sigma; beyond the
// edge lies the nearest pixel.
func Blur(photo []float32, width int, sigma float64) []float32 {
	height := len(photo) / 3 / width
	reach := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*reach+1)
	sum := 0.0
	for i := range kernel {
		d := float64(i - reach)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	// pass blurs lines of n pixels, step values apart.
	pass := func(src []float32, starts, n, between, step int) []float32 {
		dst := make([]float32, len(src))
		for line := range starts {
			first := line * between
			for i := range n {
				var v [3]float64
				for k, w := range kernel {
					at := first + step*min(max(i+k-reach, 0), n-1)
					for c := range v {
						v[c] += w * float64(src[at+c])
					}
				}
				for c := range v {
					dst[first+step*i+c] = float32(v[c])
				}
			}
		}
		return dst
	}
	rows := pass(photo, height, width, 3*width, 3)
	return pass(rows, width, height, 3, 3*width)
}

// Uniform returns a map of n equal values.
func Uniform(n int) []float32 { return slices.Repeat([]float32{1}, n) }

// Gaussian is a map of size x size pixels with a round Gaussian in its centre,
// of standard deviation sigma pixels.
func Gaussian(size int, sigma float64) []float32 {
	out := make([]float32, 0, size*size)
	centre := float64(size-1) / 2
	for y := range size {
		for x := range size {
			dy, dx := float64(y)-centre, float64(x)-centre
			out = append(out, float32(math.Exp(-(dy*dy+dx*dx)/(2*sigma*sigma))))
		}
	}
	return out
}
