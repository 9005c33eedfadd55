package filecache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/filelock"
)

// fill makes files of one byte.
func fill(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// What killed processes leave is removed, other files stay, and so does what belongs to a
// file that is being built.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	kept := []string{"a.cache", "a.cache.sums", "b.cache", "notes.txt", "x.cache.txt", ".hidden", ".cache.lock", "weights.h5.lock", ".weights.h5.1.tmp"}
	fill(t, dir, kept...)
	fill(t, dir, "a.cache.lock", ".a.cache.123.tmp", ".a.cache.sums.9.tmp", "b.cache.partial", "gone.cache.sums", ".gone.cache.77.tmp", "gone.cache.lock", "empty.cache.lock")
	if err := os.Mkdir(filepath.Join(dir, "folder.cache.lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, "folder.cache.lock")
	busy := []string{".busy.cache.5.tmp", "busy.cache.partial", "busy.cache.sums"}
	fill(t, dir, busy...)
	lock, err := filelock.Acquire(t.Context(), filepath.Join(dir, "busy.cache.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Leftovers(dir); got != (Tidied{12, 11}) { // the held lock's file is empty
		t.Errorf("%+v are left over", got)
	}
	if got := Tidy(dir); got != (Tidied{8, 5}) {
		t.Errorf("removed %+v", got)
	}
	want := slices.Concat(kept, busy, []string{"busy.cache.lock"})
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	lock.Release()
	if got := Tidy(dir); got != (Tidied{3, 3}) {
		t.Errorf("then removed %+v", got)
	}
	slices.Sort(kept)
	if got := names(t, dir); !slices.Equal(got, kept) {
		t.Errorf("left are %q, want %q", got, kept)
	}
	if got := Tidy(filepath.Join(dir, "none")); got != (Tidied{}) {
		t.Errorf("removed %+v where nothing is", got)
	}
}

// A build removes what killed builders of the same and of other files left, and leaves
// nothing but the file and its checksums; a build that fails leaves nothing.
func TestBuildTidies(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, ".features-1.cache.123.tmp", "features-1.cache.lock", ".features-2.cache.5.tmp", "images-3.cache.partial", "images-4.cache.lock")
	path := filepath.Join(dir, "features-1.cache")
	fault := errors.New("fault")
	if _, err := Open(t.Context(), path, valid, func() error { return fault }, nil); err != fault {
		t.Errorf("error %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
	file, err := Open(t.Context(), path, valid, func() error {
		if got := strings.Join(names(t, dir), " "); got != "features-1.cache.lock" {
			t.Errorf("while building there are %s", got)
		}
		return os.WriteFile(path, []byte("valid"), 0o600)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if got := strings.Join(names(t, dir), " "); got != "features-1.cache features-1.cache.sums" {
		t.Errorf("left are %s", got)
	}
}
