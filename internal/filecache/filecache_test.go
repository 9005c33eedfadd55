package filecache

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func valid(content []byte) bool { return bytes.HasPrefix(content, []byte("valid")) }

func TestOpenBuildsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "file")
	var built atomic.Int32
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			content, err := Open(t.Context(), path, valid, func() error {
				built.Add(1)
				return os.WriteFile(path, []byte("valid 1"), 0o600)
			})
			if err != nil || string(content) != "valid 1" {
				t.Errorf("%q, %v", content, err)
			}
			content.Unmap()
		})
	}
	group.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
}

func TestOpenReplacesAnInvalidFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, old := range []string{"", "other"} {
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		content, err := Open(t.Context(), path, valid, func() error { return os.WriteFile(path, []byte("valid 2"), 0o600) })
		if err != nil || string(content) != "valid 2" {
			t.Errorf("after %q: %q, %v", old, content, err)
		}
		content.Unmap()
	}
}

func TestOpenFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	fault := errors.New("fault")
	if _, err := Open(t.Context(), path, valid, func() error { return fault }); err != fault {
		t.Errorf("error of build: %v", err)
	}
	if _, err := Open(t.Context(), path, valid, func() error { return nil }); err == nil || !strings.Contains(err.Error(), path+" was written but cannot be mapped") {
		t.Errorf("no file after build: %v", err)
	}
	// While another process holds the lock, a cancelled context ends the waiting.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Open(t.Context(), path, valid, func() error {
		cancel()
		if _, err := Open(ctx, path, valid, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting with a cancelled context: %v", err)
		}
		return fault
	})
	if err != fault {
		t.Error(err)
	}
}
