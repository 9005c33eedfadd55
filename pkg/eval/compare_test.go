package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// twoModels are predictions of a better and a worse model for the same images.
func twoModels(seed uint64, n int) (a, b *Predictions) {
	rng := newRNG(seed)
	a = syntheticPredictions(rng, n, 7, 0)
	b = &Predictions{Classes: a.Classes, ImageIDs: a.ImageIDs, LesionIDs: a.LesionIDs, Truth: a.Truth}
	for _, truth := range a.Truth {
		row := randomRow(rng, 7, truth, 0)
		b.Probs = append(b.Probs, row)
	}
	a = sharpen(a, 0.5)
	b.Truth = a.Truth // tests change the truth of both at once
	return a, b
}

// Each part of a comparison is equal to the result of the function for that part.
func TestCompareAgreesWithItsParts(t *testing.T) {
	a, b := twoModels(1, 150)
	a.Truth[3] = TruthUnknown
	opts := Options{Resamples: 60, Seed: 4}
	c, err := Compare(ctx, tableOf(a), tableOf(permuteRows(b, newRNG(2))), opts)
	if err != nil {
		t.Fatal(err)
	}
	if c.N != 149 || c.Unknown != 1 {
		t.Errorf("%d images, %d unknown", c.N, c.Unknown)
	}
	ra, err := Bootstrap(ctx, tableOf(a), opts)
	if err != nil {
		t.Fatal(err)
	}
	rb, err := Bootstrap(ctx, tableOf(b), opts)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range c.Differences {
		if d.Metric != ra.Paths[i] || d.A != ra.Estimate[i] || d.B != rb.Estimate[i] || d.Difference != d.B-d.A {
			t.Errorf("%s: %+v, alone %v and %v", ra.Paths[i], d, ra.Estimate[i], rb.Estimate[i])
		}
		var paired []float64
		for r := range ra.Values {
			paired = append(paired, rb.Values[r][i]-ra.Values[r][i])
		}
		if want := PercentileInterval(paired, .95); d.CI != want && c.Undefined["ci."+d.Metric] == "" {
			t.Errorf("%s: interval %v, of the paired differences %v", d.Metric, d.CI, want)
		}
		if math.IsNaN(d.P) != math.IsNaN(d.CI.Low) {
			t.Errorf("%s: interval %v, p %v", d.Metric, d.CI, d.P)
		}
	}
	known, knownB := tableOf(a).known, tableOf(b).known
	for k := range a.Classes {
		sa, positive := column(known, k)
		sb, _ := column(knownB, k)
		want, err := NewDeLong(positive, known.LesionIDs, sa, sb)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.AUROC[k]; got.DeLongTest != want.Test(0, 1) || got.A != want.AUC[0] || got.PHolm < got.P {
			t.Errorf("%s: %+v, want %+v", got.Metric, got, want.Test(0, 1))
		}
	}
	if len(c.AUROC) != 8 || c.AUROC[7].Metric != "groups.malignant.auroc" {
		t.Errorf("%d tests, the last of %s", len(c.AUROC), c.AUROC[len(c.AUROC)-1].Metric)
	}
	onlyA, onlyB := 0, 0
	for i, truth := range known.Truth {
		ra, rb := known.Predicted(i) == truth, knownB.Predicted(i) == truth
		if ra && !rb {
			onlyA++
		}
		if rb && !ra {
			onlyB++
		}
	}
	if want := (McNemarTest{onlyA, onlyB, McNemar(onlyA, onlyB)}); c.McNemar != want || onlyA == onlyB {
		t.Errorf("McNemar %+v, want %+v", c.McNemar, want)
	}
}

// A model does not differ from itself; an exchange of two models exchanges signs.
func TestCompareSymmetry(t *testing.T) {
	a, b := twoModels(5, 80)
	opts := Options{Resamples: 30, Method: BCaCI}
	same, err := Compare(ctx, tableOf(a), tableOf(a), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range same.Differences {
		if strings.HasPrefix(d.Metric, "ece") { // no resampling
			d.P, d.CI = 1, Interval{}
		}
		if d.Difference != 0 || d.P != 1 || d.CI != (Interval{}) {
			t.Errorf("a model against itself: %+v", d)
		}
	}
	for _, d := range same.AUROC {
		if d.P != 1 || d.Z != 0 {
			t.Errorf("a model against itself: %+v", d)
		}
	}
	forth, err := Compare(ctx, tableOf(a), tableOf(b), Options{Resamples: 30})
	if err != nil {
		t.Fatal(err)
	}
	back, err := Compare(ctx, tableOf(b), tableOf(a), Options{Resamples: 30})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range forth.Differences {
		if e := back.Differences[i]; e.Difference != -d.Difference || e.P != d.P && !math.IsNaN(d.P) || !near(e.CI.Low, -d.CI.High) {
			t.Errorf("%+v there and %+v back", d, e)
		}
	}
}

func TestCompareJSON(t *testing.T) {
	a, b := twoModels(6, 40)
	for i := range a.Truth { // class 0 is absent
		a.Truth[i] = max(a.Truth[i], 1)
	}
	for _, resamples := range []int{0, 20} {
		c, err := Compare(ctx, tableOf(a), tableOf(b), Options{Resamples: resamples})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			N           int
			Differences map[string]struct {
				A, Difference, P *float64
				CI               []float64
			}
			DeLong map[string]struct {
				P     *float64
				PHolm *float64 `json:"p_holm"`
			}
			McNemar   struct{ P float64 }
			Bootstrap *BootstrapInfo
			Undefined map[string]string
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if d := got.Differences["accuracy"]; d.A == nil || *d.Difference != c.Differences[0].Difference || (d.P != nil) != (resamples > 0) || (len(d.CI) == 2) != (resamples > 0) {
			t.Errorf("%d resamples: accuracy %+v", resamples, d)
		}
		path := "per_class.akiec.auroc"
		if d := got.Differences[path]; d.A != nil || d.CI != nil || got.Undefined[path] == "" || got.Undefined["delong."+path] == "" || got.DeLong[path].P != nil {
			t.Errorf("%d resamples: absent class %+v, %v", resamples, d, got.Undefined)
		}
		if (got.Bootstrap != nil) != (resamples > 0) || got.DeLong["per_class.nv.auroc"].PHolm == nil {
			t.Errorf("%d resamples: %s", resamples, text)
		}
		if table := c.Table(); !strings.Contains(table, "McNemar") || !strings.Contains(table, "malignant") {
			t.Errorf("table:\n%s", table)
		}
	}
}

func TestCompareDoesNotDependOnCores(t *testing.T) {
	a, b := twoModels(7, 60)
	var first []byte
	for _, workers := range []int{1, 3} {
		c, err := Compare(ctx, tableOf(a), tableOf(b), Options{Resamples: 20, Method: BCaCI, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, text) {
			t.Errorf("%d workers give other bytes", workers)
		}
		first = text
	}
}

func TestCompareErrors(t *testing.T) {
	a, b := twoModels(8, 20)
	for name, call := range map[string]func() error{
		"groups": func() error {
			_, err := Compare(ctx, tableOf(a), tableOf(b), Options{Groups: []Group{{"g", []string{"x"}}}})
			return err
		},
		"resamples": func() error { _, err := Compare(ctx, tableOf(a), tableOf(b), Options{Resamples: -1}); return err },
		"images": func() error {
			c := permuteRows(b, newRNG(1))
			c.ImageIDs[0] = "other"
			_, err := Compare(ctx, tableOf(a), tableOf(c), Options{})
			return err
		},
	} {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
