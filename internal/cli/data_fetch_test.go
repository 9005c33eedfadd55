package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Package dataverse tests the fetching itself. This test covers the flags, the licence
// and the script that runs the command.
func TestDataFetch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ham10000")
	for want, args := range map[string][]string{
		"add --yes":               {dir},
		"unknown flag --fast":     {"--yes", "--fast", dir},
		"unexpected argument b":   {"--yes", "a", "b"},
		"exclude each other":      {"--yes", "--only-metadata", "--with-test", dir},
		"the folder's name is em": {"--yes", ""},
	} {
		if code, _, stderr := call(t, append([]string{"data", "fetch"}, args...)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d:\n%s", args, code, stderr)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("wrong usage made the folder")
	}
	_, _, stderr := call(t, "data", "fetch", dir)
	for _, part := range []string{"CC BY-NC 4.0", "10.1038/sdata.2018.161"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("the output does not mention %s:\n%s", part, stderr)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, "data", "fetch", "--yes", blocked); code != 1 || !strings.Contains(stderr, "cannot make the folder") {
		t.Errorf("a file in place of the folder: exit code %d:\n%s", code, stderr)
	}
	if code, stdout, _ := call(t, "data", "fetch", "--help"); code != 0 || !strings.Contains(stdout, "SKINATTN_MIRROR") {
		t.Errorf("--help: exit code %d:\n%s", code, stdout)
	}
}
