package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/skinattn/skinattn/internal/lease"
)

// InUseError says that another process writes into a run folder. Host names its machine
// where it is known to be another one.
type InUseError struct {
	Dir, Host string
}

func (e *InUseError) Error() string {
	text := fmt.Sprintf("run folder %s is in use by another process", e.Dir)
	if e.Host != "" {
		text += " on " + e.Host
	}
	return text
}

// ErrLockLost says that this process may no longer write into a run folder: it gave no sign of
// life for so long that another process may have taken the folder over.
var ErrLockLost = errors.New("this process was silent for so long that another one may have taken the run folder over")

// lock keeps other processes out of a run folder. The kernel's lock on a file counts at once
// and ends with the process, but holds for one machine only, as network file systems need not
// pass it on; the lease holds for all machines.
type lock struct {
	kernel *flock.Flock
	lease  *lease.Lease
}

// leaseOptions are the times of leases.
var leaseOptions lease.Options

// lockFolder locks a folder that exists.
func lockFolder(ctx context.Context, dir string, log func(line string)) (*lock, error) {
	l := &lock{kernel: flock.New(filepath.Join(dir, lockFile))}
	locked, err := l.kernel.TryLock()
	if unsupported := err != nil && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK)); err != nil && !unsupported {
		return nil, fmt.Errorf("locking the run folder: %w", err)
	} else if !locked && !unsupported {
		return nil, &InUseError{Dir: dir}
	}
	opts := leaseOptions
	opts.Alone = locked
	opts.Waiting = func(holder lease.Holder, atMost time.Duration) {
		if log != nil {
			log(fmt.Sprintf("waiting for up to %s, to see whether %s still works on %s", atMost, holderName(holder), dir))
		}
	}
	if l.lease, err = lease.Take(ctx, dir, opts); err != nil {
		l.kernel.Unlock()
		if other, ok := errors.AsType[*lease.HeldError](err); ok {
			return nil, &InUseError{dir, other.Holder.Host}
		}
		return nil, fmt.Errorf("locking the run folder: %w", err)
	}
	return l, nil
}

func holderName(h lease.Holder) string {
	if h.Host == "" {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s", h.PID, h.Host)
}

// Locked reports whether this process holds the folder's lock.
func (f *Folder) Locked() bool { return f.lock != nil && f.lock.lease.Held() }

// Writable returns an ErrLockLost if the folder was locked by Create and is not any more.
func (f *Folder) Writable() error {
	if f.lock != nil && !f.lock.lease.Held() {
		return fmt.Errorf("writing into %s: %w", f.Dir, ErrLockLost)
	}
	return nil
}

// Context returns a context that also ends, with the cause ErrLockLost, when the folder's lock
// is lost, and a function that frees it.
func (f *Folder) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	lost := f.lock.lease.Lost()
	go func() {
		select {
		case <-lost:
			cancel(ErrLockLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// Close releases the lock. A lock that was lost is no error here: Writable tells.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	lock := f.lock
	f.lock = nil
	err := lock.lease.Release()
	if errors.Is(err, lease.ErrLost) {
		err = nil
	}
	return errors.Join(err, lock.kernel.Unlock())
}

// Worker tells which process works on a run folder.
type Worker struct {
	Host string
	PID  int
	// Sign is the time of its newest sign of life, by the clock of the file system.
	Sign time.Time
	// Silent is set if the process gave no sign for so long that it is dead, or if it is
	// known to have ended.
	Silent bool
}

// silence is the time without a sign after which a worker is shown as dead, with room for
// clocks that differ. It is for showing alone: Create compares no clocks.
const silence = 5 * time.Minute

// WorkerOf tells who works on a run folder; ok is false if nobody does, so far as the folder
// tells.
func WorkerOf(dir string) (w Worker, ok bool, err error) {
	state, err := lease.Read(dir)
	if err != nil || !state.Held {
		return w, false, err
	}
	w = Worker{Host: state.Host, PID: state.PID, Sign: state.Beat, Silent: time.Since(state.Beat) > silence}
	if state.Machine == lease.Machine() && !lease.Alive(state.PID) {
		w.Silent = true
	}
	return w, true, nil
}
