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

// rankMetrics returns AUROC and average precision of a ranking in which image i has
// multiplicity counts[i], in one pass.
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
			pairs += groupFP * (2*tp + groupTP) // positives above, and half of the tied ones
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

// sorted holds the images of known truth of a table in every order that a metric
// needs, and what each image adds to sums. Scoring a resample of the images is
// then a few linear passes with a count for each image.
type sorted struct {
	predicted  []int
	perClass   [][]entry
	micro      []entry
	confidence confidenceRanking
	nll, brier []float64 // per image
	above      []int     // per image, the classes ranked above the true one
	topGap     gaps      // of the predicted class
	classGaps  []gaps
}

// orders sorts the table at the first call.
func (t *Table) orders() *sorted {
	t.once.Do(func() { t.sorted = newSorted(t.known) })
	return &t.sorted
}

func newSorted(p *Predictions) sorted {
	n, k := p.Len(), len(p.Classes)
	s := sorted{
		predicted: make([]int, n),
		perClass:  make([][]entry, k),
		nll:       make([]float64, n),
		brier:     make([]float64, n),
		above:     make([]int, n),
		classGaps: make([]gaps, k),
	}
	confidence, right := topClass(p)
	for i, row := range p.Probs {
		s.predicted[i] = argmax(row)
		s.nll[i] = negLogLikelihood(row, p.Truth[i])
		s.brier[i] = brierScore(row, p.Truth[i])
		s.above[i] = classesAbove(row, p.Truth[i])
	}
	s.confidence = newConfidenceRanking(confidence, right)
	s.topGap = newGaps(confidence, right)
	for c := range s.perClass {
		scores, positive := column(p, c)
		s.perClass[c] = rankImages(scores, positive)
		s.classGaps[c] = newGaps(scores, positive)
	}
	s.micro = newRanking(n*k,
		func(i int) int { return i / k },
		func(i int) float64 { return float64(p.Probs[i/k][i%k]) },
		func(i int) bool { return p.Truth[i/k] == i%k })
	return s
}

// rankImages ranks images by score.
func rankImages(scores []float64, positive []bool) []entry {
	return newRanking(len(scores),
		func(i int) int { return i },
		func(i int) float64 { return scores[i] },
		func(i int) bool { return positive[i] })
}

// topClass returns the largest probability of each image and whether its class
// is the true one.
func topClass(p *Predictions) (confidence []float64, right []bool) {
	confidence, right = make([]float64, p.Len()), make([]bool, p.Len())
	for i, row := range p.Probs {
		k := argmax(row)
		confidence[i], right[i] = float64(row[k]), k == p.Truth[i]
	}
	return confidence, right
}

// ranked is a sorted table with groups of classes.
type ranked struct {
	*sorted
	p        *Predictions // the rows of known truth
	groups   []columnGroup
	perGroup [][]entry
}

func (t *Table) ranked(groups []columnGroup) *ranked {
	r := &ranked{sorted: t.orders(), p: t.known, groups: groups}
	for g := range groups {
		r.perGroup = append(r.perGroup, rankImages(groups[g].column(t.known)))
	}
	return r
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

// metrics scores the table in which image i has multiplicity counts[i], and adds
// the values that have no interval.
func (t *ranked) metrics(counts []uint32) *Metrics {
	m := t.newMetrics()
	t.score(counts, m)
	for k := range m.PerClass {
		scores, _ := column(t.p, k)
		m.PerClass[k].Youden = rocOf(t.perClass[k], scores, counts).Youden()
	}
	for g := range m.Groups {
		scores, _ := t.groups[g].column(t.p)
		m.Groups[g].Youden = rocOf(t.perGroup[g], scores, counts).Youden()
	}
	m.BrierParts = decomposeBrier(t.p, counts, EqualMass, ECEBins)
	m.explainUndefined()
	return m
}

// score fills every value of m that depends on the images, for the table in which
// image i has multiplicity counts[i]. m must come from newMetrics of the same table.
func (t *ranked) score(counts []uint32, m *Metrics) {
	for _, row := range m.Confusion {
		clear(row)
	}
	s := scoring{ranked: t, counts: counts, confusion: m.Confusion, m: m}
	for i, n := range counts {
		if n == 0 {
			continue
		}
		m.Confusion[t.p.Truth[i]][t.predicted[i]] += int(n)
		s.n += int(n)
		s.nllSum += float64(n) * t.nll[i]
		s.brierSum += float64(n) * t.brier[i]
		if t.above[i] < 3 {
			s.top3 += int(n)
			if t.above[i] < 2 {
				s.top2 += int(n)
			}
		}
	}
	m.N = s.n
	for k := range m.PerClass {
		t.scoreOne(&m.PerClass[k], m.Confusion.OneVsRest(k), t.perClass[k], counts)
	}
	for g := range m.Groups {
		t.scoreOne(&m.Groups[g].ClassMetrics, m.Confusion.groupVsRest(&t.groups[g]), t.perGroup[g], counts)
	}
	for i := range overallMetrics {
		row := &overallMetrics[i]
		*row.of(m) = row.value(&s)
	}
}

// scoreOne fills the metrics of a class or group against the rest.
func (t *ranked) scoreOne(c *ClassMetrics, v Counts, ranking []entry, counts []uint32) {
	s := &classScoring{Counts: v}
	s.auroc, s.ap = rankMetrics(ranking, counts)
	s.partial, s.at90, s.at95 = topMetrics(ranking, counts, v.TP+v.FN, v.FP+v.TN)
	c.Support = v.TP + v.FN
	for i := range classMetrics {
		row := &classMetrics[i]
		*row.of(c) = row.value(s)
	}
}
