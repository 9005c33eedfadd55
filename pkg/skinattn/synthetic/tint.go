package synthetic

import "math"

// tint colours the skin c at position q of the lesion, which lies depth inside
// its border.
func (l *lesion) tint(c rgb, q vec, depth float64) rgb {
	cover := smoothstep(-l.edge, l.edge, depth)
	zone := fractal(q.scale(1/l.zoneSize).add(l.atZone), 3)
	tone := fractal(q.scale(3).add(l.atTone), 2)
	r := q.length()

	melanin := l.melanin * max(0.08, 1+1.6*l.zones*zone+l.centerDark*(0.6-r)+0.18*tone)
	for _, b := range l.blotches {
		melanin += 0.9 * b.cover(q, 0.5, 0.25*tone)
	}
	melanin += l.mesh(q, depth, zone)
	melanin *= 1 + l.grit*(noise(q.scale(11).add(l.atTone))+noise(q.scale(23).add(l.atEdge)))
	if l.streaks > 0 {
		angle := math.Atan2(q.y, q.x)
		stripe := noise(vec{9*angle + l.atSpots.x, 0.8*r + l.atSpots.y})
		melanin += l.streaks * smoothstep(0.1, 0.6, stripe) * (1 - smoothstep(0.05, 0.45, depth))
	}
	blood := l.blood * max(0, 1+2*l.bloodVaries*tone+l.bloodVaries*zone)

	if l.follicles > 0 {
		near, _, id := cells(q.scale(6.5).add(l.atCells), 0.95)
		hole := (0.3 + 0.7*id) * (1 - smoothstep(0.1, 0.45, near))
		blood += l.follicles * (0.25 - 0.45*hole)
		c = c.mix(flakeWhite, 0.3*id*l.follicles*cover*(1-smoothstep(0.02, 0.22, near)))
	}
	c = l.absorb(c, max(0, cover*melanin), max(0, cover*blood))
	c = l.addLakes(c, q, cover, tone)
	c = l.addKeratin(c, q, cover)
	for _, nest := range l.nests {
		c = c.mix(nestSlate, 0.7*nest.cover(q, 0.75, 0.9*tone))
	}
	if l.veilBlue > 0 {
		c = c.mix(blueGrey, cover*l.veilBlue*l.veil.cover(q, 0.8, 0.5*zone))
	}
	if l.scarWhite > 0 {
		c = c.mix(scarWhite, cover*l.scarWhite*l.scar.cover(q, 0.9, 0.6*tone))
	}
	return c
}

// cover is 1 in the middle of the disc and falls to 0 over the part soft of its
// radius; bend shifts its border.
func (d disc) cover(q vec, soft, bend float64) float64 {
	r := q.sub(d.center).length() / d.radius
	if r > 2 {
		return 0
	}
	return 1 - smoothstep(1-soft, 1, r+bend)
}

// mesh returns the melanin of the pigment network and globules.
func (l *lesion) mesh(q vec, depth, zone float64) float64 {
	var melanin float64
	if l.network > 0 {
		at := q.scale(1 / l.networkSize).add(l.atCells)
		if l.networkChaos > 0 {
			bent := q.scale(3.1).add(l.atWarp)
			at = at.add(vec{noise(bent), noise(vec{bent.x + 13, bent.y + 29})}.scale(1.3 * l.networkChaos))
		}
		near, second, _ := cells(at, 0.65+0.35*l.networkChaos)
		line := 1 - smoothstep(0, 0.38+0.3*l.networkChaos*max(0, zone), second-near)
		extent := 1 - l.networkRim*smoothstep(0.3, 0.7, depth)
		if l.networkChaos > 0.4 { // an irregular network is missing in places
			extent *= smoothstep(-0.4, 0.1, zone)
		}
		melanin += l.network * extent * (1.1*line*(1+0.8*zone) - 0.25)
	}
	if l.globules > 0 {
		near, _, id := cells(q.scale(1/l.globuleSize).add(l.atSpots), 0.8)
		if id < 0.7 {
			melanin += 1.6 * l.globules * (0.3 + id) * (1 - smoothstep(0.1, 0.28+0.3*id, near))
		}
	}
	return melanin
}

// addLakes paints blood-filled lacunae between pale septa.
func (l *lesion) addLakes(c rgb, q vec, cover, tone float64) rgb {
	if l.lacunae == 0 {
		return c
	}
	bent := q.scale(2.7).add(l.atWarp)
	at := q.scale(1 / l.lakeSize).add(l.atCells).add(vec{noise(bent), noise(vec{bent.x + 51, bent.y + 7})}.scale(0.45))
	near, second, id := cells(at, 0.9)
	lake := (1 - smoothstep(0.16+0.14*id, 0.44+0.16*id, near+0.2*tone)) * smoothstep(0, 0.3, second-near)
	red := rgb{0.62, 0.10, 0.16}
	blue := rgb{0.22, 0.15, 0.30}
	color := red.mix(blue, clamp01(l.lakeBlue+0.5*(id-0.5)+0.15*tone))
	c = c.mix(septum, 0.5*l.lacunae*cover*(1-lake))
	return c.mix(color, l.lacunae*cover*lake*(0.75+0.2*tone))
}

// addKeratin paints the structures of the horny layer: wax, furrows, cysts, comedo-like
// openings and scale.
func (l *lesion) addKeratin(c rgb, q vec, cover float64) rgb {
	if l.wax > 0 {
		c = c.mix(waxYellow, 0.6*l.wax*cover)
	}
	if l.gyri > 0 {
		at := q.scale(4).add(l.atFlakes)
		furrow := 1 - smoothstep(0, 0.22, math.Abs(fractal(at, 2)))
		c = l.absorb(c, 0.6*l.gyri*cover*furrow, 0)
	}
	if l.cysts > 0 || l.comedos > 0 {
		near, _, id := cells(q.scale(6).add(l.atSpots), 0.95)
		near += 0.07 * noise(q.scale(14).add(l.atFlakes))
		size := 0.1 + 0.2*math.Abs(2*id-1)*math.Abs(2*id-1)
		dot := cover * (1 - smoothstep(0.1*size, 1.3*size, near))
		switch {
		case id < 0.5*l.cysts:
			c = c.mix(cystWhite, 0.8*dot)
		case id > 1-0.5*l.comedos:
			c = l.absorb(c, 1.6*dot, 0.2*dot)
		}
	}
	if l.flakes > 0 {
		flake := fractal(q.scale(4.5).add(l.atFlakes), 4)
		c = c.mix(flakeWhite, 0.75*l.flakes*cover*smoothstep(0.05, 0.4, flake))
	}
	return c
}
