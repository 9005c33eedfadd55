package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Worked by hand.
func TestAuditLeakage(t *testing.T) {
	images := []SplitImage{
		{"i1", "L1", "nv", "train", "d1"},
		{"i2", "L1", "nv", "test", "d2"},  // its lesion is in train
		{"i3", "L2", "mel", "test", "d1"}, // its pixels are in train
		{"i4", "L3", "mel", "test", ""},
		{"i5", "L3", "mel", "val", ""},  // shared by val and test only
		{"i1", "L1", "nv", "val", "d1"}, // listed twice
		{"i6", "", "bcc", "val", ""},
		{"i7", "", "bcc", "train", ""}, // unknown lesions are not one lesion
	}
	got, err := AuditLeakage(images, "train")
	if err != nil {
		t.Fatal(err)
	}
	want := &LeakAudit{
		Train:   "train",
		HeldOut: LeakRate{"", 3, 6},
		ByPart:  []LeakRate{{"test", 2, 3}, {"val", 1, 3}},
		ByClass: []LeakRate{{"bcc", 0, 1}, {"mel", 1, 3}, {"nv", 2, 2}},
		SharedLesions: []SharedLesions{
			{[2]string{"test", "train"}, []string{"L1"}},
			{[2]string{"test", "val"}, []string{"L1", "L3"}},
			{[2]string{"train", "val"}, []string{"L1"}},
		},
		Repeated:   []string{"i1"},
		Duplicates: []DuplicateImages{{[]string{"i1", "i3"}, []string{"test", "train", "val"}}},
		Leaked:     []string{"i1", "i2", "i3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !got.IsLeaked("i2") || got.IsLeaked("i4") {
		t.Error("IsLeaked is not of the list")
	}
	if share := got.HeldOut.Share(); share != 0.5 {
		t.Errorf("share %v", share)
	}
	clean, err := AuditLeakage(images[:1], "train")
	if err != nil || !math.IsNaN(clean.HeldOut.Share()) {
		t.Errorf("nothing held out: %+v, %v", clean, err)
	}
	if text, err := json.Marshal(clean); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
	for name, bad := range map[string][]SplitImage{
		"no id": {{"", "L", "nv", "train", ""}}, "no part": {{"i", "L", "nv", "", ""}}, "no train": images[1:2],
	} {
		if _, err := AuditLeakage(bad, "train"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A model that has memorised the leaked images: the metrics of the two sets are equal to
// separate evaluations, and the interval contains the true difference.
func TestMeasureLeak(t *testing.T) {
	p := syntheticPredictions(newRNG(3), 400, 7, 0)
	leakedLesion := func(id string) bool { return len(id) > 0 && (id[len(id)-1]-'0')%3 == 0 }
	leaked := make(map[string]bool)
	var rows [2][]int
	for i, id := range p.ImageIDs {
		leaked[id] = leakedLesion(p.LesionIDs[i])
		rows[indicator(leaked[id])] = append(rows[indicator(leaked[id])], i)
		if leaked[id] {
			row := make([]float32, 7)
			row[p.Truth[i]] = 1
			p.Probs[i] = row
		}
	}
	e, err := MeasureLeak(ctx, tableOf(p), func(id string) bool { return leaked[id] }, Options{Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for s, got := range []*Metrics{e.Clean, e.Leaked} {
		want, err := Evaluate(ctx, tableOf(p.pick(rows[s])), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got.Values() {
			if !near(v, want.Values()[i]) {
				t.Errorf("set %d: %s = %v, alone %v", s, got.Paths()[i], v, want.Values()[i])
			}
		}
		if ci := got.CI["accuracy"]; !(ci.Low <= got.Accuracy && got.Accuracy <= ci.High) {
			t.Errorf("set %d: accuracy %v, interval %v", s, got.Accuracy, ci)
		}
	}
	d := e.Differences[0]
	if d.Metric != "accuracy" || d.B != 1 || d.Difference != d.B-d.A || !(0 < d.CI.Low && d.CI.Low < d.Difference && d.Difference < d.CI.High) || d.P > 0.01 {
		t.Errorf("accuracy: %+v", d)
	}
	// Each resample keeps the number of lesions in each set, and the clean
	// accuracy has the same variance as in a resampling of the clean images alone.
	alone, err := Evaluate(ctx, tableOf(p.pick(rows[0])), Options{Resamples: 200, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	width := func(ci Interval) float64 { return ci.High - ci.Low }
	if ratio := width(e.Clean.CI["accuracy"]) / width(alone.CI["accuracy"]); ratio < 0.75 || ratio > 1.33 {
		t.Errorf("interval of the clean set %v, resampled alone %v", e.Clean.CI["accuracy"], alone.CI["accuracy"])
	}
	var got struct {
		Clean, Leaked struct{ N int }
		Differences   map[string]struct{ Difference float64 }
		Bootstrap     *BootstrapInfo
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Clean.N+got.Leaked.N != 400 || got.Differences["accuracy"].Difference != d.Difference || got.Bootstrap == nil {
		t.Errorf("JSON: %+v", got)
	}
	if !strings.Contains(e.Table(), "leaked - clean") {
		t.Errorf("table:\n%s", e.Table())
	}
}

// Without a leak, one set is empty and its metrics are undefined, with reasons.
func TestMeasureLeakOfNothing(t *testing.T) {
	p := syntheticPredictions(newRNG(3), 30, 3, 0)
	for _, resamples := range []int{0, 10} {
		e, err := MeasureLeak(ctx, tableOf(p), func(string) bool { return false }, Options{Resamples: resamples, Method: BCaCI})
		if err != nil {
			t.Fatal(err)
		}
		if e.Leaked.N != 0 || e.Clean.N != 30 {
			t.Errorf("%d clean, %d leaked", e.Clean.N, e.Leaked.N)
		}
		for _, d := range e.Differences {
			if !math.IsNaN(d.Difference) || e.Undefined[d.Metric] == "" {
				t.Errorf("%s: %v without a reason", d.Metric, d.Difference)
			}
		}
		if text := fmt.Sprint(e.Table()); !strings.Contains(text, "30 images clean, 0 leaked") {
			t.Errorf("table:\n%s", text)
		}
	}
}
