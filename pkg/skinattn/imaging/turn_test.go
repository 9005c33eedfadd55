package imaging

import (
	"slices"
	"testing"
)

// TestRotationOfBytes wants the same floats for whole numbers in either form. That they are
// turned as training turns photos is tested in package training.
func TestRotationOfBytes(t *testing.T) {
	photo := pattern(33, 33).Pix
	floats := make([]float32, len(photo))
	RGBOrder.Floats(floats, photo)
	for _, mirror := range []bool{false, true} {
		for _, degrees := range []float64{0, 22.5, 90, 180, 292.5} {
			ofBytes, ofFloats := make([]float32, len(photo)), make([]float32, len(photo))
			r := NewRotation(33, degrees, mirror)
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
