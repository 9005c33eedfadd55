// Package testengine opens the engine that tests compute on.
package testengine

import (
	"fmt"
	"os"
	"testing"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// Open starts the engine that $SKINATTN_ENGINE names, or else the first that
// works.
func Open(t testing.TB) *engine.Engine {
	t.Helper()
	allocator.Use() // as the command does
	eng, err := engine.Open(t.Context(), "", engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		t.Fatal(err)
	}
	return eng
}
