package plots

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"

	"github.com/skinattn/skinattn/pkg/eval"
)

var classes = []string{"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"}

// studyPredictions is a test set of n images with the class shares of HAM10000;
// skill is how far the true class's logit is raised.
func studyPredictions(seed uint64, n int, skill float64) *eval.Table {
	rng := rand.New(rand.NewPCG(seed, 0))
	counts := []float64{327, 514, 1099, 115, 1113, 6705, 142}
	p := &eval.Predictions{Classes: classes}
	for i := range n {
		u, truth := rng.Float64()*10015, 0
		for ; u >= counts[truth]; truth++ {
			u -= counts[truth]
		}
		row, sum := make([]float64, len(classes)), 0.0
		for k := range row {
			logit := 1.2*rng.NormFloat64() + 0.5*math.Log(counts[k])
			if k == truth {
				logit += skill
			}
			row[k] = math.Exp(logit)
			sum += row[k]
		}
		probs := make([]float32, len(row))
		for k, v := range row {
			probs[k] = float32(v / sum)
		}
		p.ImageIDs = append(p.ImageIDs, fmt.Sprintf("ISIC_%07d", i))
		p.LesionIDs = append(p.LesionIDs, fmt.Sprintf("HAM_%07d", i*3/4))
		p.Truth = append(p.Truth, truth)
		p.Probs = append(p.Probs, probs)
	}
	return must(eval.NewTable(p))
}

func studyMetrics(t testing.TB, p *eval.Table) *eval.Metrics {
	t.Helper()
	m, err := eval.Evaluate(t.Context(), p, eval.Options{Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// studyHistory has the shape of a real one: a plateau, two learning rate steps.
func studyHistory(epochs int) *LearningCurves {
	var text strings.Builder
	text.WriteString("epoch,seconds,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy\n")
	rng := rand.New(rand.NewPCG(4, 0))
	for e := 1; e <= epochs; e++ {
		rate := 1e-3
		if e > 12 {
			rate /= 5
		}
		if e > 20 {
			rate /= 5
		}
		decay := math.Exp(-float64(e) / 7)
		fmt.Fprintf(&text, "%d,%.1f,%g,%.4f,%.4f,%.4f,%.4f\n", e, 250+5*rng.Float64(), rate,
			0.15+1.3*decay, 0.95-0.4*decay, 0.62+0.9*decay+0.004*float64(e)+0.04*rng.NormFloat64(), 0.80-0.3*decay+0.012*rng.NormFloat64())
	}
	f := learningCurves(text.String())
	accuracies := f.Values["val_accuracy"]
	f.Best = f.Values["epoch"][slices.Index(accuracies, slices.Max(accuracies))]
	return f
}

// learningCurves reads a table of numbers.
func learningCurves(table string) *LearningCurves {
	rows := must(csv.NewReader(strings.NewReader(table)).ReadAll())
	f := NewLearningCurves(rows[0], map[string][]float64{})
	for _, row := range rows[1:] {
		for i, text := range row {
			v := math.NaN()
			if text != "" {
				v = must(strconv.ParseFloat(text, 64))
			}
			f.Values[rows[0][i]] = append(f.Values[rows[0][i]], v)
		}
	}
	return f
}

// blob paints a dark spot on a light ground: a stand-in for a photo.
func blob(seed uint64, w, h int) image.Image {
	rng := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	cx, cy := float64(w)*(0.4+0.2*rng.Float64()), float64(h)*(0.4+0.2*rng.Float64())
	rx, ry := float64(w)*(0.15+0.15*rng.Float64()), float64(h)*(0.15+0.15*rng.Float64())
	lesion := color.RGBA{uint8(70 + rng.IntN(90)), uint8(40 + rng.IntN(50)), uint8(30 + rng.IntN(50)), 255}
	for y := range h {
		for x := range w {
			c := color.RGBA{228, 184, 160, 255}
			if dx, dy := (float64(x)-cx)/rx, (float64(y)-cy)/ry; dx*dx+dy*dy < 1 {
				c = lesion
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func studyFigures(t testing.TB) map[string]Figure {
	t.Helper()
	p, q := studyPredictions(1, 1500, 3.2), studyPredictions(2, 1500, 2.2)
	m, n := studyMetrics(t, p), studyMetrics(t, q)
	normalized := NewConfusionMatrix(m)
	normalized.Normalize = NormalizeByTruth
	one := make([][]image.Image, len(classes))
	several := make([][]image.Image, len(classes))
	for k := range classes {
		one[k] = []image.Image{blob(uint64(k), 120, 90)}
		for i := range 5 - k%3 {
			several[k] = append(several[k], blob(uint64(10*k+i), 90, 120-10*i))
		}
	}
	rows := NewClassSamples(classes, several)
	rows.Aspect = 4. / 3
	var parts []CountSeries
	for _, part := range []struct {
		name  string
		share int
	}{{"train", 70}, {"val", 10}, {"test", 20}} {
		series := CountSeries{Name: part.name}
		for _, n := range []int{327, 514, 1099, 115, 1113, 6705, 142} {
			series.Counts = append(series.Counts, n*part.share/100)
		}
		parts = append(parts, series)
	}
	figures := map[string]Figure{
		"confusion":            NewConfusionMatrix(m),
		"confusion-normalized": normalized,
		"roc":                  must(NewROC(p)),
		"pr":                   must(NewPR(p)),
		"f1-bars":              must(NewMetricBars("f1", "macro_f1", "F1", Run{"MobileNetV2", m}, Run{"without Soft-Attention", n})),
		"recall-bars":          must(NewMetricBars("recall", "macro_recall", "Recall", Run{"MobileNetV2", m})),
		"learning-curves":      studyHistory(28),
		"class-samples":        NewClassSamples(classes, one),
		"class-samples-rows":   rows,
		"distribution":         NewDistribution(classes, []int{327, 514, 1099, 115, 1113, 6705, 142}),
		"distribution-parts":   &Distribution{Categories: classes, Series: parts, XLabel: "Images", Title: "Split by lesion"},
		"reliability":          NewReliability(p),
		"rate-range":           studyRateRange(),
		"attention":            studyAttention(),
		"gallery":              studyGallery(),
	}
	maps.Copy(figures, moreFigures(t, p, q, m, n))
	maps.Copy(figures, saliencyFigures(t))
	return figures
}

// studyRateRange falls to a valley at 1e-2 and then rises.
func studyRateRange() *RateRange {
	rng := rand.New(rand.NewPCG(3, 0))
	f := &RateRange{Marked: 1e-3}
	for i := range 100 {
		exponent := -7 + 8*float64(i)/99
		smooth := 2 - 1.2/(1+math.Exp(-2*(exponent+3))) + .3*math.Exp(2*exponent)
		f.Rates = append(f.Rates, math.Pow(10, exponent))
		f.Smooth = append(f.Smooth, smooth)
		f.Losses = append(f.Losses, smooth+.3*rng.NormFloat64())
	}
	return f
}

func TestSameBytesTwice(t *testing.T) {
	first, second := studyFigures(t), studyFigures(t)
	for name := range first {
		for _, format := range []string{"svg", "png", "pdf"} {
			var a, b bytes.Buffer
			if err := Encode(&a, format, first[name], goldenStyle(first[name])); err != nil {
				t.Fatal(err)
			}
			if err := Encode(&b, format, second[name], goldenStyle(second[name])); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%s as %s: two drawings differ", name, format)
			}
		}
	}
}

// Every data table is rectangular with a header, and CSV can hold it.
func TestDataIsRectangular(t *testing.T) {
	for name, f := range studyFigures(t) {
		rows := f.Data()
		if len(rows) < 2 {
			t.Errorf("%s: %d rows", name, len(rows))
		}
		for i, row := range rows {
			if len(row) != len(rows[0]) {
				t.Errorf("%s: row %d has %d cells, the header %d", name, i, len(row), len(rows[0]))
			}
		}
	}
}

func TestSaveWithData(t *testing.T) {
	dir := t.TempDir()
	f := NewDistribution([]string{"a", "b"}, []int{3, 1})
	for _, name := range []string{"counts.png", "counts.SVG", "counts.pdf"} {
		if err := SaveWithData(filepath.Join(dir, name), f, goldenStyle(f)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "counts.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 3 || strings.Join(rows[1], ",") != ",a,3" {
		t.Errorf("data %q, %v", rows, err)
	}
	png, err := os.ReadFile(filepath.Join(dir, "counts.png"))
	if err != nil {
		t.Fatal(err)
	}
	img, format, err := image.Decode(bytes.NewReader(png))
	if err != nil || format != "png" {
		t.Fatalf("%s, %v", format, err)
	}
	if w := img.Bounds().Dx(); w != 335 { // 85 mm at 100 dpi is 334.6
		t.Errorf("%d pixels wide", w)
	}
	// 100 dpi is 3937 pixels a metre.
	if !bytes.Contains(png, []byte("pHYs\x00\x00\x0f\x61\x00\x00\x0f\x61\x01")) {
		t.Error("the PNG does not tell its resolution")
	}
	svg, err := os.ReadFile(filepath.Join(dir, "counts.SVG"))
	if err != nil || !bytes.Contains(svg, []byte("'Liberation Sans',Arial")) {
		t.Errorf("SVG without fallback fonts: %v", err)
	}
}

func TestSaveErrors(t *testing.T) {
	dir := t.TempDir()
	good := NewDistribution([]string{"a", "b"}, []int{3, 1})
	bad := Paper()
	bad.Width = 0
	tests := []struct {
		name  string
		path  string
		f     Figure
		style Style
	}{
		{"format", "figure.jpg", good, Paper()},
		{"no extension", "figure", good, Paper()},
		{"style", "figure.png", good, bad},
		{"no folder", "absent/figure.png", good, Paper()},
		{"counts for categories", "figure.png", NewDistribution([]string{"a"}, []int{1, 2}), Paper()},
		{"all zero", "figure.png", NewDistribution([]string{"a"}, []int{0}), Paper()},
		{"empty confusion", "figure.png", &ConfusionMatrix{Confusion: eval.NewConfusion(7), Classes: classes}, Paper()},
		{"no confusion", "figure.png", &ConfusionMatrix{}, Paper()},
		{"no curve", "figure.png", &ROC{}, Paper()},
		{"ragged curve", "figure.png", &PR{Curves: []Curve{{Name: "a", X: []float64{0, 1}, Y: []float64{1}}}}, Paper()},
		{"no bars", "figure.png", &Bars{}, Paper()},
		{"ragged bars", "figure.png", &Bars{Groups: []string{"a", "b"}, Series: []BarSeries{{Values: []float64{1}}}}, Paper()},
		{"no bands", "figure.png", &ROCPanels{}, Paper()},
		{"ragged band", "figure.png", &ROC{Curves: []Curve{{Name: "a", X: []float64{0, 1}, Y: []float64{0, 1}, Band: &Band{X: []float64{0}}}}}, Paper()},
		{"ragged intervals", "figure.png", &ROCPanels{Curves: []Curve{{X: []float64{0}, Y: []float64{0}}}, Areas: []eval.Interval{{}, {}}}, Paper()},
		{"no forest", "figure.png", &Forest{}, Paper()},
		{"ragged forest", "figure.png", &Forest{Rows: []string{"a", "b"}, Panels: []ForestPanel{{Values: []float64{1}}}}, Paper()},
		{"undefined forest", "figure.png", &Forest{Rows: []string{"a"}, Panels: []ForestPanel{{Values: []float64{math.NaN()}}}}, Paper()},
		{"no trade-off", "figure.png", &Tradeoff{Series: []TradeoffSeries{{Points: []TradeoffPoint{{Cost: math.NaN(), Value: 1}}}}}, Paper()},
		{"free of cost", "figure.png", &Tradeoff{Series: []TradeoffSeries{{Points: []TradeoffPoint{{Cost: 0, Value: 1}}}}}, Paper()},
		{"no histogram", "figure.png", &Histograms{Width: 5}, Paper()},
		{"bins without width", "figure.png", &Histograms{Groups: []HistogramGroup{{Counts: []int{1}}}}, Paper()},
		{"negative histogram", "figure.png", &Histograms{Width: 5, Groups: []HistogramGroup{{Counts: []int{2, -1}}}}, Paper()},
		{"no crosstab", "figure.png", &Crosstab{}, Paper()},
		{"ragged crosstab", "figure.png", &Crosstab{Rows: []string{"a"}, Columns: []string{"b"}, Counts: [][]int{{1, 2}}}, Paper()},
		{"empty crosstab", "figure.png", &Crosstab{Rows: []string{"a"}, Columns: []string{"b"}, Counts: [][]int{{0}}}, Paper()},
		{"no sheet", "figure.png", &ContactSheet{}, Paper()},
		{"narrow sheet", "figure.png", &ContactSheet{Figures: []NamedFigure{{"a", good}}, Columns: 50}, Paper()},
		{"sheet of nothing", "figure.png", &ContactSheet{Figures: []NamedFigure{{"a", &Forest{}}}}, Paper()},
		{"no history", "figure.png", &LearningCurves{}, Paper()},
		{"one rate", "figure.png", &RateRange{Rates: []float64{1}, Losses: []float64{1}, Smooth: []float64{1}}, Paper()},
		{"rate 0", "figure.png", &RateRange{Rates: []float64{0, 1}, Losses: []float64{1, 2}, Smooth: []float64{1, 2}}, Paper()},
		{"no bins", "figure.png", &Reliability{}, Paper()},
		{"no images", "figure.png", NewClassSamples([]string{"a"}, [][]image.Image{nil}), Paper()},
		{"empty image", "figure.png", NewClassSamples([]string{"a"}, [][]image.Image{{image.NewGray(image.Rectangle{})}}), Paper()},
		{"no classes", "figure.png", NewClassSamples(nil, nil), Paper()},
	}
	for _, tt := range tests {
		path := filepath.Join(dir, tt.path)
		err := SaveWithData(path, tt.f, tt.style)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v does not name %s", tt.name, err, path)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Degenerate but legal inputs must draw.
func TestOddInputsDraw(t *testing.T) {
	single := must(eval.NewTable(&eval.Predictions{Classes: []string{"a", "b"}, ImageIDs: []string{"1"}, Truth: []int{0}, Probs: [][]float32{{1, 0}}}))
	m := studyMetrics(t, single)
	short := learningCurves("epoch,val_accuracy,learning_rate\n1,0.5,0.001\n")
	short.Best = 1
	broken := learningCurves("epoch,train_loss,val_accuracy,learning_rate\n1,NaN,,0\n2,+Inf,0.5,0\n3,0.1,0.5,\n")
	many := &Distribution{Categories: strings.Fields(strings.Repeat("localization ", 15)), Series: []CountSeries{{Counts: make([]int, 15)}}}
	many.Series[0].Counts[3] = 1
	for name, f := range map[string]Figure{
		"one image, micro ROC":   must(NewROC(single)),
		"one image, PR":          must(NewPR(single)),
		"one image, confusion":   &ConfusionMatrix{Confusion: m.Confusion, Classes: m.Classes, Normalize: NormalizeByPrediction},
		"one image, F1":          must(NewMetricBars("f1", "macro_f1", "F1", Run{"a", m})),
		"one image, reliability": NewReliability(single),
		"one image, panels":      must(NewROCPanels(single, m, studyBands(t, single))),
		"one image, forest":      must(NewForest([]string{"accuracy", "auroc_macro"}, Run{"a", m}, Run{"b", m})),
		"one point":              &Tradeoff{Series: []TradeoffSeries{{Points: []TradeoffPoint{{Label: "a", Cost: 1, Value: 1}}}}},
		"one value":              &Histograms{Width: 1, Groups: []HistogramGroup{{Name: "a", Counts: []int{1}}, {Name: "b", Missing: 3}}},
		"one cell":               &Crosstab{Rows: []string{"a"}, Columns: []string{"b"}, Counts: [][]int{{1}}},
		"one figure":             &ContactSheet{Figures: []NamedFigure{{"a", many}}},
		"one epoch":              short,
		"gaps in the history":    broken,
		"one count":              many,
		"one sample":             NewClassSamples([]string{"a"}, [][]image.Image{{blob(1, 3, 2)}}),
	} {
		for _, format := range []string{"png", "svg", "pdf"} {
			if err := Encode(new(bytes.Buffer), format, f, goldenStyle(f)); err != nil {
				t.Errorf("%s as %s: %v", name, format, err)
			}
		}
	}
}

// A PDF leaves the process-wide defaults of fpdf as they are at first: no fixed
// date, no sorting.
func TestPDFLeavesDefaultsAlone(t *testing.T) {
	f := NewDistribution([]string{"a", "b"}, []int{3, 1})
	if err := Encode(new(bytes.Buffer), "pdf", f, Paper()); err != nil {
		t.Fatal(err)
	}
	doc := fpdf.New("P", "pt", "A4", "")
	if doc.GetCatalogSort() || !doc.GetCreationDate().IsZero() || !doc.GetModificationDate().IsZero() {
		t.Errorf("a new document sorts: %v, has the dates %v and %v", doc.GetCatalogSort(), doc.GetCreationDate(), doc.GetModificationDate())
	}
}
