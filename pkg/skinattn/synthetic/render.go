package synthetic

import (
	"image"
	"math"
)

var (
	greyMelanin  = rgb{0.68, 0.95, 1.12}
	redMelanin   = rgb{0.42, 0.98, 1.22}
	bloodAbsorbs = rgb{0.14, 0.88, 0.72} // red

	blueGrey   = rgb{0.46, 0.46, 0.54}
	nestSlate  = rgb{0.36, 0.33, 0.40}
	scarWhite  = rgb{0.93, 0.84, 0.84}
	waxYellow  = rgb{0.74, 0.60, 0.42}
	flakeWhite = rgb{0.95, 0.88, 0.82}
	cystWhite  = rgb{0.96, 0.91, 0.80}
	septum     = rgb{0.74, 0.50, 0.60}
)

// render paints a photo of l and returns it with the lesion's mask (0 or 255).
func render(l *lesion, p *photo) (*image.RGBA, *image.Gray) {
	w, h := p.width, p.height
	img, mask := image.NewRGBA(image.Rect(0, 0, w, h)), image.NewGray(image.Rect(0, 0, w, h))

	blood, hair := newLayer(w, h), newLayer(w, h)
	for _, v := range l.skin.vessels {
		line := stroke{width: v.width * float64(w)}
		for _, q := range v.points {
			line.points = append(line.points, q.scale(float64(w)))
		}
		blood.draw(line, 0.35)
	}
	for _, v := range l.vessels {
		line := stroke{width: v.width * p.radius}
		for _, q := range v.points {
			line.points = append(line.points, p.toPhoto(q))
		}
		blood.draw(line, 0.65)
	}
	for _, s := range p.hairs {
		hair.draw(s, 0.85)
	}
	if p.ruler {
		p.drawRuler(hair)
	}

	ground := newGround(l, p)
	for y := range h {
		for x := range w {
			i := y*w + x
			q := p.toLesion(float64(x), float64(y))
			c := ground.at(x, y)
			inside := l.inside(q)
			if inside > 0 {
				mask.Pix[i] = 255
			}
			if inside > -l.edge {
				c = l.tint(c, q, inside)
			}
			if b := float64(blood.cover[i]); b > 0 {
				c = l.absorb(c, 0, 0.9*b)
			}
			c = c.mix(l.skin.hairTone, float64(hair.cover[i]))
			c = p.expose(c, float64(x), float64(y))
			for k := range 3 {
				img.Pix[4*i+k] = uint8(255*clamp01(c[k]) + 0.5)
			}
			img.Pix[4*i+3] = 255
		}
	}
	for _, b := range p.bubbles {
		drawBubble(img, b)
	}
	return img, mask
}

// absorb darkens c by pigments of the given optical densities.
func (l *lesion) absorb(c rgb, melanin, blood float64) rgb {
	for k := range c {
		c[k] *= transmit(melanin*l.brown[k] + blood*bloodAbsorbs[k])
	}
	return c
}

// transmittance holds exp(-d) for optical densities d from -1 in steps of 1/256.
var transmittance = func() (t [10*256 + 2]float64) {
	for i := range t {
		t[i] = math.Exp(1 - float64(i)/256)
	}
	return
}()

// transmit is exp(-density), interpolated to five digits, as math.Exp would take a
// fifth of the rendering time.
func transmit(density float64) float64 {
	at := min(max(density+1, 0), 10) * 256
	i := int(at)
	return transmittance[i] + (at-float64(i))*(transmittance[i+1]-transmittance[i])
}

// ground is healthy skin, computed for every second pixel of every second row, as it
// has no finer detail.
type ground struct {
	width  int
	colors []rgb
}

func newGround(l *lesion, p *photo) ground {
	g := ground{width: p.width/2 + 2}
	for y := range p.height/2 + 2 {
		for x := range g.width {
			q := p.toLesion(float64(2*x), float64(2*y))
			g.colors = append(g.colors, l.skinAt(q.scale(p.radius/float64(p.width))))
		}
	}
	return g
}

func (g *ground) at(x, y int) rgb {
	i := y/2*g.width + x/2
	a, b, c, d := &g.colors[i], &g.colors[i+1], &g.colors[i+g.width], &g.colors[i+g.width+1]
	switch {
	case x&1 == 0 && y&1 == 0:
		return *a
	case y&1 == 0:
		return a.mix(*b, 0.5)
	case x&1 == 0:
		return a.mix(*c, 0.5)
	}
	return a.mix(*b, 0.5).mix(c.mix(*d, 0.5), 0.5)
}

// skinAt returns the colour of healthy skin; q is in units of the photo's width.
func (l *lesion) skinAt(q vec) rgb {
	s := &l.skin
	q = q.add(s.at)
	mottle := fractal(q.scale(7), 3)
	melanin, blood := 0.25*s.blotchy*noise(q.scale(3)), 2*s.blotchy*mottle
	if s.lines > 0 {
		furrow := 1 - math.Abs(noise(vec{42*q.x + 9*q.y, 60 * q.y})) - math.Abs(noise(vec{55 * q.x, 38*q.y - 16*q.x}))
		melanin += 0.8 * s.lines * furrow
		blood += s.lines * furrow
	}
	if s.freckles > 0 {
		melanin += s.freckles * smoothstep(0.1, 0.75, fractal(q.scale(16), 4))
	}
	return l.absorb(s.color, melanin, blood)
}

// inside returns the depth of q in the lesion, in radii: 0 on the border, negative
// outside.
func (l *lesion) inside(q vec) float64 {
	stretch := math.Sqrt(l.elongation)
	q = vec{q.x / stretch, q.y * stretch}
	if q.length() > l.reach {
		return -1
	}
	at := q.scale(1.3).add(l.atWarp)
	q = q.add(vec{fractal(at, 2), fractal(vec{at.x + 40, at.y + 71}, 2)}.scale(1.2 * l.warp))
	best := -9.0
	for _, lobe := range l.lobes {
		best = max(best, lobe.radius-q.sub(lobe.center).length())
	}
	if best < -l.ragged-l.edge {
		return -1
	}
	return best + l.ragged*fractal(q.scale(5).add(l.atEdge), 3)
}
