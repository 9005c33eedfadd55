package eval

import (
	"errors"
	"fmt"
	"slices"
)

// Align returns the tables with their rows in the order of the first table. All
// tables must have the same classes in the same order and the same images, each with
// the same truth and lesion; an error names the table and the image. A lesion that
// one table does not know is not a difference: the result has the first table's ids.
func Align(tables ...*Table) ([]*Table, error) {
	if len(tables) == 0 {
		return nil, errors.New("no tables")
	}
	aligned := []*Table{tables[0]}
	for i, t := range tables[1:] {
		q, err := alignTo(tables[0].rows, t.rows)
		if err != nil {
			return nil, fmt.Errorf("table %d does not fit table 1: %w", i+2, err)
		}
		fitted, err := newTable(q)
		if err != nil {
			return nil, err
		}
		fitted.notes = t.notes
		aligned = append(aligned, fitted)
	}
	return aligned, nil
}

func alignTo(first, p *Predictions) (*Predictions, error) {
	if !slices.Equal(first.Classes, p.Classes) {
		return nil, fmt.Errorf("classes %q, want %q", p.Classes, first.Classes)
	}
	at := make(map[string]int, p.Len())
	for i, id := range p.ImageIDs {
		at[id] = i
	}
	q := first.withProbs(nil)
	for i, id := range first.ImageIDs {
		j, ok := at[id]
		if !ok {
			return nil, fmt.Errorf("image %q is missing", id)
		}
		delete(at, id)
		if first.Truth[i] != p.Truth[j] {
			return nil, fmt.Errorf("image %q is %s here and %s there", id, p.truthName(j), first.truthName(i))
		}
		if a, b := first.lesion(i), p.lesion(j); a != b && a != "" && b != "" {
			return nil, fmt.Errorf("image %q is of lesion %q here and %q there", id, b, a)
		}
		q.Probs = append(q.Probs, p.Probs[j])
	}
	for _, id := range p.ImageIDs {
		if _, left := at[id]; left {
			return nil, fmt.Errorf("image %q is only here", id)
		}
	}
	return q, nil
}

func (p *Predictions) truthName(i int) string {
	if p.Truth[i] == TruthUnknown {
		return "of unknown class"
	}
	return p.Classes[p.Truth[i]]
}

// lesion returns the lesion id of row i, empty if unknown.
func (p *Predictions) lesion(i int) string {
	if len(p.LesionIDs) == 0 {
		return ""
	}
	return p.LesionIDs[i]
}

// withProbs returns p with other probabilities.
func (p *Predictions) withProbs(probs [][]float32) *Predictions {
	return &Predictions{Classes: p.Classes, ImageIDs: p.ImageIDs, LesionIDs: p.LesionIDs, Truth: p.Truth, Probs: probs}
}
