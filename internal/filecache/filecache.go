// Package filecache maps files into memory that are computed once and then kept. Beside
// each file lie checksums of its parts, which are compared at every opening: content that
// was damaged on the disk is computed anew, never used. Files of processes that were killed
// are removed when the next file is built in their folder.
package filecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edsrzf/mmap-go"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/filelock"
)

// File is a file that is mapped into memory, for reading.
type File struct {
	// Content is the file's memory until it is closed. Writing to it crashes the program.
	// If the file may be changed from outside, look at it within [Guard].
	Content []byte

	path   string
	file   *os.File
	mapped mmap.MMap
}

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Close unmaps the file, which stays for the next time. A nil or closed File is left alone.
func (f *File) Close() error {
	if f == nil || f.mapped == nil {
		return nil
	}
	opened.remove(f)
	f.Content = nil
	err := errors.Join(f.mapped.Unmap(), f.file.Close()) // Unmap sets mapped to nil
	if err != nil {
		return fmt.Errorf("closing %s: %w", f.path, err)
	}
	return nil
}

// Open maps the file at path into memory, for reading. If there is no file, if valid
// rejects its content, or if the content does not have its checksums, Open calls build,
// which writes the file. Of several processes that want the same file at the same time, one
// builds it and the others wait. log, which may be nil, gets a line if the content was
// damaged. Cancelling ctx ends the waiting and the comparison.
//
// The comparison reads the whole file, at several GB/s where it is in the system's memory
// and else at the speed of the disk.
func Open(ctx context.Context, path string, valid func(content []byte) bool, build func() error, log func(line string)) (*File, error) {
	for _, path := range []string{path, path + sumsSuffix, path + lockSuffix} {
		if err := atomicfile.CheckPlace(path); err != nil {
			return nil, err
		}
	}
	if file, err := mapped(ctx, path, valid); file != nil || ctx.Err() != nil {
		return file, errors.Join(err, ctx.Err())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", path, err)
	}
	lock, err := filelock.Acquire(ctx, path+lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	defer lock.Release()
	// Another process may have built the file while this one waited.
	file, err := mapped(ctx, path, valid)
	if file != nil || ctx.Err() != nil {
		return file, errors.Join(err, ctx.Err())
	}
	if errors.Is(err, errDamaged) && log != nil {
		log(fmt.Sprintf("warning: %v; it is made anew", err))
	}
	tidy(path)
	Tidy(filepath.Dir(path)) // what is left of other files matters to nobody who waits for this one
	// A process that is killed behind build leaves a file without checksums, not with
	// those of another file.
	if err := os.Remove(path + sumsSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing old checksums: %w", err)
	}
	if err := build(); err != nil {
		return nil, err
	}
	if err := writeSums(ctx, path); err != nil {
		return nil, fmt.Errorf("writing the checksums of %s: %w", path, err)
	}
	if file, err = mapped(ctx, path, valid); file != nil {
		return file, nil
	}
	return nil, fmt.Errorf("%s was written but cannot be mapped (%w): check the disk and the memory limits", path, err)
}

// errInvalid says that the content of a file is not the wanted one.
var errInvalid = errors.New("the content is another")

// mapped maps the file at path if it is valid and has its checksums; otherwise the error
// says why not.
func mapped(ctx context.Context, path string, valid func(content []byte) bool) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &File{content, path, file, content}
	opened.add(f)
	err = errInvalid
	if lost := guard(func() {
		if valid(content) {
			err = nil
		}
	}); lost != nil {
		err = lost
	}
	if err == nil {
		err = compareSums(ctx, file)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
