package eval

import (
	"context"
	"fmt"
	"math"
)

// Comparison compares model B with model A on the same images. Differences are B - A.
type Comparison struct {
	Classes []string
	N       int // images of known truth
	Unknown int // images left out because their truth is not known
	// A and B are the metrics of each model, without intervals.
	A, B *Metrics
	// Differences has an element for every scalar metric, in the order of
	// [Metrics.Paths].
	Differences []Difference
	// AUROC has the DeLong test of each class and group.
	AUROC   []AUROCDifference
	McNemar McNemarTest
	// Bootstrap has the settings of the intervals and p-values of Differences; nil
	// without resamples.
	Bootstrap *BootstrapInfo
	// Undefined gives the reason for each NaN. The key of a difference is the metric
	// path; the key of its interval and p-value begins with "ci.", the key of a
	// DeLong test with "delong.".
	Undefined map[string]string
	// Notes are caveats of the two tables (see [Table.Notes]), with "A: " or "B: " before
	// each; callers may add more.
	Notes []string
}

// AUROCDifference is the paired DeLong test of the area of one class or group.
type AUROCDifference struct {
	Metric string // path of the area
	A, B   float64
	DeLongTest
	CI Interval // normal, of the difference
	// PHolm is P adjusted for the number of classes and groups.
	PHolm float64
}

// McNemarTest counts the images that one model alone classifies correctly; see
// [McNemar].
type McNemarTest struct {
	OnlyA int     `json:"only_a"`
	OnlyB int     `json:"only_b"`
	P     float64 `json:"p"`
}

// Compare compares two models. Their tables must have the same images, truths and
// classes; see [Align]. Resamples
// are paired: each scores both models on the same draw of lesions or images. DeLong's
// variance is clustered by lesion if opts.Unit is [ByLesion]. McNemar's test takes
// images as independent, so its p-value is too small if lesions have many photos. If
// ctx is done before the resamples are, its error is returned.
func Compare(ctx context.Context, a, b *Table, opts Options) (*Comparison, error) {
	aligned, err := Align(a, b)
	if err != nil {
		return nil, fmt.Errorf("comparing: %w", err)
	}
	known := aligned[0].known
	groups, err := resolveGroups(known.Classes, opts.Groups)
	if err != nil {
		return nil, err
	}
	tableA, tableB := aligned[0].ranked(groups), aligned[1].ranked(groups)
	once := repeatOne(known.Len())
	c := &Comparison{
		Classes: a.Classes(), N: known.Len(), Unknown: a.Unknown(),
		A: tableA.metrics(once), B: tableB.metrics(once), Undefined: make(map[string]string),
	}
	if err := c.addDifferences(ctx, tableA, tableB, opts); err != nil {
		return nil, err
	}
	if err := c.addDeLong(tableA, tableB, opts); err != nil {
		return nil, err
	}
	for i, truth := range known.Truth {
		switch rightA, rightB := tableA.predicted[i] == truth, tableB.predicted[i] == truth; {
		case rightA && !rightB:
			c.McNemar.OnlyA++
		case rightB && !rightA:
			c.McNemar.OnlyB++
		}
	}
	c.Notes = append(prefixed("A: ", a.Notes()), prefixed("B: ", b.Notes())...)
	c.McNemar.P = McNemar(c.McNemar.OnlyA, c.McNemar.OnlyB)
	return c, nil
}

func (c *Comparison) addDifferences(ctx context.Context, a, b *ranked, opts Options) error {
	paths := c.A.Paths()
	var replicates *Replicates
	if opts.Resamples != 0 {
		d := newDesign(a.p, opts.Unit, opts.Stratified, nil)
		var err error
		replicates, err = bootstrap(ctx, d, paths, func() func([]uint32) []float64 {
			scratchA, scratchB := a.newMetrics(), b.newMetrics()
			return func(counts []uint32) []float64 {
				a.score(counts, scratchA)
				b.score(counts, scratchB)
				return subtract(scratchB.Values(), scratchA.Values())
			}
		}, opts)
		if err != nil {
			return err
		}
		replicates.obstacles = a.obstacles(d)
		c.Bootstrap = &replicates.Info
	}
	c.Differences = differences(c.A, c.B, replicates, opts.level(), c.Undefined)
	return nil
}

// addDeLong tests the areas of all classes and groups.
func (c *Comparison) addDeLong(a, b *ranked, opts Options) error {
	var clusters []string
	if opts.Unit == ByLesion {
		clusters = a.p.LesionIDs
	}
	var p []float64
	for i, row := range c.A.rows() {
		scoresA, positive := a.targets[i].column(a.p)
		scoresB, _ := b.targets[i].column(b.p)
		d, err := NewDeLong(positive, clusters, scoresA, scoresB)
		if err != nil {
			return err
		}
		test, path := d.Test(0, 1), row.path("auroc")
		c.AUROC = append(c.AUROC, AUROCDifference{Metric: path, A: d.AUC[0], B: d.AUC[1], DeLongTest: test, CI: test.Interval(opts.level())})
		p = append(p, test.P)
		switch {
		case c.Undefined[path] != "":
			c.Undefined["delong."+path] = c.Undefined[path]
		case math.IsNaN(test.SE):
			c.Undefined["delong."+path] = "fewer than two lesions or images on one side"
		case math.IsNaN(test.P):
			c.Undefined["delong."+path] = "areas without variance"
		}
	}
	adjusted, err := Holm(p)
	for i, v := range adjusted {
		c.AUROC[i].PHolm = v
	}
	return err
}
