package eval

import (
	"math"
	"slices"
)

// multiplicity is how often an image counts.
type multiplicity interface{ uint8 | uint32 }

// multiplicities are those of all images. The images of a ranking are met in an order of
// their own, so that a pass over it waits for memory: of a million images, the multiplicities
// stay in a core's cache if they are bytes.
type multiplicities struct {
	all   []uint32
	bytes []uint8 // the same; nil if one does not fit in a byte
}

func newMultiplicities(all []uint32) multiplicities {
	m := multiplicities{all: all}
	if len(all) > 0 && slices.Max(all) <= math.MaxUint8 {
		m.bytes = make([]uint8, len(all))
		for i, n := range all {
			m.bytes[i] = uint8(n)
		}
	}
	return m
}

func (m multiplicities) rankMetrics(ranking []entry) (auroc, averagePrecision float64) {
	if m.bytes != nil {
		return rankMetrics(ranking, m.bytes)
	}
	return rankMetrics(ranking, m.all)
}

func (m multiplicities) topMetrics(ranking []entry, positives, negatives int) (partial, at90, at95 float64) {
	if m.bytes != nil {
		return topMetrics(ranking, m.bytes, positives, negatives)
	}
	return topMetrics(ranking, m.all, positives, negatives)
}

func (m multiplicities) massBins(ranking []entry, scores []float64, total, k int) []Bin {
	if m.bytes != nil {
		return massBins(ranking, scores, m.bytes, total, k)
	}
	return massBins(ranking, scores, m.all, total, k)
}
