package eval

import (
	"cmp"
	"math"
	"slices"
)

// entry is one step down a ranking, packed so that a pass over a ranking reads
// one stream: the image's index, whether a tie ends here, whether the image is
// a positive.
type entry uint32

const (
	positiveBit entry = 1 << iota
	tieEndBit
	entryShift = iota
)

// maxImages is what the index bits of an entry can hold.
const maxImages = 1 << (32 - entryShift)

// newRanking sorts images by falling score; image(i), score(i) and positive(i)
// describe the i-th of n candidates.
func newRanking(n int, image func(i int) int, score func(i int) float64, positive func(i int) bool) []entry {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	// Stable, so that one table has one ranking; no metric depends on the
	// order within a tie.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score(b), score(a)) })
	ranking := make([]entry, n)
	for r, i := range order {
		e := entry(image(i)) << entryShift
		if positive(i) {
			e |= positiveBit
		}
		if r == n-1 || score(order[r+1]) != score(i) {
			e |= tieEndBit
		}
		ranking[r] = e
	}
	return ranking
}

// rankMetrics returns AUROC and average precision of a ranking in which image i
// is there counts[i] times, in one pass.
//
// AUROC is the Mann-Whitney statistic: the share of pairs of a positive and a
// negative in which the positive has the higher score, a tie counting one
// half. It is exact up to the final division. Average precision is the sum
// over tie groups of precision times the rise in recall (scikit-learn's
// average_precision_score, without interpolation).
func rankMetrics(ranking []entry, counts []uint32) (auroc, averagePrecision float64) {
	var tp, fp, groupTP, groupFP uint64
	var pairs uint64 // twice the number of pairs won
	ap := 0.0
	for _, e := range ranking {
		n := uint64(counts[e>>entryShift])
		if e&positiveBit != 0 {
			groupTP += n
		} else {
			groupFP += n
		}
		if e&tieEndBit == 0 {
			continue
		}
		if groupFP != 0 {
			pairs += groupFP * (2*tp + groupTP) // positives above, and half of those beside
		}
		tp += groupTP
		fp += groupFP
		if groupTP != 0 {
			ap += float64(groupTP) * (float64(tp) / float64(tp+fp))
		}
		groupTP, groupFP = 0, 0
	}
	auroc, averagePrecision = math.NaN(), math.NaN()
	if tp > 0 {
		averagePrecision = ap / float64(tp)
		if fp > 0 {
			auroc = float64(pairs) / 2 / (float64(tp) * float64(fp))
		}
	}
	return auroc, averagePrecision
}

// ranked is a table of images with known truth, sorted once in every order that
// a metric needs. Scoring any resample of the images is then a few linear
// passes with a count for each image, instead of sorting the resample anew.
type ranked struct {
	p          *Predictions
	groups     []columnGroup
	predicted  []int
	perClass   [][]entry
	perGroup   [][]entry
	micro      []entry
	confidence confidenceRanking
	nll, brier []float64 // per image
	above      []int     // per image, the classes ranked above the true one
	topGap     gaps      // of the predicted class
	classGaps  []gaps
}

// newRanked expects a valid table without unknown classes.
func newRanked(p *Predictions, groups []columnGroup) *ranked {
	n, k := p.Len(), len(p.Classes)
	t := &ranked{
		p:         p,
		groups:    groups,
		predicted: make([]int, n),
		perClass:  make([][]entry, k),
		perGroup:  make([][]entry, len(groups)),
		nll:       make([]float64, n),
		brier:     make([]float64, n),
		above:     make([]int, n),
		classGaps: make([]gaps, k),
	}
	confidence, right := make([]float64, n), make([]bool, n)
	for i, row := range p.Probs {
		t.predicted[i] = argmax(row)
		t.nll[i] = negLogLikelihood(row, p.Truth[i])
		t.brier[i] = brierScore(row, p.Truth[i])
		t.above[i] = classesAbove(row, p.Truth[i])
		confidence[i], right[i] = float64(row[t.predicted[i]]), t.predicted[i] == p.Truth[i]
	}
	t.confidence = newConfidenceRanking(confidence, right)
	t.topGap = newGaps(confidence, right)
	image := func(i int) int { return i }
	for c := range t.perClass {
		scores, positive := column(p, c)
		t.perClass[c] = newRanking(n, image, func(i int) float64 { return scores[i] }, func(i int) bool { return positive[i] })
		t.classGaps[c] = newGaps(scores, positive)
	}
	for g := range groups {
		scores, positive := groups[g].column(p)
		t.perGroup[g] = newRanking(n, image, func(i int) float64 { return scores[i] }, func(i int) bool { return positive[i] })
	}
	t.micro = newRanking(n*k,
		func(i int) int { return i / k },
		func(i int) float64 { return float64(p.Probs[i/k][i%k]) },
		func(i int) bool { return p.Truth[i/k] == i%k })
	return t
}

// column returns the probabilities of class k and whether it is the true one.
func column(p *Predictions, k int) (scores []float64, positive []bool) {
	scores, positive = make([]float64, p.Len()), make([]bool, p.Len())
	for i, row := range p.Probs {
		scores[i], positive[i] = float64(row[k]), p.Truth[i] == k
	}
	return scores, positive
}

// newMetrics returns empty metrics for the table.
func (t *ranked) newMetrics() *Metrics { return newMetrics(t.p.Classes, t.groups) }

// metrics scores the table itself, and adds what resamples have no use for.
func (t *ranked) metrics() *Metrics {
	m := t.newMetrics()
	once := repeatOne(t.p.Len())
	t.score(once, m)
	for k := range m.PerClass {
		scores, _ := column(t.p, k)
		m.PerClass[k].Youden = rocOf(t.perClass[k], scores).Youden()
	}
	for g := range m.Groups {
		scores, _ := t.groups[g].column(t.p)
		m.Groups[g].Youden = rocOf(t.perGroup[g], scores).Youden()
	}
	m.BrierParts = DecomposeBrier(t.p, EqualMass, ECEBins)
	m.explainUndefined()
	return m
}

// score fills every value of m that depends on the images, for a table in
// which image i is there counts[i] times. m must come from newMetrics of the
// same table; nothing is allocated.
func (t *ranked) score(counts []uint32, m *Metrics) {
	c := m.Confusion
	for _, row := range c {
		clear(row)
	}
	var n, top2, top3 int
	var nll, brier float64
	for i, w := range counts {
		if w == 0 {
			continue
		}
		c[t.p.Truth[i]][t.predicted[i]] += int(w)
		n += int(w)
		nll += float64(w) * t.nll[i]
		brier += float64(w) * t.brier[i]
		if t.above[i] < 3 {
			top3 += int(w)
			if t.above[i] < 2 {
				top2 += int(w)
			}
		}
	}
	m.N = n
	m.NLL = nll / float64(n) // NaN for an empty table
	m.Brier = brier / float64(n)
	m.Top2Accuracy, m.Top3Accuracy = ratio(top2, n), ratio(top3, n)
	m.ECE = expectedCalibrationError(t.confidence.bins(counts, n, ECEBins))
	m.ECEEqualWidth = t.topGap.sum(counts) / float64(n)
	classwise := 0.0
	for k := range m.PerClass {
		t.scoreOne(&m.PerClass[k], c.OneVsRest(k), t.perClass[k], counts)
		classwise += t.classGaps[k].sum(counts)
	}
	m.ECEClasswise = classwise / float64(n*len(m.PerClass))
	for g := range m.Groups {
		t.scoreOne(&m.Groups[g].ClassMetrics, c.groupVsRest(&t.groups[g]), t.perGroup[g], counts)
	}
	m.Accuracy = c.Accuracy()
	m.BalancedAccuracy = c.BalancedAccuracy()
	m.PaperBalancedAccuracy = c.PaperBalancedAccuracy()
	m.MacroPrecision = c.MacroPrecision()
	m.MacroRecall = m.BalancedAccuracy
	m.MacroF1 = c.MacroF1()
	m.WeightedF1 = c.WeightedF1()
	m.AUROCMacro = c.macro(func(k int) float64 { return m.PerClass[k].AUROC })
	m.AUROCWeighted = c.weighted(func(k int) float64 { return m.PerClass[k].AUROC })
	m.AUROCMicro, _ = rankMetrics(t.micro, counts)
	m.APMacro = c.macro(func(k int) float64 { return m.PerClass[k].AP })
	m.MCC = c.MCC()
	m.Kappa = c.Kappa()
}

// scoreOne fills the metrics of a class or group against the rest.
func (t *ranked) scoreOne(s *ClassMetrics, v Counts, ranking []entry, counts []uint32) {
	s.Support = v.TP + v.FN
	s.Precision, s.Recall, s.Specificity, s.F1 = v.Precision(), v.Recall(), v.Specificity(), v.F1()
	s.AUROC, s.AP = rankMetrics(ranking, counts)
	s.PartialAUROC, s.SensitivityAt90, s.SensitivityAt95 = topMetrics(ranking, counts, v.TP+v.FN, v.FP+v.TN)
}
