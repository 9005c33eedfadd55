package split

import (
	"cmp"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Shares of protocol leak-pair.
const (
	leakPairVal  = 1.0 / 10 // of the lesions
	leakPairTest = 1.0 / 5  // of the other images
)

// leakPair draws one arm of a matched pair of splits that differ in the leak alone. Val is
// a tenth of the lesions, and in no other part. Test is a stratified fifth of the other
// images, drawn by image as the paper's authors did, so that other photos of its lesions
// (siblings) are left. Each test lesion with siblings is matched with a lesion of the same
// diagnosis that has no photo in val or test and, if there is one left, as many photos: its
// control. Of a control, as many photos as there are siblings stand ready, and the others
// are in no part. The arm "with" trains on the siblings, the arm "without" on the photos
// that stand ready, and both on all photos of all other lesions.
//
// So the arms of one seed have the same val and test, and train on as many photos of each
// diagnosis, from as many lesions. The siblings of a test lesion for which no control is
// left are in neither arm.
func (d *draw) leakPair(records []ham10000.Record, opts Options) map[string]Part {
	rest, val := d.hold(lesions(records), leakPairVal, "val")
	free := map[string]bool{} // images outside val
	for _, lesion := range rest {
		for _, id := range lesion.images {
			free[id] = true
		}
	}
	others := slices.DeleteFunc(slices.Clone(records), func(r ham10000.Record) bool { return !free[r.ImageID] })
	_, test := d.hold(images(others), leakPairTest, "test")
	parts := assign(rest, val, nil)
	for _, photo := range test {
		parts[photo.id] = Test
	}
	drop := func(photos []string) {
		for _, id := range photos {
			delete(parts, id)
		}
	}
	for _, pair := range d.controls(rest, parts) {
		ready := pair.control[:min(len(pair.siblings), len(pair.control))]
		drop(pair.control[len(ready):])
		if opts.Arm == ArmWith && len(ready) > 0 {
			drop(ready)
		} else {
			drop(pair.siblings)
		}
	}
	return parts
}

// matched is a test lesion with siblings and its control.
type matched struct {
	siblings []string // photos of the test lesion that are not test
	control  []string // all photos of the control, in random order; nil if none was left
}

// controls matches the test lesions among the given lesions, those with the most photos
// first.
func (d *draw) controls(lesions []unit, parts map[string]Part) []matched {
	rng := d.generator("controls")
	var pairs []matched
	for _, class := range shuffledByClass(lesions, rng) {
		isTest := func(id string) bool { return parts[id] == Test }
		var tested, left []unit
		for _, lesion := range class {
			if slices.ContainsFunc(lesion.images, isTest) {
				tested = append(tested, lesion)
			} else {
				left = append(left, lesion)
			}
		}
		slices.SortStableFunc(tested, func(a, b unit) int { return cmp.Compare(len(b.images), len(a.images)) })
		for _, lesion := range tested {
			pair := matched{siblings: slices.DeleteFunc(slices.Clone(lesion.images), isTest)}
			if len(pair.siblings) == 0 {
				continue
			}
			if i := control(left, len(lesion.images), len(pair.siblings)); i >= 0 {
				pair.control = slices.Sorted(slices.Values(left[i].images))
				rng.Shuffle(len(pair.control), func(a, b int) { pair.control[a], pair.control[b] = pair.control[b], pair.control[a] })
				left = slices.Delete(left, i, i+1)
			}
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// control returns the index of the first lesion whose number of photos is nearest to the
// wanted number, and not below the least number; -1 if there is none.
func control(lesions []unit, wanted, least int) int {
	best := -1
	far := func(i int) int { return max(len(lesions[i].images)-wanted, wanted-len(lesions[i].images)) }
	for i, lesion := range lesions {
		if len(lesion.images) >= least && (best < 0 || far(i) < far(best)) {
			best = i
		}
	}
	return best
}
