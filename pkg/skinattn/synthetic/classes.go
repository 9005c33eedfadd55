package synthetic

import (
	"math"
	"math/rand/v2"
)

// look is the typical appearance of a class. Its features follow the dermatoscopic
// criteria that the data set's paper describes (Tschandl et al. 2018); the amounts were
// set by eye beside real photos.
type look struct {
	area                           float64                   // median share of the photo, as in the real segmentation masks
	lobes                          [2]int                    // fewest and most discs of the outline
	spread                         float64                   // of the discs
	elongation, warp, ragged, edge span                      // of the outline
	paint                          func(*lesion, *rand.Rand) // draws pigment and details
}

var looks = map[string]look{
	"akiec": {0.33, [2]int{1, 3}, 0.8, span{1, 1.5}, span{0.15, 0.28}, span{0.25, 0.5}, span{0.25, 0.6}, paintKeratosisActinic},
	"bcc":   {0.24, [2]int{1, 3}, 0.8, span{1, 1.5}, span{0.15, 0.28}, span{0.1, 0.3}, span{0.15, 0.45}, paintBasalCell},
	"bkl":   {0.26, [2]int{1, 3}, 0.9, span{1, 1.5}, span{0.12, 0.28}, span{0.15, 0.35}, span{0.02, 0.08}, paintKeratosisBenign},
	"df":    {0.23, [2]int{1, 1}, 0, span{1, 1.25}, span{0.08, 0.2}, span{0.1, 0.25}, span{0.25, 0.55}, paintDermatofibroma},
	"mel":   {0.28, [2]int{2, 5}, 1, span{1.05, 1.6}, span{0.15, 0.3}, span{0.15, 0.35}, span{0.04, 0.16}, paintMelanoma},
	"nv":    {0.2, [2]int{1, 1}, 0, span{1, 1.5}, span{0.1, 0.25}, span{0.08, 0.2}, span{0.1, 0.3}, paintNevus},
	"vasc":  {0.13, [2]int{1, 2}, 0.7, span{1, 1.35}, span{0.08, 0.25}, span{0.03, 0.12}, span{0.04, 0.14}, paintVascular},
}

// span is the range of a number that is drawn.
type span [2]float64

func (s span) draw(rng *rand.Rand) float64 { return uniform(rng, s[0], s[1]) }

// draw draws a typical lesion.
func (k look) draw(rng *rand.Rand) lesion {
	l := lesion{area: min(max(k.area*math.Exp(0.45*rng.NormFloat64()), 0.06), 0.5)} // log-normal
	n := k.lobes[0]
	if more := k.lobes[1] - n; more > 0 {
		n += rng.IntN(more + 1)
	}
	l.shape = shape{lobed(rng, n, k.spread), k.elongation.draw(rng), k.warp.draw(rng), k.ragged.draw(rng), k.edge.draw(rng)}
	k.paint(&l, rng)
	return l
}

// paintNevus: round to oval, one or two shades of brown, a regular network or
// globules, fading evenly at the border.
func paintNevus(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0.45, 1.2), redness: uniform(rng, 0.2, 1), zones: uniform(rng, 0.1, 0.4), zoneSize: uniform(rng, 0.4, 0.8),
		centerDark: uniform(rng, -0.1, 0.4), blood: uniform(rng, 0, 0.4), bloodVaries: 0.2, grit: uniform(rng, 0.15, 0.45),
		networkSize: uniform(rng, 0.08, 0.13), networkChaos: uniform(rng, 0, 0.35), globuleSize: uniform(rng, 0.1, 0.15),
	}
	switch kind := rng.Float64(); {
	case kind < 0.55:
		l.network = uniform(rng, 0.15, 0.45)
	case kind < 0.75:
		l.globules = uniform(rng, 0.25, 0.6)
	}
	if chance(rng, 0.12) { // an atypical nevus, easily mistaken for a melanoma
		l.lobes = lobed(rng, 2+rng.IntN(2), 0.8)
		l.zones *= 1.8
		l.networkChaos = uniform(rng, 0.4, 0.8)
		l.blotches = []disc{eccentric(rng, 0.5, 0.2, 0.4)}
	}
}

// paintMelanoma: asymmetric, notched, several colours from tan to black, a
// broken network, streaks, blue-white veil, white regression.
func paintMelanoma(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0.7, 1.6), redness: uniform(rng, 0, 0.5), grit: uniform(rng, 0.2, 0.5), zones: uniform(rng, 0.55, 1.1), zoneSize: uniform(rng, 0.35, 0.6),
		centerDark: uniform(rng, -0.2, 0.2), blood: uniform(rng, 0, 0.25), bloodVaries: 0.4,
		network: uniform(rng, 0.1, 0.5), networkSize: uniform(rng, 0.1, 0.17), networkChaos: uniform(rng, 0.6, 1),
		streaks: uniform(rng, 0, 0.6), globules: uniform(rng, 0, 0.5), globuleSize: uniform(rng, 0.07, 0.13),
	}
	for range 1 + rng.IntN(3) {
		l.blotches = append(l.blotches, eccentric(rng, 0.75, 0.18, 0.45))
	}
	if chance(rng, 0.65) {
		l.veil, l.veilBlue = eccentric(rng, 0.6, 0.35, 0.8), uniform(rng, 0.3, 0.75)
	}
	if chance(rng, 0.35) {
		l.scar, l.scarWhite = eccentric(rng, 0.7, 0.25, 0.5), uniform(rng, 0.25, 0.55)
	}
}

// paintKeratosisBenign: sharp "stuck-on" border, waxy yellow, brown or grey,
// with milia-like cysts, comedo-like openings and furrows; or a flat,
// moth-eaten solar lentigo.
func paintKeratosisBenign(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0.3, 1), redness: uniform(rng, 0, 0.5), grit: uniform(rng, 0.2, 0.5), zones: uniform(rng, 0.3, 0.8), zoneSize: uniform(rng, 0.25, 0.5),
		blood: uniform(rng, 0, 0.2), bloodVaries: 0.1, networkSize: 0.13, networkChaos: 0.5, globuleSize: 0.12,
	}
	if chance(rng, 0.3) { // lentigo
		l.melanin = uniform(rng, 0.2, 0.45)
		l.network, l.networkChaos = uniform(rng, 0.1, 0.3), 0.4
		l.wax = uniform(rng, 0, 0.15)
		return
	}
	l.wax = uniform(rng, 0.15, 0.75)
	l.cysts = uniform(rng, 0.1, 0.55)
	l.comedos = uniform(rng, 0, 0.5)
	l.gyri = uniform(rng, 0, 0.7)
}

// paintBasalCell: pink and glossy, little pigment, branching ("arborising")
// vessels, blue-grey ovoid nests, sometimes white shiny areas.
func paintBasalCell(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0, 0.25), redness: uniform(rng, 0, 0.6), grit: uniform(rng, 0.2, 0.5), zones: uniform(rng, 0.1, 0.3), zoneSize: uniform(rng, 0.3, 0.5),
		blood: uniform(rng, 0.08, 0.38), bloodVaries: 0.4, networkSize: 0.13, globuleSize: 0.12,
		globules: uniform(rng, 0, 0.2),
	}
	for range 2 + rng.IntN(4) {
		angle := uniform(rng, 0, 2*math.Pi)
		from := polar(uniform(rng, 0.8, 1.15), angle)
		l.vessels = append(l.vessels, vesselTree(rng, from, angle+math.Pi+uniform(rng, -0.6, 0.6), uniform(rng, 0.015, 0.035), uniform(rng, 0.6, 1.3), 2)...)
	}
	if chance(rng, 0.7) {
		for range 1 + rng.IntN(6) {
			l.nests = append(l.nests, eccentric(rng, 0.85, 0.08, 0.3))
		}
	}
	if chance(rng, 0.5) {
		l.scar, l.scarWhite = eccentric(rng, 0.5, 0.3, 0.6), uniform(rng, 0.15, 0.4)
	}
}

// paintKeratosisActinic: ill-defined, red, scaly; pale follicles in red
// ("strawberry") or, where pigmented, fine brown dots.
func paintKeratosisActinic(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0.02, 0.35), redness: uniform(rng, 0, 0.8), grit: uniform(rng, 0.2, 0.6), zones: uniform(rng, 0.1, 0.4), zoneSize: uniform(rng, 0.25, 0.45),
		blood: uniform(rng, 0.15, 0.45), bloodVaries: 0.5, networkSize: 0.12, globuleSize: uniform(rng, 0.06, 0.1),
		globules: uniform(rng, 0, 0.35),
	}
	l.flakes = uniform(rng, 0.15, 0.7)
	l.follicles = uniform(rng, 0, 0.6)
}

// paintDermatofibroma: round, a white scar-like centre in a pale brown, finely
// netted, fading rim.
func paintDermatofibroma(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		melanin: uniform(rng, 0.15, 0.5), redness: uniform(rng, 0.1, 0.9), grit: uniform(rng, 0.15, 0.4), zones: uniform(rng, 0.1, 0.25), zoneSize: 0.5,
		centerDark: uniform(rng, -0.5, -0.2), blood: uniform(rng, 0.1, 0.45), bloodVaries: 0.15,
		network: uniform(rng, 0.1, 0.35), networkSize: uniform(rng, 0.08, 0.11), networkChaos: 0.3, networkRim: 1, globuleSize: 0.12,
	}
	l.scar, l.scarWhite = disc{polar(uniform(rng, 0, 0.15), uniform(rng, 0, 2*math.Pi)), uniform(rng, 0.35, 0.7)}, uniform(rng, 0.3, 0.75)
}

// paintVascular: small, sharp, red, purple or blue-black lakes of blood between
// pale septa (angioma, angiokeratoma), or one even red.
func paintVascular(l *lesion, rng *rand.Rand) {
	l.pigment = pigment{
		blood: uniform(rng, 0.4, 0.9), bloodVaries: 0.35, zoneSize: 0.5, networkSize: 0.13, globuleSize: 0.12,
	}
	l.lacunae, l.lakeSize = uniform(rng, 0.45, 0.95), uniform(rng, 0.25, 0.5)
	l.lakeBlue = math.Pow(rng.Float64(), 1.5)
}
