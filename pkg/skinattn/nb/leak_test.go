package nb

import (
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

func TestAudit(t *testing.T) {
	a := Audit(&split.Split{Rows: []split.Row{
		{ImageID: "a", LesionID: "1", Dx: "mel", Part: split.Train}, {ImageID: "b", LesionID: "1", Dx: "mel", Part: split.Val},
		{ImageID: "c", LesionID: "2", Dx: "nv", Part: split.Val},
	}})
	if a.HeldOut != (eval.LeakRate{Leaked: 1, Images: 2}) || !a.IsLeaked("b") || a.IsLeaked("c") {
		t.Errorf("got %+v, want b leaked alone", a)
	}
}

func TestOnly(t *testing.T) {
	p := &eval.Predictions{Classes: []string{"mel", "nv"}, ImageIDs: []string{"a", "b", "c"}, LesionIDs: []string{"1", "1", "2"},
		Truth: []int{0, 1, eval.Unknown}, Probs: [][]float32{{1, 0}, {.5, .5}, {0, 1}}}
	q := Only(p, func(i int) bool { return i != 1 })
	if err := q.Validate(); err != nil || !slices.Equal(q.ImageIDs, []string{"a", "c"}) || !slices.Equal(q.LesionIDs, []string{"1", "2"}) ||
		!slices.Equal(q.Truth, []int{0, eval.Unknown}) || q.Probs[1][1] != 1 {
		t.Errorf("got %+v, %v", q, err)
	}
	p.LesionIDs = nil
	if q := Only(p, func(int) bool { return true }); q.Len() != 3 || q.LesionIDs != nil {
		t.Errorf("without lesions: got %+v", q)
	}
}
