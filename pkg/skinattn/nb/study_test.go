package nb

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
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

// Every kind of study that is committed is there, with as many sentences as effects; the
// ablation comes first among those of its protocol.
func TestStudiesOfAllKinds(t *testing.T) {
	studies := Must(Reproduction().Studies())
	var kinds []string
	for _, s := range studies {
		kinds = append(kinds, s.Kind+" "+s.Protocol)
		if s.Kind != reproduce.StudyAblation && len(s.Sentences) != len(s.Effects) {
			t.Errorf("%s: %d sentences on %d effects", s.Kind, len(s.Sentences), len(s.Effects))
		}
	}
	for _, want := range []string{"ablation grouped", "leak pair leak-pair", "archive sites grouped"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("%q is not among %q", want, kinds)
		}
	}
	if s := Study(split.Grouped); s.Kind != reproduce.StudyAblation {
		t.Errorf("the study of grouped is %s", s.Kind)
	}
}
