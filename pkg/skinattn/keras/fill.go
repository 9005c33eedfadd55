package keras

import (
	"hash/fnv"
	"math"
	"strings"
)

// FillByName returns values for a tensor that depend only on its name and
// shape, for tests that compare a network with Keras's. The name is the layer
// and the weight, without ":0", such as "block_1_expand/kernel"; tools/golden
// has the same rule in Python.
//
// Element i is centre + radius*(2u-1) in float64, rounded to float32, with u
// the top 24 bits of splitmix64(seed, i) over 2^24 and the 64-bit FNV-1a hash
// of the name as seed. Centre and radius depend on the weight:
//
//	kernel, pointwise_kernel   0, sqrt(4.5/fan-in), fan-in all dimensions but the last
//	depthwise_kernel           0, sqrt(4.5/(height*width))
//	kernel_conv3d              0, sqrt(6/63): a 7x7 map reaches 63 = 7 rows x 3 x 3 of its values
//	gamma, moving_variance     1, 0.25
//	beta, moving_mean, bias, bias_conv3d   0, 0.1
//	mean, variance, count      50, 5; 300, 30; 9958, 0: Normalization of the age
//
// Anything else is filled like a bias.
func FillByName(name string, shape []int) []float32 {
	centre, radius := fillRange(name[strings.LastIndexByte(name, '/')+1:], shape)
	values := make([]float32, product(shape))
	noise := newNoise(name)
	for i := range values {
		u := float64(noise.next()>>40) / (1 << 24)
		// The conversion keeps the compiler from fusing the product into the
		// sum, which would round differently on some machines.
		values[i] = float32(centre + float64(radius*(2*u-1)))
	}
	return values
}

func fillRange(weight string, shape []int) (centre, radius float64) {
	switch weight {
	case "kernel", "pointwise_kernel":
		return 0, math.Sqrt(4.5 / float64(max(product(shape[:max(len(shape)-1, 0)]), 1)))
	case "depthwise_kernel":
		return 0, math.Sqrt(4.5 / float64(max(product(shape[:min(len(shape), 2)]), 1)))
	case "kernel_conv3d":
		return 0, math.Sqrt(6.0 / 63)
	case "gamma", "moving_variance":
		return 1, 0.25
	case "mean":
		return 50, 5
	case "variance":
		return 300, 30
	case "count":
		return 9958, 0
	}
	return 0, 0.1
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// FillImage returns a photo-like image that depends only on its name and size:
// smooth colour plus noise, as size*size*3 whole numbers from 0 to 255 in
// row, column, channel order. All arithmetic is on integers.
func FillImage(name string, size int) []float32 {
	const grid = 8 // points of the coarse image along each side
	coarse := newNoise(name + "/coarse")
	var points [grid][grid][3]int
	for y := range grid {
		for x := range grid {
			for c := range 3 {
				points[y][x][c] = int(coarse.next() >> 56)
			}
		}
	}
	fine := newNoise(name + "/fine")
	image := make([]float32, 0, size*size*3)
	for y := range size {
		py := y * (grid - 1) * 256 / size
		gy, fy := py>>8, py&255
		for x := range size {
			px := x * (grid - 1) * 256 / size
			gx, fx := px>>8, px&255
			for c := range 3 {
				top := points[gy][gx][c]*(256-fx) + points[gy][gx+1][c]*fx
				bottom := points[gy+1][gx][c]*(256-fx) + points[gy+1][gx+1][c]*fx
				smooth := (top*(256-fy) + bottom*fy) >> 16
				image = append(image, float32(min(max(smooth+int(fine.next()>>59)-16, 0), 255)))
			}
		}
	}
	return image
}

// noise is the splitmix64 generator (Steele, Lea and Flood 2014), seeded by
// the FNV-1a hash of a name.
type noise uint64

func newNoise(name string) *noise {
	h := fnv.New64a()
	h.Write([]byte(name))
	n := noise(h.Sum64())
	return &n
}

func (n *noise) next() uint64 {
	*n += 0x9e3779b97f4a7c15
	z := uint64(*n)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
