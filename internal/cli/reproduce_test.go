package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The committed results, without data and engine: files and cells in JSON.
func TestReproduce(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	out := filepath.Join(t.TempDir(), "pages")
	code, stdout, stderr := call(t, "reproduce", "--out", out, "--results", filepath.Join("..", "..", "results"), "--studies", filepath.Join("..", "..", "studies"), "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d; %s", code, stderr)
	}
	var answer struct {
		Files []string
		Cells []struct {
			Table, Row, Column, Source, Text string
			Value                            *float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "index.md", "claims.md", "deviations.md", "studies.md", "RESULTS.md", "tables/table-5.md", "tables/table-A4.csv", "tables/table-8.tex"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(strings.Join(answer.Files, "\n"), name) {
			t.Errorf("the answer does not name %s", name)
		}
	}
	for _, want := range []string{"printed 0.81", "logged 0.8092", "ours_leaky 0.", "ours_grouped 0.", "ours_datta828 not run: needs ImageNet weights of MobileNetV2", "official_test not run"} {
		found := false
		for _, c := range answer.Cells {
			found = found || c.Table == "5" && c.Row == "MobileNetV2" && c.Column == "ACC(MD)" && strings.HasPrefix(c.Source+" "+c.Text, want)
		}
		if !found {
			t.Errorf("table 5 has no %q for MobileNetV2", want)
		}
	}
	for _, c := range answer.Cells { // counted in the built network
		if c.Table == "4" && c.Row == "MobileNetV2" && c.Source == "built" && (c.Value == nil || *c.Value != 3538984) {
			t.Errorf("MobileNetV2 has %v parameters, Keras counts 3,538,984", c.Value)
		}
	}
}

func TestReproduceMistakes(t *testing.T) {
	results := t.TempDir()
	run := filepath.Join(results, "half")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "config.json"), []byte(`{"network":{"backbone":"mobilenet_v2","size":128}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	// Without its metrics it is a run that is not finished, which the others do not suffer from.
	code, _, stderr := call(t, "reproduce", "--quiet", "--out", t.TempDir(), "--results", results)
	if code != 0 || !strings.Contains(stderr, "warning: run half is left out: its training is not finished (it has no history.csv)") {
		t.Errorf("an unfinished run: exit code %d, %s", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(run, "metrics.json"), []byte(`{}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		code  int
		names string
	}{
		{[]string{"reproduce"}, 2, "--out"},
		{[]string{"reproduce", "--out", t.TempDir(), "--results", results}, 1, "split.csv"},
		{[]string{"reproduce", "--out", t.TempDir(), "--results", filepath.Join(results, "none")}, 1, "--results"},
		{[]string{"reproduce", "--out", t.TempDir(), "--results", t.TempDir(), "--studies", filepath.Join(results, "none")}, 1, "--studies"},
	} {
		code, stdout, stderr := call(t, c.args...)
		if code != c.code || stdout != "" || !strings.HasPrefix(stderr, "skinattn: ") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.names) {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}
