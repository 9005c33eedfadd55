//go:build unix

package programs

import (
	"os"
	"syscall"
	"testing"
)

// A pipe or a folder in the place of a program is none, and nothing waits for it.
func TestNoFileInThePlace(t *testing.T) {
	c := New(t.TempDir(), 1e6)
	if err := syscall.Mkfifo(c.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []Key{"pipe", "folder"} {
		if c.Load(key) != nil {
			t.Errorf("there is a program in a %s", key)
		}
		if err := c.Save(key, []byte("program")); err == nil {
			t.Errorf("a program took the place of a %s", key)
		}
	}
}
