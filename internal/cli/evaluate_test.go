package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// writeRun makes a folder with the predictions of a model of some skill, for 120
// validation images and 120 test images of 60 lesions. Every third of these lesions also
// has a photo in train.
func writeRun(t *testing.T, skill float64) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(100*skill), 1))
	parts := &split.Split{}
	for part, name := range map[string]string{"test": "predictions-test.csv", "val": "predictions-val.csv"} {
		p := &eval.Predictions{Classes: ham10000.Classes}
		for i := range 120 {
			lesion, truth := i/2, (i/2)%7
			row, sum := make([]float32, 7), float32(0)
			for k := range row {
				row[k] = rng.Float32()
				if k == truth {
					row[k] += float32(skill)
				}
				sum += row[k]
			}
			for k := range row {
				row[k] /= sum
			}
			id := fmt.Sprintf("%s_%d", part, i)
			p.ImageIDs = append(p.ImageIDs, id)
			p.LesionIDs = append(p.LesionIDs, fmt.Sprintf("%s_L%d", part, lesion))
			p.Truth = append(p.Truth, truth)
			p.Probs = append(p.Probs, row)
			photo := split.Row{ImageID: id, LesionID: fmt.Sprintf("%s_L%d", part, lesion), Dx: ham10000.Classes[truth], Part: split.Part(part)}
			parts.Rows = append(parts.Rows, photo)
			if part == "test" && i%6 == 0 {
				photo.ImageID, photo.Part = fmt.Sprintf("train_%d", i), split.Train
				parts.Rows = append(parts.Rows, photo)
			}
		}
		table, err := eval.NewTable(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.WriteFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&run.Folder{Dir: dir}).WriteSplit(parts); err != nil {
		t.Fatal(err)
	}
	return dir
}

// answer runs the command line, which must succeed, and decodes its JSON.
func answer(t *testing.T, into any, args ...string) {
	t.Helper()
	code, stdout, stderr := call(t, append(args, "--json")...)
	if code != exitDone {
		t.Fatalf("%q: exit code %d, %s", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		t.Fatalf("%q: %v in\n%s", args, err, stdout)
	}
}

func TestEvaluate(t *testing.T) {
	good, bad := writeRun(t, 0.7), writeRun(t, 0.1)
	few := []string{"evaluate", "--resamples", "40"}

	var plain eval.Metrics
	answer(t, &plain, append(few, good)...)
	if plain.N != 120 || plain.Bootstrap.Method != eval.PercentileCI || plain.Bootstrap.Units != 60 {
		t.Errorf("plain: %d images, %+v", plain.N, plain.Bootstrap)
	}
	var several []eval.Metrics
	answer(t, &several, append(few, good, bad, "--bca", "--stratified", "--unit", "image")...)
	if len(several) != 2 || several[0].Accuracy != plain.Accuracy || several[1].Bootstrap.Method != eval.BCaCI || !several[1].Bootstrap.Stratified || several[1].Bootstrap.Units != 120 {
		t.Errorf("several: %+v", several)
	}

	var combined eval.Metrics
	answer(t, &combined, append(few, good, bad, "--combine", "geometric")...)
	if combined.N != 120 || combined.Accuracy == plain.Accuracy {
		t.Errorf("combined: %d images, accuracy %v", combined.N, combined.Accuracy)
	}

	for _, kind := range []string{"temperature", "vector"} {
		var calibrated struct {
			NLL         float64 `json:"nll"`
			Calibration eval.Scaling
		}
		answer(t, &calibrated, append(few, good, "--calibrate", good, "--calibration", kind)...)
		if calibrated.NLL >= plain.NLL || calibrated.Calibration.Method != kind || calibrated.Calibration.N != 120 {
			t.Errorf("%s: loss %v, before %v; %+v", kind, calibrated.NLL, plain.NLL, calibrated.Calibration)
		}
	}

	var compared struct {
		Inputs      []string
		Differences map[string]struct{ A, B, Difference, P float64 }
		DeLong      map[string]struct{ P float64 }
		McNemar     struct{ P float64 }
	}
	answer(t, &compared, append(few, good, bad, "--compare")...)
	if d := compared.Differences["accuracy"]; d.A != plain.Accuracy || d.Difference >= 0 || d.P > 0.1 || len(compared.Inputs) != 2 || compared.DeLong["per_class.nv.auroc"].P == 0 || compared.McNemar.P > 0.1 {
		t.Errorf("compared: %+v", compared)
	}

	// Runs of different splits are compared on what they share: here all but two of 120 photos.
	text, err := os.ReadFile(filepath.Join(bad, "predictions-test.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	fewer := filepath.Join(t.TempDir(), "fewer.csv")
	if err := os.WriteFile(fewer, []byte(strings.Join(append(lines[:3:3], lines[5:]...), "")), 0o644); err != nil {
		t.Fatal(err)
	}
	var shared struct {
		N      int
		Shared eval.SharedImages
	}
	answer(t, &shared, append(few, good, fewer, "--compare")...)
	if shared.N != 118 || shared.Shared != (eval.SharedImages{A: 120, B: 118, Both: 118}) {
		t.Errorf("shared: %+v", shared)
	}
	if _, stdout, _ := call(t, append(few, good, fewer, "--compare")...); !strings.Contains(stdout, "120 and 118, of which they share 118") {
		t.Errorf("the text does not say what is shared: %s", stdout)
	}

	var seeds struct {
		Runs    int
		Inputs  []string
		Metrics map[string]struct{ Mean, SD float64 }
	}
	answer(t, &seeds, append(few, good, bad, "--seeds")...)
	if mean := (several[0].Accuracy + several[1].Accuracy) / 2; seeds.Runs != 2 || len(seeds.Inputs) != 2 || math.Abs(seeds.Metrics["accuracy"].Mean-mean) > 1e-15 {
		t.Errorf("seeds: %+v, want a mean of %v", seeds.Metrics["accuracy"], mean)
	}

	var leak struct {
		Clean, Leaked eval.Metrics
		Audit         eval.LeakAudit
	}
	answer(t, &leak, append(few, good, "--leak")...)
	if leak.Leaked.N != 40 || leak.Clean.N != 80 || leak.Audit.HeldOut != (eval.LeakRate{Leaked: 40, Images: 240}) {
		t.Errorf("leak: %d leaked, %d clean, %+v", leak.Leaked.N, leak.Clean.N, leak.Audit.HeldOut)
	}

	for _, args := range [][]string{{good}, {good, bad, "--compare"}, {good, bad, "--seeds"}, {good, "--leak"}, {good, "--calibrate", good}, {good, bad, "--combine", "mean"}} {
		code, stdout, stderr := call(t, append(few, args...)...)
		if code != exitDone || !strings.Contains(stdout, "accuracy") || !strings.Contains(stdout, good) {
			t.Errorf("%q: exit code %d, %s\n%s", args, code, stderr, stdout)
		}
	}
}

// 'evaluate' answers with the metrics.json of a run only if the file has the metrics
// that 'evaluate' would compute.
func TestEvaluateUsesStoredMetrics(t *testing.T) {
	dir := writeRun(t, 0.7)
	args := []string{"evaluate", dir, "--resamples", "40", "--json"}
	code, computed, stderr := call(t, args...)
	if code != exitDone {
		t.Fatal(stderr)
	}
	path := filepath.Join(dir, run.MetricsFile)
	if err := os.WriteFile(path, []byte(computed), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, used, _ := call(t, args...); used != computed {
		t.Errorf("from metrics.json: %s", used)
	}
	// An end of an interval that no resamples give shows where the file was used: the values
	// themselves are compared with those of the table.
	marked := regexp.MustCompile(`("ci": \{\s*"accuracy": \[\s*)[0-9.]+`).ReplaceAllString(computed, "${1}0.00123456")
	if marked == computed {
		t.Fatal("there is no interval to change")
	}
	if err := os.WriteFile(path, []byte(marked), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		more []string
		used bool
	}{
		{nil, true}, {[]string{"--seed", "7"}, false}, {[]string{"--bca"}, false}, {[]string{"--unit", "image"}, false}, {[]string{"--part", "val"}, false},
		{[]string{"--calibrate", dir}, false},
	} {
		code, stdout, stderr := call(t, append(args, c.more...)...)
		if code != exitDone || strings.Contains(stdout, "0.00123456") != c.used {
			t.Errorf("%v: used %v; %s", c.more, !c.used, stderr)
		}
	}
}

// Ctrl-C ends an evaluation of many resamples, with the exit code of an interruption.
func TestEvaluateIsInterrupted(t *testing.T) {
	dir := writeRun(t, 0.7)
	for _, more := range [][]string{nil, {"--leak"}, {"--bca"}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(50*time.Millisecond, cancel)
		var stdout, stderr strings.Builder
		if code := execute(ctx, append([]string{"evaluate", dir, "--resamples", "10000000"}, more...), &stdout, &stderr); code != 130 || stdout.Len() != 0 {
			t.Errorf("%v: exit code %d, %s", more, code, stderr.String())
		}
	}
}

func TestEvaluateMistakes(t *testing.T) {
	good := writeRun(t, 0.7)
	csv := filepath.Join(good, "predictions-test.csv")
	val := filepath.Join(good, "predictions-val.csv")
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		names []string
	}{
		{"compare one", []string{good, "--compare"}, 2, []string{"--compare", "two"}},
		{"compare other images", []string{csv, val, "--compare"}, 1, []string{"no photo in common"}},
		{"leak of two", []string{good, good, "--leak"}, 2, []string{"--leak", "one"}},
		{"leak of a file", []string{csv, "--leak"}, 1, []string{"--leak", "split"}},
		{"two modes", []string{good, good, "--leak", "--compare"}, 2, []string{"--leak", "--compare"}},
		{"combination", []string{good, "--combine", "median"}, 2, []string{"median", "geometric"}},
		{"calibration", []string{good, "--calibrate", good, "--calibration", "isotonic"}, 2, []string{"isotonic"}},
		{"calibrated on the test", []string{csv, "--calibrate", csv}, 1, []string{"test_0", "not evaluated"}},
		{"calibrated on nothing", []string{csv, "--calibrate", "nowhere.csv"}, 1, []string{"nowhere.csv"}},
	} {
		code, _, stderr := call(t, append([]string{"evaluate", "--resamples", "10"}, c.args...)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.code, stderr)
		}
		for _, name := range c.names {
			if !strings.Contains(stderr, name) {
				t.Errorf("%s: %q does not name %q", c.name, stderr, name)
			}
		}
	}
}
