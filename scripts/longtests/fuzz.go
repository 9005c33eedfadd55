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
type target struct{ Package, Name, Result, Executions, Seconds, Date, Commit, With string }

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

// fuzz shares a number of executions among the chosen targets and records what came of
// them. The results of tests stay as they are.
func fuzz(executions int64, chosen *regexp.Regexp) error {
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
		if err := t.fuzz(max(1, executions/int64(len(run)))); err != nil {
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

var executed = regexp.MustCompile(`execs: (\d+) `)

// fuzz runs one target. Go's minimiser of new inputs is off: it takes nearly all of the
// time where an execution takes long, and its executions are not counted.
func (t *target) fuzz(executions int64) error {
	commit, err := commitNow()
	if err != nil {
		return err
	}
	start := time.Now()
	out, failure := exec.Command("go", "test", "./"+t.Package, "-run", "^$", "-fuzz", "^"+t.Name+"$",
		"-fuzztime", strconv.FormatInt(executions, 10)+"x", "-fuzzminimizetime", "0x", "-timeout", "12h").CombinedOutput()
	*t = target{Package: t.Package, Name: t.Name, Result: "pass", Executions: "0", Seconds: fmt.Sprintf("%.0f", time.Since(start).Seconds()),
		Date: time.Now().UTC().Format(time.DateOnly), Commit: commit, With: with()}
	if counts := executed.FindAllSubmatch(out, -1); len(counts) > 0 {
		t.Executions = string(counts[len(counts)-1][1])
	}
	if failure == nil {
		return nil
	}
	if _, ran := errors.AsType[*exec.ExitError](failure); !ran {
		return failure
	}
	os.Stderr.Write(out)
	t.Result = "fail"
	return nil
}
