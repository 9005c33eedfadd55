package eval

import (
	"slices"
	"testing"
)

func TestSharedImages(t *testing.T) {
	table := func(ids ...string) *Table {
		p := &Predictions{Classes: []string{"x", "y"}}
		for i, id := range ids {
			p.ImageIDs, p.Truth = append(p.ImageIDs, id), append(p.Truth, i%2)
			p.Probs = append(p.Probs, []float32{.25, .75})
		}
		out, err := NewTable(p)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	a, b, counts := Shared(table("1", "2", "3", "4"), table("4", "9", "2"))
	if !slices.Equal(a.rows.ImageIDs, []string{"2", "4"}) || !slices.Equal(b.rows.ImageIDs, []string{"4", "2"}) {
		t.Errorf("shared: %v and %v", a.rows.ImageIDs, b.rows.ImageIDs)
	}
	if counts != (SharedImages{A: 4, B: 3, Both: 2}) || counts.Same() {
		t.Errorf("counted: %+v", counts)
	}
	if _, _, counts := Shared(table("1", "2"), table("2", "1")); !counts.Same() {
		t.Errorf("equal sets: %+v", counts)
	}
	if a, _, counts := Shared(table("1"), table("2")); a.Len() != 0 || counts.Both != 0 {
		t.Errorf("nothing shared: %+v", counts)
	}
}
