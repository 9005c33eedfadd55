package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Rows that were rounded to three or four digits are taken and normalised; what is off by
// more than rounding is refused, with numbers that show it.
func TestRoundedRows(t *testing.T) {
	seven := []float32{.1429, .1429, .1429, .1429, .1429, .1429, .1429} // sevenths, to four digits: 1.0003
	for name, c := range map[string]struct {
		row     []float32
		changed bool
		refused string // words of the error
	}{
		"sevenths to four digits":         {seven, true, ""},
		"one ten-thousandth off":          {[]float32{.5001, .5}, true, ""},
		"three digits, worst case":        {[]float32{.144, .144, .143, .143, .143, .143, .143}, true, ""}, // 1.003
		"three digits":                    {[]float32{.143, .143, .143, .143, .143, .143, .143}, true, ""},
		"exact":                           {[]float32{.5, .5}, false, ""},
		"within the tolerance":            {[]float32{.75, .25 - .9e-4}, false, ""},
		"half precision":                  {[]float32{.33325195, .33325195, .33325195}, false, "sum to 0.999756, not 1 (within 0.0001)"},
		"three digits, too far":           {[]float32{.143, .143, .143, .143, .143, .143, .146}, false, "sum to 1.004, not 1 (within 0.0035)"},
		"four digits, too far":            {[]float32{.5, .5012}, false, "sum to 1.0012, not 1 (within 0.0001)"},
		"two digits":                      {[]float32{.33, .33, .33}, false, "sum to 0.99, not 1 (within 0.0015)"},
		"just beyond, with all digits":    {[]float32{.70000001, .30010101}, false, "sum to 1.0001"},
		"rounded, and one is not rounded": {[]float32{.1429, .1429, .1429, .1429, .1429, .1429, .14293}, false, "not 1 (within 0.0001)"},
	} {
		p := &Predictions{ImageIDs: []string{"a"}, Truth: []int{0}, Probs: [][]float32{slices.Clone(c.row)}}
		for k := range c.row {
			p.Classes = append(p.Classes, fmt.Sprintf("c%d", k))
		}
		table, err := NewTable(p)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(p.Probs[0], c.row) {
			t.Errorf("%s: the given row was changed", name)
		}
		got, sum := table.Predictions().Probs[0], 0.0
		for _, v := range got {
			sum += float64(v)
		}
		if changed := !slices.Equal(got, c.row); changed != c.changed || changed != (len(table.Notes()) == 1) || changed && math.Abs(sum-1) > 1e-6 {
			t.Errorf("%s: %v, sum %v, notes %q", name, got, sum, table.Notes())
		}
	}
}

// A refusal never says that a sum is as it should be.
func TestNotOne(t *testing.T) {
	for _, tolerance := range []float64{SumTolerance, .0035, .0015000001} {
		for _, beyond := range []float64{1e-13, 1e-10, 1e-7, 1e-5, .2} {
			for _, sum := range []float64{1 + tolerance + beyond, 1 - tolerance - beyond} {
				var shown float64
				if _, err := fmt.Sscan(notOne(sum, tolerance), &shown); err != nil || !(math.Abs(shown-1) > tolerance) {
					t.Errorf("%v is shown as %v, within %v", sum, shown, tolerance)
				}
			}
		}
	}
}

// roundedTable is a table of 40 images with probabilities to three digits.
func roundedTable(t *testing.T, seed uint64) *Table {
	t.Helper()
	p := syntheticPredictions(newRNG(seed), 40, 3, 0)
	for i := range p.ImageIDs {
		p.Truth[i], p.LesionIDs[i] = i/2%3, fmt.Sprint(i/2)
		for k, v := range p.Probs[i] {
			p.Probs[i][k] = float32(math.Round(1000*float64(v)) / 1000)
		}
	}
	table, err := NewTable(p)
	if err != nil || len(table.Notes()) != 1 {
		t.Fatalf("%v, %v", table.Notes(), err)
	}
	return table
}

// The note on normalised rows is in every answer from a table.
func TestNotesSurvive(t *testing.T) {
	a, b := roundedTable(t, 1), roundedTable(t, 2)
	has := func(name string, answer any, text string) {
		t.Helper()
		coded, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		var object struct{ Notes []string }
		if err := json.Unmarshal(coded, &object); err != nil || len(object.Notes) == 0 || !strings.Contains(object.Notes[0], "divided by its sum") {
			t.Errorf("%s: JSON has the notes %q (%v)", name, object.Notes, err)
		}
		if text != "" && !strings.Contains(text, "divided by its sum") {
			t.Errorf("%s: the text lacks the note:\n%s", name, text)
		}
	}
	few := Options{Resamples: 20, Seed: 1}
	m, err := Evaluate(ctx, a, few)
	if err != nil {
		t.Fatal(err)
	}
	has("metrics", m, m.Table())
	var again Metrics
	text, _ := json.Marshal(m)
	if err := json.Unmarshal(text, &again); err != nil || !slices.Equal(again.Notes, m.Notes) {
		t.Errorf("read again: %q, %v", again.Notes, err)
	}
	compared, err := Compare(ctx, a, b, few)
	if err != nil {
		// The tables are of other truths only if the helper is wrong.
		t.Fatal(err)
	}
	has("comparison", compared, compared.Table())
	if len(compared.Notes) != 2 || !strings.HasPrefix(compared.Notes[0], "A: ") || !strings.HasPrefix(compared.Notes[1], "B: ") {
		t.Errorf("notes of a comparison: %q", compared.Notes)
	}
	effect, err := MeasureLeak(ctx, a, func(id string) bool { return id < "ISIC_0000020" }, few)
	if err != nil {
		t.Fatal(err)
	}
	has("leak", effect, effect.Table())
	seeds, err := SummarizeRuns([]*Metrics{m, m}, .95)
	if err != nil {
		t.Fatal(err)
	}
	has("seeds", seeds, seeds.Table())
	for name, derived := range map[string]func() (*Table, error){
		"part":     func() (*Table, error) { return a.Where(func(i int) bool { return i < 30 }), nil },
		"combined": func() (*Table, error) { return Combine(CombineMean, a, b) },
		"aligned":  func() (*Table, error) { all, err := Align(a, b); return all[1], err },
		"scaled": func() (*Table, error) {
			return (&Scaling{Method: "temperature", Classes: a.Classes(), Weight: []float64{.5, .5, .5}, Bias: make([]float64, 3)}).Apply(a)
		},
	} {
		table, err := derived()
		if err != nil {
			t.Fatal(err)
		}
		m, err := table.Score(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		has(name, m, "")
	}
}

// Calibration errors have values and no intervals, in whatever way they are resampled,
// with the reason. A percentile interval of this table would not hold its own value.
func TestCalibrationErrorsHaveNoInterval(t *testing.T) {
	a, _ := population{photos: 1}.draw(newRNG(48), 200)
	table := tableOf(a)
	r, err := Bootstrap(ctx, table, Options{Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(r.Paths, "ece")
	if ci, _ := r.Percentile(i, .95); ci.holds(r.Estimate[i]) {
		t.Errorf("percentile interval %v of %v: take another table", ci, r.Estimate[i])
	}
	for _, method := range []CIMethod{PercentileCI, BCaCI} {
		opts := Options{Resamples: 100, Seed: 1, Method: method}
		m, err := Evaluate(ctx, table, opts)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Compare(ctx, table, table, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"ece", "ece_equal_width", "ece_classwise"} {
			v, _ := m.Value(path)
			if math.IsNaN(v) || m.CI[path].Defined() || !strings.Contains(m.Undefined["ci."+path], "resampling raises") {
				t.Errorf("%s: %v, %v, %q", path, v, m.CI[path], m.Undefined["ci."+path])
			}
			d := c.Differences[slices.IndexFunc(c.Differences, func(d Difference) bool { return d.Metric == path })]
			if d.CI.Defined() || !math.IsNaN(d.P) || c.Undefined["ci."+path] == "" || c.Undefined[path] != "" {
				t.Errorf("difference of %s: %+v, %q", path, d, c.Undefined["ci."+path])
			}
		}
		if !m.CI["brier"].Defined() {
			t.Error("the Brier score has no interval")
		}
	}
	for _, words := range []string{"ECE, 15 equal-mass bins", "ECE, 15 equal-width bins"} {
		m, _ := Evaluate(ctx, table, Options{})
		if !strings.Contains(m.Table(), words) {
			t.Errorf("the table does not name %q", words)
		}
	}
}

// Files of older versions have intervals that are not given any more.
func TestOldFilesLoseFalseIntervals(t *testing.T) {
	m, err := Evaluate(ctx, tableOf(syntheticPredictions(newRNG(3), 60, 3, 0)), Options{Resamples: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	read := func() *Metrics {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again := new(Metrics)
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatal(err)
		}
		return again
	}
	m.CI["ece"] = Interval{.1, .2}
	delete(m.Undefined, "ci.ece")
	if again := read(); again.CI["ece"].Defined() || again.Undefined["ci.ece"] != biased || !again.CI["accuracy"].Defined() {
		t.Errorf("%v, %q", again.CI["ece"], again.Undefined["ci.ece"])
	}
	m.Bootstrap.Units = 1
	if again := read(); again.CI["accuracy"].Defined() || again.Undefined["ci.accuracy"] != "a single lesion: every resample is the table itself" {
		t.Errorf("%v, %q", again.CI["accuracy"], again.Undefined["ci.accuracy"])
	}
}

// A single lesion, or image, has values and no intervals. So has a class whose images are
// of a single one, even if strata keep it in every resample.
func TestSingleClusterHasNoInterval(t *testing.T) {
	p := syntheticPredictions(newRNG(4), 12, 3, 0)
	for i := range p.LesionIDs {
		p.LesionIDs[i], p.Truth[i] = "L", i%3
	}
	opts := []Options{{Resamples: 50, Seed: 1}, {Resamples: 50, Seed: 1, Method: BCaCI}, {Resamples: 50, Seed: 1, Stratified: true}}
	for _, o := range opts {
		m, err := Evaluate(ctx, tableOf(p), o)
		if err != nil {
			t.Fatal(err)
		}
		for path, ci := range m.CI {
			if ci.Defined() || m.Undefined["ci."+path] == "" {
				t.Errorf("%+v: %s has %v, reason %q", o, path, ci, m.Undefined["ci."+path])
			}
		}
		if m.Undefined["ci.accuracy"] != "a single lesion: every resample is the table itself" {
			t.Error(m.Undefined["ci.accuracy"])
		}
		c, err := Compare(ctx, tableOf(p), tableOf(p), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range c.Differences {
			if d.CI.Defined() || !math.IsNaN(d.P) || d.PAtFloor {
				t.Errorf("%+v: difference %+v", o, d)
			}
		}
	}
	// Ten lesions; all images of class 2 are of one.
	for i := range p.LesionIDs {
		if p.LesionIDs[i] = fmt.Sprint(i); p.Truth[i] == 2 {
			p.LesionIDs[i] = "L"
		}
	}
	m, err := Evaluate(ctx, tableOf(p), opts[2])
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"recall", "auroc", "ap"} {
		path = ClassPath(p.Classes[2], path)
		if m.CI[path].Defined() || m.Undefined["ci."+path] != "all images of "+p.Classes[2]+" are of one lesion" {
			t.Errorf("%s: %v, %q", path, m.CI[path], m.Undefined["ci."+path])
		}
	}
	for _, path := range []string{ClassPath(p.Classes[2], "specificity"), ClassPath(p.Classes[0], "recall"), "accuracy"} {
		if !m.CI[path].Defined() {
			t.Errorf("%s has no interval: %q", path, m.Undefined["ci."+path])
		}
	}
	// Leaked images of one lesion, clean ones of many.
	e, err := MeasureLeak(ctx, tableOf(p), func(id string) bool { return slices.Index(p.ImageIDs, id)%3 == 2 }, opts[0])
	if err != nil {
		t.Fatal(err)
	}
	if !e.Clean.CI["accuracy"].Defined() || e.Leaked.CI["accuracy"].Defined() || e.Leaked.Undefined["ci.accuracy"] == "" ||
		e.Differences[0].CI.Defined() || e.Undefined["ci.accuracy"] == "" {
		t.Errorf("clean %v, leaked %v, difference %+v", e.Clean.CI["accuracy"], e.Leaked.CI["accuracy"], e.Differences[0])
	}
}

// An interval that does not hold its own value is none.
func TestIntervalHoldsItsValue(t *testing.T) {
	r := &Replicates{Info: BootstrapInfo{Units: 9}, Estimate: []float64{1, 1, 1 + 1e-15}, Values: [][]float64{{2, .5, 1}, {3, 2, 1}, {4, 3, 1}}}
	if ci, err := r.Interval(0, .95); err == nil || ci.Defined() {
		t.Errorf("%v, %v", ci, err)
	}
	for _, i := range []int{1, 2} { // the last is off by the order of a sum
		if ci, err := r.Interval(i, .95); err != nil || !ci.Defined() {
			t.Errorf("%d: %v, %v", i, ci, err)
		}
	}
}

// The least p-value of n resamples is 2/(n+1), an upper bound.
func TestPAtFloor(t *testing.T) {
	r := &Replicates{Estimate: []float64{1, 1, 1}, Values: [][]float64{{1, -1, 0}, {2, 2, 1}, {3, 3, 1}}}
	for i, want := range []bool{true, false, false} {
		if r.AtFloor(i) != want {
			t.Errorf("statistic %d: at the floor %v, want %v", i, !want, want)
		}
	}
	for _, c := range []struct {
		p     float64
		floor bool
		want  string
	}{
		{2. / 2001, true, "<=0.001"}, {2. / 101, true, "<=0.02"}, {2. / 2101, true, "<=0.00096"}, {.02, true, "<=0.02"}, {1, true, "<=1"},
		{2. / 2001, false, "0.001"}, {2. / 40001, true, "<0.0001"}, {math.NaN(), true, "-"}, {.0414, false, "0.041"},
	} {
		if got := FormatP(c.p, c.floor); got != c.want {
			t.Errorf("%v, at the floor %v: %q, want %q", c.p, c.floor, got, c.want)
		}
	}
	// A model that is right everywhere against one that is wrong everywhere.
	good, bad := syntheticPredictions(newRNG(5), 30, 3, 0), syntheticPredictions(newRNG(5), 30, 3, 0)
	for i, truth := range good.Truth {
		good.Probs[i], bad.Probs[i] = make([]float32, 3), make([]float32, 3)
		good.Probs[i][truth], bad.Probs[i][(truth+1)%3] = 1, 1
	}
	c, err := Compare(ctx, tableOf(bad), tableOf(good), Options{Resamples: 199, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Differences[0]
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{.01, true}, []any{object["p"], object["p_at_floor"]}); diff != "" || d.Metric != "accuracy" {
		t.Errorf("%s: %s", d.Metric, diff)
	}
	if !strings.Contains(c.Table(), "<=0.01") {
		t.Errorf("the table:\n%s", c.Table())
	}
}
