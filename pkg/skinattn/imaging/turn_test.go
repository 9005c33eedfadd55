package imaging

import (
	"math"
	"slices"
	"testing"
)

// A photo that is reduced without a turn is what SmartResize gives, whose values are
// Keras's.
func TestUprightIsSmartResize(t *testing.T) {
	for _, source := range []int{24, 31, 36, 48} {
		photo := pattern(source, source)
		upright := make([]float32, 24*24*3)
		NewRotation(source, 24, 0, false).Bytes(upright, photo.Pix)
		for i, want := range SmartResize(photo, 24, 24) {
			if math.Abs(float64(upright[i]-want)) > 1e-3 {
				t.Fatalf("from %d pixels: value %d is %g, by SmartResize %g", source, i, upright[i], want)
			}
		}
	}
}

// TestRotationOfBytes wants the same floats for whole numbers in either form. That they are
// turned as training turns photos is tested in package training.
func TestRotationOfBytes(t *testing.T) {
	photo := pattern(33, 33).Pix
	floats := make([]float32, len(photo))
	RGBOrder.Floats(floats, photo)
	for _, mirror := range []bool{false, true} {
		for _, degrees := range []float64{0, 22.5, 90, 180, 292.5} {
			ofBytes, ofFloats := make([]float32, len(photo)), make([]float32, len(photo))
			r := NewRotation(33, 33, degrees, mirror)
			r.Bytes(ofBytes, photo)
			r.Floats(ofFloats, floats)
			if !slices.Equal(ofBytes, ofFloats) {
				t.Errorf("%g degrees, mirrored %v: bytes and floats turn to other values", degrees, mirror)
			}
			if slices.Equal(ofFloats, floats) != (degrees == 0 && !mirror) {
				t.Errorf("%g degrees, mirrored %v: unchanged, or changed by nothing", degrees, mirror)
			}
		}
	}
}
