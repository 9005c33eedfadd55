// Package testengine opens the engines that tests compute on.
package testengine

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/internal/programs"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// Open returns the engine that $SKINATTN_ENGINE names, or else the first that
// works. All tests of a package share it.
func Open(t testing.TB) *engine.Engine {
	t.Helper()
	return Named(t, "")
}

// Named returns the engine of that name, shared like Open's.
func Named(t testing.TB, name string) *engine.Engine {
	t.Helper()
	mutex.Lock()
	defer mutex.Unlock()
	if engines[name] == nil {
		eng, err := open(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		engines[name] = eng
	}
	return engines[name]
}

// Devices returns XLA on the CPU with n virtual devices, shared like Open's. Without XLA
// it skips the test.
func Devices(t testing.TB, n int) *engine.Engine {
	t.Helper()
	mutex.Lock()
	defer mutex.Unlock()
	name := fmt.Sprintf("%s on %d", engine.CPU, n)
	if engines[name] == nil {
		eng, err := open(engine.CPU, n)
		if err != nil {
			t.Skip(err)
		}
		engines[name] = eng
	}
	return engines[name]
}

// open opens an engine as the command does. Tests load and keep compiled programs where
// the command does, too: also those that give the process a cache folder of its own
// before they open an engine.
func open(name string, devices int) (*engine.Engine, error) {
	allocator.Use()
	if kept != "" && os.Getenv(programs.EnvFolder) == "" {
		os.Setenv(programs.EnvFolder, kept)
		defer os.Unsetenv(programs.EnvFolder)
	}
	return engine.Open(context.Background(), name, engine.Options{Devices: devices, Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
}

// kept is the folder for compiled programs when the process starts, empty if none are
// kept.
var kept = func() string {
	cache, err := programs.Open()
	if err != nil {
		return ""
	}
	return cache.Dir
}()

// Both returns Open's engine and the pure Go one, or one engine where they are the same.
func Both(t testing.TB) []*engine.Engine {
	t.Helper()
	best, pure := Open(t), Named(t, engine.Go)
	if best.Kind == pure.Kind {
		return []*engine.Engine{best}
	}
	return []*engine.Engine{best, pure}
}

var (
	mutex   sync.Mutex
	engines = map[string]*engine.Engine{}
)
