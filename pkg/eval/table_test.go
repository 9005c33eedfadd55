package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A change of the arguments or results of a table afterwards does not change the
// table.
func TestTableNeverChanges(t *testing.T) {
	p := smallPredictions()
	table := tableOf(p)
	p.Truth[0], p.Probs[0], p.Classes[0], p.ImageIDs[0] = 9, nil, "x", ""
	q := table.Predictions()
	q.Truth[0], q.Probs[0], q.Classes[0], q.ImageIDs[0], q.LesionIDs[0] = 9, nil, "x", "", "y"
	table.Classes()[0] = "z"
	if diff := cmp.Diff(smallPredictions(), table.Predictions()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if table.Len() != 3 || table.Unknown() != 1 {
		t.Errorf("%d rows, %d unknown", table.Len(), table.Unknown())
	}
	part := table.Where(func(i int) bool { return i != 0 })
	if got := part.Predictions(); part.Len() != 2 || part.Unknown() != 1 || got.ImageIDs[1] != "ISIC,3" || got.LesionIDs[1] != "HAM_1" {
		t.Errorf("part: %+v", got)
	}
}

// Score takes a count for each row of the table and leaves out rows of unknown truth.
func TestScoreCounts(t *testing.T) {
	table := tableOf(smallPredictions())
	m, err := table.Score([]uint32{2, 7, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.N != 3 || m.Unknown != 1 || m.Confusion[0][0] != 2 || m.Confusion[1][1] != 1 || m.PerClass[0].Support != 2 {
		t.Errorf("%+v", m)
	}
	if _, err := table.Score([]uint32{1, 1}, nil); err == nil {
		t.Error("fewer counts than rows: no error")
	}
}

// Every function that draws resamples returns the error of a done context.
func TestCancel(t *testing.T) {
	table := tableOf(syntheticPredictions(newRNG(1), 200, 7, 0))
	opts := Options{Resamples: 1 << 20, Seed: 1, Method: BCaCI}
	for name, call := range map[string]func(ctx context.Context) error{
		"Evaluate":    func(ctx context.Context) error { _, err := Evaluate(ctx, table, opts); return err },
		"Bootstrap":   func(ctx context.Context) error { _, err := Bootstrap(ctx, table, opts); return err },
		"Compare":     func(ctx context.Context) error { _, err := Compare(ctx, table, table, opts); return err },
		"NewROCBands": func(ctx context.Context) error { _, err := NewROCBands(ctx, table, []float64{.5}, opts); return err },
		"MeasureLeak": func(ctx context.Context) error {
			_, err := MeasureLeak(ctx, table, func(id string) bool { return id[len(id)-1] < '5' }, opts)
			return err
		},
		"BootstrapFunc": func(ctx context.Context) error {
			_, err := BootstrapFunc(ctx, table, []string{"x"}, func([]uint32) []float64 { return []float64{1} }, opts)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The jackknife of BCa stops too: one resample, then all units.
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	opts.Resamples, opts.Workers = 1, 1
	_, err := BootstrapFunc(ctx, table, []string{"x"}, func([]uint32) []float64 {
		if calls++; calls == 5 {
			cancel()
		}
		return []float64{1}
	}, opts)
	if !errors.Is(err, context.Canceled) || calls > 5 {
		t.Errorf("jackknife: %v after %d calls", err, calls)
	}
}

// Metrics that were written and read again match the same table and options, and no
// other.
func TestMatches(t *testing.T) {
	tables := goldenTables(t)
	tables["synthetic"] = syntheticPredictions(newRNG(3), 60, 7, 0)
	opts := Options{Resamples: 40, Seed: 3}
	for name, p := range tables {
		table := tableOf(p)
		m, err := Evaluate(t.Context(), table, opts)
		if err != nil {
			t.Fatal(err)
		}
		var first, second bytes.Buffer
		if err := m.WriteJSON(&first); err != nil {
			t.Fatal(err)
		}
		read := new(Metrics)
		if err := json.Unmarshal(first.Bytes(), read); err != nil {
			t.Fatal(err)
		}
		if err := read.WriteJSON(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) || read.Table() != m.Table() {
			t.Errorf("%s: read again, the metrics are others", name)
		}
		if !read.Matches(table, opts) || read.Contradicts(table) {
			t.Errorf("%s: not those of the table", name)
		}
	}
	p := tables["synthetic"]
	m, err := Evaluate(t.Context(), tableOf(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"resamples": func(o *Options) { o.Resamples++ }, "seed": func(o *Options) { o.Seed++ }, "unit": func(o *Options) { o.Unit = ByImage },
		"method": func(o *Options) { o.Method = BCaCI }, "level": func(o *Options) { o.Level = .9 }, "strata": func(o *Options) { o.Stratified = true },
		"groups": func(o *Options) { o.Groups = []Group{} }, "none": func(o *Options) { o.Resamples = 0 },
	} {
		other := opts
		change(&other)
		if m.Matches(tableOf(p), other) {
			t.Errorf("other %s match", name)
		}
	}
	p.Probs[0], p.Probs[1] = p.Probs[1], p.Probs[0]
	if m.Matches(tableOf(p), opts) || (*Metrics)(nil).Matches(tableOf(p), opts) {
		t.Error("another table matches")
	}
	m, err = Evaluate(t.Context(), tableOf(p), opts)
	if err != nil {
		t.Fatal(err)
	}
	m.Accuracy += .01
	if m.Matches(tableOf(p), opts) || !m.Contradicts(tableOf(p)) {
		t.Error("a file whose accuracy was edited matches")
	}
	m.Accuracy -= .01
	m.Confusion[0][1]++
	if m.Matches(tableOf(p), opts) || !m.Contradicts(tableOf(p)) {
		t.Error("a file whose confusion was edited matches")
	}
	m.Confusion[0][1]--
	if m.Contradicts(tableOf(p)) {
		t.Error("the metrics contradict their table")
	}
	delete(m.CI, "macro_specificity")
	if m.Matches(tableOf(p), opts) {
		t.Error("an older file matches")
	}
}
