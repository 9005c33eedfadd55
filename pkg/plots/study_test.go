package plots

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/skinattn/skinattn/pkg/eval"
)

// studyBands are bands of few resamples, enough to be seen in the figures.
func studyBands(t testing.TB, p *eval.Table) *eval.ROCBands {
	t.Helper()
	bands, err := eval.NewROCBands(t.Context(), p, BandGrid(), eval.Options{Resamples: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return bands
}

// studyAudit leaks every third image of a class, more of the first classes.
func studyAudit(t testing.TB, table *eval.Table) *eval.LeakAudit {
	t.Helper()
	p := table.Predictions()
	images := []eval.SplitImage{{ImageID: "trained", LesionID: "trained", Class: "nv", Part: "train"}}
	for i, id := range p.ImageIDs {
		class := p.Truth[i]
		image := eval.SplitImage{ImageID: id, Class: p.Classes[class], Part: "val"}
		if i%10 < 8-class {
			image.LesionID = "trained"
		}
		images = append(images, image)
	}
	audit, err := eval.AuditLeakage(images, "train")
	if err != nil {
		t.Fatal(err)
	}
	return audit
}

// studyTradeoff has Table 6 of the paper and crowded neighbours, so that labels
// must give way.
func studyTradeoff() *Tradeoff {
	none := eval.Interval{}
	return &Tradeoff{XLabel: "Parameters", YLabel: "Accuracy", CostName: "parameters", Series: []TradeoffSeries{
		{Name: "as printed", Points: []TradeoffPoint{
			{"MobileNetV3Large", "MobileNetV3Large", 5.5e6, .86, none},
			{"DenseNet201", "DenseNet201", 17.5e6, .89, none},
			{"InceptionResNetV2", "InceptionResNetV2", 47.5e6, .90, none},
		}},
		{Name: "as logged", Hollow: true, Points: []TradeoffPoint{
			{"MobileNetV3Large", "", 2.7e6, .8614, none},
			{"MobileNetV3Small", "MobileNetV3Small", .99e6, .7751, none},
			{"NASNetMobile", "NASNetMobile", 3.9e6, .8614, none},
			{"unknown", "unknown", math.NaN(), .5, none},
		}},
		{Name: "here", Points: []TradeoffPoint{{"grouped", "grouped", 1.35e6, .80, eval.Interval{Low: .78, High: .82}}}},
	}}
}

// studyGrowth has a series that lacks a row, one that lacks a point, and one of two points.
func studyGrowth() *Growth {
	return &Growth{Rows: []string{"Training, images/s", "Prediction, images/s"}, Columns: []string{"Batch", "Cores"}, Series: []string{"here", "a peer", "another"}, Lines: []GrowthLine{
		{0, 0, 0, []float64{1, 4, 16, 64}, []float64{20, 44, 60, 66}},
		{0, 1, 0, []float64{1, 2}, []float64{35, 60}},
		{0, 0, 1, []float64{1, 4, 16, 64}, []float64{12, 31, math.NaN(), 52}},
		{1, 0, 0, []float64{1, 2, 4, 8, 16}, []float64{210, 240, 300, 350, 360}},
		{1, 0, 2, []float64{1, 2, 4, 8, 16}, []float64{180, 200, 210, 240, 230}},
		{1, 1, 2, []float64{1, 2}, []float64{120, 230}},
	}}
}

// studyAges are 7 histograms of 18 bins of five years.
func studyAges() *Histograms {
	f := &Histograms{Width: 5, XLabel: "Age (years)"}
	for k, class := range classes {
		g := HistogramGroup{Name: class, Missing: k % 3 * 10}
		for bin := range 18 {
			x := (float64(bin) - 7 - float64(k)) / 4
			g.Counts = append(g.Counts, int(100*math.Exp(-x*x)))
		}
		f.Groups = append(f.Groups, g)
	}
	return f
}

func studySites() *Crosstab {
	f := &Crosstab{Columns: classes, YLabel: "Localization"}
	for i, site := range []string{"abdomen", "back", "lower extremity", "unknown"} {
		f.Rows = append(f.Rows, site)
		row := make([]int, len(classes))
		for k := range row {
			if k != 3 { // nothing of df
				row[k] = (i*7 + k*3) % 11 * 120
			}
		}
		row[5] += 5000 * (i % 2)
		row[6] = 1 + i%2*500
		f.Counts = append(f.Counts, row)
	}
	return f
}

// moreFigures are the figures that compare runs, describe data or need resamples.
func moreFigures(t testing.TB, p, q *eval.Table, m, n *eval.Metrics) map[string]Figure {
	bands := studyBands(t, p)
	roc := must(NewROC(p))
	roc.AddBands(p.Classes(), bands, nil)
	audit := studyAudit(t, p)
	effect := must(eval.MeasureLeak(t.Context(), p, audit.IsLeaked, eval.Options{Resamples: 50, Seed: 1}))
	images := []int{327, 514, 1099, 115, 1113, 6705, 142}
	figures := map[string]Figure{
		"roc-band":   roc,
		"roc-panels": must(NewROCPanels(p, m, bands)),
		"forest":     must(NewForest(nil, Run{"MobileNetV2", m}, Run{"without Soft-Attention", n})),
		"forest-differences": &Forest{Rows: []string{"Soft-Attention", "metadata"}, Differences: true, Panels: []ForestPanel{
			{Label: "Change of accuracy", Values: []float64{0.004, 0.031}, Intervals: []eval.Interval{{Low: -0.006, High: 0.013}, {Low: 0.019, High: 0.043}}},
			{Label: "Change of macro AUROC", Values: []float64{0.012, math.NaN()}}}},
		"forest-one":           must(NewForest([]string{"accuracy", "mcc", "per_class.mel.recall"}, Run{"MobileNetV2", m})),
		"tradeoff":             studyTradeoff(),
		"growth":               studyGrowth(),
		"leak":                 must(NewLeakBars(classes, NamedAudit{"by image", audit})),
		"leak-effect":          must(NewLeakEffect(effect)),
		"ages":                 studyAges(),
		"sites":                studySites(),
		"distribution-beside":  &Distribution{Categories: classes, Layout: LayoutBeside, XLabel: "Number", Series: []CountSeries{{Name: "images", Counts: images}, {Name: "lesions", Counts: []int{228, 327, 727, 73, 614, 5403, 98}}}},
		"distribution-percent": &Distribution{Categories: classes, Layout: LayoutComposition, Series: []CountSeries{{Name: "female", Counts: images}, {Name: "male", Counts: []int{400, 300, 200, 100, 50, 7000, 0}}, {Name: "unknown", Counts: []int{0, 0, 10, 20, 0, 50, 7}, Color: UnknownColor}}},
	}
	figures["contact-sheet"] = &ContactSheet{Title: "Figures", Figures: []NamedFigure{
		{"confusion", NewConfusionMatrix(m)}, {"forest", figures["forest"]}, {"sites", figures["sites"]}, {"leak", figures["leak"]}, {"tradeoff", figures["tradeoff"]},
	}}
	return figures
}

func TestROCBandsAreThoseOfTheCurves(t *testing.T) {
	p := studyPredictions(1, 300, 2)
	bands := studyBands(t, p)
	f := must(NewROC(p))
	f.AddBands(p.Classes(), bands, func(string) bool { return true })
	want := map[string]eval.ROCBand{"mel": bands.Classes[4], "nv": bands.Classes[5], "macro": bands.Macro, "weighted": bands.Weighted, "micro": bands.Micro}
	for _, c := range f.Curves {
		if b, ok := want[c.Name]; ok {
			delete(want, c.Name)
			if c.Band == nil || &c.Band.Low[0] != &b.Low[0] {
				t.Errorf("curve %s has another band", c.Name)
			}
		}
	}
	if len(want) != 0 {
		t.Errorf("no curve for %v", want)
	}
	macroOnly := must(NewROC(p))
	macroOnly.AddBands(p.Classes(), bands, nil)
	for _, c := range macroOnly.Curves {
		if (c.Band != nil) != (c.Name == "macro") {
			t.Errorf("curve %s: band %v", c.Name, c.Band != nil)
		}
	}
	// Every point of the curve's own data lies in its band.
	rows := f.Data()
	low, high := rows[0][5], rows[0][6]
	if low != "low" || high != "high" || rows[1][5] != "" || rows[len(rows)-1][6] == "" {
		t.Errorf("data %q ... %q", rows[:2], rows[len(rows)-1])
	}
}

func TestLeakBarsByHand(t *testing.T) {
	audit, err := eval.AuditLeakage([]eval.SplitImage{
		{ImageID: "1", LesionID: "a", Class: "mel", Part: "train"},
		{ImageID: "2", LesionID: "a", Class: "mel", Part: "val"},
		{ImageID: "3", LesionID: "b", Class: "mel", Part: "val"},
		{ImageID: "4", LesionID: "c", Class: "nv", Part: "val"},
		{ImageID: "5", LesionID: "d", Class: "nv", Part: "val"},
	}, "train")
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewLeakBars([]string{"mel", "nv", "df"}, NamedAudit{"x", audit})
	if err != nil {
		t.Fatal(err)
	}
	got := f.Series[0].Values
	if got[0] != 0.5 || got[1] != 0 || !math.IsNaN(got[2]) || got[3] != 0.25 {
		t.Errorf("%v, want 0.5 of mel, none of nv, no df, 0.25 of all", got)
	}
}

// The values are read off the confusion matrix by hand: 3 of 4 right.
func TestForestOfRuns(t *testing.T) {
	p := &eval.Predictions{Classes: []string{"a", "b"}, ImageIDs: []string{"1", "2", "3", "4"}, Truth: []int{0, 0, 1, 1},
		Probs: [][]float32{{1, 0}, {0, 1}, {0, 1}, {0, 1}}}
	m := must(must(eval.NewTable(p)).Score(nil, nil))
	f, err := NewForest([]string{"accuracy", "per_class.a.recall"}, Run{"x", m}, Run{"y", m})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Panels) != 2 || f.Panels[0].Values[1] != 0.75 || f.Panels[1].Values[0] != 0.5 || f.Panels[1].Label != "Recall, a" || f.Rows[1] != "y" {
		t.Errorf("%+v", f)
	}
	if text := f.Panels[0].text(0, false); text != "0.750" {
		t.Errorf("a value without an interval is written %q", text)
	}
	one, err := NewForest([]string{"accuracy", "mcc"}, Run{"x", m})
	if err != nil || len(one.Panels) != 1 || one.Rows[0] != "Accuracy" || one.Rows[1] != "MCC" || one.Panels[0].Values[0] != 0.75 {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := NewForest([]string{"acuracy"}, Run{"x", m}); err == nil || !strings.Contains(err.Error(), "acuracy") {
		t.Errorf("an unknown metric: %v", err)
	}
}

// Differences have a sign, and an axis with zero.
func TestForestOfDifferences(t *testing.T) {
	p := ForestPanel{Values: []float64{0.02, -0.015}, Intervals: []eval.Interval{{Low: 0.01, High: 0.03}, {Low: -0.02, High: -0.01}}}
	if got := p.text(0, true) + " " + p.text(1, true); got != "+0.020 [+0.010, +0.030] -0.015 [-0.020, -0.010]" {
		t.Errorf("%q", got)
	}
	above := ForestPanel{Values: p.Values[:1], Intervals: p.Intervals[:1]}
	if low, _ := above.span(false); !(low > 0) {
		t.Errorf("values begin at %v", low)
	}
	if low, _ := above.span(true); !(low < 0) {
		t.Errorf("differences begin at %v", low)
	}
}

func TestLabelsGiveWay(t *testing.T) {
	bounds := around(vg.Point{X: 50, Y: 50}, 100, 100)
	first := place(vg.Point{X: 50, Y: 50}, 20, 8, 2, bounds, nil)
	if overlap(first, around(vg.Point{X: 50, Y: 50}, 4, 4)) != 0 || first.Min.X < 50 {
		t.Errorf("a label alone stands at %v, want at the right of its point", first)
	}
	second := place(vg.Point{X: 50, Y: 50}, 20, 8, 2, bounds, []vg.Rectangle{first})
	if overlap(first, second) != 0 {
		t.Errorf("%v and %v overlap", first, second)
	}
	edge := place(vg.Point{X: 99, Y: 50}, 20, 8, 2, bounds, nil)
	if edge.Max.X > 100 {
		t.Errorf("%v is out of bounds", edge)
	}
}

func TestPanelGrid(t *testing.T) {
	for _, c := range []struct{ n, columns, lines, want int }{{1, 0, 1, 1}, {2, 0, 1, 2}, {3, 0, 2, 2}, {7, 0, 3, 3}, {9, 0, 3, 3}, {7, 4, 2, 4}, {2, 4, 1, 2}} {
		lines, columns := panelGrid(c.n, c.columns)
		if lines != c.lines || columns != c.want {
			t.Errorf("%d panels in %d columns: %d by %d, want %d by %d", c.n, c.columns, lines, columns, c.lines, c.want)
		}
	}
	// Of seven in three columns, panels 4 to 6 have none beneath, and 0, 3, 6 none
	// at the left.
	for i, want := range []struct{ left, bottom bool }{{true, false}, {false, false}, {false, false}, {true, false}, {false, true}, {false, true}, {true, true}} {
		if left, bottom := outer(i, 7, 3); left != want.left || bottom != want.bottom {
			t.Errorf("panel %d: left %v, bottom %v", i, left, bottom)
		}
	}
}

func TestParseFont(t *testing.T) {
	if f, err := ParseFont("Serif"); err != nil || f != Serif {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := ParseFont("comic"); err == nil {
		t.Error("any typeface is accepted")
	}
}
