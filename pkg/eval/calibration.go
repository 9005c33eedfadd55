package eval

import (
	"fmt"
	"math"
)

// ECEBins is the number of bins of the calibration errors in [Metrics].
const ECEBins = 15

// eceLabel names a calibration error with its bins: tools that say "ECE" mean bins of
// either kind.
func eceLabel(binning Binning) string { return fmt.Sprintf("ECE, %d %s bins", ECEBins, binning) }

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

// Bin is one bar of a reliability diagram: images of similar confidence.
type Bin struct {
	Count      int     // images
	Confidence float64 // mean probability of the predicted class (or of one class)
	Accuracy   float64 // share of the images predicted correctly (or truly of the class)
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

// massBins cuts total = sum(counts) images into at most k bins of equal mass, by rising
// score. scores and counts are by image.
func massBins[C multiplicity](ranking []entry, scores []float64, counts []C, total, k int) []Bin {
	k = min(k, total)
	if k < 1 {
		return nil
	}
	out := make([]Bin, k)
	b, room := 0, binSize(total, k, 0)
	for i, t := range up(ranking, counts) {
		left := t.positives + t.negatives
		right := float64(t.positives) / float64(left)
		for left > 0 {
			if room == 0 {
				b++
				room = binSize(total, k, b)
			}
			take := min(left, room)
			out[b].add(take, scores[i], right)
			left -= take
			room -= take
		}
	}
	for i := range out {
		out[i].divide()
	}
	return out
}

// add adds n images of one confidence to a bin whose means are still sums.
func (b *Bin) add(n int, confidence, accuracy float64) {
	if b.Count == 0 {
		b.Low, b.High = confidence, confidence
	}
	b.Low, b.High = min(b.Low, confidence), max(b.High, confidence)
	b.Count += n
	b.Confidence += float64(n) * confidence
	b.Accuracy += float64(n) * accuracy
}

// divide turns the sums of a bin into means.
func (b *Bin) divide() {
	b.Confidence /= float64(b.Count)
	b.Accuracy /= float64(b.Count)
}

// binSize returns the size of bin b of k bins for total images; the first total%k
// bins get one image more.
func binSize(total, k, b int) int {
	if b < total%k {
		return total/k + 1
	}
	return total / k
}
