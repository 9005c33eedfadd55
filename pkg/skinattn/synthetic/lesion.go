package synthetic

import (
	"math"
	"math/rand/v2"
)

// lesion is the appearance that all photos of one lesion share. Lengths are in units
// of its mean radius, positions relative to its centre.
type lesion struct {
	shape
	pigment
	details

	brown rgb     // absorption of the melanin, from its redness
	reach float64 // distance from the centre to bare skin
	area  float64 // share of the photo that the lesion covers at zoom 1
	skin  skin

	// Offsets into the noise table, one for each purpose.
	atWarp, atEdge, atZone, atTone, atCells, atSpots, atFlakes vec
}

// shape is the outline: a union of discs, warped.
type shape struct {
	lobes      []disc
	elongation float64 // long over short axis
	warp       float64 // strength of large bends of the border
	ragged     float64 // strength of small notches in the border
	edge       float64 // width over which the border fades
}

type disc struct {
	center vec
	radius float64
}

// pigment is the amount and the distribution of each absorber. Amounts are optical
// densities: 1 darkens the skin by a factor e in the colour absorbed most.
type pigment struct {
	melanin      float64 // mean
	redness      float64 // of the melanin: 0 grey-brown, 1 red-brown
	zones        float64 // strength of large light and dark areas
	zoneSize     float64
	centerDark   float64 // more melanin at the centre (negative: less)
	blotches     []disc  // dark, eccentric
	blood        float64 // mean haemoglobin
	bloodVaries  float64
	network      float64 // strength of the pigment network
	networkSize  float64 // of its holes
	networkChaos float64 // 0 a regular mesh, 1 lines of uneven width and spacing
	networkRim   float64 // 0 everywhere, 1 only towards the border
	globules     float64 // strength of brown round dots
	globuleSize  float64
	grit         float64 // strength of the fine speckle in all pigment
	streaks      float64 // radial stripes at the border
}

// details are the structures that tell the classes apart.
type details struct {
	veil      disc    // of blue-white haze
	veilBlue  float64 // its strength
	scar      disc    // of white patch
	scarWhite float64 // its strength
	cysts     float64 // density of white milia-like cysts
	comedos   float64 // density of dark comedo-like openings
	wax       float64 // strength of a yellow, opaque look
	gyri      float64 // strength of furrows
	flakes    float64 // strength of white scale
	follicles float64 // strength of pale follicles in red (strawberry pattern)
	nests     []disc  // blue-grey ovoid nests
	vessels   []stroke
	lacunae   float64 // strength of blood-filled lakes
	lakeSize  float64
	lakeBlue  float64 // 0 red, 1 blue-black
}

// stroke is a line of a vessel or hair.
type stroke struct {
	points []vec
	width  float64
}

// newLesion draws a lesion of class dx. A part of each class is atypical: its
// marks are weak and it looks half like a nevus, as in the clinic, so that no
// classifier can be right about all of them.
func newLesion(rng *rand.Rand, dx string) lesion {
	l := looks[dx].draw(rng)
	if dx != "nv" && chance(rng, 0.3) {
		l.towardsNevus(looks["nv"].draw(rng), uniform(rng, 0.3, 0.75))
	}
	l.brown = greyMelanin.mix(redMelanin, l.redness)
	for _, lobe := range l.lobes {
		l.reach = max(l.reach, lobe.center.length()+lobe.radius)
	}
	l.reach += 1.2*math.Sqrt2*l.warp + l.ragged + l.edge
	l.skin = newSkin(rng)
	for _, at := range []*vec{&l.atWarp, &l.atEdge, &l.atZone, &l.atTone, &l.atCells, &l.atSpots, &l.atFlakes} {
		*at = randomOffset(rng)
	}
	return l
}

// common returns the properties that every lesion has.
func (l *lesion) common() []*float64 {
	return []*float64{
		&l.elongation, &l.warp, &l.ragged, &l.edge, &l.area, &l.melanin, &l.redness, &l.grit, &l.zones,
		&l.centerDark, &l.blood, &l.network, &l.networkChaos, &l.networkRim, &l.globules,
	}
}

// towardsNevus takes part of every property from a nevus.
func (l *lesion) towardsNevus(n lesion, part float64) {
	nevus := n.common()
	for i, property := range l.common() {
		*property += part * (*nevus[i] - *property)
	}
	for _, mark := range []*float64{&l.streaks, &l.veilBlue, &l.scarWhite, &l.cysts, &l.comedos, &l.wax, &l.gyri, &l.flakes, &l.follicles, &l.lacunae} {
		*mark *= 1 - part
	}
	l.nests = l.nests[:int(float64(len(l.nests))*(1-part))]
	l.vessels = l.vessels[:int(float64(len(l.vessels))*(1-part))]
}

// lobed draws n discs whose union has about the area of a disc of radius 1.
func lobed(rng *rand.Rand, n int, spread float64) []disc {
	lobes := []disc{{vec{}, 1}}
	for range n - 1 {
		lobes = append(lobes, disc{polar(uniform(rng, 0.4, 1)*spread, uniform(rng, 0, 2*math.Pi)), uniform(rng, 0.35, 0.75)})
	}
	if n > 1 {
		lobes[0].radius = 0.8
	}
	return lobes
}

// eccentric draws a disc that lies off the centre.
func eccentric(rng *rand.Rand, distance, low, high float64) disc {
	return disc{polar(uniform(rng, 0.3, 1)*distance, uniform(rng, 0, 2*math.Pi)), uniform(rng, low, high)}
}

// vesselTree draws a vessel that starts at from and branches up to depth times
// over.
func vesselTree(rng *rand.Rand, from vec, angle, width, length float64, depth int) []stroke {
	step := length / 30
	var tree []stroke
	trunk := stroke{width: width}
	at := from
	for walked := 0.0; walked < length; walked += step {
		trunk.points = append(trunk.points, at)
		at = at.add(polar(step, angle))
		angle += 0.28 * rng.NormFloat64()
		if depth > 0 && chance(rng, 0.09) {
			turn := uniform(rng, 0.5, 1.1)
			if chance(rng, 0.5) {
				turn = -turn
			}
			tree = append(tree, vesselTree(rng, at, angle+turn, 0.65*width, 0.6*(length-walked), depth-1)...)
		}
	}
	return append([]stroke{trunk}, tree...)
}
