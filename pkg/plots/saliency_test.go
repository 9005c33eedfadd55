package plots

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
)

// studySaliency is a study of two maps, four baselines and a ceiling.
func studySaliency(t testing.TB) (*saliency.Summary, *saliency.Curves) {
	t.Helper()
	rng := rand.New(rand.NewPCG(8, 0))
	level := map[string]float64{"soft-attention": .5, "grad-cam": .55, "baseline:uniform": .3, "baseline:centre": .45, "baseline:mean-lesion": .48,
		"baseline:untrained-soft-attention": .31, "ceiling:lesion-4x4": .85}
	table := &saliency.Table{Classes: classes, Methods: []string{"soft-attention", "grad-cam", "baseline:uniform", "baseline:centre", "baseline:mean-lesion",
		"baseline:untrained-soft-attention", "ceiling:lesion-4x4"}}
	for i := range 60 {
		image := saliency.Image{ImageID: fmt.Sprint(i), LesionID: fmt.Sprint(i / 2), Truth: i % 7, Predicted: i % 5, MaskShare: .3}
		for _, method := range table.Methods {
			v := min(1, max(0, level[method]+.2*rng.NormFloat64()))
			image.Scores = append(image.Scores, saliency.Scores{v, math.Round(v), 1, v / 2, (1 + v) / 2, 1 - v, v})
		}
		table.Images = append(table.Images, image)
	}
	s, err := table.Summarize(t.Context(), eval.Options{Resamples: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	curves := saliency.NewCurves(table.Methods, 10)
	var deletion, insertion [][]float64
	for _, method := range table.Methods {
		var down, up []float64
		for i := range 11 {
			down = append(down, .2+.7*math.Exp(-float64(i)*level[method]))
			up = append(up, .9-.7*math.Exp(-float64(i)*level[method]))
		}
		deletion, insertion = append(deletion, down), append(insertion, up)
	}
	curves.Add(deletion, insertion)
	return s, curves
}

func saliencyFigures(t testing.TB) map[string]Figure {
	s, c := studySaliency(t)
	return map[string]Figure{
		"saliency-forest": NewSaliencyForest(s),
		"saliency-curves": NewSaliencyCurves(c, "baseline:uniform", "baseline:centre", "baseline:absent"),
	}
}

// 7 methods with 4 metrics; 2 curves of 4 methods with 11 points.
func TestSaliencyFiguresHaveAllNumbers(t *testing.T) {
	for name, f := range saliencyFigures(t) {
		if rows, want := len(f.Data()), map[string]int{"saliency-forest": 1 + 7*4, "saliency-curves": 1 + 2*4*11}[name]; rows != want {
			t.Errorf("%s: %d rows of data, want %d", name, rows, want)
		}
	}
}

func TestSaliencyFiguresRefuse(t *testing.T) {
	for name, f := range map[string]Figure{
		"no method":   &SaliencyForest{},
		"ragged":      &SaliencyForest{Methods: []string{"a"}, Metrics: []saliency.Metric{saliency.AUC}},
		"no curves":   &SaliencyCurves{Curves: saliency.NewCurves(nil, 4)},
		"no such one": &SaliencyCurves{Curves: &saliency.Curves{Methods: []string{"a"}, Images: 1, Steps: 1, Deletion: [][]float64{{1, 0}}, Insertion: [][]float64{{0, 1}}}, Methods: []string{"b"}},
	} {
		if err := Encode(new(bytes.Buffer), "png", f, goldenStyle(f)); err == nil {
			t.Errorf("%s was drawn", name)
		}
	}
}

// A method without values or intervals leaves its row empty, and nothing else.
func TestSaliencyForestWithGaps(t *testing.T) {
	s, _ := studySaliency(t)
	for m := range saliency.NumMetrics {
		nan := math.NaN()
		s.Groups[0].Means[1][m] = saliency.Estimate{Value: nan, CI: eval.Interval{Low: nan, High: nan}, P: nan}
		s.Groups[0].Means[2][m].CI = eval.Interval{Low: nan, High: nan}
	}
	f := NewSaliencyForest(s)
	f.Title = "With gaps"
	var out bytes.Buffer
	if err := Encode(&out, "svg", f, Paper()); err != nil || strings.Contains(out.String(), "NaN") {
		t.Errorf("%v; NaN in the picture: %v", err, strings.Contains(out.String(), "NaN"))
	}
}
