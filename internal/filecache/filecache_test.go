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
			}, nil)
			if err != nil || string(content.Content) != "valid 1" {
				t.Errorf("%v, %v", content, err)
			}
			content.Close()
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
		content, err := Open(t.Context(), path, valid, func() error { return os.WriteFile(path, []byte("valid 2"), 0o600) }, nil)
		if err != nil || string(content.Content) != "valid 2" {
			t.Errorf("after %q: %v, %v", old, content, err)
		}
		content.Close()
	}
}

func TestOpenFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	fault := errors.New("fault")
	if _, err := Open(t.Context(), path, valid, func() error { return fault }, nil); err != fault {
		t.Errorf("error of build: %v", err)
	}
	if _, err := Open(t.Context(), path, valid, func() error { return nil }, nil); err == nil || !strings.Contains(err.Error(), "writing the checksums of "+path) {
		t.Errorf("no file after build: %v", err)
	}
	wrong := func() error { return os.WriteFile(path, []byte("wrong"), 0o600) }
	if _, err := Open(t.Context(), path, valid, wrong, nil); err == nil || !strings.Contains(err.Error(), path+" was written but cannot be mapped (the content is another)") {
		t.Errorf("invalid file after build: %v", err)
	}
	// While another process holds the lock, a cancelled context ends the waiting.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Open(t.Context(), path, valid, func() error {
		cancel()
		if _, err := Open(ctx, path, valid, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting with a cancelled context: %v", err)
		}
		return fault
	}, nil)
	if err != fault {
		t.Error(err)
	}
}

// Every damage to a file or to its checksums is found at the next opening and mended, in
// the first block and in others. Damage to the content is told.
func TestDamageIsMended(t *testing.T) {
	whole := append([]byte("valid"), bytes.Repeat([]byte{7}, 2*blockBytes+10)...)
	flip := func(at int) func([]byte) []byte {
		return func(content []byte) []byte { content[at] ^= 1; return content }
	}
	for _, c := range []struct {
		name   string
		suffix string
		damage func([]byte) []byte
		says   string // empty: nothing
	}{
		{"none", "", func(b []byte) []byte { return b }, ""},
		{"first block", "", flip(5), " is damaged: the bytes from 0 on do not have their checksum; it is made anew"},
		{"second block", "", flip(blockBytes), "the bytes from 1048576 on"},
		{"last byte", "", flip(len(whole) - 1), "the bytes from 2097152 on"},
		{"shorter", "", func(b []byte) []byte { return b[:blockBytes] }, "of another length"},
		{"shorter within a block", "", func(b []byte) []byte { return b[:len(b)-1] }, "the bytes from 2097152 on"},
		{"longer", "", func(b []byte) []byte { return append(b, 0) }, "the bytes from 2097152 on"},
		{"checksum", sumsSuffix, flip(len(sumsMagic) + 8), "the bytes from 0 on"},
		{"last checksum", sumsSuffix, flip(len(sumsMagic) + 8 + 3*4), "its checksums are damaged"},
		{"checksums cut short", sumsSuffix, func(b []byte) []byte { return b[:9] }, "of another length"},
		{"another content", "", func([]byte) []byte { return []byte("other") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			var lines []string
			built := 0
			open := func() {
				t.Helper()
				content, err := Open(t.Context(), path, valid, func() error {
					built++
					return os.WriteFile(path, whole, 0o600)
				}, func(line string) { lines = append(lines, line) })
				if err != nil || !bytes.Equal(content.Content, whole) {
					t.Fatalf("%d bytes, %v", len(content.Content), err)
				}
				content.Close()
			}
			open()
			content, err := os.ReadFile(path + c.suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+c.suffix, c.damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			open()
			if want := map[bool]int{false: 2, true: 1}[c.name == "none"]; built != want {
				t.Errorf("built %d times, want %d", built, want)
			}
			said := strings.Join(lines, "\n")
			if !strings.Contains(said, c.says) || (said == "") != (c.says == "") {
				t.Errorf("said %q, want %q", said, c.says)
			}
			open()
			if built > 2 {
				t.Error("the mended file is built again")
			}
		})
	}
}

// A file without checksums, as older versions and killed processes leave it, is built anew.
func TestNoChecksums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("valid but unknown"), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := Open(t.Context(), path, valid, func() error { return os.WriteFile(path, []byte("valid 3"), 0o600) },
		func(line string) { t.Error(line) })
	if err != nil || string(content.Content) != "valid 3" {
		t.Errorf("%v, %v", content, err)
	}
	content.Close()
}

// Comparing checksums can be cancelled.
func TestComparingIsCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	build := func() error { return os.WriteFile(path, []byte("valid 1"), 0o600) }
	content, err := Open(t.Context(), path, valid, build, nil)
	if err != nil {
		t.Fatal(err)
	}
	content.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, path, valid, build, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkComparing(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	const size = 256 << 20
	build := func() error { return os.WriteFile(path, append([]byte("valid"), make([]byte, size)...), 0o600) }
	content, err := Open(b.Context(), path, valid, build, nil)
	if err != nil {
		b.Fatal(err)
	}
	content.Close()
	b.SetBytes(size)
	for b.Loop() {
		content, err := Open(b.Context(), path, valid, build, nil)
		if err != nil {
			b.Fatal(err)
		}
		content.Close()
	}
}
