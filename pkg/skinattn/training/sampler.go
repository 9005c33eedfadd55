package training

import (
	"math/rand/v2"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// entry is a photo as it stands in an epoch.
type entry struct {
	example int
	// id tells the entry from the others of its epoch: what is random about it is
	// a function of seed, epoch and id.
	id int
	// asIs keeps the photo unchanged: one that has Copies beside it.
	asIs bool
}

// sampler says which photos are shown in an epoch, and in which order.
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

// images is the number of entries of every epoch.
func (s *sampler) images() int {
	if s.reg.StepsDivisor == 0 {
		return len(s.all)
	}
	steps := (len(s.labels) + s.reg.StepsDivisor - 1) / s.reg.StepsDivisor
	return min(steps*s.reg.Batch, len(s.all))
}

// steps is the number of batches of every epoch.
func (s *sampler) steps() int { return (s.images() + s.reg.Batch - 1) / s.reg.Batch }

// updates is the number of updates of every epoch.
func (s *sampler) updates() int {
	every := max(s.reg.Accumulate, 1)
	return (s.steps() + every - 1) / every
}

// update is the number, from 0, of the update that a step, from 0, works for.
func (s *sampler) update(step int) int {
	return step/s.steps()*s.updates() + step%s.steps()/max(s.reg.Accumulate, 1)
}

// imagesOfUpdate is the number of images of all batches of an update if a step,
// from 0, is the last of them, else 0.
func (s *sampler) imagesOfUpdate(step int) int {
	step %= s.steps()
	every := max(s.reg.Accumulate, 1)
	if (step+1)%every != 0 && step+1 != s.steps() {
		return 0
	}
	return min((step+1)*s.reg.Batch, s.images()) - step/every*every*s.reg.Batch
}

// epoch lists the entries of an epoch in order. An epoch that StepsDivisor ends
// early shows the first of a new order of all, as Keras's iterator does.
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

// balanced draws as many entries as there are photos, the classes that occur
// taking turns. Each class goes through its photos in a random order, again and
// again.
func (s *sampler) balanced(epoch int) []entry {
	// The constant keeps this stream apart from the other uses of the seed.
	rng := rand.New(rand.NewPCG(s.seed^0x42414c414e4345, uint64(epoch)))
	var present [][]int
	for _, members := range byClass(s.labels) {
		if len(members) > 0 {
			present = append(present, members)
		}
	}
	// The first ones of an uneven number must not be the same classes always.
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
