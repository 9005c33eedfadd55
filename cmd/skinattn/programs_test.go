package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/programs"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

// A training on XLA comes to the same bytes with programs that it compiles and keeps, with
// programs that an earlier process compiled, and without the cache. The second process
// asks for the same programs as the first: nothing in their text depends on chance.
func TestTrainingWithKeptPrograms(t *testing.T) {
	if _, err := engine.Open(t.Context(), engine.CPU, engine.Options{Offline: true}); err != nil {
		t.Skipf("no XLA: %v", err)
	}
	l := newLab(t)
	cache := filepath.Join(t.TempDir(), "programs")
	train := func(cache string) outcome {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "run")
		command := exec.Command(l.command, "train", "--run", dir, "--backbone", "mobilenet_v2", "--cut", "block_1_depthwise", "--size", "32",
			"--weights", "random", "--regime", "demo", "--epochs", "1", "--batch", "16", "--data", l.data(), "--engine", engine.CPU, "--json")
		command.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(l.dir, "cache"), programs.EnvFolder+"="+cache)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		o, err := outcomeOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	used := func() map[string]time.Time { // when each program was used last
		t.Helper()
		files, err := filepath.Glob(filepath.Join(cache, "*.program"))
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]time.Time{}
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			at[path] = info.ModTime()
		}
		return at
	}

	want := train(programs.Off)
	for _, state := range []string{"compiled", "kept"} {
		before := used()
		if diff := cmp.Diff(want, train(cache)); diff != "" {
			t.Errorf("with %s programs the run differs from one without the cache (-without +with):\n%s", state, diff)
		}
		after := used()
		if state == "compiled" {
			if len(after) < 2 { // a training step and a prediction at least
				t.Errorf("%d programs are kept", len(after))
			}
			continue
		}
		if len(after) != len(before) {
			t.Errorf("%d programs are kept, and %d after the second process", len(before), len(after))
		}
		for path, at := range before {
			if !after[path].After(at) {
				t.Errorf("the second process did not use %s", filepath.Base(path))
			}
		}
	}
}
