package run

import (
	"path/filepath"
	"testing"
)

// A program that lies somewhere does not take the commit of the folder that it is started
// in for its own; 'go run' builds in a folder go-build... of its own.
func TestCommitIsTheProgramsOwn(t *testing.T) {
	for program, want := range map[string]bool{
		filepath.Join(string(filepath.Separator), "tmp", "go-build3141", "b001", "exe", "skinattn"): true,
		filepath.Join(string(filepath.Separator), "home", "me", "go", "bin", "skinattn"):            false,
		filepath.Join(string(filepath.Separator), "src", "skinattn", "skinattn"):                    false,
	} {
		if got := builtByGoRun(program); got != want {
			t.Errorf("%s: built by go run: %v", program, got)
		}
	}
}
