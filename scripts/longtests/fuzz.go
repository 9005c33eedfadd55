package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is a fuzz test with its last result: a row of the document.
type target struct{ Package, Name, Result, Executions, Guided, Seconds, Date, Commit, With string }

func (t target) String() string { return t.Package + " " + t.Name }

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// findTargets lists the fuzz tests of the module by package and name.
func findTargets() ([]target, error) {
	files, err := output("git", "grep", "--untracked", "-lE", `^func Fuzz\w+\(`, "--", "*_test.go")
	if err != nil {
		return nil, err
	}
	var targets []target
	for _, file := range strings.Fields(files) {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, found := range fuzzFunction.FindAllSubmatch(source, -1) {
			targets = append(targets, target{Package: filepath.ToSlash(filepath.Dir(file)), Name: string(found[1]), Result: "not run"})
		}
	}
	slices.SortFunc(targets, func(a, b target) int { return cmp.Compare(a.String(), b.String()) })
	return targets, nil
}

// amount is how much fuzzing there is to do: a number of executions or a time.
type amount struct {
	executions int64
	time       time.Duration
}

// Set and String make amount a flag.
func (a *amount) Set(text string) (err error) {
	if a.executions, err = strconv.ParseInt(text, 10, 64); err != nil {
		a.time, err = time.ParseDuration(text)
	}
	if err == nil && a.executions <= 0 && a.time <= 0 {
		err = errors.New("it must be above 0")
	}
	return err
}

// String is what the go command's -fuzztime takes.
func (a *amount) String() string {
	if a.time > 0 {
		return a.time.String()
	}
	return strconv.FormatInt(a.executions, 10) + "x"
}

// share is a part for one of n targets.
func (a amount) share(n int) amount {
	return amount{max(a.executions/int64(n), min(a.executions, 1)), a.time / time.Duration(n)}
}

// guided is the part in which the sources are instrumented and inputs that reach new code are
// kept. Nearly all of such an execution's time goes into reading the counters, so more of it
// pays only until new code becomes rare.
func (a amount) guided() amount {
	return amount{(a.executions + 19) / 20, a.time / 2}
}

// less is what is left to do behind some executions, which took some time.
func (a amount) less(executions int64, took time.Duration) amount {
	if a.time > 0 {
		return amount{time: max(0, a.time-took)}
	}
	return amount{executions: max(0, a.executions-executions)}
}

// fuzz shares an amount among the chosen targets and records what came of them. The
// results of tests stay as they are.
func fuzz(all amount, chosen *regexp.Regexp) error {
	tests, known, err := rows()
	if err != nil {
		return err
	}
	targets, err := findTargets()
	if err != nil {
		return err
	}
	var run []*target
	for i := range targets {
		if at := slices.IndexFunc(known, func(t target) bool { return t.String() == targets[i].String() }); at >= 0 {
			targets[i] = known[at]
		}
		if chosen.MatchString(targets[i].String()) {
			run = append(run, &targets[i])
		}
	}
	if len(run) == 0 {
		return errors.New("no fuzz test matches; without patterns all run")
	}
	var failed []string
	for _, t := range run {
		fmt.Fprintf(os.Stderr, "%s ... ", t)
		if err := t.fuzz(all.share(len(run))); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s, %s executions, %s s\n", t.Result, t.Executions, t.Seconds)
		if t.Result != "pass" {
			failed = append(failed, t.String())
		}
		if err := write(tests, targets); err != nil { // after each target: an interruption loses one result
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not passed: %s; the input lies in testdata/fuzz of the package", strings.Join(failed, ", "))
	}
	return nil
}

var (
	executed = regexp.MustCompile(`execs: (\d+) `)
	failing  = regexp.MustCompile(`Failing input written to (testdata/fuzz/(Fuzz\w+)/(\w+))`)
)

// fuzz runs one target: a first part guided by coverage, and then the inputs that it found,
// mutated without a guide, which is up to a hundred times as fast.
func (t *target) fuzz(all amount) error {
	commit, err := commitNow()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	start := time.Now()
	*t = target{Package: t.Package, Name: t.Name, Result: "pass", Date: time.Now().UTC().Format(time.DateOnly), Commit: commit, With: with()}
	guided, err := t.part(all.guided(), "go", "test", "./"+t.Package, "-timeout", "12h")
	if err != nil {
		return err
	}
	plain := int64(0)
	if left := all.less(guided, time.Since(start)); t.Result == "pass" && left != (amount{}) {
		if plain, err = t.unguided(left, filepath.Join(dir, "test")); err != nil {
			return err
		}
	}
	t.Executions, t.Guided = strconv.FormatInt(guided+plain, 10), strconv.FormatInt(guided, 10)
	t.Seconds = fmt.Sprintf("%.0f", time.Since(start).Seconds())
	return nil
}

// unguided mutates the target's seeds, and the inputs that guided fuzzing has kept in the go
// command's cache, with a program that is not instrumented.
func (t *target) unguided(some amount, program string) (int64, error) {
	if _, err := output("go", "test", "-c", "-o", program, "./"+t.Package); err != nil {
		return 0, err
	}
	cache, err := output("go", "env", "GOCACHE")
	if err != nil {
		return 0, err
	}
	return t.part(some, program, "-test.timeout", "12h", "-test.fuzzcachedir", filepath.Join(cache, "fuzz", filepath.FromSlash(module+t.Package)))
}

// part has a program execute the target that often, again and again where only the machine was
// slow, and returns the number of executions. A failure becomes the target's result.
func (t *target) part(all amount, program ...string) (done int64, err error) {
	for left := all; left != (amount{}); {
		begun := time.Now()
		n, out, passed, err := t.execute(left, program)
		if err != nil {
			return done, err
		}
		done += n
		left = left.less(n, time.Since(begun))
		if passed {
			break // a last batch of executions may be less than was asked for
		}
		if n > 0 && t.slowMachine(out) {
			continue
		}
		os.Stderr.Write(out)
		t.Result = "fail"
		break
	}
	return done, nil
}

// execute has a target executed and returns the number of executions. Go's minimiser of new
// inputs is off: it takes nearly all of the time where an execution takes long, and its
// executions are not counted.
func (t *target) execute(some amount, program []string) (done int64, out []byte, passed bool, err error) {
	command := exec.Command(program[0], append(program[1:len(program):len(program)], "-test.run", "^$", "-test.fuzz", "^"+t.Name+"$",
		"-test.fuzztime", some.String(), "-test.fuzzminimizetime", "0x")...)
	if filepath.IsAbs(program[0]) { // where the go command runs its tests
		command.Dir = t.Package
	}
	out, err = command.CombinedOutput()
	if counts := executed.FindAllSubmatch(out, -1); len(counts) > 0 {
		done, _ = strconv.ParseInt(string(counts[len(counts)-1][1]), 10, 64) // digits
	}
	if _, ran := errors.AsType[*exec.ExitError](err); ran {
		return done, out, false, nil
	}
	return done, out, err == nil, err
}

// slowMachine reports whether a failure was of the machine alone: Go says that an execution
// hangs after ten seconds of the clock, which a loaded machine can take to get around to it.
// The input then passes by itself, and is removed.
func (t *target) slowMachine(out []byte) bool {
	input := failing.FindSubmatch(out)
	if input == nil || !strings.Contains(string(out), "fuzzing process hung or terminated unexpectedly") {
		return false
	}
	again := exec.Command("go", "test", "./"+t.Package, "-run", fmt.Sprintf("^%s$/^%s$", input[2], input[3]), "-count", "20", "-timeout", "5m")
	return again.Run() == nil && os.Remove(filepath.Join(t.Package, string(input[1]))) == nil
}
