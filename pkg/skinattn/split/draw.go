package split

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// unit is drawn as a whole: one image, or one lesion with all its images.
type unit struct {
	id     string
	class  int
	images []string
}

// draw makes the random choices of one split.
type draw struct {
	seed     uint64
	protocol string
}

// generator returns the random stream of one stage of the protocol. Each stage has
// its own stream, so that a new stage never changes the choices of another stage.
func (d *draw) generator(stage string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(d.protocol + "/" + stage))
	return rand.New(rand.NewPCG(d.seed, h.Sum64()))
}

// hold draws ceil(share*n) of the n units, stratified by class, as
// scikit-learn's train_test_split(test_size=share, stratify=class) does: it fixes
// the number of units of each class that stay and holds out the others.
func (d *draw) hold(units []unit, share float64, stage string) (rest, held []unit) {
	rng := d.generator(stage)
	byClass := shuffledByClass(units, rng)
	counts := make([]int, len(byClass))
	for i, c := range byClass {
		counts[i] = len(c)
	}
	n := len(units)
	stay := apportion(counts, n-int(math.Ceil(share*float64(n))), rng)
	for i, c := range byClass {
		rest = append(rest, c[:stay[i]]...)
		held = append(held, c[stay[i]:]...)
	}
	return rest, held
}

// fold deals the units of each class to the folds in turn and returns fold number k
// as held. Each class continues with the fold after the last fold of the class before,
// so that the sizes of folds differ by at most one unit, for each class and in total.
func (d *draw) fold(units []unit, folds, k int) (rest, held []unit) {
	next := 0
	for _, c := range shuffledByClass(units, d.generator("folds")) {
		for _, u := range c {
			if next == k {
				held = append(held, u)
			} else {
				rest = append(rest, u)
			}
			next = (next + 1) % folds
		}
	}
	return rest, held
}

// shuffledByClass sorts the units by id, groups them by class and shuffles each group.
func shuffledByClass(units []unit, rng *rand.Rand) [ham10000.NumClasses][]unit {
	sorted := slices.SortedFunc(slices.Values(units), func(a, b unit) int { return cmp.Compare(a.id, b.id) })
	var byClass [ham10000.NumClasses][]unit
	for _, u := range sorted {
		byClass[u.class] = append(byClass[u.class], u)
	}
	for _, c := range byClass {
		rng.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
	}
	return byClass
}

// apportion divides draws over classes in proportion to counts: shares rounded
// down, then one more for the largest remainders, ties at random. The floating-point
// operations are the same as in scikit-learn's _approximate_mode, so that both find
// the same ties.
func apportion(counts []int, draws int, rng *rand.Rand) []int {
	total := 0
	for _, c := range counts {
		total += c
	}
	out := make([]int, len(counts))
	if total == 0 {
		return out
	}
	remainder := make([]float64, len(counts))
	left := draws
	for i, c := range counts {
		share := float64(c) / float64(total) * float64(draws)
		out[i] = int(math.Floor(share))
		remainder[i] = share - math.Floor(share)
		left -= out[i]
	}
	// A shuffle before a stable sort puts ties in random order.
	order := rng.Perm(len(counts))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder[b], remainder[a]) })
	for _, i := range order {
		if left > 0 && out[i] < counts[i] {
			out[i]++
			left--
		}
	}
	return out
}

// images makes every record a unit of its own.
func images(records []ham10000.Record) []unit {
	units := make([]unit, len(records))
	for i, r := range records {
		units[i] = unit{id: r.ImageID, class: classOf(r), images: []string{r.ImageID}}
	}
	return units
}

// lesions makes the records of one lesion a unit.
func lesions(records []ham10000.Record) []unit {
	var units []unit
	at := make(map[string]int)
	for _, r := range records {
		i, ok := at[r.LesionID]
		if !ok {
			i = len(units)
			at[r.LesionID] = i
			units = append(units, unit{id: r.LesionID, class: classOf(r)})
		}
		units[i].images = append(units[i].images, r.ImageID)
	}
	return units
}

// byPhotos returns the lesions with a single photo and the lesions with several.
func byPhotos(records []ham10000.Record) (single, several []unit) {
	for _, lesion := range lesions(records) {
		if len(lesion.images) == 1 {
			single = append(single, lesion)
		} else {
			several = append(several, lesion)
		}
	}
	return single, several
}

// classOf returns the index of the diagnosis, which the caller has checked.
func classOf(r ham10000.Record) int { return slices.Index(ham10000.Classes, r.Dx) }

// assign returns the part of each image; no unit is in two parts.
func assign(train, val, test []unit) map[string]Part {
	parts := make(map[string]Part)
	for part, units := range map[Part][]unit{Train: train, Val: val, Test: test} {
		for _, u := range units {
			for _, id := range u.images {
				parts[id] = part
			}
		}
	}
	return parts
}
