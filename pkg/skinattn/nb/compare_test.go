package nb

import (
	"math"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
)

func TestValues(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ got, want string }{
		{Value(.8494, eval.Interval{Low: .83, High: .867}), "0.849 [0.830, 0.867]"},
		{Value(.5, eval.Interval{}), "0.500"},
		{Value(.5, eval.Interval{Low: nan, High: nan}), "0.500"},
		{Value(nan, eval.Interval{}), "undefined"},
		{Change(.05, eval.Interval{Low: -.01, High: .11}), "+0.050 [-0.010, +0.110]"},
		{Change(-.05, eval.Interval{}), "-0.050"},
		{Change(nan, eval.Interval{}), "undefined"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestCompareTables(t *testing.T) {
	r := record(t)
	p := &eval.Predictions{Classes: []string{"mel", "nv"}, ImageIDs: []string{"a", "b"}, LesionIDs: []string{"", ""},
		Truth: []int{0, 1}, Probs: [][]float32{{1, 0}, {.75, .25}}}
	table, err := eval.NewTable(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Score(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	MetricTable([]string{"accuracy", "per_class.mel.recall"}, plots.Run{Name: "first", Metrics: m})
	differences := []eval.Difference{{Metric: "accuracy", A: .5, B: .75, Difference: .25, CI: eval.Interval{Low: .1, High: .4}, P: .01}}
	DifferenceTable("old", "new", differences, "accuracy")
	// One of two photos is right, and the only melanoma is.
	want := []string{"first", "Accuracy", "0.500", "Recall, mel", "1.000", "new less old", "+0.250 [+0.100, +0.400]", "0.01"}
	page := strings.Join(r.pages, "\n")
	for _, text := range want {
		if !strings.Contains(page, ">"+text+"<") {
			t.Errorf("the tables lack %q: %s", text, page)
		}
	}
	status := exits(t)
	if Difference(differences, "kappa"); *status != 1 {
		t.Errorf("a metric that was not compared: exit status %d, want 1", *status)
	}
}
