package filecache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// open4 opens a file of four pages.
func open4(t *testing.T, name string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	content := append([]byte("valid"), make([]byte, 4*os.Getpagesize()-5)...)
	file, err := Open(t.Context(), path, valid, func() error { return os.WriteFile(path, content, 0o600) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// Content that goes while it is read is an error that names the file, wherever it is cut and
// whoever reads.
func TestCutShortWhileInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not cut files short that are mapped")
	}
	page := os.Getpagesize()
	for name, length := range map[string]int{"all": 0, "pages": page, "within a page": page + 7, "the last byte": 4*page - 1} {
		t.Run(name, func(t *testing.T) {
			other, file := open4(t, "other.cache"), open4(t, "file.cache")
			to := make([]byte, 4*page)
			for what, read := range map[string]func(){
				"copying":   func() { copy(to, file.Content) },
				"looking":   func() { to[0] = file.Content[len(file.Content)-1] },
				"comparing": func() { bytes.Equal(to, file.Content) },
			} {
				if err := Guard(read); err != nil {
					t.Fatalf("%s before: %v", what, err)
				}
			}
			if err := os.Truncate(file.path, int64(length)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err := Guard(func() { copy(to, file.Content) })
				if lost, ok := errors.AsType[*LostError](err); !ok || lost.Path != file.path {
					t.Errorf("error %v", err)
				}
			}
			file.Close()
			if err := Guard(func() { copy(to, other.Content) }); err != nil {
				t.Errorf("another file: %v", err)
			}
			// The next opening makes the file anew, and says that it was damaged.
			var said string
			again, err := Open(t.Context(), file.path, valid, func() error { return os.WriteFile(file.path, []byte("valid again"), 0o600) }, func(line string) { said = line })
			if err != nil || string(again.Content) != "valid again" {
				t.Fatalf("opened again: %v, %v", again, err)
			}
			again.Close()
			if length > 0 && !strings.Contains(said, "is damaged") {
				t.Errorf("said %q", said)
			}
		})
	}
}

// Guard passes on all other panics, of other memory too.
func TestGuardPassesPanicsOn(t *testing.T) {
	file := open4(t, "file.cache")
	var nowhere *int
	for want, read := range map[string]func(){
		"mine":                              func() { panic("mine") },
		"runtime error: index out of range": func() { _ = file.Content[len(file.Content)+len(os.Args)] },
		"runtime error: invalid memory":     func() { *nowhere = 1 },
	} {
		func() {
			defer func() {
				cause := recover()
				text, ok := cause.(string)
				if err, is := cause.(error); is {
					text, ok = err.Error(), true
				}
				if !ok || !strings.HasPrefix(text, want) {
					t.Errorf("panic %v, want %s", cause, want)
				}
			}()
			Guard(read)
		}()
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
