package eval

import (
	"fmt"
	"slices"
	"sync"
)

// Table is a checked table of predictions, from which metrics, curves, intervals and
// tests are computed. It never changes; several goroutines may use it at once.
//
// Metrics are computed from the rows whose true class is known; [Table.Unknown] counts
// the other rows.
type Table struct {
	rows  *Predictions // all rows; no other code can change these slices
	known *Predictions // the rows of known truth
	at    []int        // for each row of known, its number in rows
	notes []string

	once   sync.Once
	sorted sorted // of known; see [Table.orders]
}

// NewTable checks p as [Predictions.Validate] does and copies it. Rounded rows are
// normalised; see [RoundedTolerance] and [Table.Notes].
func NewTable(p *Predictions) (*Table, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("predictions: %w", err)
	}
	rows := p.columns()
	for i, row := range rows.Probs {
		rows.Probs[i] = slices.Clone(row)
	}
	return normalizedTable(rows)
}

// normalizedTable returns a table of valid rows, of which rounded ones are normalised, and
// contradictory ones noted.
func normalizedTable(rows *Predictions) (*Table, error) {
	note := rows.normalize()
	t, err := newTable(rows)
	if err != nil {
		return t, err
	}
	if note != "" {
		t.notes = []string{note}
	}
	t.notes = append(t.notes, rows.doubts()...)
	return t, nil
}

// newTable returns a table of valid rows, which must not change.
func newTable(rows *Predictions) (*Table, error) {
	t := &Table{rows: rows, known: rows, at: rows.ofKnownTruth()}
	if len(t.at) < rows.Len() {
		t.known = rows.pick(t.at)
	}
	if n := t.known.Len() * len(rows.Classes); n > maxImages {
		return nil, fmt.Errorf("predictions: %d images x %d classes: at most %d probabilities can be ranked", t.known.Len(), len(rows.Classes), maxImages)
	}
	return t, nil
}

// Len returns the number of images, unknown truth included.
func (t *Table) Len() int { return t.rows.Len() }

// Unknown returns the number of images whose true class is not known.
func (t *Table) Unknown() int { return t.rows.Len() - t.known.Len() }

// Notes are caveats that belong beside every number from the table: what was changed in
// rounded rows, lesions whose photos have different true classes, and image ids that differ in capital letters alone. [Evaluate] and the other functions of this package that judge a table
// repeat them.
func (t *Table) Notes() []string { return slices.Clone(t.notes) }

// Classes returns the names of the classes in their order.
func (t *Table) Classes() []string { return slices.Clone(t.rows.Classes) }

// Predictions returns a copy of the rows. The probabilities are shared with the
// table and must not be changed.
func (t *Table) Predictions() *Predictions { return t.rows.columns() }

// Where returns the table of the rows for which keep, called with the number of
// the row, is true.
func (t *Table) Where(keep func(i int) bool) *Table {
	rows := slices.DeleteFunc(upTo(t.Len()), func(i int) bool { return !keep(i) })
	part, _ := newTable(t.rows.pick(rows)) // no error: it has no more rows than t
	part.notes = t.notes
	return part
}

// WithProbs returns the table of the same images with other probabilities, a row for
// each image, which it checks and copies.
func (t *Table) WithProbs(probs [][]float32) (*Table, error) {
	return NewTable(t.rows.withProbs(probs))
}

// Scores returns the probability of class k and whether it is the true class,
// for each image of known truth. A class that is not in the table is an error.
func (t *Table) Scores(k int) (scores []float64, positive []bool, err error) {
	if k < 0 || k >= len(t.known.Classes) {
		return nil, nil, fmt.Errorf("class index %d, but there are %d classes", k, len(t.known.Classes))
	}
	scores, positive = column(t.known, k)
	return scores, positive, nil
}

// GroupScores returns the summed probability of the group's classes and whether
// the true class is in the group, for each image of known truth.
func (t *Table) GroupScores(g Group) (scores []float64, positive []bool, err error) {
	groups, err := resolveGroups(t.known.Classes, []Group{g})
	if err != nil {
		return nil, nil, err
	}
	scores, positive = groups[0].column(t.known)
	return scores, positive, nil
}

// Confusion counts the images of known truth by true and predicted class.
func (t *Table) Confusion() Confusion {
	c := NewConfusion(len(t.known.Classes))
	for i, truth := range t.known.Truth {
		c[truth][t.known.Predicted(i)]++
	}
	return c
}

// TopK returns the share of images of known truth whose true class is among the
// k largest probabilities, the first in class order ranking higher on a tie:
// TopK(1) is the accuracy. NaN without an image of known truth.
func (t *Table) TopK(k int) float64 {
	hits := 0
	for i, truth := range t.known.Truth {
		if classesAbove(t.known.Probs[i], truth) < k {
			hits++
		}
	}
	return ratio(hits, t.known.Len())
}

// Score returns all metrics, without intervals, of the table in which row i has
// multiplicity counts[i], as in a bootstrap resample; nil means all 1. Rows of
// unknown truth are left out. Groups are as in [Options]. It is an error if the
// numbers of counts and rows differ.
func (t *Table) Score(counts []uint32, groups []Group) (*Metrics, error) {
	resolved, err := resolveGroups(t.known.Classes, groups)
	if err != nil {
		return nil, err
	}
	once := repeatOne(t.known.Len())
	if counts != nil {
		if len(counts) != t.Len() {
			return nil, fmt.Errorf("%d counts for %d rows", len(counts), t.Len())
		}
		for i, row := range t.at {
			once[i] = counts[row]
		}
	}
	m := t.ranked(resolved).metrics(once)
	m.Unknown, m.Notes = t.Unknown(), t.Notes()
	return m, nil
}

// columns returns a copy of p that shares the rows of probabilities.
func (p *Predictions) columns() *Predictions {
	return &Predictions{
		Classes: slices.Clone(p.Classes), ImageIDs: slices.Clone(p.ImageIDs), LesionIDs: slices.Clone(p.LesionIDs),
		Truth: slices.Clone(p.Truth), Probs: slices.Clone(p.Probs),
	}
}

// pick returns the rows of p with the given numbers, sharing their
// probabilities.
func (p *Predictions) pick(rows []int) *Predictions {
	q := &Predictions{Classes: p.Classes, ImageIDs: pick(p.ImageIDs, rows), Truth: pick(p.Truth, rows), Probs: pick(p.Probs, rows)}
	if len(p.LesionIDs) != 0 {
		q.LesionIDs = pick(p.LesionIDs, rows)
	}
	return q
}

func pick[T any](values []T, rows []int) []T {
	picked := make([]T, len(rows))
	for j, i := range rows {
		picked[j] = values[i]
	}
	return picked
}

// ofKnownTruth returns the numbers of the rows whose truth is known.
func (p *Predictions) ofKnownTruth() []int {
	return slices.DeleteFunc(upTo(p.Len()), func(i int) bool { return p.Truth[i] == TruthUnknown })
}

// classesAbove counts the classes that rank above the true class.
func classesAbove(row []float32, truth int) int {
	above := 0
	for k, v := range row {
		if v > row[truth] || v == row[truth] && k < truth {
			above++
		}
	}
	return above
}
