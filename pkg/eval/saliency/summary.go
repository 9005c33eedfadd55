package saliency

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
)

// Kind is the role of a method in a comparison.
type Kind string

// The kinds. The name of a method begins with its kind and a colon, unless it is
// [Measured].
const (
	Measured Kind = ""         // under test
	Baseline Kind = "baseline" // independent of the picture, or of an untrained network
	Ceiling  Kind = "ceiling"  // made from the mask itself
)

// KindOf returns the kind that a method's name begins with ("baseline:" or
// "ceiling:"), otherwise Measured.
func KindOf(method string) Kind {
	kind, _, found := strings.Cut(method, ":")
	if k := Kind(kind); found && (k == Baseline || k == Ceiling) {
		return k
	}
	return Measured
}

// owner returns the measured method that a baseline was made for, such as the map of
// an untrained network, by its name "baseline:WHAT-METHOD". It is empty for a
// baseline of all methods.
func owner(methods []string, baseline string) string {
	for _, method := range methods {
		if KindOf(method) == Measured && KindOf(baseline) == Baseline && strings.HasSuffix(baseline, "-"+method) {
			return method
		}
	}
	return ""
}

// Summary has the means of a [Table], for all images and for groups of them.
type Summary struct {
	Methods []string
	Groups  []Group
	// Bootstrap says how the intervals were made; nil without resamples.
	Bootstrap *eval.BootstrapInfo
}

// Group has the means of some images: all, the images of one class, or the rightly
// or wrongly predicted ones.
type Group struct {
	Name   string // "all", "correct", "wrong" or a class
	Images int
	// Measured is the number of images for which each metric is defined.
	Measured  [NumMetrics]int
	MaskShare Estimate
	// Even is the number of maps of each method whose scores are all equal to the
	// scores of an even map. Images that the mask fills do not count.
	Even []int
	// Means has the mean of each metric for each method.
	Means []Means
	// Differences has each method of kind [Measured] less each baseline, except
	// baselines made for another method ("baseline:WHAT-METHOD").
	Differences []Difference
}

// Means are the means of one method's metrics.
type Means [NumMetrics]Estimate

// Difference is the mean of A less the mean of B, on the same images.
type Difference struct {
	A, B  string // methods
	Means Means
}

// Estimate is a mean, or a difference of two, and its interval; NaN where no
// image has the metric. An interval that can't be had is NaN.
type Estimate struct {
	Value float64
	CI    eval.Interval
	// P is the two-sided p-value of a difference of zero ([eval.Replicates.P]), not
	// adjusted for the number of comparisons; NaN for a mean. PAtFloor says that it is an
	// upper bound ([eval.Replicates.AtFloor]).
	P        float64
	PAtFloor bool
}

// groupNames are the groups of a table.
func (t *Table) groupNames() []string {
	return append([]string{"all", "correct", "wrong"}, t.Classes...)
}

// groupsOf are the groups that an image is in, by their place in groupNames.
func groupsOf(image *Image) [3]int {
	right := 2
	if image.Predicted == image.Truth {
		right = 1
	}
	return [3]int{0, right, 3 + image.Truth}
}

// Summarize computes the means of all metrics and their paired differences, by
// group. Intervals come from opts as for [eval.Evaluate]: resampled lesions with
// all their images, the same resamples for every method; with 0 resamples there
// are none. If ctx is done before the resamples are, its error is returned.
func (t *Table) Summarize(ctx context.Context, opts eval.Options) (*Summary, error) {
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("scores: %w", err)
	}
	columns := 1 + len(t.Methods)*int(NumMetrics) // mask share, then the metrics by method
	groups := t.groupNames()
	statistic := func(counts []uint32) []float64 {
		sums, weights := make([]float64, len(groups)*columns), make([]float64, len(groups)*columns)
		for i := range t.Images {
			if counts[i] == 0 {
				continue
			}
			image, n := &t.Images[i], float64(counts[i])
			for _, g := range groupsOf(image) {
				at := g * columns
				sums[at] += n * image.MaskShare
				weights[at] += n
				for _, scores := range image.Scores {
					for _, v := range scores {
						at++
						if !math.IsNaN(v) {
							sums[at] += n * v
							weights[at] += n
						}
					}
				}
			}
		}
		for i := range sums {
			sums[i] /= weights[i] // 0/0 is NaN: undefined
		}
		return sums
	}
	r := &eval.Replicates{}
	s := &Summary{Methods: t.Methods}
	if opts.Resamples > 0 {
		images, err := eval.NewTable(t.predictions())
		if err != nil {
			return nil, fmt.Errorf("scores: %w", err)
		}
		names := make([]string, len(groups)*columns)
		if r, err = eval.BootstrapFunc(ctx, images, names, statistic, opts); err != nil {
			return nil, fmt.Errorf("scores: %w", err)
		}
		s.Bootstrap = &r.Info
	} else {
		r.Estimate = statistic(slices.Repeat([]uint32{1}, len(t.Images)))
	}
	for g, name := range groups {
		group := Group{Name: name, MaskShare: estimate(r, g*columns, -1), Even: make([]int, len(t.Methods))}
		at := func(method int, m Metric) int { return g*columns + 1 + method*int(NumMetrics) + int(m) }
		for a, nameA := range t.Methods {
			var means Means
			for m := range NumMetrics {
				means[m] = estimate(r, at(a, m), -1)
			}
			group.Means = append(group.Means, means)
			if KindOf(nameA) != Measured {
				continue
			}
			for b, nameB := range t.Methods {
				if owner := owner(t.Methods, nameB); KindOf(nameB) == Baseline && (owner == "" || owner == nameA) {
					d := Difference{A: nameA, B: nameB}
					for m := range NumMetrics {
						d.Means[m] = estimate(r, at(a, m), at(b, m))
					}
					group.Differences = append(group.Differences, d)
				}
			}
		}
		s.Groups = append(s.Groups, group)
	}
	for i := range t.Images {
		for _, g := range groupsOf(&t.Images[i]) {
			s.Groups[g].Images++
			for k := range t.Methods {
				if t.Images[i].even(k) {
					s.Groups[g].Even[k]++
				}
			}
			for m, v := range t.Images[i].Scores[0] {
				if !math.IsNaN(v) {
					s.Groups[g].Measured[m]++
				}
			}
		}
	}
	return s, nil
}

// even reports whether a method's map has the scores of an even one. The chance that
// another has all of them to four decimals is slight. Under a mask that fills the
// picture all maps score alike, so none counts there.
func (image *Image) even(method int) bool {
	scores := image.Scores[method]
	return scores[MassInside] == image.MaskShare && scores[Pointing] == image.MaskShare && scores[AUC] == .5
}

// estimate is statistic a of r, less statistic b unless that is negative.
func estimate(r *eval.Replicates, a, b int) Estimate {
	value := func(row []float64) float64 {
		if b < 0 {
			return row[a]
		}
		return row[a] - row[b]
	}
	e := Estimate{Value: value(r.Estimate), CI: eval.Interval{Low: math.NaN(), High: math.NaN()}, P: math.NaN()}
	if r.Values == nil {
		return e
	}
	one := &eval.Replicates{Info: r.Info, Estimate: []float64{e.Value}, Values: make([][]float64, len(r.Values))}
	flat := make([]float64, len(r.Values))
	for i, row := range r.Values {
		flat[i] = value(row)
		one.Values[i] = flat[i : i+1]
	}
	if ci, err := one.Interval(0, r.Info.Level); err == nil {
		e.CI = ci
	}
	if b >= 0 {
		e.P, e.PAtFloor = one.P(0), one.AtFloor(0)
	}
	return e
}

// predictions are the images as a table that can be resampled: all probability
// on the predicted class.
func (t *Table) predictions() *eval.Predictions {
	p := &eval.Predictions{Classes: t.Classes}
	for _, image := range t.Images {
		p.ImageIDs = append(p.ImageIDs, image.ImageID)
		p.LesionIDs = append(p.LesionIDs, image.LesionID)
		p.Truth = append(p.Truth, image.Truth)
		row := make([]float32, len(t.Classes))
		row[image.Predicted] = 1
		p.Probs = append(p.Probs, row)
	}
	return p
}
