// Package filecache maps files into memory that are computed once and then kept.
package filecache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edsrzf/mmap-go"
	"github.com/gofrs/flock"
)

// Open maps the file at path into memory, for reading. If there is no file, or valid
// rejects its content, Open calls build, which writes the file. Of several processes that
// want the same file at the same time, one builds it and the others wait. Cancelling ctx
// ends the waiting.
func Open(ctx context.Context, path string, valid func(content []byte) bool, build func() error) (mmap.MMap, error) {
	if content := mapped(path, valid); content != nil {
		return content, nil
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
	if content := mapped(path, valid); content != nil {
		return content, nil
	}
	if err := build(); err != nil {
		return nil, err
	}
	if content := mapped(path, valid); content != nil {
		return content, nil
	}
	return nil, fmt.Errorf("%s was written but cannot be mapped: check the disk and the memory limits", path)
}

// mapped maps the file at path; it returns nil if there is none or it is not valid.
func mapped(path string, valid func(content []byte) bool) mmap.MMap {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close() // the map outlives the file handle
	content, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil
	}
	if !valid(content) {
		content.Unmap()
		return nil
	}
	return content
}
