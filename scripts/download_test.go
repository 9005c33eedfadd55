// Package scripts_test runs the scripts of this folder.
package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The script hands its options to the command: of its own project where there is Go,
// or else of the PATH.
func TestDownload(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	text, err := os.ReadFile("download.sh")
	if err != nil {
		t.Fatal(err)
	}
	project, tools := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(project, "scripts", "download.sh")
	write(script, string(text))
	dirname, err := exec.LookPath("dirname")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dirname, filepath.Join(tools, "dirname")); err != nil {
		t.Fatal(err)
	}
	run := func() string {
		cmd := exec.Command(bash, script, "--yes", "with space")
		cmd.Env = []string{"PATH=" + tools}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "failed: " + string(out)
		}
		return string(out)
	}
	if got := run(); !strings.HasPrefix(got, "failed: download.sh: ") || strings.Count(got, "\n") != 1 || !strings.Contains(got, "go run ./cmd/skinattn data fetch") {
		t.Errorf("without Go and the command: %q", got)
	}
	const echo = "#!/bin/sh\necho %s \"$1 $2 $3 ($4)\"\n"
	write(filepath.Join(tools, "skinattn"), strings.ReplaceAll(echo, "%s", "path"))
	if got := run(); got != "path data fetch --yes (with space)\n" {
		t.Errorf("without Go: %q", got)
	}
	write(filepath.Join(project, "bin", "skinattn"), strings.ReplaceAll(echo, "%s", "built"))
	write(filepath.Join(tools, "go"), "#!/bin/sh\necho \"$*\"\n")
	want := "build -C " + project + " -o " + project + "/bin/skinattn ./cmd/skinattn\nbuilt data fetch --yes (with space)\n"
	if got := run(); got != want {
		t.Errorf("with Go: %q, want %q", got, want)
	}
}
