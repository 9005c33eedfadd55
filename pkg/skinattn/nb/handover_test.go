package nb

import (
	"reflect"
	"strings"
	"testing"
)

func TestSaveAndLoad(t *testing.T) {
	n := bookAt(t, "", Demo)
	type kept struct {
		Name   string
		Values []float32
	}
	want := kept{"a", []float32{1, 2.5}}
	n.Save("maps", want)
	if got := Load[kept](n, "maps"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := load[int](n, "maps"); err == nil || !strings.Contains(err.Error(), "reading maps") {
		t.Errorf("another type: got error %v", err)
	}
	if _, err := load[kept](n, "gone"); err == nil || !strings.Contains(err.Error(), "run the cell above that keeps gone") {
		t.Errorf("nothing kept: got error %v", err)
	}
	if err := n.save("bad", func() {}); err == nil {
		t.Error("a function can be kept")
	}
}
