package training

import (
	"math"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Preview turns as imaging.Turn does, whose values come from elsewhere, and changes
// nothing where the regime does not.
func TestPreview(t *testing.T) {
	const size, n = 8, 3
	photo := make([]uint8, size*size*3)
	source := make([]float32, len(photo))
	for i := range photo {
		photo[i] = uint8(i * 7 % 256)
		source[i] = float32(photo[i])
	}
	turning := &spec.Regime{Augment: spec.Augment{Rotation: 180}}
	for _, tc := range []struct {
		name string
		reg  *spec.Regime
		want func(Transform) []float32
	}{
		{"none", &spec.Regime{}, func(Transform) []float32 { return source }},
		{"turned", turning, func(drawn Transform) []float32 {
			turned := make([]float32, len(source))
			imaging.Turn(turned, source, size, drawn.Theta, false)
			return turned
		}},
		{"grey", &spec.Regime{Augment: spec.Augment{Cutout: 1}}, func(Transform) []float32 {
			grey := make([]float32, len(source)) // the cutout is as large as the photo
			for k := range 3 {
				mean := float32(0)
				for i := k; i < len(source); i += 3 {
					mean += source[i] / (size * size)
				}
				for i := k; i < len(source); i += 3 {
					grey[i] = mean
				}
			}
			return grey
		}},
	} {
		photos, drawn, err := Preview(testengine.Open(t).Backend, tc.reg, size, photo, 1, n)
		if err != nil || len(photos) != n || len(drawn) != n {
			t.Fatalf("%s: %d photos by %d transforms, %v", tc.name, len(photos), len(drawn), err)
		}
		for i := range photos {
			inside := 0
			for j, want := range tc.want(drawn[i]) {
				if math.Abs(float64(photos[i][j]-want)) > 1e-2 {
					if tc.name == "grey" && photos[i][j] == source[j] {
						continue // beyond a box that was drawn at the edge
					}
					t.Fatalf("%s, photo %d, value %d: got %g, want %g", tc.name, i, j, photos[i][j], want)
				}
				inside++
			}
			if inside == 0 {
				t.Errorf("%s: photo %d has no value as wanted", tc.name, i)
			}
		}
	}
	_, a, _ := Preview(testengine.Open(t).Backend, turning, size, photo, 1, n)
	_, b, _ := Preview(testengine.Open(t).Backend, turning, size, photo, 2, n)
	if a[0] == b[0] || a[0] == a[1] {
		t.Error("two draws are the same")
	}
	if _, _, err := Preview(testengine.Open(t).Backend, turning, size, photo[1:], 1, n); err == nil || !strings.Contains(err.Error(), "191 values") {
		t.Errorf("a photo that lacks a value: got error %v", err)
	}
}
