package eval

import (
	"fmt"
	"slices"
)

// Group is a set of classes that is evaluated like one class against the rest. Its
// score is the sum of the probabilities of its classes; an image is predicted to be
// of the group if its predicted class is in the group.
type Group struct {
	Name    string
	Classes []string
}

// Malignant is the group of malignant and pre-malignant diagnoses of HAM10000:
// melanoma, basal cell carcinoma, and actinic keratosis with intraepithelial
// carcinoma (Tschandl et al. 2018). By default it is evaluated in tables that have
// these classes.
var Malignant = Group{Name: "malignant", Classes: []string{"mel", "bcc", "akiec"}}

// GroupMetrics are the metrics of a group of classes; Class is its name.
type GroupMetrics struct {
	ClassMetrics
	Members []string // the classes of the group
}

// columnGroup is a Group, or a single class, in a given table.
type columnGroup struct {
	name    string
	members []string
	columns []int // ascending, so that a score does not depend on their order
}

// has reports whether class k is in the group.
func (g *columnGroup) has(k int) bool { return slices.Contains(g.columns, k) }

// score is the probability of the group in a row.
func (g *columnGroup) score(row []float32) float64 {
	sum := 0.0
	for _, k := range g.columns {
		sum += float64(row[k])
	}
	return sum
}

// column returns the score of the group for each image and whether the image is of
// the group.
func (g *columnGroup) column(p *Predictions) (scores []float64, positive []bool) {
	scores, positive = make([]float64, p.Len()), make([]bool, p.Len())
	for i, row := range p.Probs {
		scores[i], positive[i] = g.score(row), g.has(p.Truth[i])
	}
	return scores, positive
}

// resolveGroups finds the columns of each group.
func resolveGroups(classes []string, groups []Group) ([]columnGroup, error) {
	if groups == nil {
		for _, c := range Malignant.Classes {
			if !slices.Contains(classes, c) {
				return nil, nil
			}
		}
		groups = []Group{Malignant}
	}
	var resolved []columnGroup
	for _, g := range groups {
		if slices.ContainsFunc(resolved, func(r columnGroup) bool { return r.name == g.Name }) || g.Name == "" {
			return nil, fmt.Errorf("group %q: the name is empty or there twice", g.Name)
		}
		r := columnGroup{name: g.Name, members: slices.Clone(g.Classes)}
		for _, c := range g.Classes {
			k := slices.Index(classes, c)
			if k < 0 || slices.Contains(r.columns, k) {
				return nil, fmt.Errorf("group %s: class %q is not in the table or there twice", g.Name, c)
			}
			r.columns = append(r.columns, k)
		}
		if len(r.columns) == 0 {
			return nil, fmt.Errorf("group %s has no classes", g.Name)
		}
		slices.Sort(r.columns)
		resolved = append(resolved, r)
	}
	return resolved, nil
}
