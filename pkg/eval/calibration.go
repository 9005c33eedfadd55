package eval

import (
	"cmp"
	"math"
	"slices"
)

// ECEBins is the number of equal-mass bins of the expected calibration error in
// [Metrics].
const ECEBins = 15

// nllClip keeps the logarithm finite: probabilities are clipped to
// [nllClip, 1-nllClip]. It is the float64 rounding unit, scikit-learn's choice
// for float64 input, so one image costs at most 36.04 nats.
const nllClip = 0x1p-52

// negLogLikelihood is -ln of the probability given to the true class.
func negLogLikelihood(row []float32, truth int) float64 {
	return -math.Log(min(max(float64(row[truth]), nllClip), 1-nllClip))
}

// brierScore is the sum over classes of the squared difference between
// probability and outcome (Brier 1950): 0 is best, 2 worst.
func brierScore(row []float32, truth int) float64 {
	sum := 0.0
	for k, v := range row {
		d := float64(v)
		if k == truth {
			d--
		}
		sum += d * d
	}
	return sum
}

// Bin is one bar of a reliability diagram: images of like confidence.
type Bin struct {
	Count      int     // images
	Confidence float64 // mean probability of the predicted class (or of one class)
	Accuracy   float64 // share of them predicted rightly (or truly of that class)
	Low, High  float64 // least and greatest confidence
}

func expectedCalibrationError(bins []Bin) float64 {
	sum, n := 0.0, 0
	for _, b := range bins {
		sum += float64(b.Count) * math.Abs(b.Accuracy-b.Confidence)
		n += b.Count
	}
	return sum / float64(n)
}

// confidenceRanking lists the images by rising confidence. The positives of
// its entries are the images predicted rightly.
type confidenceRanking struct {
	order []entry
	value []float64 // confidence by rank
}

func newConfidenceRanking(confidence []float64, right []bool) confidenceRanking {
	n := len(confidence)
	images := make([]int, n)
	for i := range images {
		images[i] = i
	}
	slices.SortStableFunc(images, func(a, b int) int { return cmp.Compare(confidence[a], confidence[b]) })
	r := confidenceRanking{order: make([]entry, n), value: make([]float64, n)}
	for rank, i := range images {
		e := entry(i) << entryShift
		if right[i] {
			e |= positiveBit
		}
		if rank == n-1 || confidence[images[rank+1]] != confidence[i] {
			e |= tieEndBit
		}
		r.order[rank], r.value[rank] = e, confidence[i]
	}
	return r
}

// bins cuts total = sum(counts) images into at most k bins.
func (r confidenceRanking) bins(counts []uint32, total, k int) []Bin {
	k = min(k, total)
	if k < 1 {
		return nil
	}
	out := make([]Bin, k)
	b, room := 0, binSize(total, k, 0)
	group, correct := 0, 0
	for rank, e := range r.order {
		n := int(counts[e>>entryShift])
		group += n
		if e&positiveBit != 0 {
			correct += n
		}
		if e&tieEndBit == 0 {
			continue
		}
		right := float64(correct) / float64(group)
		for group > 0 {
			if room == 0 {
				b++
				room = binSize(total, k, b)
			}
			take := min(group, room)
			bin, v := &out[b], r.value[rank]
			if bin.Count == 0 {
				bin.Low = v
			}
			bin.High = v
			bin.Count += take
			bin.Confidence += float64(take) * v
			bin.Accuracy += float64(take) * right
			group -= take
			room -= take
		}
		correct = 0
	}
	for i := range out {
		out[i].Confidence /= float64(out[i].Count)
		out[i].Accuracy /= float64(out[i].Count)
	}
	return out
}

// binSize is the size of bin b when total things are cut into k bins, the
// first total%k of which get one more.
func binSize(total, k, b int) int {
	if b < total%k {
		return total/k + 1
	}
	return total / k
}
