// Package filelock locks files between processes and leaves no lock files behind: who
// releases a lock removes its file first. A process that waited for a file which is
// gone by then takes the file that has its name now, so two never hold one lock.
package filelock

import (
	"context"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Lock is a lock that is held.
type Lock struct{ file *flock.Flock }

// pause is the time between two attempts.
const pause = 100 * time.Millisecond

// Acquire makes the file at path, whose folder exists, and locks it. While another process
// or another part of this one holds the lock, it waits until ctx is done.
func Acquire(ctx context.Context, path string) (*Lock, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if lock, err := Try(path); lock != nil || err != nil {
			return lock, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// Try is Acquire without waiting: nil if another holds the lock.
func Try(path string) (*Lock, error) {
	for {
		file := flock.New(path)
		locked, err := file.TryLock()
		if err != nil || !locked {
			file.Close() // nothing is locked
			return nil, err
		}
		held, err := file.Stat()
		if err == nil {
			var now os.FileInfo
			if now, err = os.Stat(path); err == nil && os.SameFile(held, now) {
				return &Lock{file}, nil
			}
		}
		file.Close() // of a file that its holder has removed meanwhile
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
}

// Release removes the file and gives the lock back.
func (l *Lock) Release() {
	os.Remove(l.file.Path()) // it stays where open files can't be removed, and does no harm
	l.file.Close()           // closing the file unlocks it
}
