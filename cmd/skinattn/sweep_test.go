package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

// tinySweep has cells of a second each; the third one fails for good, in its first step.
const tinySweep = `
set: {backbone: mobilenet_v2, cut: block_1_depthwise, size: 32, weights: random, regime: demo, batch: 16, save-every: 1ns}
axes: {seed: 1..2}
grids:
  - set: {epochs: 2}
  - set: {epochs: 1, learning-rate: 1e30}
    axes: {seed: [1]}
`

// sweepLab is a lab with a sweep in a folder of its own.
type sweepLab struct {
	*lab
	file, runs string
	cells      []sweep.Cell
}

func newSweepLab(t *testing.T, text string) *sweepLab {
	t.Helper()
	l := &sweepLab{lab: newLab(t)}
	l.file = filepath.Join(t.TempDir(), "tiny.yaml")
	if err := os.WriteFile(l.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := sweep.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	l.runs = file.Runs
	if l.cells, _, err = file.Expand(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *sweepLab) sweep(command string, args ...string) *exec.Cmd {
	return l.skinattn(append([]string{"sweep", command, l.file}, args...)...)
}

// status is the answer of sweep status.
func (l *sweepLab) status(t *testing.T) (all []sweep.Status) {
	t.Helper()
	out, err := l.sweep("status").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// undisturbed are the outcomes of the cells that do not fail, trained by the command that
// sweep cells lists.
func (l *sweepLab) undisturbed(t *testing.T) map[string]outcome {
	t.Helper()
	outcomes := map[string]outcome{}
	for i := range l.cells {
		c := &l.cells[i]
		if c.Value("learning-rate") != "" {
			continue
		}
		dir := filepath.Join(t.TempDir(), "alone")
		if out, err := l.skinattn(append(append([]string{"train"}, c.Arguments()...), "--run", dir)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var err error
		if outcomes[c.Name], err = outcomeOf(dir); err != nil {
			t.Fatal(err)
		}
	}
	return outcomes
}

// expect compares the runs of a sweep that has ended with the undisturbed ones, and wants the
// one cell to have failed.
func (l *sweepLab) expect(t *testing.T, want map[string]outcome) {
	t.Helper()
	for name, undisturbed := range want {
		got, err := outcomeOf(filepath.Join(l.runs, name))
		if err != nil {
			t.Error(err)
		} else if diff := gocmp.Diff(undisturbed, got); diff != "" {
			t.Errorf("%s differs from an undisturbed run (-undisturbed +this):\n%s", name, diff)
		}
	}
	all := l.status(t)
	if done, failed := sweep.Count(all, sweep.Done), sweep.Count(all, sweep.Failed); done != len(want) || failed != len(all)-len(want) {
		t.Errorf("%d done and %d failed of %d, want %d done and the others failed", done, failed, len(all), len(want))
	}
	for _, s := range all {
		if s.State == sweep.Failed && !strings.Contains(s.Line, "the loss is NaN") {
			t.Errorf("%s failed: %s", s.Name, s.Line)
		}
	}
}

// A failing cell does not stop the others, the exit code tells of it, and a second call
// trains nothing. One cell alone, as a scheduler asks for it, is tried again.
func TestSweepRun(t *testing.T) {
	l := newSweepLab(t, tinySweep)
	want := l.undisturbed(t)
	for i, answer := range []string{`{"trained":2,"done_before":0,"failed":1,"failed_before":0,"elsewhere":0}`, `{"trained":0,"done_before":2,"failed":0,"failed_before":1,"elsewhere":0}`} {
		command := l.sweep("run")
		var log bytes.Buffer
		command.Stderr = &log
		out, err := command.Output()
		if code := command.ProcessState.ExitCode(); code != 1 {
			t.Fatalf("exit code %d, %v\n%s", code, err, log.String())
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, out); err != nil || compact.String() != answer {
			t.Errorf("call %d: answer %s, %v", i+1, compact.String(), err)
		}
		if !strings.Contains(log.String(), "skinattn: 1 cells of "+l.file+" failed; ") {
			t.Errorf("log %s", log.String())
		}
		l.expect(t, want)
	}
	list := filepath.Join(t.TempDir(), "cells")
	if err := os.WriteFile(list, []byte(l.cells[2].Name+"\n"+l.cells[0].Name+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := l.sweep("run", "--cells", list, "--task", "0").Output()
	if !strings.Contains(string(out), `"failed": 1`) {
		t.Errorf("the failed cell is not tried again: %s", out)
	}
	if out, err := l.sweep("run", "--cells", list, "--task", "1").Output(); err != nil || !strings.Contains(string(out), `"done_before": 1`) {
		t.Errorf("the cell that is done: %v, %s", err, out)
	}
}

// children are the processes whose parent is pid.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, n)
		}
	}
	return pids
}

// Interrupted at any moment, by a signal that it may handle, by one that ends it and leaves
// its training alone, and by one that ends both, a sweep goes on to the bytes of undisturbed
// runs.
func TestInterruptedSweepGoesOnToTheSameBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks for child processes in /proc")
	}
	for _, kills := range []int{3, 20} {
		t.Run(fmt.Sprintf("%d interruptions", kills), func(t *testing.T) {
			testlong.Skip(t, kills > 3)
			l := newSweepLab(t, tinySweep)
			want := l.undisturbed(t)
			start := time.Now()
			l.sweep("run").Run()
			took := time.Since(start)
			l.expect(t, want)
			random := rand.New(rand.NewPCG(22, 7))
			interrupted := 0
			var alone []int // trainings that were left alone, which go on for a while
			wait := func() {
				for _, pid := range alone {
					for syscall.Kill(pid, 0) == nil {
						time.Sleep(10 * time.Millisecond)
					}
				}
				alone = nil
			}
			defer wait() // they write into a folder that the test removes
			for round := 0; interrupted < kills; round++ {
				if round%4 == 0 { // as far as it goes, then from the beginning
					wait()
					if err := os.RemoveAll(l.runs); err != nil {
						t.Fatal(err)
					}
				}
				command := l.sweep("run")
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- command.Wait() }()
				select {
				case <-ended: // it was faster
				case <-time.After(time.Duration(random.Int64N(int64(took)))):
					how := interrupted % 3
					trainings := children(command.Process.Pid)
					signal := syscall.SIGKILL
					if how == 0 {
						signal = syscall.SIGTERM
					}
					command.Process.Signal(signal)
					if how == 1 {
						for _, pid := range trainings {
							syscall.Kill(pid, syscall.SIGKILL)
						}
					}
					<-ended
					if code := command.ProcessState.ExitCode(); how == 0 && code != 130 && code != 1 { // 1: it had ended
						t.Errorf("exit code %d, want 130", code)
					}
					interrupted++
					if how == 2 {
						alone = append(alone, trainings...)
					}
				}
				if round%4 != 3 {
					continue
				}
				wait()
				for deadline := time.Now().Add(2 * time.Minute); ; {
					out, _ := l.sweep("run").CombinedOutput()
					if all := l.status(t); sweep.Count(all, sweep.Done)+sweep.Count(all, sweep.Failed) == len(all) {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("it does not come to an end:\n%s", out)
					}
				}
				l.expect(t, want)
			}
		})
	}
}

// Workers that start together share the cells, and leave to each other what they train.
func TestSweepWorkersShareTheCells(t *testing.T) {
	l := newSweepLab(t, tinySweep)
	want := l.undisturbed(t)
	const workers = 4
	ended := make(chan string)
	for range workers {
		go func() {
			out, _ := l.sweep("run").CombinedOutput() // the failing cell makes the exit code 1
			ended <- string(out)
		}()
	}
	var said []string
	for range workers {
		said = append(said, <-ended)
	}
	l.expect(t, want)
	trained := 0
	for _, out := range said {
		var o sweep.Outcome
		if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):strings.LastIndex(out, "}")+1]), &o); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		trained += o.Trained
	}
	if trained < len(want) { // a worker that comes when a cell has just ended counts it, too
		t.Errorf("%d trainings went through, want at least %d:\n%s", trained, len(want), strings.Join(said, "\n"))
	}
}
