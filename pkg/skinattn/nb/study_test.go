package nb

import (
	"math"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// The mean over seeds of the change in balanced accuracy, counted from the predictions of
// studies/leak-pair by a script in plain Python.
func TestStudyOfTheLeak(t *testing.T) {
	s := Study(split.LeakPair)
	for i, want := range []float64{.041423054792669535, .09589253093881549, -.02511373626770186} {
		if c := StudyChange(s, i, "balanced_accuracy"); math.Abs(c.Value-want) > 1e-9 || !(c.CI.Low < want && want < c.CI.High) {
			t.Errorf("%s: %+.6f [%.3f, %.3f], want %+.6f", s.Effects[i].Name, c.Value, c.CI.Low, c.CI.High, want)
		}
	}
	r := record(t)
	StudyTable(s)
	if !strings.Contains(r.plain, "+0.096 [+0.053, +0.140], p <=0.012") {
		t.Error(r.plain)
	}
}
