package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skinattn/skinattn/internal/testdisk"
)

// crashEnv makes a copy of this test program write the named file and die in
// the middle of it.
const crashEnv = "SKINATTN_TEST_CRASH_WRITING"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		WriteFile(path, func(w io.Writer) error {
			w.Write(make([]byte, 1<<20)) // beyond all buffers
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		})
	}
	os.Exit(m.Run())
}

// expect checks a folder: the content of the files by name, and nothing else.
func expect(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if wanted, ok := want[e.Name()]; !ok || err != nil || string(content) != wanted {
			t.Errorf("%s has %q, %v", e.Name(), content, err)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d", len(entries), len(want))
	}
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	for _, content := range []string{"first", "", strings.Repeat("third", 1<<16)} {
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		expect(t, dir, map[string]string{"a.csv": content})
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A reader that has the old file open still reads the old content.
func TestReaderKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(reader); err != nil || string(content) != "old" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the source has run dry")
	err := WriteFile(path, func(w io.Writer) error {
		w.Write(make([]byte, 1<<20))
		return cause
	})
	if !errors.Is(err, cause) || err.Error() != "writing "+path+": the source has run dry" {
		t.Errorf("error %v", err)
	}
	expect(t, dir, map[string]string{"a": "old"})
}

// A process that dies while it writes leaves the old file and a temporary file, which
// IsTemporary recognises.
func TestCrashLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), crashEnv+"="+path)
	var exit *exec.ExitError
	if err := child.Run(); !errors.As(err, &exit) || exit.ExitCode() == 0 {
		t.Fatalf("the process did not crash: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || !IsTemporary(entries[0].Name()) || entries[1].Name() != "a" {
		t.Fatalf("left %v, %v", entries, err)
	}
	if err := os.Remove(filepath.Join(dir, entries[0].Name())); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, map[string]string{"a": "old"})
}

func TestIsTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		".config.json.123.tmp": true, "config.json": false, ".lock": false, "a.tmp": false, "": false,
	} {
		if IsTemporary(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestFullDiskLeavesTheOldFile(t *testing.T) {
	disk := testdisk.New(t, 256<<10)
	path := filepath.Join(disk.Dir, "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	err := WriteBytes(path, make([]byte, 1<<20))
	if !errors.Is(err, syscall.ENOSPC) || err.Error() != "writing "+path+": no space left on device" {
		t.Errorf("error %v", err)
	}
	expect(t, disk.Dir, map[string]string{"a": "old"})
	if err := WriteBytes(path, make([]byte, 100<<10)); err != nil {
		t.Errorf("the room was not given back: %v", err)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	disk := testdisk.New(t, 256<<10)
	path := filepath.Join(disk.Dir, "a")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	disk.ReadOnly()
	if err := WriteBytes(path, []byte("new")); !errors.Is(err, syscall.EROFS) || err.Error() != "writing "+path+": read-only file system" {
		t.Errorf("error %v", err)
	}
	expect(t, disk.Dir, map[string]string{"a": "old"})
}

func TestNoPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere; TestReadOnlyDisk stands for it")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a")
	if err := WriteBytes(path, nil); !errors.Is(err, fs.ErrPermission) || err.Error() != "writing "+path+": permission denied" {
		t.Errorf("error %v", err)
	}
}

// Errors name the given path, not the temporary file.
func TestPathsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, cause := range map[string]error{
		filepath.Join(dir, "nowhere", "a"): fs.ErrNotExist,
		filepath.Join(dir, "folder"):       fs.ErrExist,
	} {
		err := WriteBytes(path, []byte("x"))
		if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "writing "+path+": ") || strings.Contains(err.Error(), suffix) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "folder"), nil); err == nil || !strings.HasSuffix(err.Error(), "folder: it is a folder") { // nothing is computed for it
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// A folder appears whole in an empty or new place, and not at all after a failure or
// over a folder that holds anything.
func TestWriteDir(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "dir")
	fill := func(temporary string) error { return WriteBytes(filepath.Join(temporary, "file"), []byte("x")) }
	failed := errors.New("failed")
	if err := WriteDir(dir, ".making-", func(temporary string) error { return errors.Join(fill(temporary), failed) }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	expect(t, parent, map[string]string{})
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteDir(dir, ".making-", fill); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, map[string]string{"file": "x"})
	if err := WriteDir(dir, ".making-", func(string) error { return nil }); err == nil {
		t.Error("a folder with a file was replaced")
	}
	expect(t, dir, map[string]string{"file": "x"})
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v beside the folder", entries, err)
	}
}
