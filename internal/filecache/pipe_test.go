//go:build unix

package filecache

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is no file, in the place of one, is named at once: nothing waits for a pipe, and nothing that lies in a folder is lost.
func TestNoFileInThePlace(t *testing.T) {
	for _, suffix := range []string{"", sumsSuffix, lockSuffix} {
		path := filepath.Join(t.TempDir(), "file")
		build := func() error { t.Error("the file was built"); return nil }
		if err := os.MkdirAll(filepath.Join(path+suffix, "content"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, valid, build, nil); err == nil || !strings.HasPrefix(err.Error(), path+suffix+" is a folder") {
			t.Errorf("a folder at file%s: %v", suffix, err)
		}
		if _, err := os.Stat(filepath.Join(path+suffix, "content")); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(path + suffix); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path+suffix, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, valid, build, nil); err == nil || !strings.HasPrefix(err.Error(), path+suffix+" is no file") {
			t.Errorf("a pipe at file%s: %v", suffix, err)
		}
	}
}
