package programs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The SHA-256 of "one" and "two", by sha256sum.
const (
	one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
	two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
)

func TestFileHash(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "programs"), 1e6)
	path := filepath.Join(t.TempDir(), "plugin.so")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hash := func(want string) {
		t.Helper()
		if got, err := c.fileHash(path); got != want || err != nil {
			t.Errorf("%s, %v", got, err)
		}
	}
	write("one")
	hash(one)
	// A change that leaves path, size and time of modification as they were.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the system's clock is coarse
	write("two")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	hash(two)
	hash(two)
	// The second time, the result comes from the memo.
	memos, err := filepath.Glob(filepath.Join(c.Dir, "plugin-*.json"))
	if err != nil || len(memos) != 1 {
		t.Fatalf("%v, %v", memos, err)
	}
	content, err := os.ReadFile(memos[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", `{"Path":"` + path + `"}`, string(content[:len(content)/2])} {
		if err := os.WriteFile(memos[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		hash(two)
	}
	made := string(content[:len(content)-len(two)-2]) + one + `"}`
	if err := os.WriteFile(memos[0], []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	hash(one)
	if _, err := c.fileHash(path + "2"); err == nil {
		t.Error("a missing file has a hash")
	}
}

// Without a cache the result is the same.
func TestFileSHA256(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{Off, filepath.Join(t.TempDir(), "programs"), "/dev/null/none"} {
		t.Setenv(EnvFolder, folder)
		for range 2 {
			if got, err := FileSHA256(path); got != one || err != nil {
				t.Errorf("%s: %s, %v", folder, got, err)
			}
		}
	}
	if _, err := FileSHA256(path + "-none"); err == nil {
		t.Error("no file, no error")
	}
}
