package eval

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// One contrast of two tables of the same images is their comparison, resample by resample.
func TestContrastOfTwoTablesIsTheirComparison(t *testing.T) {
	a, b := twoModels(3, 200)
	a.Truth[5] = TruthUnknown
	for _, opts := range []Options{{Resamples: 80, Seed: 9}, {Resamples: 80, Seed: 9, Unit: ByImage}, {Resamples: 80, Stratified: true}, {}} {
		c, err := Compare(ctx, tableOf(a), tableOf(b), opts)
		if err != nil {
			t.Fatal(err)
		}
		var metrics []string
		for _, m := range overallMetrics {
			metrics = append(metrics, m.name)
		}
		e, err := MeasureContrasts(ctx, []*Table{tableOf(a), tableOf(b)}, []Contrast{{"b less a", []float64{-1, 1}}}, metrics, opts)
		if err != nil {
			t.Fatal(err)
		}
		for i, metric := range metrics {
			want, got := c.Differences[i], e.List[i]
			near := func(x, y float64) bool { return math.Abs(x-y) < 1e-12 || math.IsNaN(x) && math.IsNaN(y) }
			if got.Metric != metric || got.Contrast != "b less a" || !near(got.Value, want.Difference) || !near(got.CI.Low, want.CI.Low) ||
				!near(got.CI.High, want.CI.High) || !near(got.P, want.P) {
				t.Errorf("%+v, %s: %+v, compared %+v", opts, metric, got, want)
			}
			if of, err := e.Of("b less a", metric); err != nil || of.Metric != metric {
				t.Errorf("Of: %+v, %v", of, err)
			}
		}
		if (e.Bootstrap == nil) != (opts.Resamples == 0) || e.Bootstrap != nil && e.Bootstrap.Units != c.Bootstrap.Units {
			t.Errorf("%+v: bootstrap %+v, compared %+v", opts, e.Bootstrap, c.Bootstrap)
		}
	}
}

// By hand: accuracies 1, 1/2, 1/2 and 0 of four tables, of which two have an image more.
func TestContrastsByHand(t *testing.T) {
	table := func(rights ...bool) *Table {
		p := &Predictions{Classes: []string{"a", "b"}}
		for i, right := range rights {
			p.ImageIDs = append(p.ImageIDs, string(rune('1'+i)))
			p.Truth = append(p.Truth, i%2)
			row := []float32{0, 0}
			row[i%2] = 1
			if !right {
				row[0], row[1] = row[1], row[0]
			}
			p.Probs = append(p.Probs, row)
		}
		return tableOf(p)
	}
	tables := []*Table{table(true, true), table(true, false), table(true, false, true, false), table(false, false)}
	e, err := MeasureContrasts(ctx, tables, []Contrast{
		{"mean", []float64{.25, .25, .25, .25}},
		{"first factor", []float64{.5, .5, -.5, -.5}},
		{"interaction", []float64{1, -1, -1, 1}},
	}, []string{"accuracy"}, Options{Resamples: 500, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{.5, .5, 0} {
		if got := e.List[i].Value; got != want {
			t.Errorf("%s: %v, want %v", e.List[i].Contrast, got, want)
		}
	}
	// Four images in all, of no lesion: images 1 and 2 are in all tables.
	if e.Bootstrap.Units != 4 || e.Bootstrap.Unit != ByImage {
		t.Errorf("%+v", e.Bootstrap)
	}
}

// A lesion that is in the tables of two splits is drawn in both or in none: of equal
// tables, however many images they share with others, the difference is always 0.
func TestContrastsPairLesionsOverTables(t *testing.T) {
	whole, _ := twoModels(8, 120)
	all := tableOf(whole)
	part := all.Where(func(i int) bool { return i%3 != 0 })
	same := all.Where(func(i int) bool { return i%3 != 0 })
	e, err := MeasureContrasts(ctx, []*Table{all, part, same}, []Contrast{{"nothing", []float64{0, 1, -1}}, {"part", []float64{1, -1, 0}}},
		[]string{"accuracy", "auroc_macro"}, Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, effect := range e.List[:2] {
		if effect.Value != 0 || effect.CI != (Interval{0, 0}) || effect.P != 1 {
			t.Errorf("%+v", effect)
		}
	}
	if part := e.List[2]; !(part.CI.Low < part.CI.High) {
		t.Errorf("%+v", part)
	}
}

func TestContrastErrors(t *testing.T) {
	a, b := twoModels(1, 30)
	other := *b
	other.Truth = slices.Clone(b.Truth)
	other.Truth[0] = (other.Truth[0] + 1) % 7
	classes := *b
	classes.Classes = []string{"1", "2", "3", "4", "5", "6", "7"}
	for name, c := range map[string]struct {
		tables    []*Table
		contrasts []Contrast
		metrics   []string
		want      string
	}{
		"no tables":      {nil, nil, nil, "no tables"},
		"weights":        {[]*Table{tableOf(a)}, []Contrast{{"x", []float64{1, 2}}}, nil, "2 weights for 1 tables"},
		"metric":         {[]*Table{tableOf(a)}, nil, []string{"per_class.mel.recall"}, "no overall metric"},
		"other truth":    {[]*Table{tableOf(a), tableOf(&other)}, nil, nil, "another truth"},
		"other classes":  {[]*Table{tableOf(a), tableOf(&classes)}, nil, nil, "has the classes"},
		"bad resampling": {[]*Table{tableOf(a)}, []Contrast{{"x", []float64{1}}}, []string{"accuracy"}, "need at least 1"},
	} {
		opts := Options{}
		if name == "bad resampling" {
			opts.Resamples = -1
		}
		if _, err := MeasureContrasts(ctx, c.tables, c.contrasts, c.metrics, opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := (&Effects{}).Of("a", "b"); err == nil {
		t.Error("an effect that was not measured: no error")
	}
}
