package eval

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func combineTable(rows ...[]float32) *Predictions {
	p := &Predictions{Classes: []string{"a", "b"}, Probs: slices.Clone(rows)}
	for i := range rows {
		p.ImageIDs = append(p.ImageIDs, string(rune('x'+i)))
		p.LesionIDs = append(p.LesionIDs, "L"+string(rune('x'+i)))
		p.Truth = append(p.Truth, i%2)
	}
	return p
}

func TestCombineByHand(t *testing.T) {
	a := combineTable([]float32{.75, .25}, []float32{.5, .5}, []float32{0, 1})
	b := combineTable([]float32{.25, .75}, []float32{.25, .75}, []float32{1, 0})
	// Geometric: sqrt(.75 .25) of both; sqrt(.125) to sqrt(.375); both zeros.
	r := math.Sqrt(.125) / (math.Sqrt(.125) + math.Sqrt(.375))
	// Ranks of class a in a: 3 2 1, in b: 1.5 1.5 3; of b in a: 1 2 3, in b: 2.5 2.5 1.
	for _, tt := range []struct {
		how  Combination
		want []float64 // of class a
	}{
		{CombineMean, []float64{.5, .375, .5}},
		{CombineGeometricMean, []float64{.5, r, .5}},
		{CombineRank, []float64{4.5 / 8, 3.5 / 8, 4. / 8}},
	} {
		got, err := Combine(tt.how, tableOf(a), tableOf(b))
		if err != nil {
			t.Fatal(err)
		}
		rows := got.Predictions()
		if err := rows.Validate(); err != nil {
			t.Errorf("%s: %v", tt.how, err)
		}
		for i, want := range tt.want {
			if v := rows.Probs[i][0]; v != float32(want) {
				t.Errorf("%s: image %d has %v, want %v", tt.how, i, v, want)
			}
		}
	}
}

// The order of tables, and of the rows of a table, does not matter; both means of a
// single table are the table.
func TestCombineInvariances(t *testing.T) {
	rng := newRNG(11)
	p := syntheticPredictions(rng, 60, 7, 0)
	q := syntheticPredictions(rng, 60, 7, 0)
	q.Truth, q.LesionIDs = p.Truth, p.LesionIDs
	for _, how := range []Combination{CombineMean, CombineGeometricMean, CombineRank} {
		combine := func(tables ...*Predictions) *Predictions {
			var all []*Table
			for _, p := range tables {
				all = append(all, tableOf(p))
			}
			combined, err := Combine(how, all...)
			if err != nil {
				t.Fatal(err)
			}
			return combined.Predictions()
		}
		want, got, swapped := combine(p, q), combine(p, permuteRows(q, rng)), combine(permuteRows(q, rng), p)
		for i, id := range want.ImageIDs {
			if !slices.Equal(got.Probs[i], want.Probs[i]) {
				t.Errorf("%s: %s changed with the order of rows", how, id)
			}
			for k, v := range swapped.Probs[slices.Index(swapped.ImageIDs, id)] {
				if math.Abs(float64(v-want.Probs[i][k])) > 1e-7 {
					t.Errorf("%s: %s changed with the order of tables", how, id)
				}
			}
		}
		if how == CombineRank {
			continue
		}
		for i, row := range combine(p).Probs {
			for k, v := range row {
				if math.Abs(float64(v-p.Probs[i][k])) > 1e-6 {
					t.Errorf("%s of one table: image %d, class %d: %v, want %v", how, i, k, v, p.Probs[i][k])
				}
			}
		}
	}
}

func TestAlignErrors(t *testing.T) {
	rows := [][]float32{{1, 0}, {0, 1}, {1, 0}}
	for name, tt := range map[string]struct {
		change func(p *Predictions)
		want   []string
	}{
		"classes":       {func(p *Predictions) { p.Classes = []string{"a", "c"} }, []string{"classes", "c"}},
		"class order":   {func(p *Predictions) { p.Classes = []string{"b", "a"} }, []string{"classes"}},
		"missing image": {func(p *Predictions) { p.ImageIDs[1] = "other" }, []string{`"y"`, "missing"}},
		"extra image": {func(p *Predictions) {
			p.ImageIDs, p.LesionIDs, p.Truth, p.Probs = append(p.ImageIDs, "w"), append(p.LesionIDs, ""), append(p.Truth, 0), append(p.Probs, rows[0])
		}, []string{`"w"`, "only here"}},
		"truth":   {func(p *Predictions) { p.Truth[2] = 1 }, []string{`"z"`, "is b here and a there"}},
		"unknown": {func(p *Predictions) { p.Truth[2] = TruthUnknown }, []string{`"z"`, "unknown class"}},
		"lesion":  {func(p *Predictions) { p.LesionIDs[0] = "other" }, []string{`"x"`, `"other"`, `"Lx"`}},
	} {
		second := combineTable(rows...)
		tt.change(second)
		_, err := Align(tableOf(combineTable(rows...)), tableOf(second))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range append(tt.want, "table 2") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not name %q", name, err, part)
			}
		}
	}
	if _, err := Align(); err == nil {
		t.Error("no tables: no error")
	}
	if _, err := Combine(7, tableOf(combineTable(rows...))); err == nil {
		t.Error("unknown combination: no error")
	}
	// A table without lesion ids fits a table with lesion ids.
	second := combineTable(rows...)
	second.LesionIDs = nil
	if got, err := Align(tableOf(combineTable(rows...)), tableOf(second)); err != nil || got[1].Predictions().LesionIDs[2] != "Lz" {
		t.Errorf("without lesions: %v", err)
	}
	for _, how := range []Combination{CombineMean, CombineGeometricMean, CombineRank} {
		var got Combination
		if text, err := how.MarshalText(); err != nil || got.UnmarshalText(text) != nil || got != how {
			t.Errorf("%s reads back as %s", how, got)
		}
	}
	if new(Combination).UnmarshalText([]byte("median")) == nil {
		t.Error("median: no error")
	}
}
