package eval

import (
	"fmt"
	"math"
	"slices"
)

// Combination is a rule that makes one table of several.
type Combination int

const (
	// CombineMean averages the probabilities: an ensemble of models, or the average
	// over views of test-time augmentation, with a table for each view.
	CombineMean Combination = iota
	// CombineGeometricMean averages the logarithms of the probabilities and
	// normalises: the product of experts. A zero counts as the smallest positive
	// float32, so that one model can't rule out a class that all others predict.
	CombineGeometricMean
	// CombineRank replaces each probability by its rank among the images of its table
	// and class, divided by their number (ties get their mean rank), averages over
	// the tables, and normalises each image. Models of different confidence weigh the
	// same; the result is not a calibrated probability.
	CombineRank
)

var combinations = enum{"combination", []string{"mean", "geometric", "rank"}}

// String returns "mean", "geometric" or "rank".
func (c Combination) String() string { return combinations.name(int(c)) }

// MarshalText implements [encoding.TextMarshaler].
func (c Combination) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Combination) UnmarshalText(text []byte) error { return parseEnum(combinations, text, c) }

// logFloor replaces smaller probabilities before a logarithm: the smallest positive
// float32, so that only an exact zero changes.
const logFloor = 0x1p-149

func logProbability(p float32) float64 { return math.Log(max(float64(p), logFloor)) }

// Combine makes one table of several on the same images, in the order of the
// first; see [Align] for the conditions.
func Combine(how Combination, tables ...*Table) (*Table, error) {
	if !combinations.valid(int(how)) {
		return nil, fmt.Errorf("combining: unknown %s", how)
	}
	tables, err := Align(tables...)
	if err != nil {
		return nil, fmt.Errorf("combining: %w", err)
	}
	first := tables[0].rows
	scores := make([][]float64, first.Len()) // means over the tables
	for i := range scores {
		scores[i] = make([]float64, len(first.Classes))
	}
	share := 1 / float64(len(tables))
	for _, t := range tables {
		for k := range first.Classes {
			for i, v := range t.rows.terms(how, k) {
				scores[i][k] += share * v
			}
		}
	}
	probs := make([][]float32, len(scores))
	for i, row := range scores {
		if how == CombineGeometricMean {
			softmax(row)
		}
		probs[i] = normalized(row)
	}
	combined, err := newTable(first.withProbs(probs))
	if err != nil {
		return nil, err
	}
	for i, t := range tables {
		combined.notes = append(combined.notes, prefixed(fmt.Sprintf("table %d: ", i+1), t.notes)...)
	}
	return combined, nil
}

// terms returns the terms of table p in the mean of class k, by image.
func (p *Predictions) terms(how Combination, k int) []float64 {
	values := make([]float64, p.Len())
	for i, row := range p.Probs {
		if how == CombineGeometricMean {
			values[i] = logProbability(row[k])
		} else {
			values[i] = float64(row[k])
		}
	}
	if how == CombineRank {
		return rankShares(values)
	}
	return values
}

// rankShares replaces values by their midranks, divided by their number.
func rankShares(values []float64) []float64 {
	shares := make([]float64, len(values))
	below := 0
	for tied := range ties(values) {
		for _, i := range tied {
			shares[i] = float64(2*below+len(tied)+1) / 2 / float64(len(values)) // ranks count from 1
		}
		below += len(tied)
	}
	return shares
}

// softmax replaces logits by probabilities.
func softmax(row []float64) {
	top := slices.Max(row)
	sum := 0.0
	for k, v := range row {
		row[k] = math.Exp(v - top)
		sum += row[k]
	}
	for k := range row {
		row[k] /= sum
	}
}

// normalized returns row scaled to sum 1, as float32.
func normalized(row []float64) []float32 {
	sum := 0.0
	for _, v := range row {
		sum += v
	}
	out := make([]float32, len(row))
	for k, v := range row {
		out[k] = float32(v / sum)
	}
	return out
}
