package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/lease"
)

// shortLeases makes leases of this test die after a fifth of a second.
func shortLeases(t *testing.T) {
	leaseOptions = lease.Options{Beat: 40 * time.Millisecond, Looks: 10}
	t.Cleanup(func() { leaseOptions = lease.Options{} })
}

// elsewhere takes the lease of a folder as a process on another machine.
func elsewhere(t *testing.T, dir string) *lease.Lease {
	t.Helper()
	opts := leaseOptions
	opts.Self = lease.Holder{Host: "node7", PID: 7, Machine: "another"}
	l, err := lease.Take(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnotherMachineKeepsTheFolder(t *testing.T) {
	shortLeases(t)
	dir := t.TempDir()
	l := elsewhere(t, dir)
	_, err := Create(dir, false)
	if inUse, ok := errors.AsType[*InUseError](err); !ok || inUse.Host != "node7" || !strings.HasSuffix(err.Error(), "is in use by another process on node7") {
		t.Errorf("error %v", err)
	}
	if w, ok, err := WorkerOf(dir); !ok || err != nil || w.Host != "node7" || w.PID != 7 || w.Silent {
		t.Errorf("worker %+v, %t, %v", w, ok, err)
	}
	l.Release()
	f, err := Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if w, ok, err := WorkerOf(dir); !ok || err != nil || w.PID != os.Getpid() || w.Silent {
		t.Errorf("worker %+v, %t, %v", w, ok, err)
	}
	f.Close()
	if w, ok, err := WorkerOf(dir); ok || err != nil {
		t.Errorf("worker %+v, %t, %v", w, ok, err)
	}
}

// A process on another machine was killed: its lease is a file that nobody rewrites.
func TestFolderOfAKilledMachine(t *testing.T) {
	shortLeases(t)
	dir := t.TempDir()
	l := elsewhere(t, dir)
	path := filepath.Join(dir, leaseDir, "0000000001")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	if err := os.WriteFile(path, text, 0o644); err != nil { // as before it was given up
		t.Fatal(err)
	}
	if w, ok, err := WorkerOf(dir); !ok || err != nil || w.Silent {
		t.Errorf("worker %+v, %t, %v", w, ok, err)
	}
	old := time.Now().Add(-6 * time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if w, ok, err := WorkerOf(dir); !ok || err != nil || !w.Silent {
		t.Errorf("worker %+v, %t, %v", w, ok, err)
	}
	var said string
	f, err := CreateContext(context.Background(), dir, false, func(line string) { said = line })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := "waiting for up to 200ms, to see whether process 7 on node7 still works on " + dir; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
}

// A process that another one took the folder from, after a long silence, writes nothing more.
func TestLostLock(t *testing.T) {
	shortLeases(t)
	f, err := Create(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, free := f.Context(context.Background())
	defer free()
	if !f.Locked() || f.Writable() != nil {
		t.Error("a new lock is not held")
	}
	if err := os.WriteFile(f.Path(leaseDir+"/0000000002"), nil, 0o644); err != nil { // what another process does first
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		t.Fatal("the context does not end")
	}
	if !errors.Is(context.Cause(ctx), ErrLockLost) {
		t.Errorf("the context ends because of %v", context.Cause(ctx))
	}
	for name, err := range map[string]error{
		ConfigFile: f.WriteConfig(Config{}), HistoryFile: f.WriteHistory(nil), EnvironmentFile: f.WriteEnvironment(Environment{}), "results": f.RemoveResults(),
	} {
		if !errors.Is(err, ErrLockLost) || f.Has(name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if f.Locked() {
		t.Error("the lock is held still")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
