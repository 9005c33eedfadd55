package eval

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestSummarizeRuns(t *testing.T) {
	var runs []*Metrics
	for seed := range uint64(4) {
		p := syntheticPredictions(newRNG(seed), 60, 3, 0)
		if seed == 2 { // a class is absent
			for i := range p.Truth {
				p.Truth[i] = max(p.Truth[i], 1)
			}
		}
		m, err := Evaluate(ctx, tableOf(p), Options{})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, m)
	}
	s, err := SummarizeRuns(runs, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Summarize([]float64{runs[0].Accuracy, runs[1].Accuracy, runs[2].Accuracy, runs[3].Accuracy}, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Metrics[0]; got.Metric != "accuracy" || got.Summary != want {
		t.Errorf("accuracy: %+v, want %+v", got, want)
	}
	path := ClassPath("class0", "recall")
	if reason := s.Undefined[path]; reason != "run 3: no image of class class0" {
		t.Errorf("reason %q", reason)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Runs    int
		Metrics map[string]struct {
			Mean *float64
			CI   []float64
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if a := got.Metrics["accuracy"]; got.Runs != 4 || *a.Mean != want.Mean || a.CI[0] != want.CI.Low || got.Metrics[path].Mean != nil || got.Metrics[path].CI != nil {
		t.Errorf("JSON: %s", text)
	}
	if !strings.Contains(s.Table(), "4 runs") {
		t.Errorf("table:\n%s", s.Table())
	}
	one, err := SummarizeRuns(runs[:1], 0.95)
	if err != nil || !math.IsNaN(one.Metrics[0].SD) || one.Undefined["sd.accuracy"] == "" {
		t.Errorf("one run: %+v, %v", one, err)
	}
	other, err := Evaluate(ctx, tableOf(syntheticPredictions(newRNG(1), 10, 4, 0)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() (*RunSummary, error){
		"no runs":       func() (*RunSummary, error) { return SummarizeRuns(nil, .95) },
		"level":         func() (*RunSummary, error) { return SummarizeRuns(runs, 95) },
		"other classes": func() (*RunSummary, error) { return SummarizeRuns(append(runs, other), .95) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
