package imaging

import (
	"math"
	"sync"

	"github.com/skinattn/skinattn/internal/simd"
)

// vectors are the instructions that pixels are computed with. All give the same bits.
var vectors, _ = simd.Best()

// Rotation turns square photos clockwise about their centre, mirrors them left to right
// where wanted and brings them to the size of the network's input, all in one step: by
// bilinear interpolation, with the nearest pixel beyond the edge, as the augmentation of
// training does. Without a turn it is [SmartResize]. Where the pixels come from is worked
// out once for all photos. A Rotation is safe for use by several goroutines.
type Rotation struct {
	source, size int
	pixels       *simd.Turn
	floats       sync.Pool // *[]float32, for photos of bytes
}

// NewRotation prepares turning photos of source x source pixels by degrees. The results
// have size x size pixels.
func NewRotation(source, size int, degrees float64, mirror bool) *Rotation {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	scale := float64(source) / float64(size)
	sin, cos = sin*scale, cos*scale
	middle, centre, last := float64(size)/2-.5, float64(source)/2-.5, float64(source-1)
	taps := make([]simd.Tap, 0, size*size)
	for row := range size {
		for col := range size {
			dy, dx := float64(row)-middle, float64(col)-middle
			if mirror {
				dx = -dx
			}
			y := min(max(cos*dy-sin*dx+centre, 0), last)
			x := min(max(sin*dy+cos*dx+centre, 0), last)
			top, left := int(y), int(x)
			// The last column's next one has no weight, nor has the row below the last.
			above, below := 3*(top*source+left), 3*(min(top+1, source-1)*source+left)
			taps = append(taps, simd.Tap{Above: int32(above), Below: int32(below),
				Right: float32(x - float64(left)), Down: float32(y - float64(top))})
		}
	}
	r := &Rotation{source: source, size: size, pixels: simd.NewTurn(taps, 3*source*source)}
	r.floats.New = func() any { photo := make([]float32, 3*source*source); return &photo }
	return r
}

// Floats writes the turned photo src [source source 3] to dst [size size 3], which must
// not be src. The values are finite, and none is negative.
func (r *Rotation) Floats(dst, src []float32) {
	r.pixels.Compute(vectors, dst[:3*r.pixels.Len()], src[:3*r.source*r.source], 0)
}

// Row writes a row of the turned photo src [source source 3] to dst [size 3]; see Floats.
func (r *Rotation) Row(dst, src []float32, row int) {
	r.pixels.Compute(vectors, dst[:3*r.size], src[:3*r.source*r.source], row*r.size)
}

// Bytes is Floats for a photo of whole numbers.
func (r *Rotation) Bytes(dst []float32, src []uint8) {
	photo := r.floats.Get().(*[]float32)
	defer r.floats.Put(photo)
	vectors.Widen(*photo, src[:len(*photo)])
	r.Floats(dst, *photo)
}

// Turn is [Rotation.Floats] for a single photo that keeps its size.
func Turn(dst, src []float32, size int, degrees float64, mirror bool) {
	NewRotation(size, size, degrees, mirror).Floats(dst, src)
}
