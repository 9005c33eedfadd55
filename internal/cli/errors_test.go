package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs the command line as main does.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// Every mistake gives one line on standard error that names the culprit, and
// the exit code of the contract: 1 failed, 2 wrong usage.
func TestMistakes(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	header := "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
	write("nophoto/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,nv,histo,50,male,back\nHAM_2,ISIC_2,mel,histo,50,male,back\n")
	write("badclass/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,wart,histo,50,male,back\n")
	write("full/something", "x")
	file := write("file", "x")
	csv := write("bad.csv", "image_id,lesion_id,dx,akiec,bcc\nISIC_1,HAM_1,nv,.5,.5\n")

	train := []string{"train", "--backbone", "mobilenet_v2", "--weights", "random", "--size", "32"}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		names []string // what the message must contain
	}{
		{"no data folder", append(train, "--run", dir+"/r1"), 1, []string{"--data", "SKINATTN_DATA"}},
		{"data folder is not there", []string{"data", "check", "--data", dir + "/nowhere"}, 1, []string{"nowhere"}},
		{"metadata row without an image", append(train, "--data", dir+"/nophoto", "--split", writeSplitFile(t, dir), "--run", dir+"/r2"), 1, []string{"ISIC_1", "missing"}},
		{"unknown class", []string{"data", "stats", "--data", dir + "/badclass"}, 1, []string{"wart", "HAM10000_metadata.csv:2"}},
		{"unknown backbone", []string{"train", "--backbone", "alexnet", "--run", dir + "/r3"}, 2, []string{"alexnet"}},
		{"no backbone", []string{"train", "--run", dir + "/r4"}, 2, []string{"--backbone"}},
		{"unknown protocol", []string{"split", "--protocol", "random", "--out", dir + "/s.csv"}, 2, []string{"random"}},
		{"unknown command", []string{"dance"}, 2, []string{"dance"}},
		{"unknown flag", []string{"doctor", "--dance"}, 2, []string{"--dance"}},
		{"unknown engine", []string{"demo", "--engine", "abacus", "--out", dir + "/demo"}, 1, []string{"abacus"}},
		{"run folder in use for something else", append(train, "--data", dir+"/nophoto", "--run", dir+"/full"), 1, []string{"not empty", "something"}},
		{"run folder is a file", append(train, "--data", dir+"/nophoto", "--run", file), 1, []string{"run folder"}},
		{"nothing to resume", append(train, "--data", dir+"/nophoto", "--run", dir+"/r5", "--resume"), 1, []string{"nothing to resume"}},
		{"bad batch", append(train, "--data", dir+"/nophoto", "--batch", "0", "--run", dir+"/r6"), 1, []string{"batch"}},
		{"predictions that are no predictions", []string{"evaluate", csv}, 1, []string{"bad.csv", "nv"}},
		{"no predictions", []string{"evaluate", dir + "/none.csv"}, 1, []string{"none.csv"}},
		{"predict without a run", []string{"predict", "--run", dir, file}, 1, []string{"run folder"}},
		{"unknown sex", []string{"predict", "--run", dir, "--sex", "other", file}, 2, []string{"other", "female"}},
		{"impossible age", []string{"predict", "--run", dir, "--age", "-3", file}, 2, []string{"-3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d; %s", code, c.code, stderr)
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "skinattn: ") {
				t.Errorf("the message is %q", last)
			}
			if strings.Count(stderr, "skinattn: ") != 1 {
				t.Errorf("not one message: %q", stderr)
			}
			for _, name := range c.names {
				if !strings.Contains(stderr, name) {
					t.Errorf("the message does not name %q: %s", name, stderr)
				}
			}
		})
	}
}

// writeSplitFile writes a split of the two photos of the data set "nophoto".
func writeSplitFile(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "two.csv")
	if err := os.WriteFile(path, []byte("image_id,lesion_id,dx,part\nISIC_1,HAM_1,nv,train\nISIC_2,HAM_2,mel,val\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The total is that of the authors' model summary.
func TestBackbonesAnswersFromTheBuiltGraph(t *testing.T) {
	code, stdout, stderr := call(t, "backbones", "--json")
	if code != 0 {
		t.Fatal(stderr)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row["name"] == "mobilenet_v2" {
			if row["params_total"] != 1354714.0 || row["cut_layer"] != "block_14_depthwise" {
				t.Errorf("params_total %v, cut_layer %v", row["params_total"], row["cut_layer"])
			}
			return
		}
	}
	t.Error("mobilenet_v2 is not listed")
}
