package synthetic

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// planned is a photo to render. The numbers of its lesion and of the photo identify
// their random streams.
type planned struct {
	record        ham10000.Record
	lesion, photo int
}

const (
	// Real image ids end at ISIC_0034320 and lesion ids at HAM_0007637, so that
	// a synthetic photo is never mistaken for a real one.
	idPrefix  = "ISIC_9"
	maxImages = 1_000_000
)

// The purposes of random streams. Streams of different purposes are independent.
const (
	planStream = iota
	lesionStream
	photoStream
	metadataStream
)

// stream returns the random numbers of one purpose and object.
func stream(seed uint64, purpose, index int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(purpose)<<32|uint64(index)))
}

// classMix is the share of a class in all photos, and the distribution of photos per
// lesion. The real shares (nv 67 %, df 1.1 %) would leave the rare classes of a small
// data set too few lesions to split, so they are evened out; the photos per lesion
// follow the real data.
var classMix = map[string]struct {
	share        float64
	two, atThree float64 // probabilities of two and of three photos
}{
	"akiec": {0.06, 0.25, 0.09},
	"bcc":   {0.08, 0.36, 0.10},
	"bkl":   {0.13, 0.30, 0.09},
	"df":    {0.045, 0.36, 0.11},
	"mel":   {0.135, 0.45, 0.17},
	"nv":    {0.50, 0.13, 0.05},
	"vasc":  {0.05, 0.26, 0.08},
}

// plan determines everything but the pixels: lesions, their photos, ids and
// metadata. The photos of a lesion follow one another, lesions are in random order,
// and image ids are shuffled.
func plan(opts Options) []planned {
	rng := stream(opts.Seed, planStream, 0)
	type group struct {
		dx     string
		photos int
	}
	var lesions []group
	for class, count := range classCounts(opts.Images) {
		dx := ham10000.Classes[class]
		for count > 0 {
			photos := 1
			switch x := rng.Float64(); {
			case x < classMix[dx].atThree:
				photos = 3
			case x < classMix[dx].atThree+classMix[dx].two:
				photos = 2
			}
			photos = min(photos, count)
			lesions = append(lesions, group{dx, photos})
			count -= photos
		}
	}
	rng.Shuffle(len(lesions), func(i, j int) { lesions[i], lesions[j] = lesions[j], lesions[i] })
	numbers := rng.Perm(opts.Images)

	var plans []planned
	for i, lesion := range lesions {
		record := newRecord(stream(opts.Seed, metadataStream, i), lesion.dx)
		record.LesionID = fmt.Sprintf("HAM_9%06d", i)
		for range lesion.photos {
			photo := len(plans)
			record.ImageID = fmt.Sprintf("%s%06d", idPrefix, numbers[photo])
			plans = append(plans, planned{record, i, photo})
		}
	}
	return plans
}

// classCounts divides n photos among the classes by largest remainder; each class
// gets at least one.
func classCounts(n int) []int {
	counts := make([]int, ham10000.NumClasses)
	remainders := make([]float64, len(counts))
	left := n - len(counts)
	for i, dx := range ham10000.Classes {
		exact := classMix[dx].share * float64(n)
		counts[i] = max(1, int(exact))
		remainders[i] = exact - float64(counts[i])
		left -= counts[i] - 1
	}
	order := make([]int, len(counts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	nv := slices.Index(ham10000.Classes, "nv")
	for i := 0; left > 0; i = (i + 1) % len(order) {
		counts[order[i]]++
		left--
	}
	counts[nv] += left // negative if the minimum of one exceeded n
	return counts
}
