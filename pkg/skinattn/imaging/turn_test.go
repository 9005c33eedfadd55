package imaging

import (
	"math"
	"math/rand/v2"
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

// turnedPixel is a pixel of a turned photo by the definition: the nearest pixels beyond the
// edge, and three roundings of each a+(b-a)*w.
func turnedPixel(photo []float32, source, size int, degrees float64, mirror bool, row, col, channel int) float32 {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	scale := float64(source) / float64(size)
	sin, cos = sin*scale, cos*scale
	middle, centre, last := float64(size)/2-.5, float64(source)/2-.5, float64(source-1)
	dy, dx := float64(row)-middle, float64(col)-middle
	if mirror {
		dx = -dx
	}
	y := min(max(cos*dy-sin*dx+centre, 0), last)
	x := min(max(sin*dy+cos*dx+centre, 0), last)
	top, left := int(y), int(x)
	right, down := float32(x-float64(left)), float32(y-float64(top))
	at := func(y, x int) float32 { return photo[3*(min(y, source-1)*source+min(x, source-1))+channel] }
	between := func(a, b, w float32) float32 { return a + float32((b-a)*w) }
	return between(between(at(top, left), at(top, left+1), right), between(at(top+1, left), at(top+1, left+1), right), down)
}

// TestRotationBits wants every bit of the definition, whole and row by row, for all turns of
// predictions with eight views, also where they reach over the photo.
func TestRotationBits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	for _, shape := range [][2]int{{336, 224}, {48, 32}, {33, 33}, {24, 37}, {2, 5}, {1, 3}} {
		source, size := shape[0], shape[1]
		photo := make([]float32, 3*source*source)
		for i := range photo {
			photo[i] = 255 * random.Float32()
		}
		for k := range 16 {
			degrees, mirror := float64(k)*22.5, k%2 == 1 || k%5 == 0
			r := NewRotation(source, size, degrees, mirror)
			whole, rows := make([]float32, 3*size*size), make([]float32, 3*size*size)
			r.Floats(whole, photo)
			for row := range size {
				r.Row(rows[3*size*row:], photo, row)
			}
			for i, got := range whole {
				want := turnedPixel(photo, source, size, degrees, mirror, i/3/size, i/3%size, i%3)
				if math.Float32bits(got) != math.Float32bits(want) || math.Float32bits(rows[i]) != math.Float32bits(want) {
					t.Fatalf("%d to %d pixels, %g degrees, mirrored %v: value %d is %v, in a row %v, want %v", source, size, degrees, mirror, i, got, rows[i], want)
				}
			}
		}
	}
}
