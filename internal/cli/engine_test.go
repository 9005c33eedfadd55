package cli

import (
	"fmt"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// The engine package names no flags; the command line adds them.
func TestAdviceOnEngines(t *testing.T) {
	for _, tc := range []struct {
		kind string
		err  error
		want string
	}{
		{engine.CUDA, engine.ErrNoGPU, "use --engine cpu"},
		{engine.CUDA, fmt.Errorf("%w: here", engine.ErrPlatform), "use --engine cpu"},
		{engine.CUDA, engine.ErrNotInstalled, ""},
		{engine.CPU, engine.ErrPlatform, ""},
	} {
		err := fmt.Errorf("training: %w", &engine.UnavailableError{Engine: tc.kind, Err: tc.err})
		if got := adviceOn(err); got != tc.want {
			t.Errorf("%s, %v: the advice is %q, want %q", tc.kind, tc.err, got, tc.want)
		}
	}
}
