package training

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Examples are the labelled images of one part of a split.
type Examples struct {
	Records []ham10000.Record
	// Images has the photo of each record, [PhotoSize PhotoSize 3].
	Images   skinattn.Images
	labels   []int32
	metadata []skinattn.Metadata // completed
	features skinattn.Images     // of the photos, if they are computed once; without images otherwise
}

// photos returns what training steps take: photos, or their features.
func (e *Examples) photos() skinattn.Images {
	if e.features.Len() > 0 {
		return e.features
	}
	return e.Images
}

// inputs returns what the trained network takes: upright photos, or their features.
func (e *Examples) inputs(net *skinattn.Network) skinattn.Images {
	if e.features.Len() > 0 {
		return e.features
	}
	return net.Upright(e.Images)
}

// complete fills labels and metadata, unknown ages with meanAge.
func (e *Examples) complete(meanAge float64) (err error) {
	e.labels = make([]int32, len(e.Records))
	for i, r := range e.Records {
		class, err := ham10000.ClassIndex(r.Dx)
		if err != nil {
			return fmt.Errorf("image %s: %w", r.ImageID, err)
		}
		e.labels[i] = int32(class)
	}
	e.metadata, err = skinattn.CompleteMetadata(e.Records, meanAge)
	return err
}

// ageStats returns the mean and the population variance of the known ages, in years, and
// their number; 0, 1, 0 if no age is known.
// Keras's Normalization takes them from the training part.
func ageStats(records []ham10000.Record) (mean, variance float64, count int) {
	for _, r := range records {
		if r.HasAge() {
			mean += r.Age
			count++
		}
	}
	if count == 0 {
		return 0, 1, 0
	}
	mean /= float64(count)
	for _, r := range records {
		if r.HasAge() {
			variance += (r.Age - mean) * (r.Age - mean)
		}
	}
	return mean, variance / float64(count), count
}

// classWeights returns the weights of the loss in class order; nil means all 1.
// BalancedWeights are W = N/(C*N_i) of the paper's section 2.4, over the labels of the
// training part.
func classWeights(reg *spec.Regime, labels []int32) []float64 {
	if reg.ClassWeighting != spec.BalancedWeights {
		return reg.ClassWeights
	}
	weights := make([]float64, ham10000.NumClasses)
	for class, members := range byClass(labels) {
		if len(members) > 0 { // an absent class has no loss to weight
			weights[class] = float64(len(labels)) / float64(ham10000.NumClasses*len(members))
		}
	}
	return weights
}

// order returns the order of n entries in an epoch.
func order(n int, seed uint64, epoch int) []int {
	// The second word keeps this stream apart from the other uses of the seed.
	return rand.New(rand.NewPCG(seed^0x5348554646_4c45, uint64(epoch))).Perm(n)
}

// finite reports whether x is neither NaN nor infinite.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// imageIDs returns the names of examples.
func imageIDs(indices []int, records []ham10000.Record) []string {
	ids := make([]string, len(indices))
	for i, index := range indices {
		ids[i] = records[index].ImageID
	}
	return ids
}
