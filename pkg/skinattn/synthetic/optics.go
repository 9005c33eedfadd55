package synthetic

import (
	"image"
	"math"
)

// expose applies light, camera and dermatoscope to the scene colour at a pixel.
func (p *photo) expose(c rgb, x, y float64) rgb {
	w := float64(p.width)
	dx, dy := x/w-0.5, (y-float64(p.height)/2)/w
	light := 1 + p.light.x*dx + p.light.y*dy - p.falloff*2*(dx*dx+dy*dy)
	if p.frame > 0 {
		d := vec{x - p.window.x, y - p.window.y}.length()
		light *= 1 - 0.35*smoothstep(0.75*p.frame, p.frame, d)
		light *= 1 - 0.96*smoothstep(0.985*p.frame, 1.02*p.frame, d)
	}
	at := vec{x + p.atGrain.x, y + p.atGrain.y}
	gx, gy := int(at.x), int(at.y)
	coarse := 2*latticeAt(gx>>1, gy>>1) - 1
	for k := range c {
		fine := latticeAt(gx+83*k, gy+19*k) - 0.5
		c[k] = c[k]*p.balance[k]*light + p.grain*(2*fine+0.6*coarse)
	}
	return c
}

// drawRuler draws the tick marks of a scale along the lower edge.
func (p *photo) drawRuler(onto *layer) {
	w, h := float64(p.width), float64(p.height)
	for k := range 40 {
		length := 0.035
		if k%5 == 0 {
			length = 0.07
		}
		x := 0.026 * float64(k) * w
		onto.draw(stroke{points: []vec{{x, h}, {x, h - length*h}}, width: 0.004 * w}, 0.8)
	}
}

// drawBubble draws a bubble of the contact gel: a bright rim, a brighter spot
// towards the lamp and a faint shadow on the other side.
func drawBubble(img *image.RGBA, b disc) {
	reach := int(b.radius) + 2
	for y := int(b.center.y) - reach; y <= int(b.center.y)+reach; y++ {
		for x := int(b.center.x) - reach; x <= int(b.center.x)+reach; x++ {
			if !(image.Point{X: x, Y: y}).In(img.Rect) {
				continue
			}
			d := vec{float64(x) - b.center.x, float64(y) - b.center.y}
			r := d.length() / b.radius
			rim := math.Exp(-40 * (r - 0.9) * (r - 0.9))
			spot := math.Exp(-vec{d.x/b.radius + 0.4, d.y/b.radius + 0.4}.length() * 5)
			shade := 0.12 * (1 - smoothstep(0.8, 1, r)) * clamp01(0.5+(d.x+d.y)/b.radius/2)
			light := 0.3*rim*clamp01(0.7-(d.x+d.y)/b.radius/2) + 0.7*spot*(1-smoothstep(0.8, 1, r)) - shade
			pixel := img.Pix[img.PixOffset(x, y):][:3]
			for k := range pixel {
				pixel[k] = uint8(255*clamp01(float64(pixel[k])/255+light) + 0.5)
			}
		}
	}
}
