package eval

import (
	"math"
	"slices"
	"sort"
)

// Binning is a rule that cuts probabilities into bins.
type Binning int

const (
	// EqualMass makes bins whose counts differ by at most 1, the fuller bins at the
	// low end (Nixon et al. 2019). Images of equal probability on both sides of a
	// cut share their mean outcome, so the order of rows does not matter. Fewer
	// images than bins give fewer bins.
	EqualMass Binning = iota
	// EqualWidth makes bins ((b-1)/bins, b/bins], 0 in the first (Guo et al.
	// 2017). Bins without an image are left out.
	EqualWidth
)

// String returns "equal-mass" or "equal-width".
func (b Binning) String() string {
	if b == EqualWidth {
		return "equal-width"
	}
	return "equal-mass"
}

// Reliability cuts the images of known truth by confidence, the largest
// probability, into bins. Without images, or with bins < 1, it returns no bins.
func (t *Table) Reliability(binning Binning, bins int) []Bin {
	confidence, right := topClass(t.known)
	return cut(t.orders().confidence, confidence, right, repeatOne(len(right)), binning, bins)
}

// ClassReliability cuts the images of known truth by their probability of class
// k: Bin.Confidence is the mean probability, Bin.Accuracy the share of images whose
// true class is k. A class that is not in the table is an error.
func (t *Table) ClassReliability(k int, binning Binning, bins int) ([]Bin, error) {
	scores, positive, err := t.Scores(k)
	if err != nil {
		return nil, err
	}
	return cut(t.orders().perClass[k], scores, positive, repeatOne(len(scores)), binning, bins), nil
}

// ECE returns the expected calibration error of the predicted class (Guo et al.
// 2017; with [EqualMass], the adaptive bins of Nixon et al. 2019): the sum over
// bins of n_b/n * |accuracy - confidence|. NaN without an image of known truth.
func (t *Table) ECE(binning Binning, bins int) float64 {
	return expectedCalibrationError(t.Reliability(binning, bins))
}

// ClasswiseECE returns the mean over all classes of the calibration error of
// the class's own probability (Kull et al. 2019, equation 4, with [EqualWidth]).
// NaN without an image of known truth.
func (t *Table) ClasswiseECE(binning Binning, bins int) float64 {
	sum := 0.0
	for k := range t.known.Classes {
		scores, positive := column(t.known, k)
		sum += expectedCalibrationError(cut(t.orders().perClass[k], scores, positive, repeatOne(len(scores)), binning, bins))
	}
	return sum / float64(len(t.known.Classes))
}

// BrierDecomposition is Murphy's (1973) partition of the Brier score, computed
// for each class against the rest and summed over classes:
//
//	Brier = Reliability - Resolution + Uncertainty + WithinBin
//
// With p_b and o_b the mean probability and the share of the class in bin b of
// n_b images, and o its share in all n images:
//
//	Reliability = sum n_b (p_b - o_b)^2 / n    0 is calibrated
//	Resolution  = sum n_b (o_b - o)^2 / n      higher is better
//	Uncertainty = o (1 - o)                    depends on the images alone
//
// WithinBin is the remainder that comes from unequal probabilities within bins
// (Stephenson, Coelho and Jolliffe 2008); it is 0 if every bin holds a single
// probability. All parts are NaN without an image of known truth.
type BrierDecomposition struct {
	Reliability, Resolution, Uncertainty, WithinBin float64
}

// Brier returns the Brier score, the sum of the parts.
func (d BrierDecomposition) Brier() float64 {
	return d.Reliability - d.Resolution + d.Uncertainty + d.WithinBin
}

// BrierDecomposition returns the partition of the Brier score of the images of
// known truth, over the given bins of each class's probability.
func (t *Table) BrierDecomposition(binning Binning, bins int) BrierDecomposition {
	return t.orders().decomposeBrier(t.known, repeatOne(t.known.Len()), binning, bins)
}

// decomposeBrier partitions the Brier score of p, the sorted table, in which image i has
// multiplicity counts[i].
func (s *sorted) decomposeBrier(p *Predictions, counts []uint32, binning Binning, bins int) BrierDecomposition {
	n := float64(total(counts))
	brier := 0.0
	for i, v := range s.brier {
		brier += float64(counts[i]) * v
	}
	var d BrierDecomposition
	for k := range p.Classes {
		scores, positive := column(p, k)
		share := 0.0
		for i, is := range positive {
			if is {
				share += float64(counts[i])
			}
		}
		share /= n // NaN of an empty table spreads to all parts
		for _, b := range cut(s.perClass[k], scores, positive, counts, binning, bins) {
			d.Reliability += float64(b.Count) * (b.Confidence - b.Accuracy) * (b.Confidence - b.Accuracy) / n
			d.Resolution += float64(b.Count) * (b.Accuracy - share) * (b.Accuracy - share) / n
		}
		d.Uncertainty += share * (1 - share)
	}
	if n == 0 {
		d.Reliability, d.Resolution = math.NaN(), math.NaN()
	}
	d.WithinBin = brier/n - (d.Reliability - d.Resolution + d.Uncertainty)
	return d
}

// cut puts probabilities, of which there is a ranking, into bins. Value i has multiplicity
// counts[i]; outcome[i] reports whether the predicted event happened.
func cut(ranking []entry, values []float64, outcome []bool, counts []uint32, binning Binning, bins int) []Bin {
	if binning == EqualMass {
		return massBins(ranking, values, counts, total(counts), bins)
	}
	if bins < 1 {
		return nil
	}
	all := make([]Bin, bins)
	for i, v := range values {
		n := int(counts[i])
		if n == 0 {
			continue
		}
		all[widthBin(v, bins)].add(n, v, float64(indicator(outcome[i])))
	}
	all = slices.DeleteFunc(all, func(b Bin) bool { return b.Count == 0 })
	for i := range all {
		all[i].divide()
	}
	return all
}

// total returns the sum of counts.
func total(counts []uint32) int {
	sum := 0
	for _, n := range counts {
		sum += int(n)
	}
	return sum
}

// widthBin returns the number of the bin of v: the number of upper edges 1/bins,
// 2/bins, ... below v.
func widthBin(v float64, bins int) int {
	return sort.Search(bins-1, func(b int) bool { return float64(b+1)/float64(bins) >= v })
}

// gaps has outcome - probability of each image, and the image's equal-width bin: the
// terms of a calibration error over [ECEBins] bins.
type gaps struct {
	gap []float64
	bin []uint8
}

func newGaps(values []float64, outcome []bool) gaps {
	g := gaps{gap: make([]float64, len(values)), bin: make([]uint8, len(values))}
	for i, v := range values {
		g.gap[i], g.bin[i] = -v, uint8(widthBin(v, ECEBins))
		if outcome[i] {
			g.gap[i]++
		}
	}
	return g
}

// sum returns the sum over bins of |sum of gaps|, image i having multiplicity
// counts[i].
func (g gaps) sum(counts []uint32) float64 {
	var bins [ECEBins]float64
	for i, w := range counts {
		bins[g.bin[i]] += float64(w) * g.gap[i]
	}
	total := 0.0
	for _, v := range bins {
		total += math.Abs(v)
	}
	return total
}
