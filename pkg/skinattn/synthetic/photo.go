package synthetic

import (
	"math"
	"math/rand/v2"
)

// photo describes how a picture of a lesion is taken.
type photo struct {
	center   vec // of the lesion, in pixels
	radius   float64
	rotation float64
	mirrored bool
	balance  rgb     // white balance and exposure
	light    vec     // gradient of the brightness over the width
	falloff  float64 // darkening towards the corners
	frame    float64 // radius of the dermatoscope's round window, 0 without
	window   vec     // its centre
	grain    float64 // sensor noise
	hairs    []stroke
	bubbles  []disc
	ruler    bool
	atGrain  vec
	width    int
	height   int
	cos, sin float64
	xscale   float64
}

func newPhoto(rng *rand.Rand, l *lesion, width, height int) photo {
	w, h := float64(width), float64(height)
	zoom := math.Exp(0.13 * rng.NormFloat64())
	p := photo{
		width: width, height: height,
		center:   vec{w/2 + 0.05*w*rng.NormFloat64(), h/2 + 0.05*h*rng.NormFloat64()},
		radius:   min(zoom*math.Sqrt(l.area*w*h/math.Pi), 0.62*h),
		rotation: uniform(rng, 0, 2*math.Pi),
		mirrored: chance(rng, 0.5),
		light:    polar(uniform(rng, 0, 0.08), uniform(rng, 0, 2*math.Pi)),
		falloff:  uniform(rng, 0, 0.16),
		grain:    uniform(rng, 0.006, 0.02),
		atGrain:  randomOffset(rng),
	}
	exposure := math.Exp(0.06 * rng.NormFloat64())
	for i := range p.balance {
		p.balance[i] = exposure * math.Exp(0.035*rng.NormFloat64())
	}
	p.sin, p.cos = math.Sincos(p.rotation)
	p.xscale = 1
	if p.mirrored {
		p.xscale = -1
	}
	if chance(rng, 0.16) {
		p.frame = uniform(rng, 0.5, 0.62) * w
		p.window = vec{w/2 + 0.03*w*rng.NormFloat64(), h/2 + 0.03*h*rng.NormFloat64()}
	}
	if l.skin.hair > 0 {
		for range int(l.skin.hair * uniform(rng, 0.6, 1.4)) {
			p.hairs = append(p.hairs, newHair(rng, w, h, l.skin.hairLies+p.turn()))
		}
	}
	if chance(rng, 0.07) {
		for range 2 + rng.IntN(14) {
			p.bubbles = append(p.bubbles, disc{vec{w * rng.Float64(), h * rng.Float64()}, w * uniform(rng, 0.006, 0.035)})
		}
	}
	p.ruler = chance(rng, 0.05)
	return p
}

// newHair draws a bent line across a part of the photo.
func newHair(rng *rand.Rand, w, h, lies float64) stroke {
	at := vec{w * uniform(rng, -0.1, 1.1), h * uniform(rng, -0.1, 1.1)}
	angle, bend := lies+0.5*rng.NormFloat64(), 0.012*rng.NormFloat64()
	hair := stroke{width: w * uniform(rng, 0.0018, 0.004)}
	for range int(uniform(rng, 20, 130)) {
		hair.points = append(hair.points, at)
		at = at.add(polar(0.008*w, angle))
		angle += bend + 0.02*rng.NormFloat64()
	}
	return hair
}

// turn is the angle between directions on the lesion and in the photo.
func (p *photo) turn() float64 { return p.xscale * p.rotation }

// toLesion turns a pixel into a position on the lesion.
func (p *photo) toLesion(x, y float64) vec {
	dx, dy := (x-p.center.x)/p.radius, (y-p.center.y)/p.radius
	return vec{p.xscale * (dx*p.cos + dy*p.sin), dy*p.cos - dx*p.sin}
}

// toPhoto is the inverse of toLesion.
func (p *photo) toPhoto(q vec) vec {
	qx := p.xscale * q.x
	return vec{p.center.x + p.radius*(qx*p.cos-q.y*p.sin), p.center.y + p.radius*(qx*p.sin+q.y*p.cos)}
}

// layer is a coverage 0..1 for each pixel.
type layer struct {
	width, height int
	cover         []float32
}

func newLayer(width, height int) *layer {
	return &layer{width, height, make([]float32, width*height)}
}

// draw adds a line with round ends and smooth edges; points and width are in
// pixels. Lines thinner than a pixel become faint instead of thinner.
func (l *layer) draw(s stroke, strength float64) {
	radius := max(s.width, 1) / 2
	strength *= min(s.width, 1)
	for i := 1; i < len(s.points); i++ {
		a, b := s.points[i-1], s.points[i]
		taper := min(1, 0.25+8*float64(len(s.points)-i)/float64(len(s.points)))
		steps := max(1, int(math.Ceil(b.sub(a).length()/0.7)))
		for k := range steps {
			t := float64(k) / float64(steps)
			l.dab(vec{a.x + t*(b.x-a.x), a.y + t*(b.y-a.y)}, radius*taper, strength)
		}
	}
}

func (l *layer) dab(at vec, radius, strength float64) {
	reach := radius + 0.5
	for y := max(0, int(at.y-reach)); y <= min(l.height-1, int(at.y+reach+1)); y++ {
		for x := max(0, int(at.x-reach)); x <= min(l.width-1, int(at.x+reach+1)); x++ {
			d := vec{float64(x) - at.x, float64(y) - at.y}.length()
			cover := float32(strength * clamp01(reach-d))
			if i := y*l.width + x; cover > l.cover[i] {
				l.cover[i] = cover
			}
		}
	}
}
