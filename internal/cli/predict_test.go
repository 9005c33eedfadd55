package cli

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// predictedRow predicts one photo.
func predictedRow(t *testing.T, args ...string) predictionRow {
	t.Helper()
	code, stdout, stderr := call(t, append([]string{"predict", "--json", "-q"}, args...)...)
	var rows []predictionRow
	if err := json.Unmarshal([]byte(stdout), &rows); code != 0 || err != nil || len(rows) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	return rows[0]
}

// A run with a calibration predicts calibrated probabilities and says how sure it is; one
// without predicts the network's own.
func TestPredictCalibrated(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := untrainedRun(t)
	photo := writePNG(t, filepath.Join(t.TempDir(), "a.png"), false)
	raw := predictedRow(t, "--run", dir, photo)
	if raw.Calibrated || raw.Confidence != nil || raw.Uncertain != nil || raw.Model != dir {
		t.Errorf("without a calibration: %+v", raw)
	}
	if code, stdout, _ := call(t, "predict", "--run", dir, photo, "--age", "40", "--sex", "male", "--localization", "back"); code != 0 ||
		!strings.Contains(stdout, "model "+dir+"; the probabilities are the network's own, not calibrated\nfor research and teaching; not a medical device\n") {
		t.Error(stdout)
	}

	scaling := &eval.Scaling{Method: "temperature", Classes: ham10000.Classes, Weight: slices.Repeat([]float64{.5}, 7), Bias: make([]float64, 7)}
	calibration := &run.Calibration{Scaling: scaling, Confidence: eval.Confidence{Threshold: 1, Level: .5, N: 300, Right: 200, Below: 100, BelowRight: 45}}
	if err := (&run.Folder{Dir: dir}).WriteCalibration(calibration); err != nil {
		t.Fatal(err)
	}
	row := predictedRow(t, "--run", dir, photo)
	probabilities := make([]float32, 7)
	for k, class := range ham10000.Classes {
		probabilities[k] = raw.Probabilities[class]
	}
	for k, want := range scaling.Probabilities(probabilities) {
		if got := row.Probabilities[ham10000.Classes[k]]; got != want {
			t.Errorf("%s has %g, want %g", ham10000.Classes[k], got, want)
		}
	}
	if !row.Calibrated || row.Uncertain == nil || !*row.Uncertain || *row.Confidence != row.Probabilities[row.Prediction] || row.Prediction != raw.Prediction {
		t.Errorf("%+v", row)
	}
	if want := []string{"age", "sex", "localization"}; !slices.Equal(row.Assumed, want) {
		t.Errorf("assumed: %v, want %v", row.Assumed, want)
	}
	code, stdout, _ := call(t, "predict", "--run", dir, photo, "--sex", "male")
	for _, want := range []string{"calibrated probabilities (temperature 2.000)", "uncertain: " + photo + " (" + row.Prediction + ", 0.",
		"of 100 validation photos with a confidence below 1.00, 45.0% were predicted rightly", "metadata unknown: age (assumed: 0.0 years, the mean of the training photos), localization\n"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("the answer lacks %q: %s", want, stdout)
		}
	}

	// explain says the same.
	code, stdout, stderr := call(t, "explain", "--run", dir, photo, "--out", t.TempDir(), "--method", "soft-attention", "--json", "-q")
	var explained []explanationRow
	if err := json.Unmarshal([]byte(stdout), &explained); code != 0 || err != nil {
		t.Fatal(stderr, err)
	}
	if x := explained[0]; !x.Calibrated || *x.Confidence != *row.Confidence || *x.Probability != row.Probabilities[x.Class] || !*x.Uncertain || len(x.Assumed) != 3 {
		t.Errorf("explained is %+v, predicted %+v", x, row)
	}
	code, stdout, _ = call(t, "explain", "--run", dir, photo, "--out", t.TempDir(), "--method", "soft-attention", "-q")
	if code != 0 || !strings.Contains(stdout, "uncertain: "+photo) || !strings.Contains(stdout, "not a medical device") {
		t.Error(stdout)
	}

	calibration.Scaling.Classes = ham10000.Classes[:6]
	if err := (&run.Folder{Dir: dir}).WriteCalibration(calibration); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, "predict", "--run", dir, photo); code != 1 || !strings.Contains(stderr, run.CalibrationFile) {
		t.Errorf("a damaged calibration: exit code %d, %s", code, stderr)
	}
}

// Without --run the released model predicts, explains and is exported.
func TestReleasedModel(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := t.TempDir()
	photo := writePNG(t, filepath.Join(dir, "a.png"), false)
	if models.Name() == "" {
		for _, args := range [][]string{{"predict", photo}, {"explain", photo, "--out", dir}, {"weights", "export", "--out", filepath.Join(dir, "a.h5")}} {
			if code, _, stderr := call(t, args...); code != 1 || stderr != "skinattn: this version has no released model; name a run folder with --run\n" {
				t.Errorf("%v: exit code %d, %s", args, code, stderr)
			}
		}
		t.Skip("no model is released")
	}
	row := predictedRow(t, photo)
	if row.Model != "models/"+models.Name() || !row.Calibrated || row.Uncertain == nil || len(row.Probabilities) != 7 {
		t.Errorf("%+v", row)
	}
	code, stdout, stderr := call(t, "explain", photo, "--out", dir, "--method", "soft-attention", "--json", "-q")
	var explained []explanationRow
	if err := json.Unmarshal([]byte(stdout), &explained); code != 0 || err != nil || explained[0].Prediction != row.Prediction || explained[0].Model != row.Model {
		t.Errorf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if code, stdout, stderr := call(t, "weights", "export", "--out", filepath.Join(dir, "a.h5")); code != 0 || !strings.Contains(stdout, "a.h5: ") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
