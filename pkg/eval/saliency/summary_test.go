package saliency

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
)

func groupOf(t *testing.T, s *Summary, name string) Group {
	t.Helper()
	for _, g := range s.Groups {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("no group %q", name)
	return Group{}
}

// By hand, from the numbers of testTable.
func TestSummarizeByHand(t *testing.T) {
	s, err := testTable().Summarize(t.Context(), eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Bootstrap != nil {
		t.Error("no resamples were asked for")
	}
	for _, c := range []struct {
		group           string
		images, curves  int
		share           float64
		attention, even float64 // mass inside
		difference      float64
		deletion        float64 // of the attention
	}{
		{"all", 5, 3, 1.9375 / 5, .55, .525, .025, .5},
		{"correct", 3, 2, 1.375 / 3, 2. / 3, .625, 2./3 - .625, .375},
		{"wrong", 2, 1, .28125, .375, .375, 0, .75},
		{"mel", 2, 0, .375, .625, .3125, .3125, math.NaN()},
		{"nv", 3, 3, 1.1875 / 3, .5, 2. / 3, .5 - 2./3, .5},
		{"vasc", 0, 0, math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()},
	} {
		g := groupOf(t, s, c.group)
		if g.Images != c.images || g.Measured[Deletion] != c.curves || g.Measured[MassInside] != c.images {
			t.Errorf("%s: %d images, measured %v", c.group, g.Images, g.Measured)
		}
		if len(g.Differences) != 2 || g.Differences[0].A != "attention" || g.Differences[0].B != "baseline:even" || g.Differences[1].A != "other" {
			t.Fatalf("%s: differences %+v", c.group, g.Differences)
		}
		for _, v := range []struct {
			what      string
			got, want float64
		}{
			{"mask share", g.MaskShare.Value, c.share},
			{"attention", g.Means[0][MassInside].Value, c.attention},
			{"even", g.Means[2][MassInside].Value, c.even},
			{"difference", g.Differences[0].Means[MassInside].Value, c.difference},
			{"deletion", g.Means[0][Deletion].Value, c.deletion},
		} {
			if !(math.Abs(v.got-v.want) < 1e-12) && !(math.IsNaN(v.got) && math.IsNaN(v.want)) {
				t.Errorf("%s: %s is %v, want %v", c.group, v.what, v.got, v.want)
			}
		}
	}
}

// noisyTable has a method that is always 0.1 above a baseline, while both vary from
// lesion to lesion, and another method that varies by itself.
func noisyTable() *Table {
	rng := rand.New(rand.NewPCG(11, 12))
	table := &Table{Classes: []string{"mel", "nv"}, Methods: []string{"above", "alone", "baseline:b"}}
	for i := range 300 {
		base := .1 + .6*rng.Float64()
		image := Image{ImageID: fmt.Sprintf("i%d", i), LesionID: fmt.Sprintf("l%d", i/3), Truth: i / 3 % 2, Predicted: rng.IntN(2), MaskShare: .3}
		for _, v := range []float64{base + .1, rng.Float64(), base} {
			image.Scores = append(image.Scores, Scores{v, v, v, v, v, v, v})
		}
		table.Images = append(table.Images, image)
	}
	return table
}

// Differences are paired, resamples draw lesions, and both intervals equal the
// intervals of package eval's bootstrap of the same statistic.
func TestSummarizeIntervals(t *testing.T) {
	table := noisyTable()
	opts := eval.Options{Resamples: 400, Seed: 5}
	s, err := table.Summarize(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if s.Bootstrap.Units != 100 || s.Bootstrap.Unit != eval.ByLesion {
		t.Errorf("bootstrap %+v", s.Bootstrap)
	}
	all := groupOf(t, s, "all")
	shift := all.Differences[0].Means[AUC]
	if math.Abs(shift.CI.Low-.1) > 1e-9 || math.Abs(shift.CI.High-.1) > 1e-9 || math.Abs(shift.Value-.1) > 1e-9 {
		t.Errorf("a constant difference has the interval %v", shift.CI)
	}
	if want := 2. / 401; math.Abs(shift.P-want) > 1e-12 {
		t.Errorf("p of a constant difference is %v, want %v", shift.P, want)
	}
	mean := func(value func(*Image) float64, in func(*Image) bool) func([]uint32) []float64 {
		return func(counts []uint32) []float64 {
			sum, n := 0., 0.
			for i := range table.Images {
				if in(&table.Images[i]) {
					sum += float64(counts[i]) * value(&table.Images[i])
					n += float64(counts[i])
				}
			}
			return []float64{sum / n}
		}
	}
	for _, c := range []struct {
		group string
		in    func(*Image) bool
	}{
		{"all", func(*Image) bool { return true }},
		{"nv", func(i *Image) bool { return i.Truth == 1 }},
		{"wrong", func(i *Image) bool { return i.Truth != i.Predicted }},
	} {
		g := groupOf(t, s, c.group)
		for _, v := range []struct {
			got   Estimate
			value func(*Image) float64
		}{
			{g.Means[1][IoU], func(i *Image) float64 { return i.Scores[1][IoU] }},
			{g.Differences[1].Means[IoU], func(i *Image) float64 { return i.Scores[1][IoU] - i.Scores[2][IoU] }},
		} {
			images, err := eval.NewTable(table.predictions())
			if err != nil {
				t.Fatal(err)
			}
			r, err := eval.BootstrapFunc(t.Context(), images, []string{"x"}, mean(v.value, c.in), opts)
			if err != nil {
				t.Fatal(err)
			}
			want, err := r.Interval(0, .95)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(v.got.CI.Low-want.Low) > 1e-12 || math.Abs(v.got.CI.High-want.High) > 1e-12 || math.Abs(v.got.Value-r.Estimate[0]) > 1e-12 {
				t.Errorf("%s: %+v, want %v %v", c.group, v.got, r.Estimate[0], want)
			}
		}
	}
}

// A baseline that was made for a method is compared with that method alone.
func TestBaselinesOfMethods(t *testing.T) {
	table := testTable()
	for i := range table.Images {
		table.Images[i].Scores = append(table.Images[i].Scores, table.Images[i].Scores[0])
	}
	table.Methods = []string{"cam", "cam++", "baseline:untrained-cam++", "baseline:even"}
	s, err := table.Summarize(t.Context(), eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range s.Groups[0].Differences {
		got = append(got, d.A+" - "+d.B)
	}
	want := []string{"cam - baseline:even", "cam++ - baseline:untrained-cam++", "cam++ - baseline:even"}
	if !slices.Equal(got, want) {
		t.Errorf("differences %q, want %q", got, want)
	}
}

// An even map scores the mask's share; a map that only has its mass does not
// count as one.
func TestEvenMaps(t *testing.T) {
	table := testTable()
	table.Images[0].Scores[1] = Scores{.25, .25, .5, .2, .5, math.NaN(), math.NaN()}
	table.Images[3].Scores[1] = Scores{1, 1, 1, 1, .5, .25, .25} // of a full mask, but for the AUC
	table.Images[1].Scores[1] = Scores{.5, 1, 1, .2, .5, math.NaN(), math.NaN()}
	s, err := table.Summarize(t.Context(), eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string]int{"all": 2, "correct": 2, "wrong": 0, "mel": 1, "nv": 1} {
		if g := groupOf(t, s, group); g.Even[1] != want || g.Even[0] != 0 {
			t.Errorf("%s: %v even maps, want %d of the second method", group, g.Even, want)
		}
	}
}

func TestSummaryJSON(t *testing.T) {
	s, err := testTable().Summarize(t.Context(), eval.Options{Resamples: 50, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Methods   []string
		Bootstrap struct{ Resamples, Units int }
		Groups    map[string]struct {
			Images      int
			Measured    map[string]int
			Means       map[string]map[string]struct{ Value *float64 }
			Differences []struct {
				Method, Less string
				Differences  map[string]struct {
					Value, P *float64
					CI       *[2]float64
				}
			}
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	all := got.Groups["all"]
	if len(got.Groups) != 6 || got.Bootstrap.Resamples != 50 || got.Bootstrap.Units != 4 || all.Images != 5 || all.Measured["deletion"] != 3 {
		t.Errorf("JSON: %s", text)
	}
	if v := all.Means["attention"]["mass_inside"].Value; v == nil || math.Abs(*v-.55) > 1e-12 {
		t.Errorf("mean in JSON: %v", v)
	}
	if d := all.Differences[1]; d.Method != "other" || d.Less != "baseline:even" || d.Differences["iou"].CI == nil || d.Differences["iou"].P == nil {
		t.Errorf("difference in JSON: %+v", d)
	}
	if v := got.Groups["vasc"].Means["attention"]["auc"].Value; v != nil {
		t.Errorf("a class without images has the mean %v", *v)
	}
}

func TestSummaryTable(t *testing.T) {
	s, err := noisyTable().Summarize(t.Context(), eval.Options{Resamples: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	text := s.Table()
	for _, want := range []string{
		"300 images; the mask fills 0.300 [0.300, 0.300] of the picture; 95 % intervals from 100 resamples of 100 lesions, seed 1",
		"above - baseline:b   0.100 [0.100, 0.100]",
		"deletion", "wrong",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(*Table){
		"no images":     func(t *Table) { t.Images = nil },
		"image twice":   func(t *Table) { t.Images[1].ImageID = "a" },
		"class":         func(t *Table) { t.Images[1].Truth = 3 },
		"predicted":     func(t *Table) { t.Images[1].Predicted = -1 },
		"mask share":    func(t *Table) { t.Images[1].MaskShare = 1.5 },
		"scores":        func(t *Table) { t.Images[1].Scores = t.Images[1].Scores[:2] },
		"above 1":       func(t *Table) { t.Images[1].Scores[1][IoU] = 1.1 },
		"NaN for one":   func(t *Table) { t.Images[1].Scores[1][IoU] = math.NaN() },
		"method twice":  func(t *Table) { t.Methods[1] = t.Methods[0] },
		"control":       func(t *Table) { t.Images[1].LesionID = "a\nb" },
		"empty id":      func(t *Table) { t.Images[0].ImageID = "" },
		"empty classes": func(t *Table) { t.Classes = nil },
	} {
		table := testTable()
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(table)
		if table.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := table.Summarize(t.Context(), eval.Options{}); err == nil {
			t.Errorf("%s: summarised", name)
		}
	}
}
