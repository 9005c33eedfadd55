package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/testgolden"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
)

var update = flag.Bool("update", false, "write the generated part of docs/gpu.md anew")

// docs/gpu.md shows the committed report.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../bench/measured/check-gpu-cpu.json")
	if err != nil {
		t.Fatal(err)
	}
	var r report
	var raw struct {
		Steps []struct{ Values json.RawMessage }
	}
	for _, to := range []any{&r, &raw} {
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	var speeds []bench.Result
	if values := raw.Steps[len(raw.Steps)-1].Values; values != nil { // there was time for some
		if err := json.Unmarshal(values, &speeds); err != nil {
			t.Fatal(err)
		}
	}
	testgolden.Generated(t, "../../docs/gpu.md", "go test ./scripts/checkgpu -update", r.markdown(speeds), *update)
}

func TestStep(t *testing.T) {
	do := func(err error, wait bool) func(context.Context) (any, string, error) {
		return func(ctx context.Context) (any, string, error) {
			if wait {
				<-ctx.Done()
			}
			return 1, "so far", err
		}
	}
	for name, c := range map[string]struct {
		err          error
		wait, before bool // until the time is over; over before it begins
		result       string
		detail       string
		signal       bool // before it ends
	}{
		"passed":     {result: passed, detail: "so far"},
		"failed":     {err: errors.New("no\nmemory"), result: failed, detail: "so far: no memory"},
		"left out":   {err: errLeftOut, result: leftOut, detail: "left out"},
		"stopped":    {err: errors.New("killed"), wait: true, result: tooLate, detail: "so far"},
		"not begun":  {before: true, result: tooLate},
		"just ended": {wait: true, result: tooLate, detail: "so far"},
		"signal":     {err: errors.New("killed"), wait: true, signal: true, result: interrupted, detail: "so far"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if c.wait {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		}
		if c.before {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 0)
		}
		if c.signal {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			time.AfterFunc(20*time.Millisecond, cancel)
		}
		s := (&check{}).step(ctx, name, do(c.err, c.wait))
		cancel()
		if s.Result != c.result || s.Detail != c.detail {
			t.Errorf("%s: %s, %q", name, s.Result, s.Detail)
		}
	}
}

// Weights and predictions count, other files do not.
func TestContents(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, err := contents(dir)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	weights := write("checkpoints/last/weights.safetensors", "a")
	if write("history.csv", "seconds") != weights {
		t.Error("the history counts")
	}
	predictions := write("predictions-test.csv", "a")
	if predictions == weights || write("checkpoints/last/weights.safetensors", "b") == predictions {
		t.Error("weights or predictions do not count")
	}
}

func TestCommandSaysWhatFailed(t *testing.T) {
	_, err := command(t.Context(), []string{"WORD=broken"}, "sh", "-c", "echo first >&2; echo $WORD >&2; exit 3")
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 3: broken") {
		t.Error(err)
	}
}

// A command that is stopped takes along what it has started, such as the test program of 'go test',
// and is not waited for until that ends.
func TestStoppedCommand(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	path := filepath.Join(t.TempDir(), "late")
	start := time.Now()
	_, err := command(ctx, []string{"LATE=" + path}, "sh", "-c", `(sleep 2; echo >"$LATE") & wait`)
	if took := time.Since(start); err == nil || took > 1500*time.Millisecond {
		t.Errorf("after %s: %v", took, err)
	}
	time.Sleep(2500*time.Millisecond - time.Since(start))
	if _, err := os.Stat(path); err == nil {
		t.Error("what the command has started goes on")
	}
}

func TestCommandThatIsMissing(t *testing.T) {
	if _, err := command(t.Context(), nil, "no-such-program", "a", "b", "c"); err == nil || !strings.HasSuffix(err.Error(), "executable file not found in $PATH") {
		t.Error(err)
	}
}
