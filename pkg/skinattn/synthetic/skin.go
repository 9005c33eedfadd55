package synthetic

import "math/rand/v2"

// rgb is a colour with channels 0..1.
type rgb [3]float64

func (c rgb) mix(d rgb, part float64) rgb {
	for i := range c {
		c[i] += part * (d[i] - c[i])
	}
	return c
}

// skin is the ground on which a lesion lies.
type skin struct {
	color    rgb
	blotchy  float64  // strength of large red and pale areas
	lines    float64  // strength of the fine furrows
	freckles float64  // strength of small brown spots (sun-damaged skin)
	vessels  []stroke // fine red vessels, in units of the photo's width
	hair     float64  // mean number of hairs in a photo
	hairTone rgb
	hairLies float64 // direction of the hairs on the lesion
	at       vec
}

// skinTones are the mean colours of healthy skin in real photos: cameras and
// white balance vary more than the (nearly all fair) patients do.
var skinTones = []rgb{
	{0.87, 0.62, 0.62}, // pink
	{0.88, 0.66, 0.55}, // orange
	{0.86, 0.75, 0.71}, // cream
	{0.80, 0.68, 0.75}, // violet
	{0.76, 0.62, 0.64}, // grey-pink
	{0.90, 0.70, 0.68}, // light pink
	{0.70, 0.52, 0.42}, // brown
}

func newSkin(rng *rand.Rand) skin {
	a, b := rng.IntN(len(skinTones)), rng.IntN(len(skinTones))
	s := skin{
		color:   skinTones[a].mix(skinTones[b], rng.Float64()),
		blotchy: uniform(rng, 0.01, 0.07),
		lines:   uniform(rng, 0, 0.05),
		at:      randomOffset(rng),
	}
	if chance(rng, 0.2) {
		s.freckles = uniform(rng, 0.05, 0.3)
	}
	if chance(rng, 0.25) {
		for range 2 + rng.IntN(6) {
			from := vec{rng.Float64(), rng.Float64()}
			s.vessels = append(s.vessels, vesselTree(rng, from, uniform(rng, 0, 6.28), uniform(rng, 0.004, 0.008), uniform(rng, 0.15, 0.5), 1)...)
		}
	}
	switch kind := rng.Float64(); {
	case kind < 0.12:
		s.hair = uniform(rng, 15, 45)
	case kind < 0.4:
		s.hair = uniform(rng, 1, 9)
	}
	s.hairLies = uniform(rng, 0, 6.28)
	s.hairTone = rgb{0.17, 0.11, 0.10}
	if chance(rng, 0.2) {
		s.hairTone = rgb{0.45, 0.33, 0.26}
	}
	return s
}
