package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// Many that take one lock again and again never hold it together, and no file is left.
func TestOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var holders, most, turns atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for turns.Load() < 400 {
				lock, err := Try(path)
				if err != nil {
					t.Error(err)
					return
				}
				if lock == nil {
					continue
				}
				if n := holders.Add(1); n > most.Load() {
					most.Store(n)
				}
				turns.Add(1)
				holders.Add(-1)
				lock.Release()
			}
		})
	}
	group.Wait()
	if most.Load() != 1 {
		t.Errorf("%d held the lock together", most.Load())
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// Who waited for a file that was removed takes the new one.
func TestRemovedWhileWaiting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	first, err := Acquire(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan *Lock)
	go func() {
		lock, err := Acquire(t.Context(), path)
		if err != nil {
			t.Error(err)
		}
		second <- lock
	}()
	time.Sleep(20 * time.Millisecond)
	first.Release()
	lock := <-second
	if lock == nil {
		t.Fatal("no lock")
	}
	if third, err := Try(path); third != nil || err != nil {
		t.Errorf("a third has the lock, too (%v)", err)
	}
	lock.Release()
}

// A file that another version left is taken over and removed, and its lock is respected.
func TestOtherLockers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	other := flock.New(path)
	if locked, err := other.TryLock(); !locked || err != nil {
		t.Fatal(err)
	}
	if lock, err := Try(path); lock != nil || err != nil {
		t.Errorf("locked twice, %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	other.Close() // leaves the file
	lock, err := Try(path)
	if lock == nil || err != nil {
		t.Fatal(err)
	}
	lock.Release()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

func TestNoFolder(t *testing.T) {
	if lock, err := Acquire(t.Context(), filepath.Join(t.TempDir(), "none", "x.lock")); lock != nil || err == nil {
		t.Error("locked a file without a folder")
	}
}
