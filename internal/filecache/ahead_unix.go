//go:build linux || darwin

package filecache

import (
	"os"

	"golang.org/x/sys/unix"
)

// Ahead asks the system to read bytes begin to end of the file into memory, and does not
// wait until it has. For a file beyond the memory, this is faster than looking at the bytes
// alone: a system that meets them one page after the other reads single pages, or far more
// than is wanted.
func (f *File) Ahead(begin, end int) {
	page := os.Getpagesize()
	begin -= begin % page
	unix.Madvise(f.Content[begin:end], unix.MADV_WILLNEED) // an advice: without it, reading takes longer
}
