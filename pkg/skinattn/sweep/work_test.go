package sweep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// acting returns a program in place of the trainings: a shell script that first adds a line to
// the file begun in its folder.
func acting(t *testing.T, script string) (program, begun string) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no shell")
	}
	dir := t.TempDir()
	program, begun = filepath.Join(dir, "training"), filepath.Join(dir, "begun")
	text := "#!/bin/sh\necho begun >>'" + begun + "'\n" + script
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, begun
}

// begunTimes is the number of trainings that began.
func begunTimes(begun string) int {
	text, _ := os.ReadFile(begun) // not there: none
	return strings.Count(string(text), "\n")
}

// An interruption begins no further cell, and its line says whether a state was saved.
func TestInterruptionBeginsNothing(t *testing.T) {
	for script, want := range map[string]string{
		"trap 'sleep .2; echo \"skinattn: " + training.ErrInterrupted.Error() + "; go on\" >&2; exit 130' TERM\nwhile :; do sleep .05; done\n": "interrupted, its state is saved",
		"trap 'sleep .2; echo \"skinattn: interrupted; the same command begins again\" >&2; exit 130' TERM\nwhile :; do sleep .05; done\n":     "interrupted before there was a state to save",
		"exec sleep 60\n": "interrupted before there was a state to save",
	} {
		f, cells := tiny(t)
		program, begun := acting(t, script)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for begunTimes(begun) == 0 && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(200 * time.Millisecond) // the next cell waits for the worker by now
			cancel()
		}()
		var said []string
		outcome, err := Run(ctx, cells, RunOptions{Runs: f.Runs, Program: program, Common: []string{"train"}, Log: func(line string) { said = append(said, line) }})
		cancel()
		if !errors.Is(err, training.ErrInterrupted) || outcome != (Outcome{}) {
			t.Errorf("%+v, %v", outcome, err)
		}
		if n := begunTimes(begun); n != 1 {
			t.Errorf("%d trainings began, want 1", n)
		}
		if len(said) != 2 || said[1] != cells[0].Name+": "+want {
			t.Errorf("said %q", said)
		}
	}
}

// A training that lost its folder to another process, as after a long stop, did not fail.
func TestLostLockIsNoFailure(t *testing.T) {
	f, cells := tiny(t)
	program, begun := acting(t, "echo 'skinattn: writing into x: "+run.ErrLockLost.Error()+"' >&2\nexit 1\n")
	outcome, err := Run(t.Context(), cells[:1], RunOptions{Runs: f.Runs, Program: program, Common: []string{"train"}})
	if err != nil || outcome != (Outcome{Elsewhere: 1}) || begunTimes(begun) != 2 { // it looks whether the other is alive
		t.Errorf("%+v, %v, %d times", outcome, err, begunTimes(begun))
	}
	if s := cells[0].Status(f.Runs); s.State != Waiting {
		t.Errorf("%+v", s)
	}
}

// unwritable is a writer on a full disk.
type unwritable struct{}

func (unwritable) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What a training says may be lost; the training is not.
func TestLostLogIsNoFailure(t *testing.T) {
	f, cells := tiny(t)
	program, _ := acting(t, "i=0\nwhile [ $i -lt 50 ]; do echo line >&2; i=$((i+1)); done\n")
	outcome, err := Run(t.Context(), cells[:1], RunOptions{Runs: f.Runs, Program: program, Common: []string{"train"}, Said: unwritable{}})
	if err != nil || outcome != (Outcome{Trained: 1}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	log, err := os.ReadFile(cells[0].LogFile(f.Runs))
	if err != nil || strings.Count(string(log), "line\n") != 50 {
		t.Errorf("log %q, %v", log, err)
	}
}
