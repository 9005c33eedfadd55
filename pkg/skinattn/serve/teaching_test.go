package serve

import (
	"slices"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/likeness"
)

// The answers of the exercise in docs/teaching.md are what the released model says of the
// page's synthetic lesions.
func TestTeachingExercise(t *testing.T) {
	m, folder := released(t)
	calibration, err := folder.Calibration()
	if err != nil {
		t.Fatal(err)
	}
	comparer, err := likeness.Open(m, folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(comparer.Close)
	s, err := New(t.Context(), m, Options{Name: "the released model", Calibration: calibration, Companion: NewCompanion(comparer)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(name string, fields ...string) Prediction {
		photo, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return answered[Prediction](t, post(t, s, "/v1/predict", photo, append(fields, "sweep", "true", "unusual", "true")...))
	}

	second := ask("lesion-2.jpg")
	if !second.Unusual.Unusual {
		t.Error("the second lesion has no warning")
	}
	at := func(p Prediction, class string, age float64) float32 {
		return p.Sweep.Age.Probabilities[class][slices.Index(p.Sweep.Age.Ages, age)]
	}
	for _, class := range []string{"mel", "akiec"} {
		if young, old := at(second, class, 20), at(second, class, 80); old < 5*young {
			t.Errorf("%s is %.3f at 20 years and %.3f at 80: the exercise says that it rises", class, young, old)
		}
	}
	if young, old := at(second, "nv", 20), at(second, "nv", 80); old > young-.2 {
		t.Errorf("nv is %.3f at 20 years and %.3f at 80: the exercise says that it falls", young, old)
	}

	third := ask("lesion-3.jpg")
	if third.RunnerUp != "bkl" || third.Margin > .2 {
		t.Errorf("the third lesion's margin is %.3f before %s: the exercise calls it close to bkl", third.Margin, third.RunnerUp)
	}
	if at(third, "nv", 50) < at(third, "bkl", 50) || at(third, "nv", 65) > at(third, "bkl", 65) {
		t.Error("the third lesion's first diagnosis does not change between 50 and 65 years")
	}
	for site, want := range map[string]string{"face": "bkl", "foot": "nv"} {
		if p := ask("lesion-3.jpg", "localization", site); p.Prediction != want {
			t.Errorf("the third lesion on the %s is %s, in the exercise %s", site, p.Prediction, want)
		}
	}
}
