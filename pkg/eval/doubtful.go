package eval

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/oneline"
)

// doubts are notes about rows that contradict each other: each may be true, and is more
// likely a mistake in the table.
func (p *Predictions) doubts() (notes []string) {
	for _, note := range []string{p.dividedLesions(), p.sameButForCase()} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

// dividedLesions is a note about lesions whose photos have different true classes, empty if
// there are none.
func (p *Predictions) dividedLesions() string {
	first := make(map[string]int, len(p.LesionIDs)) // true class by lesion
	divided := make(map[string]bool)
	example := ""
	for i, lesion := range p.LesionIDs {
		truth := p.Truth[i]
		if lesion == "" || truth == TruthUnknown {
			continue
		}
		switch before, known := first[lesion]; {
		case !known:
			first[lesion] = truth
		case before != truth:
			if len(divided) == 0 {
				example = fmt.Sprintf("%s (%s and %s)", clipped(lesion), clipped(p.Classes[before]), clipped(p.Classes[truth]))
			}
			divided[lesion] = true
		}
	}
	switch len(divided) {
	case 0:
		return ""
	case 1:
		return "the photos of lesion " + example + " have different diagnoses: one of them, or the lesion id, is wrong"
	}
	return fmt.Sprintf("the photos of %d lesions, such as %s, have different diagnoses: some of them, or of the lesion ids, are wrong", len(divided), example)
}

// sameButForCase is a note about image ids that differ in capital letters alone, empty if
// there are none.
func (p *Predictions) sameButForCase() string {
	changes := func(letters func(string) string) bool {
		return slices.ContainsFunc(p.ImageIDs, func(id string) bool { return id != letters(id) })
	}
	if !changes(strings.ToUpper) || !changes(strings.ToLower) {
		return "" // all are in the same letters
	}
	first := make(map[string]string, len(p.ImageIDs))
	n, example := 0, ""
	for _, id := range p.ImageIDs {
		lower := strings.ToLower(id)
		before, twice := first[lower]
		if !twice {
			first[lower] = id
			continue
		}
		if n++; n == 1 {
			example = clipped(before) + " and " + clipped(id)
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d image ids are those of other rows but for capital letters, such as %s: if they are the same photos, these count twice", n, len(p.ImageIDs), example)
}

func clipped(name string) string { return oneline.Clip(name, oneline.Limit/4) }
