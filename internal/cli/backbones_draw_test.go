package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

func TestBackbonesDraw(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "net.svg")
	code, stdout, stderr := call(t, "backbones", "--draw", "resnet34", "--out", out)
	if code != 0 || stdout != out+"\n" {
		t.Fatalf("exit code %d, %q, %s", code, stdout, stderr)
	}
	if svg, err := os.ReadFile(out); err != nil || !strings.Contains(string(svg), "31,414,167 parameters") {
		t.Errorf("the drawing lacks the total of docs/backbones.md: %v", err)
	}
	all := filepath.Join(dir, "all")
	if code, stdout, stderr = call(t, "backbones", "--draw", "all", "--out", all); code != 0 || strings.Count(stdout, "\n") != len(backbone.Table) {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{2, "lenet", []string{"--draw", "lenet"}},
		{2, "--draw", []string{"--out", out}},
		{1, "use svg, pdf or png", []string{"--draw", "resnet34", "--out", filepath.Join(dir, "net.gif")}},
	} {
		code, _, stderr := call(t, append([]string{"backbones"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: exit code %d, %s", tt.args, code, stderr)
		}
	}
}
