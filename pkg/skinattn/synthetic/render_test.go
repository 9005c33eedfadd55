package synthetic

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// features returns a beginner's first attempt: for red, green and blue, a coarse
// histogram of the darkness of the pixels relative to the skin at the photo's edge.
func features(opts Options, p planned) []float64 {
	l := newLesion(stream(opts.Seed, lesionStream, p.lesion), p.record.Dx)
	view := newPhoto(stream(opts.Seed, photoStream, p.photo), &l, opts.Width, opts.Height)
	img, _ := render(&l, &view)
	var skin [3]float64
	for y := range opts.Height {
		for k := range skin {
			skin[k] += float64(img.Pix[img.PixOffset(opts.Width/8, y)+k]) + float64(img.Pix[img.PixOffset(opts.Width*7/8, y)+k])
		}
	}
	const bins = 5
	histogram := make([]float64, bins*bins*bins)
	for i := 0; i < len(img.Pix); i += 4 {
		bin := 0
		for k := range skin {
			darkness := 1 - float64(img.Pix[i+k])*2*float64(opts.Height)/skin[k]
			bin = bins*bin + int(bins*clamp01(darkness+0.1)*0.999)
		}
		histogram[bin]++
	}
	for i := range histogram {
		histogram[i] = math.Sqrt(histogram[i] / float64(opts.Width*opts.Height)) // for the Hellinger distance
	}
	return histogram
}

// TestLearnableButNotTrivial classifies photos by their nearest neighbours among
// the other lesions. Colour alone must be worth something, and must not be
// enough: a set that colour solves would teach nothing about networks.
func TestLearnableButNotTrivial(t *testing.T) {
	opts := Options{Images: 500, Seed: 11, Width: 64, Height: 48}
	plans := plan(opts)
	points := make([][]float64, len(plans))
	for i, p := range plans {
		points[i] = features(opts, p)
	}
	const k = 5
	correct, nevi := 0, 0
	recalled, support := map[string]int{}, map[string]int{}
	for i, p := range plans {
		type neighbour struct {
			distance float64
			dx       string
		}
		var nearest []neighbour
		for j, other := range plans {
			if other.lesion == p.lesion {
				continue
			}
			d := 0.0
			for f, v := range points[i] {
				d += (v - points[j][f]) * (v - points[j][f])
			}
			at := len(nearest)
			for at > 0 && nearest[at-1].distance > d {
				at--
			}
			if at < k {
				nearest = append(nearest, neighbour{})
				copy(nearest[at+1:], nearest[at:])
				nearest[at] = neighbour{d, other.record.Dx}
				nearest = nearest[:min(k, len(nearest))]
			}
		}
		votes := map[string]int{}
		for _, n := range nearest {
			votes[n.dx]++
		}
		best := ""
		for _, dx := range ham10000.Classes {
			if best == "" || votes[dx] > votes[best] {
				best = dx
			}
		}
		support[p.record.Dx]++
		if best == p.record.Dx {
			correct++
			recalled[best]++
		}
		if p.record.Dx == "nv" {
			nevi++
		}
	}
	accuracy, majority := float64(correct)/float64(len(plans)), float64(nevi)/float64(len(plans))
	balanced := 0.0
	for _, dx := range ham10000.Classes {
		balanced += float64(recalled[dx]) / float64(support[dx]) / float64(len(ham10000.Classes))
	}
	t.Logf("5 nearest neighbours on colour: accuracy %.3f, balanced %.3f; majority %.3f", accuracy, balanced, majority)
	if accuracy < majority+0.15 || balanced < 0.45 {
		t.Error("the classes are hard to tell by colour: the set may not be learnable in a minute")
	}
	if accuracy > 0.9 || balanced > 0.85 {
		t.Error("colour alone nearly solves the set")
	}
}

// TestSiblingsLookAlike: photos of one lesion are nearer to each other than
// photos of different lesions of its class, yet not the same.
func TestSiblingsLookAlike(t *testing.T) {
	opts := Options{Images: 200, Seed: 3, Width: 64, Height: 48}
	plans := plan(opts)
	var same, different, nSame, nDifferent float64
	points := make([][]float64, len(plans))
	for i, p := range plans {
		points[i] = features(opts, p)
	}
	for i := range plans {
		for j := range i {
			if plans[i].record.Dx != plans[j].record.Dx {
				continue
			}
			d := 0.0
			for f := range points[i] {
				d += (points[i][f] - points[j][f]) * (points[i][f] - points[j][f])
			}
			if plans[i].lesion == plans[j].lesion {
				if d == 0 {
					t.Errorf("%s and %s are the same", plans[i].record.ImageID, plans[j].record.ImageID)
				}
				same += d
				nSame++
			} else {
				different += d
				nDifferent++
			}
		}
	}
	if same/nSame > 0.7*different/nDifferent {
		t.Errorf("mean squared distance %.3f within a lesion, %.3f between lesions of a class", same/nSame, different/nDifferent)
	}
}

func TestPhotoMapsAreInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		l := newLesion(rng, "mel")
		p := newPhoto(rng, &l, 320, 240)
		at := vec{320 * rng.Float64(), 240 * rng.Float64()}
		if d := p.toPhoto(p.toLesion(at.x, at.y)).sub(at).length(); d > 1e-9 {
			t.Errorf("a pixel came back %v away", d)
		}
	}
}

// TestReachBoundsTheLesion: skipping the outline's noise beyond reach is only
// right if nothing of the lesion lies there.
func TestReachBoundsTheLesion(t *testing.T) {
	for i := range 40 {
		l := newLesion(stream(2, lesionStream, i), ham10000.Classes[i%7])
		reach := l.reach
		l.reach = math.Inf(1)
		stretch := math.Sqrt(l.elongation)
		for angle := 0.0; angle < 6.28; angle += 0.05 {
			q := polar(reach*1.001, angle)
			q = vec{q.x * stretch, q.y / stretch} // inside undoes the elongation
			if depth := l.inside(q); depth > -l.edge {
				t.Fatalf("lesion %d is %.3f deep at its reach, fading over %.3f", i, depth, l.edge)
			}
		}
	}
}

func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 20000 {
		p := vec{600 * (rng.Float64() - 0.5), 600 * (rng.Float64() - 0.5)}
		v, near := noise(p), noise(p.add(vec{1e-4, -1e-4}))
		if v < -1 || v > 1 || math.Abs(v-near) > 1e-3 {
			t.Fatalf("noise at %v: %v, beside it %v", p, v, near)
		}
		nearest, second, id := cells(p, 1)
		if nearest < 0 || nearest > second || second > 3 || id < 0 || id >= 1 {
			t.Fatalf("cells at %v: %v, %v, %v", p, nearest, second, id)
		}
	}
}

func TestTransmit(t *testing.T) {
	for d := -1.0; d <= 9; d += 0.00137 {
		if got, want := transmit(d), math.Exp(-d); math.Abs(got-want) > 1e-5 {
			t.Fatalf("transmit(%v) = %v, want %v", d, got, want)
		}
	}
	if transmit(-50) != math.E || transmit(50) > 1e-3 {
		t.Errorf("beyond the table: %v, %v", transmit(-50), transmit(50))
	}
}

func BenchmarkPhoto(b *testing.B) {
	opts, err := Options{}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	plans := plan(opts)
	dir := b.TempDir()
	if err := prepare(dir, opts); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if err := writePhoto(dir, opts, plans[i%len(plans)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "photos/s")
}
