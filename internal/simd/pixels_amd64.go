package simd

import "unsafe"

// The functions return how many pixels or values they have made, from the first.

func turnPixels(dst, src []float32, taps []Tap) int {
	t := newTurning(dst, taps)
	if t.groups > 0 {
		t.src = unsafe.Pointer(&src[0])
		turnPixelsAVX2(&t)
	}
	return 2 * t.groups
}

func turnBytes(dst []float32, src []uint8, taps []Tap) int {
	t := newTurning(dst, taps)
	if t.groups > 0 {
		t.src = unsafe.Pointer(&src[0])
		turnBytesAVX2(&t)
	}
	return 2 * t.groups
}

func newTurning(dst []float32, taps []Tap) turning {
	return turning{dst: unsafe.Pointer(unsafe.SliceData(dst)), taps: unsafe.Pointer(unsafe.SliceData(taps)), groups: len(taps) / 2}
}

func (l Level) widen(dst []float32, src []uint8) int {
	groups := len(dst) / l.lanes()
	if groups == 0 {
		return 0
	}
	t := spread{dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), groups: groups}
	if l == AVX512 {
		widenBytesAVX512(&t)
	} else {
		widenBytesAVX2(&t)
	}
	return groups * l.lanes()
}

func (s *Scale) apply(l Level, dst, src []float32) int {
	values := 3 * l.lanes()
	groups := len(dst) / values
	if groups == 0 {
		return 0
	}
	t := spread{dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), groups: groups,
		scale: unsafe.Pointer(&s.scales), shift: unsafe.Pointer(&s.shifts)}
	if l == AVX512 {
		scalePixelsAVX512(&t)
	} else {
		scalePixelsAVX2(&t)
	}
	return groups * values
}
