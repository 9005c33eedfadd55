package eval

import (
	"iter"
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

// maxImages is the number of indices that an entry can hold.
const maxImages = 1 << (32 - entryShift)

// ties yields the indices of values by rising value, all indices of one value
// together. There are at most [maxImages] values, none of them NaN.
func ties(values []float64) iter.Seq[[]uint32] {
	return func(yield func([]uint32) bool) {
		order := byRising(values)
		for first := 0; first < len(order); {
			last := first + 1
			for last < len(order) && values[order[last]] == values[order[first]] {
				last++
			}
			if !yield(order[first:last]) {
				return
			}
			first = last
		}
	}
}

// rank sorts images by falling score. No metric depends on the order within a tie.
func rank(scores []float64, positive []bool) []entry {
	ranking := make([]entry, len(scores))
	next := len(ranking)
	for tied := range ties(scores) {
		for j, i := range tied {
			e := entry(i) << entryShift
			if positive[i] {
				e |= positiveBit
			}
			if j == 0 { // the tie's first from below is its last from above
				e |= tieEndBit
			}
			next--
			ranking[next] = e
		}
	}
	return ranking
}

// tie counts the images of one score.
type tie struct{ positives, negatives int }

// down yields, for each score of a ranking from the highest, the tied images,
// image i having multiplicity counts[i], and the index of one of them.
func down[C multiplicity](ranking []entry, counts []C) iter.Seq2[int, tie] {
	return func(yield func(int, tie) bool) {
		var t tie
		for _, e := range ranking {
			n := int(counts[e>>entryShift])
			if e&positiveBit != 0 {
				t.positives += n
			} else {
				t.negatives += n
			}
			if e&tieEndBit == 0 {
				continue
			}
			if !yield(int(e>>entryShift), t) {
				return
			}
			t = tie{}
		}
	}
}

// up is [down] from the lowest score on.
func up[C multiplicity](ranking []entry, counts []C) iter.Seq2[int, tie] {
	return func(yield func(int, tie) bool) {
		var t tie
		for i := len(ranking) - 1; i >= 0; i-- {
			e := ranking[i]
			n := int(counts[e>>entryShift])
			if e&positiveBit != 0 {
				t.positives += n
			} else {
				t.negatives += n
			}
			if i > 0 && ranking[i-1]&tieEndBit == 0 {
				continue
			}
			if !yield(int(e>>entryShift), t) {
				return
			}
			t = tie{}
		}
	}
}

// rankMetrics returns AUROC and average precision of a ranking in which image i has
// multiplicity counts[i], in one pass.
//
// AUROC is the Mann-Whitney statistic: the share of pairs of a positive and a
// negative in which the positive has the higher score, a tie counting one
// half. It is exact up to the final division. Average precision is the sum
// over ties of precision times the rise in recall (scikit-learn's
// average_precision_score, without interpolation).
func rankMetrics[C multiplicity](ranking []entry, counts []C) (auroc, averagePrecision float64) {
	var tp, fp, pairs int // pairs: twice the number of pairs won
	ap := 0.0
	for _, t := range down(ranking, counts) {
		if t.negatives != 0 {
			pairs += t.negatives * (2*tp + t.positives) // positives above, and half of the tied ones
		}
		tp += t.positives
		fp += t.negatives
		if t.positives != 0 {
			ap += float64(t.positives) * (float64(tp) / float64(tp+fp))
		}
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
// needs, and the terms of each image in sums. Scoring a resample of the images is
// then a few linear passes with a count for each image.
type sorted struct {
	predicted  []int
	perClass   [][]entry
	micro      []entry   // names an image once for each class
	confidence []entry   // by probability of the predicted class; positives are predicted rightly
	nll, brier []float64 // per image
	above      []int     // per image, the classes ranked above the true one
	top        []float64 // per image, the probability of the predicted class
	topGap     gaps      // of the predicted class
	classGaps  []gaps
}

// orders sorts the table at the first call.
func (t *Table) orders() *sorted {
	t.once.Do(func() { t.sorted = newSorted(t.known) })
	return &t.sorted
}

func newSorted(p *Predictions) sorted {
	n, classes := p.Len(), len(p.Classes)
	s := sorted{
		predicted: make([]int, n),
		nll:       make([]float64, n),
		brier:     make([]float64, n),
		above:     make([]int, n),
		micro:     rank(pairs(p)),
	}
	confidence, right := topClass(p)
	for i, row := range p.Probs {
		s.predicted[i] = argmax(row)
		s.nll[i] = negLogLikelihood(row, p.Truth[i])
		s.brier[i] = brierScore(row, p.Truth[i])
		s.above[i] = classesAbove(row, p.Truth[i])
	}
	s.confidence, s.top = rank(confidence, right), confidence
	s.topGap = newGaps(confidence, right)
	for k := range classes {
		scores, positive := column(p, k)
		s.perClass = append(s.perClass, rank(scores, positive))
		s.classGaps = append(s.classGaps, newGaps(scores, positive))
	}
	const flags = 1<<entryShift - 1
	for r, e := range s.micro {
		s.micro[r] = e>>entryShift/entry(classes)<<entryShift | e&flags
	}
	return s
}

// pairs returns the probability of each (image, class) pair and whether the class
// is the true one; image i and class k make pair i*classes+k.
func pairs(p *Predictions) (scores []float64, positive []bool) {
	n := p.Len() * len(p.Classes)
	scores, positive = make([]float64, 0, n), make([]bool, 0, n)
	for i, row := range p.Probs {
		for k, v := range row {
			scores = append(scores, float64(v))
			positive = append(positive, p.Truth[i] == k)
		}
	}
	return scores, positive
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

// column returns the probabilities of class k and whether it is the true one.
func column(p *Predictions, k int) (scores []float64, positive []bool) {
	return (&columnGroup{columns: []int{k}}).column(p)
}

// ranked is a sorted table with its targets: each class, then each group of
// classes, against the rest.
type ranked struct {
	*sorted
	p        *Predictions // the rows of known truth
	targets  []columnGroup
	rankings [][]entry // one for each target
}

func (t *Table) ranked(groups []columnGroup) *ranked {
	r := &ranked{sorted: t.orders(), p: t.known}
	for k, class := range t.known.Classes {
		r.targets = append(r.targets, columnGroup{name: class, columns: []int{k}})
	}
	r.targets = append(r.targets, groups...)
	r.rankings = slices.Clone(r.perClass)
	for _, g := range groups {
		r.rankings = append(r.rankings, rank(g.column(t.known)))
	}
	return r
}

// newMetrics returns empty metrics for the table.
func (t *ranked) newMetrics() *Metrics {
	return newMetrics(t.p.Classes, t.targets[len(t.p.Classes):])
}

// metrics scores the table in which image i has multiplicity counts[i], and adds
// the values that have no interval.
func (t *ranked) metrics(counts []uint32) *Metrics {
	m := t.newMetrics()
	t.score(counts, m)
	for i, row := range m.rows() {
		scores, _ := t.targets[i].column(t.p)
		row.Youden = youdenOf(t.rankings[i], scores, counts, row.Support, m.N-row.Support)
	}
	m.BrierParts = t.decomposeBrier(t.p, counts, EqualMass, ECEBins)
	m.explainUndefined()
	return m
}

// score fills every value of m that depends on the images, for the table in which
// image i has multiplicity counts[i]. m must come from newMetrics of the same table.
func (t *ranked) score(counts []uint32, m *Metrics) {
	s := t.sums(counts, m)
	for i, row := range m.rows() {
		v := m.Confusion.groupVsRest(&t.targets[i])
		c := &classScoring{Counts: v}
		c.auroc, c.ap = s.counts.rankMetrics(t.rankings[i])
		c.partial, c.at90, c.at95 = s.counts.topMetrics(t.rankings[i], v.TP+v.FN, v.FP+v.TN)
		row.Support = v.TP + v.FN
		fill(classMetrics, row.ClassMetrics, c)
	}
	fill(overallMetrics, m, s)
}

// overall returns some of the overall metrics, as score would give them.
func (t *ranked) overall(counts []uint32, wanted []metric[Metrics, *scoring], m *Metrics) []float64 {
	s := t.sums(counts, m)
	for k := range m.PerClass {
		m.PerClass[k].AUROC, m.PerClass[k].AP = s.counts.rankMetrics(t.rankings[k])
	}
	m.BalancedAccuracy = m.Confusion.BalancedAccuracy() // macro_recall takes it from m
	values := make([]float64, len(wanted))
	for i := range wanted {
		values[i] = wanted[i].value(s)
	}
	return values
}

// sums fills the confusion matrix and the number of images of m, and sums over the images.
func (t *ranked) sums(counts []uint32, m *Metrics) *scoring {
	for _, row := range m.Confusion {
		clear(row)
	}
	s := &scoring{ranked: t, counts: newMultiplicities(counts), confusion: m.Confusion, m: m}
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
	return s
}

// fill computes the metrics of a T.
func fill[T, S any](metrics []metric[T, S], of *T, s S) {
	for i := range metrics {
		*metrics[i].of(of) = metrics[i].value(s)
	}
}
