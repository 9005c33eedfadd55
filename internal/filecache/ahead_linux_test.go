package filecache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What was asked for comes into memory without being looked at, and little else does.
func TestAheadReads(t *testing.T) {
	const size = 16 << 20
	path := filepath.Join(t.TempDir(), "file")
	content := append([]byte("valid"), bytes.Repeat([]byte{7}, size-5)...)
	f, err := Open(t.Context(), path, valid, func() error { return os.WriteFile(path, content, 0o600) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	forget(t, path)
	begin, end := 5<<20+100, 5<<20+300_000
	if resident(t, f, begin, end) > 0 {
		t.Skip("the file system keeps files in memory")
	}
	f.Ahead(begin, end)
	pages := (end-1)/os.Getpagesize() - begin/os.Getpagesize() + 1
	for deadline := time.Now().Add(time.Minute); resident(t, f, begin, end) < pages; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d pages are in memory", resident(t, f, begin, end), pages)
		}
	}
	if more := resident(t, f, 6<<20, size); more > pages {
		t.Errorf("%d pages behind are in memory, too", more)
	}
}

// forget writes a file to the disk and removes it from memory.
func forget(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// resident counts the pages of a part of a file that are in memory.
func resident(t *testing.T, f *File, begin, end int) (n int) {
	t.Helper()
	page := os.Getpagesize()
	begin -= begin % page
	in := make([]byte, (end-begin+page-1)/page)
	_, _, failed := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&f.Content[begin])), uintptr(end-begin), uintptr(unsafe.Pointer(&in[0])))
	if failed != 0 {
		t.Fatal(failed)
	}
	for _, b := range in {
		n += int(b & 1)
	}
	return n
}
