// Package filecache maps files into memory that are computed once and then kept. Beside
// each file lie checksums of its parts, which are compared at every opening: content that
// was damaged on the disk is computed anew, never used.
package filecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/edsrzf/mmap-go"
	"github.com/gofrs/flock"
)

// Open maps the file at path into memory, for reading. If there is no file, if valid
// rejects its content, or if the content does not have its checksums, Open calls build,
// which writes the file. Of several processes that want the same file at the same time, one
// builds it and the others wait. log, which may be nil, gets a line if the content was
// damaged. Cancelling ctx ends the waiting and the comparison.
//
// The comparison reads the whole file, at several GB/s where it is in the system's memory
// and else at the speed of the disk.
func Open(ctx context.Context, path string, valid func(content []byte) bool, build func() error, log func(line string)) (mmap.MMap, error) {
	if content, err := mapped(ctx, path, valid); content != nil || ctx.Err() != nil {
		return content, errors.Join(err, ctx.Err())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", path, err)
	}
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// The lock file stays: removing it would let a third process lock a new one while a
	// second still waits for the old.
	defer lock.Close()
	// Another process may have built the file while this one waited.
	content, err := mapped(ctx, path, valid)
	if content != nil || ctx.Err() != nil {
		return content, errors.Join(err, ctx.Err())
	}
	if errors.Is(err, errDamaged) && log != nil {
		log(fmt.Sprintf("warning: %v; it is made anew", err))
	}
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
	if content, err = mapped(ctx, path, valid); content != nil {
		return content, nil
	}
	return nil, fmt.Errorf("%s was written but cannot be mapped (%w): check the disk and the memory limits", path, err)
}

// errInvalid says that the content of a file is not the wanted one.
var errInvalid = errors.New("the content is another")

// mapped maps the file at path if it is valid and has its checksums; otherwise the error
// says why not.
func mapped(ctx context.Context, path string, valid func(content []byte) bool) (mmap.MMap, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the map outlives the file handle
	content, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if err = errInvalid; valid(content) {
		err = compareSums(ctx, file)
	}
	if err != nil {
		content.Unmap()
		return nil, err
	}
	return content, nil
}
