// Package testengine opens the engines that tests compute on.
package testengine

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/skinattn/skinattn/internal/allocator"
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
		allocator.Use() // as the command does
		eng, err := engine.Open(context.Background(), name, engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
		if err != nil {
			t.Fatal(err)
		}
		engines[name] = eng
	}
	return engines[name]
}

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
