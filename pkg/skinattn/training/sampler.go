package training

import (
	"math/rand/v2"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// entry is one place in the order of an epoch.
type entry struct {
	example int // of the photo
	// id is unique among the entries of an epoch. The entry's transform is a function of
	// seed, epoch and id.
	id int
	// asIs is set for the original photos of a regime with Copies, which only the copies
	// transform.
	asIs bool
}

// sampler decides which photos an epoch shows, and in which order.
type sampler struct {
	reg    *spec.Regime
	seed   uint64
	labels []int32
	all    []entry // the training part with its copies
}

func newSampler(reg *spec.Regime, seed uint64, labels []int32) *sampler {
	s := &sampler{reg: reg, seed: seed, labels: labels}
	copies := reg.Copies != spec.Copies{}
	for i := range labels {
		s.all = append(s.all, entry{example: i, id: i, asIs: copies})
	}
	if !copies {
		return s
	}
	for _, members := range byClass(labels) {
		for i := range reg.Copies.Count(len(members)) {
			s.all = append(s.all, entry{example: members[i%len(members)], id: len(s.all)})
		}
	}
	return s
}

// byClass lists the examples of each class.
func byClass(labels []int32) [ham10000.NumClasses][]int {
	var members [ham10000.NumClasses][]int
	for i, label := range labels {
		members[label] = append(members[label], i)
	}
	return members
}

// images returns the number of entries of an epoch, equal for all epochs.
func (s *sampler) images() int { return imagesOf(s.reg, len(s.labels), len(s.all)) }

// imagesOf is the number of entries of an epoch for photos of the training part, of which,
// with their copies, all entries are made.
func imagesOf(reg *spec.Regime, photos, all int) int {
	if reg.StepsDivisor == 0 {
		return all
	}
	steps := (photos + reg.StepsDivisor - 1) / reg.StepsDivisor
	return min(steps*reg.Batch, all)
}

// EpochImages is the number of images that an epoch of a regime shows, copies included, for a
// training part with so many photos of each class.
func EpochImages(reg *spec.Regime, classes []int) int {
	photos, all := 0, 0
	for _, n := range classes {
		photos += n
		all += n
		if reg.Copies != (spec.Copies{}) {
			all += reg.Copies.Count(n)
		}
	}
	return imagesOf(reg, photos, all)
}

// steps returns the number of batches of an epoch.
func (s *sampler) steps() int { return (s.images() + s.reg.Batch - 1) / s.reg.Batch }

// updates returns the number of optimizer updates of an epoch.
func (s *sampler) updates() int {
	every := max(s.reg.Accumulate, 1)
	return (s.steps() + every - 1) / every
}

// update returns the 0-based index of the optimizer update that a step, counted from 0,
// contributes to.
func (s *sampler) update(step int) int {
	return step/s.steps()*s.updates() + step%s.steps()/max(s.reg.Accumulate, 1)
}

// imagesOfUpdate returns the number of images of an accumulated update if this step,
// counted from 0, completes it, and 0 otherwise.
func (s *sampler) imagesOfUpdate(step int) int {
	step %= s.steps()
	every := max(s.reg.Accumulate, 1)
	if (step+1)%every != 0 && step+1 != s.steps() {
		return 0
	}
	return min((step+1)*s.reg.Batch, s.images()) - step/every*every*s.reg.Batch
}

// epoch returns the entries of an epoch in order. If StepsDivisor ends epochs early, each
// epoch shows the beginning of a new order of all entries, as Keras's iterator does.
func (s *sampler) epoch(epoch int) []entry {
	all := s.all
	if s.reg.Sampling == spec.Balanced {
		all = s.balanced(epoch)
	}
	shuffled := make([]entry, 0, len(all))
	for _, i := range order(len(all), s.seed, epoch) {
		shuffled = append(shuffled, all[i])
	}
	return shuffled[:s.images()]
}

// balanced draws one entry per photo; the classes that occur take turns.
// Each class shows all of its photos in a random order before it repeats one.
func (s *sampler) balanced(epoch int) []entry {
	// The constant keeps this stream apart from the other uses of the seed.
	rng := rand.New(rand.NewPCG(s.seed^0x42414c414e4345, uint64(epoch)))
	var present [][]int
	for _, members := range byClass(s.labels) {
		if len(members) > 0 {
			present = append(present, members)
		}
	}
	// If the number of photos is no multiple of the number of classes, the first classes
	// get one entry more: not the same classes in each epoch.
	rng.Shuffle(len(present), func(i, j int) { present[i], present[j] = present[j], present[i] })
	drawn := make([]entry, len(s.labels))
	pass := make([][]int, len(present))
	for i := range drawn {
		class := i % len(present)
		if len(pass[class]) == 0 {
			pass[class] = rng.Perm(len(present[class]))
		}
		drawn[i] = entry{example: present[class][pass[class][0]], id: i}
		pass[class] = pass[class][1:]
	}
	return drawn
}
