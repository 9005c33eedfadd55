package eval

import (
	"fmt"
	"math"
	"testing"
)

// confident is a table of two classes: counts[c] = {images, right} of confidence c.
func confident(t *testing.T, counts map[float32][2]int) *Table {
	t.Helper()
	p := Predictions{Classes: []string{"a", "b"}}
	for confidence, count := range counts {
		for i := range count[0] {
			truth := 1
			if i < count[1] {
				truth = 0
			}
			p.ImageIDs = append(p.ImageIDs, fmt.Sprint(confidence, i))
			p.Truth = append(p.Truth, truth)
			p.Probs = append(p.Probs, []float32{confidence, 1 - confidence})
		}
	}
	table, err := NewTable(&p)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The values are by hand.
func TestConfidenceThreshold(t *testing.T) {
	for _, c := range []struct {
		name        string
		counts      map[float32][2]int
		level       float64
		want        Confidence
		below, from float64
	}{
		// Below .75: 10+20 images, 4+11 right, which is half. Below .76 the 10 images of .75 come in, 9 right.
		{"half", map[float32][2]int{.5625: {10, 4}, .625: {20, 11}, .75: {10, 9}, .9375: {60, 59}}, .5,
			Confidence{Threshold: .75, Level: .5, N: 100, Right: 83, Below: 30, BelowRight: 15}, .5, 68. / 70},
		{"a lower level", map[float32][2]int{.5625: {20, 4}, .625: {20, 11}, .9375: {60, 59}}, .3,
			Confidence{Threshold: .62, Level: .3, N: 100, Right: 74, Below: 20, BelowRight: 4}, .2, 70. / 80},
		{"too few images", map[float32][2]int{.5625: {19, 0}, .9375: {60, 60}}, .2,
			Confidence{Level: .2, N: 79, Right: 60}, math.NaN(), 60. / 79},
		{"all are worse", map[float32][2]int{.5625: {30, 3}, .9375: {60, 5}}, .5,
			Confidence{Threshold: 1, Level: .5, N: 90, Right: 8, Below: 90, BelowRight: 8}, 8. / 90, math.NaN()},
		{"none", nil, .5, Confidence{Level: .5}, math.NaN(), math.NaN()},
	} {
		got := confident(t, c.counts).ConfidenceThreshold(c.level)
		same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
		if got != c.want || !same(got.AccuracyBelow(), c.below) || !same(got.AccuracyFrom(), c.from) {
			t.Errorf("%s: %+v, %g, %g; want %+v, %g, %g", c.name, got, got.AccuracyBelow(), got.AccuracyFrom(), c.want, c.below, c.from)
		}
	}
}

func TestScalingCheck(t *testing.T) {
	classes := []string{"a", "b"}
	good := Scaling{Method: "temperature", Classes: classes, Weight: []float64{.5, .5}, Bias: []float64{0, 0}}
	if err := good.Check(classes); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Scaling){
		"other classes":    func(s *Scaling) { s.Classes = []string{"b", "a"} },
		"another method":   func(s *Scaling) { s.Method = "isotonic" },
		"a weight short":   func(s *Scaling) { s.Weight = s.Weight[:1] },
		"not a number":     func(s *Scaling) { s.Weight = []float64{math.NaN(), math.NaN()} },
		"two temperatures": func(s *Scaling) { s.Weight = []float64{.5, .6} },
		"negative":         func(s *Scaling) { s.Weight = []float64{-1, -1} },
		"a bias":           func(s *Scaling) { s.Bias = []float64{0, 1} },
	} {
		bad := good
		change(&bad)
		if bad.Check(classes) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
