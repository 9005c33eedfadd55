package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// testSet makes a folder "input" of n synthetic photos, with ISIC's ground truth beside
// it, and returns the paths of both.
func testSet(t *testing.T, n int) (input, truth string) {
	t.Helper()
	dir := t.TempDir()
	if err := synthetic.Generate(t.Context(), filepath.Join(dir, "drawn"), synthetic.Options{Images: n, Seed: 1, Width: 40, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(filepath.Join(dir, "drawn"))
	if err != nil {
		t.Fatal(err)
	}
	input, truth = filepath.Join(dir, "input"), filepath.Join(dir, "ISIC2018_Task3_Validation_GroundTruth.csv")
	if err := os.Mkdir(input, 0o755); err != nil {
		t.Fatal(err)
	}
	table := "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"
	for _, r := range data.Records {
		path, _ := data.ImagePath(r.ImageID)
		id := strings.Replace(r.ImageID, "ISIC_9", "ISIC_8", 1) // which no synthetic training photo has
		if err := os.Rename(path, filepath.Join(input, id+".jpg")); err != nil {
			t.Fatal(err)
		}
		table += id
		for _, class := range []string{"mel", "nv", "bcc", "akiec", "bkl", "df", "vasc"} {
			table += map[bool]string{true: ",1.0", false: ",0.0"}[class == r.Dx]
		}
		table += "\n"
	}
	if err := os.WriteFile(truth, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	return input, truth
}

func TestPredictTestData(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	input, truth := testSet(t, 40)
	runDir, out := untrainedRun(t), filepath.Join(t.TempDir(), "predictions.csv")
	set, err := ham10000.OpenTestSet(input, truth)
	if err != nil {
		t.Fatal(err)
	}

	code, stdout, stderr := call(t, "predict", "--run", runDir, "--test-data", input, "--out", out)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"40 photos of " + input + ", truth from " + truth, "each photo counts as a lesion of its own",
		"metadata unknown: age (assumed: 0.0 years", "sex, localization", "skinattn evaluate " + out, "not a medical device"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the answer lacks %q: %s", want, stdout)
		}
	}
	table, err := eval.ReadPredictions(out)
	if err != nil {
		t.Fatal(err)
	}
	rows := table.Predictions()
	for i, r := range set.Records {
		if class, _ := ham10000.ClassIndex(r.Dx); rows.ImageIDs[i] != r.ImageID || rows.Truth[i] != class || rows.LesionIDs[i] != "" {
			t.Errorf("row %d has %s %s %d, want %+v", i, rows.ImageIDs[i], rows.LesionIDs[i], rows.Truth[i], r)
		}
	}
	if code, stdout, stderr := call(t, "evaluate", out, "--resamples", "20"); code != 0 || !strings.Contains(stdout, "40 images") {
		t.Error(code, stdout, stderr)
	}

	// The probabilities are those of the photos by themselves, to rounding.
	photo, _ := set.ImagePath(set.Records[39].ImageID)
	code, stdout, stderr = call(t, "predict", "--run", runDir, photo, "--json", "-q")
	var alone []predictionRow
	if err := json.Unmarshal([]byte(stdout), &alone); code != 0 || err != nil {
		t.Fatal(stderr, err)
	}
	if want := []string{"age", "sex", "localization"}; !slices.Equal(alone[0].Assumed, want) {
		t.Errorf("assumed is %v, want %v", alone[0].Assumed, want)
	}
	for k, class := range ham10000.Classes {
		if d := alone[0].Probabilities[class] - rows.Probs[39][k]; d > 1e-5 || d < -1e-5 {
			t.Errorf("%s has %v alone and %v in the table", class, alone[0].Probabilities[class], rows.Probs[39][k])
		}
	}

	// Without a table the truth is unknown. In JSON, photos without a row say so.
	if err := os.Remove(truth); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = call(t, "predict", "--run", runDir, "--test-data", input, "--out", out)
	if code != 0 || !strings.Contains(stdout, "the column dx is empty") {
		t.Error(code, stdout, stderr)
	}
	if table, err := eval.ReadPredictions(out); err != nil || table.Unknown() != 40 {
		t.Error(err)
	}
	few := filepath.Join(t.TempDir(), "few.csv")
	text := "lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1," + set.Records[0].ImageID + ",mel,histo,70,male,back\n"
	if err := os.WriteFile(few, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags []string
		age   float64
	}{{nil, 70}, {[]string{"--without-metadata"}, 0}} {
		code, stdout, stderr = call(t, append([]string{"predict", "--run", runDir, "--test-data", input, "--truth", few, "--json", "-q"}, c.flags...)...)
		var answer []predictionRow
		if err := json.Unmarshal([]byte(stdout), &answer); code != 0 || err != nil || len(answer) != 40 {
			t.Fatal(code, stderr, err, len(answer))
		}
		if first := answer[0]; first.Truth != "mel" || first.Metadata.Age != c.age || (first.Assumed == nil) != (c.flags == nil) || answer[1].LeftOut != "no row in "+few || answer[1].Probabilities != nil {
			t.Errorf("%+v, %+v", first, answer[1])
		}
	}

	// A photo that can't be read fails the set, and no table is written.
	if err := os.WriteFile(photo, []byte("no photo"), 0o644); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.csv")
	code, _, stderr = call(t, "predict", "--run", runDir, "--test-data", input, "--out", none, "-q")
	if _, err := os.Stat(none); code != 1 || !strings.Contains(stderr, "1 image could not be read, and no predictions were written") || !os.IsNotExist(err) {
		t.Error(code, stderr, err)
	}
}

func TestPredictTestDataMistakes(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "predict takes images, or --test-data DIR"},
		{[]string{"a.jpg", "--test-data", dir}, 2, "leave a.jpg out"},
		{[]string{"a.jpg", "--out", "x.csv"}, 2, "--out needs --test-data"},
		{[]string{"a.jpg", "--truth", "x.csv"}, 2, "--truth needs --test-data"},
		{[]string{"a.jpg", "--without-metadata"}, 2, "--without-metadata needs --test-data"},
		{[]string{"--test-data", dir, "--age", "4"}, 2, "--age, --sex and --localization"},
		{[]string{"--test-data", dir}, 1, "holds no photo"},
		{[]string{"--test-data", dir, "--out", filepath.Join(dir, "none", "x.csv")}, 1, "the folder for --out"},
	} {
		if code, _, stderr := call(t, append([]string{"predict", "--run", dir}, c.args...)...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, stderr)
		}
	}
}

// train --test-data reports the official test of a protocol that has one.
func TestTrainTestData(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := t.TempDir()
	data, runDir := filepath.Join(dir, "data"), filepath.Join(dir, "run")
	if err := synthetic.Generate(t.Context(), data, synthetic.Options{Images: 60, Seed: 2, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKINATTN_DATA", data)
	input, _ := testSet(t, 20)
	train := []string{"train", "--run", runDir, "--quiet", "--backbone", "mobilenet_v2", "--cut", "Conv1_relu", "--size", "32", "--weights", "random",
		"--regime", "demo", "--epochs", "1", "--test-data", input}
	if code, _, stderr := call(t, append(train, "--protocol", "grouped")...); code != 2 || !strings.Contains(stderr, "--test-data: the split has the protocol \"grouped\"") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	code, stdout, stderr := call(t, append(train, "--protocol", "isic2018")...)
	if code != 0 || !strings.Contains(stdout, "20 images") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	table, err := eval.ReadPredictions(filepath.Join(runDir, "predictions-test.csv"))
	if err != nil || table.Len() != 20 || !strings.HasPrefix(table.Predictions().ImageIDs[0], "ISIC_8") {
		t.Error(err)
	}
}
