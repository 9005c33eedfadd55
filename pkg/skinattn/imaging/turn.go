package imaging

import (
	"math"
	"unsafe"

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
	return &Rotation{source: source, size: size, pixels: simd.NewTurn(taps, 3*source*source)}
}

// Floats writes the turned photo src [source source 3] to dst [size size 3], which must
// not be src. The values are finite, and none is negative.
func (r *Rotation) Floats(dst, src []float32) {
	r.pixels.Compute(vectors, dst[:3*r.pixels.Len()], src[:3*r.source*r.source], 0)
}

// Row writes a row of the turned photo src [source source 3] to dst [size 3]; see Floats. The
// first row brings the photo into the cache for the others.
func (r *Rotation) Row(dst, src []float32, row int) {
	if row == 0 {
		touch(src)
	}
	r.pixels.Compute(vectors, dst[:3*r.size], src[:3*r.source*r.source], row*r.size)
}

// Bytes is Floats for a photo of whole numbers, which take a quarter of the memory.
func (r *Rotation) Bytes(dst []float32, src []uint8) {
	r.pixels.ComputeBytes(vectors, dst[:3*r.pixels.Len()], src[:3*r.source*r.source], 0)
}

// RowOfBytes is Row for a photo of whole numbers.
func (r *Rotation) RowOfBytes(dst []float32, src []uint8, row int) {
	if row == 0 {
		touch(src)
	}
	r.pixels.ComputeBytes(vectors, dst[:3*r.size], src[:3*r.source*r.source], row*r.size)
}

// cacheLine is in bytes; processors with longer lines read each more than once.
const cacheLine = 64

// touch reads a photo in its order, which processors foresee. A turned row reads it across its
// rows, and would wait for each place of a photo that is not in the cache.
//
//go:noinline
func touch[T float32 | uint8](photo []T) (sum T) {
	step := cacheLine / int(unsafe.Sizeof(sum))
	for i := 0; i < len(photo); i += step {
		sum += photo[i]
	}
	return sum
}

// Turn is [Rotation.Floats] for a single photo that keeps its size.
func Turn(dst, src []float32, size int, degrees float64, mirror bool) {
	NewRotation(size, size, degrees, mirror).Floats(dst, src)
}
