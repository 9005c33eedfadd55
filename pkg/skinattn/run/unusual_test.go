package run

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/eval/ood"
)

func TestUnusual(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	if _, err := f.Unusual(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	g := &ood.Gaussian{Mean: []float32{.5, .25, 0}, Components: []float32{1, 0, 0, 0, 1, 0}, Variances: []float32{.5, .25}, Rest: .125}
	u := &Unusual{Weights: "00", Layer: "cut", Width: 3, Rank: 2, Images: 9, Threshold: 1.5, Level: .95, N: 20, Above: 1,
		Compared: []Compared{{"noise", 4, .75, .5}}, Gaussian: g}
	if err := f.WriteUnusual(u); err != nil {
		t.Fatal(err)
	}
	got, err := f.Unusual()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, got); diff != "" {
		t.Error(diff)
	}
	// By hand: at length 1 the vector is (0, 0, 1); (.25/.5 + .0625/.25 + 1/.125) / 3 is 2.9167,
	// whose root is 1.7078.
	if score, unusual := got.Score([]float32{0, 0, 2}); score < 1.7078 || score > 1.7079 || !unusual {
		t.Errorf("%g, %v", score, unusual)
	}
	whole, err := os.ReadFile(f.Path(UnusualFile))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"threshold": 1.5`: `"threshold": 0`, `"rank": 2`: `"rank": 1`, `"width": 3`: `"width": 4`, `"layer"`: `"later"`} {
		text := strings.Replace(string(whole), from, to, 1)
		if err := os.WriteFile(f.Path(UnusualFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Unusual(); text == string(whole) || err == nil || !strings.Contains(err.Error(), "unusual.") {
			t.Errorf("with %s: %v", to, err)
		}
	}
	if err := os.WriteFile(f.Path(UnusualFile), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	g.Rest = 0
	if err := f.WriteUnusual(u); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unusual(); err == nil || !strings.Contains(err.Error(), UnusualTensorsFile) {
		t.Errorf("a variance of 0: %v", err)
	}
	// A run that goes on after its end loses the score of its old weights.
	if err := f.RemoveResults(); err != nil {
		t.Fatal(err)
	}
	if f.Has(UnusualFile) || f.Has(UnusualTensorsFile) {
		t.Error("the score of old weights is left")
	}
}
