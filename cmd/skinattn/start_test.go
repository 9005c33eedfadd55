package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Help needs no folder to write into: no package may do work at start-up that a
// full disk, a read-only folder or another user's file could make fail.
func TestHelpNeedsNoFolders(t *testing.T) {
	dir := t.TempDir()
	command := filepath.Join(dir, "skinattn")
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the command: %v\n%s", err, out)
	}
	readOnly := filepath.Join(dir, "read-only")
	if err := os.Mkdir(readOnly, 0o555); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent")
	for _, tmp := range []string{absent, readOnly, command} { // command is not a folder
		help := exec.Command(command, "--help")
		help.Env = []string{"TMPDIR=" + tmp, "HOME=" + absent}
		out, err := help.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "backbones") {
			t.Errorf("--help with TMPDIR=%s: %v\n%s", tmp, err, out)
		}
	}
	// Nor does it need $HOME: go-xla writes to the terminal if it can't tell the home folder.
	help := exec.Command(command, "--help")
	help.Env = []string{"TMPDIR=" + absent}
	var errs strings.Builder
	help.Stderr = &errs
	if err := help.Run(); err != nil || errs.String() != "" {
		t.Errorf("--help without $HOME: %v\n%s", err, errs.String())
	}
	if entries, err := os.ReadDir(readOnly); err != nil || len(entries) > 0 {
		t.Errorf("--help left %v in the folder for temporary files (%v)", entries, err)
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("--help made a folder")
	}
}
