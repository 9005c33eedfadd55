package nb

import (
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
