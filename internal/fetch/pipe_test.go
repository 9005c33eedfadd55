//go:build unix

package fetch

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is no file, in the place of a file of a download, is named before anything is sent for:
// nothing waits for a pipe, and nothing that lies in a folder is lost.
func TestNoFileInThePlace(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(content) })
	for _, name := range []string{"file", "file.part", "file.part.json", ".file.lock"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		for says, make := range map[string]func() error{
			path + " is a folder": func() error { return os.MkdirAll(filepath.Join(path, "content"), 0o755) },
			path + " is no file":  func() error { return syscall.Mkfifo(path, 0o600) },
		} {
			if err := make(); err != nil {
				t.Fatal(err)
			}
			if _, err := File(t.Context(), s.URL, filepath.Join(dir, "file"), Options{}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v, want %s", err, says)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(s.requests) > 0 {
		t.Errorf("%d requests", len(s.requests))
	}
}
