package simd

import "fmt"

// Tap says where a pixel of a turned photo comes from: between the pixel of the photo whose first value is at Above and the next one in its row, and between
// these and the pixel at Below and its next one. A pixel that has no weight need not mean anything. Values are counted, three to a pixel.
type Tap struct {
	Above, Below int32
	Right, Down  float32 // weights of the next and of the lower ones, from 0 to 1
}

// Turn is how photos of a size are turned. It is safe for use by several goroutines.
type Turn struct {
	values int // of a photo
	taps   []Tap
	// last has the taps that read the photo's last pixel, from the first. The loops load four floats where there are three, or eight bytes where there are
	// six, and have a tap of the first pixel in their place.
	last []lastTap
}

type lastTap struct {
	at  int
	tap Tap
}

// NewTurn takes the taps of all pixels, for photos of so many values. It keeps taps.
func NewTurn(taps []Tap, values int) *Turn {
	t := &Turn{values: values, taps: taps}
	for i, tap := range taps {
		if min(tap.Above, tap.Below) < 0 || int(max(tap.Above, tap.Below)) > values-3 {
			panic(fmt.Sprintf("simd: a pixel between those at %d and %d of %d values", tap.Above, tap.Below, values))
		}
		if int(max(tap.Above, tap.Below)) > values-leastValues {
			t.last = append(t.last, lastTap{i, tap})
			t.taps[i] = Tap{}
		}
	}
	return t
}

// Len is the number of pixels.
func (t *Turn) Len() int { return len(t.taps) }

// leastValues are those that the loops may read from the first value of a tap on.
const leastValues = 8

// Compute writes pixels from the given one on to dst, as many as it has room for: with weights w and values a, b, each a+(b-a)*w, rounded three times.
// All values of src are finite, and none is -0.
func (t *Turn) Compute(l Level, dst, src []float32, from int) {
	turn(t, l, dst, src, from, turnPixels)
}

// ComputeBytes is Compute for a photo of bytes: it gives the bits that Compute gives for the same values.
func (t *Turn) ComputeBytes(l Level, dst []float32, src []uint8, from int) {
	turn(t, l, dst, src, from, turnBytes)
}

func turn[T float32 | uint8](t *Turn, l Level, dst []float32, src []T, from int, loop func(dst []float32, src []T, taps []Tap) int) {
	n := len(dst) / 3
	if len(src) != t.values || from < 0 || from+n > len(t.taps) {
		panic(fmt.Sprintf("simd: pixels %d to %d of %d, of a photo of %d values in place of %d", from, from+n, len(t.taps), len(src), t.values))
	}
	if n == 0 {
		return
	}
	taps := t.taps[from : from+n]
	if t.values >= leastValues { // else every tap is one of the last
		done := 0
		if l != Generic {
			done = loop(dst, src, taps)
		}
		interpolate(dst[3*done:], src, taps[done:])
	}
	for _, last := range t.last {
		if last.at >= from && last.at < from+n {
			interpolateLast(&last.tap, dst[3*(last.at-from):], src)
		}
	}
}

// interpolate writes pixels that do not read the photo's last one. Pointers to arrays, and each channel written out: a loop over slices takes twice as long.
func interpolate[T float32 | uint8](dst []float32, src []T, taps []Tap) {
	for i := range taps {
		tap, pixel := &taps[i], (*[3]float32)(dst[3*i:])
		above, below := (*[6]T)(src[tap.Above:]), (*[6]T)(src[tap.Below:])
		right, down := tap.Right, tap.Down
		pixel[0] = between(float32(above[0]), float32(above[3]), float32(below[0]), float32(below[3]), right, down)
		pixel[1] = between(float32(above[1]), float32(above[4]), float32(below[1]), float32(below[4]), right, down)
		pixel[2] = between(float32(above[2]), float32(above[5]), float32(below[2]), float32(below[5]), right, down)
	}
}

// interpolateLast writes one pixel. Where the photo ends there is no next one, and it has no weight.
func interpolateLast[T float32 | uint8](t *Tap, dst []float32, src []T) {
	value := func(at int) float32 { return float32(src[at]) }
	next := func(at int32, k int) float32 { return value(min(int(at)+3, len(src)-3) + k) }
	for k := range 3 {
		dst[k] = between(value(int(t.Above)+k), next(t.Above, k), value(int(t.Below)+k), next(t.Below, k), t.Right, t.Down)
	}
}

// between interpolates between a and b above, c and d below. The conversions forbid fused multiply-add, so that every processor rounds alike.
func between(a, b, c, d, right, down float32) float32 {
	upper := a + float32((b-a)*right)
	lower := c + float32((d-c)*right)
	return upper + float32((lower-upper)*down)
}

// Widen makes floats of bytes: as many as both have.
func (l Level) Widen(dst []float32, src []uint8) {
	n := min(len(dst), len(src))
	done := 0
	if l != Generic {
		done = l.widen(dst[:n], src[:n])
	}
	for i := done; i < n; i++ {
		dst[i] = float32(src[i])
	}
}

// Scale is a scale and a shift for each channel of a pixel.
type Scale struct {
	scale, shift [3]float32
	// Three vectors have whole pixels.
	scales, shifts [3 * mostLanes]float32
}

const mostLanes = 16

// NewScale prepares the scaling of pixels.
func NewScale(scale, shift [3]float32) *Scale {
	s := &Scale{scale: scale, shift: shift}
	for i := range s.scales {
		s.scales[i], s.shifts[i] = scale[i%3], shift[i%3]
	}
	return s
}

// Apply makes src*scale+shift, rounded twice, of the values of whole pixels, as many as both have. dst may be src.
func (s *Scale) Apply(l Level, dst, src []float32) {
	n := min(len(dst), len(src)) / 3 * 3
	done := 0
	if l != Generic {
		done = s.apply(l, dst[:n], src[:n])
	}
	for i := done; i < n; i += 3 {
		dst[i] = float32(src[i]*s.scale[0]) + s.shift[0]
		dst[i+1] = float32(src[i+1]*s.scale[1]) + s.shift[1]
		dst[i+2] = float32(src[i+2]*s.scale[2]) + s.shift[2]
	}
}
