package synthetic

import (
	"math"
	"math/rand/v2"
)

// All irregular structures come from one table of random numbers. Each purpose reads the
// table at its own offset.

const latticeSize = 256 // a power of two: the period of the noise

var lattice = func() (t [latticeSize * latticeSize]float32) {
	rng := rand.New(rand.NewPCG(0x736b696e, 0x6174746e))
	for i := range t {
		t[i] = rng.Float32()
	}
	return
}()

// vec is a point or direction in the plane.
type vec struct{ x, y float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y} }
func (a vec) scale(s float64) vec { return vec{a.x * s, a.y * s} }
func (a vec) length() float64     { return math.Sqrt(a.x*a.x + a.y*a.y) }
func polar(r, angle float64) vec  { s, c := math.Sincos(angle); return vec{r * c, r * s} }

func randomOffset(rng *rand.Rand) vec {
	return vec{rng.Float64() * latticeSize, rng.Float64() * latticeSize}
}

func latticeAt(x, y int) float64 {
	return float64(lattice[uint16(y<<8|x&(latticeSize-1))]) // the type spares a bounds check
}

// noise is value noise, -1..1, smooth over about one unit.
func noise(p vec) float64 {
	fx, fy := math.Floor(p.x), math.Floor(p.y)
	x, y := int(fx), int(fy)
	tx, ty := p.x-fx, p.y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	a, b := latticeAt(x, y), latticeAt(x+1, y)
	c, d := latticeAt(x, y+1), latticeAt(x+1, y+1)
	top := a + (b-a)*tx
	return 2*(top+(c+(d-c)*tx-top)*ty) - 1
}

// fractal adds octaves of noise, each of half the size and strength.
func fractal(p vec, octaves int) float64 {
	sum, strength, total := 0.0, 1.0, 0.0
	for range octaves {
		sum += strength * noise(p)
		total += strength
		p = vec{1.6*p.x + 1.2*p.y + 17.3, 1.6*p.y - 1.2*p.x - 9.1} // turned, so that the grid does not show
		strength /= 2
	}
	return sum / total
}

// cells is Worley noise on a unit grid: the distances to the nearest and the
// second nearest feature point and a number 0..1 that names the nearest. With
// jitter 0 the points form a square grid, with 1 they are random.
func cells(p vec, jitter float64) (nearest, second, id float64) {
	x0, y0 := int(math.Floor(p.x)), int(math.Floor(p.y))
	nearest, second = 9, 9
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			x, y := x0+dx, y0+dy
			px := float64(x) + 0.5 + jitter*(latticeAt(x, y)-0.5) - p.x
			py := float64(y) + 0.5 + jitter*(latticeAt(x+101, y+57)-0.5) - p.y
			d := px*px + py*py
			if d < nearest {
				nearest, second, id = d, nearest, latticeAt(x+31, y+173)
			} else if d < second {
				second = d
			}
		}
	}
	return math.Sqrt(nearest), math.Sqrt(second), id
}

// smoothstep rises from 0 at a to 1 at b.
func smoothstep(a, b, x float64) float64 {
	t := clamp01((x - a) / (b - a))
	return t * t * (3 - 2*t)
}

func clamp01(x float64) float64 { return min(max(x, 0), 1) }

// uniform draws from low..high.
func uniform(rng *rand.Rand, low, high float64) float64 { return low + (high-low)*rng.Float64() }

// chance is true with probability p.
func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }
