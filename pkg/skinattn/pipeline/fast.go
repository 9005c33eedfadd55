package pipeline

import (
	"cmp"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Sizes of a run with TrainOptions.FastDevRun.
const (
	fastEpochs  = 2
	fastBatches = 3  // of training
	fastHeldOut = 40 // photos of val and of test: two batches of prediction
	fastCopies  = 8  // of Regime.Copies.PerClass
)

// fastRegime is reg shortened to a few batches.
func fastRegime(reg spec.Regime) spec.Regime {
	reg.Epochs = min(reg.Epochs, fastEpochs)
	reg.WarmUp = min(reg.WarmUp, 1)
	if reg.Copies.PerClass > 0 {
		reg.Copies.PerClass, reg.Copies.Batch = fastCopies, min(reg.Copies.Batch, fastCopies)
	}
	return reg
}

// FastParts are the photos that a run with TrainOptions.FastDevRun keeps of parts of so many
// photos.
func FastParts(batch, train, val, test int) (fewTrain, fewVal, fewTest int) {
	return min(train, fastBatches*batch), min(val, fastHeldOut), min(test, fastHeldOut)
}

// thinned keeps enough of a split for a few batches, evenly over the classes.
func thinned(parts *split.Split, batch int) *split.Split {
	thin := *parts
	kept := map[string]bool{}
	train, val, test := FastParts(batch, len(parts.Part(split.Train)), len(parts.Part(split.Val)), len(parts.Part(split.Test)))
	for part, n := range map[split.Part]int{split.Train: train, split.Val: val, split.Test: test} {
		rows := parts.Part(part)
		slices.SortStableFunc(rows, func(a, b split.Row) int { return cmp.Compare(a.Dx, b.Dx) })
		for i := range n {
			kept[rows[i*len(rows)/n].ImageID] = true
		}
	}
	thin.Rows = slices.DeleteFunc(slices.Clone(parts.Rows), func(r split.Row) bool { return !kept[r.ImageID] })
	return &thin
}
