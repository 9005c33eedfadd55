// Command longtests runs the tests that take minutes, one by one, and records
// the results in docs/long-tests.md. Its arguments are patterns: a test whose package
// and name match one of them runs, and without patterns every test. -list prints names.
//
// A test is long if it calls package testlong: the sources tell such functions, and
// SKINATTN_LONG=names their long subtests. Other tests keep their results.
//
// With -fuzz N it runs the fuzz tests instead, or those that match a pattern, with N
// executions in all, or for a time such as 30m in all.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/skinattn/skinattn/internal/testlong"
)

const (
	document = "docs/long-tests.md"
	module   = "github.com/skinattn/skinattn/"
)

// test is a long test or subtest with its last result: a row of the document.
type test struct{ Package, Name, Result, Seconds, Date, Commit, With string }

func (t test) String() string { return t.Package + " " + t.Name }

func main() {
	list := flag.Bool("list", false, "print the names of the long tests and run none")
	var fuzzing amount
	flag.Var(&fuzzing, "fuzz", "run the fuzz tests instead, with this many executions, or for this time, in all")
	flag.Parse()
	if err := run(*list, fuzzing, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "longtests:", err)
		os.Exit(1)
	}
}

func run(list bool, fuzzing amount, patterns []string) error {
	var any []string
	for _, pattern := range patterns {
		any = append(any, "(?:"+pattern+")")
	}
	chosen, err := regexp.Compile(strings.Join(any, "|")) // without patterns everything matches
	if err != nil {
		return err
	}
	if fuzzing != (amount{}) {
		return fuzz(fuzzing, chosen)
	}
	tests, err := find()
	if err != nil {
		return err
	}
	if list {
		for _, t := range tests {
			fmt.Println(t)
		}
		return nil
	}
	known, targets, err := rows()
	if err != nil {
		return err
	}
	for i, t := range tests {
		if at := slices.IndexFunc(known, func(k test) bool { return k.String() == t.String() }); at >= 0 {
			tests[i] = known[at]
		}
	}
	if err := write(tests, targets); err != nil {
		return err
	}
	ran := 0
	var failed []string
	for i := range tests {
		t := &tests[i]
		if !chosen.MatchString(t.String()) {
			continue
		}
		ran++
		fmt.Fprintf(os.Stderr, "%s ... ", t)
		if err := t.run(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s, %s s\n", t.Result, t.Seconds)
		if t.Result != "pass" {
			failed = append(failed, t.String())
		}
		if err := write(tests, targets); err != nil { // after each test: an interruption loses one result
			return err
		}
	}
	if ran == 0 {
		return fmt.Errorf("no long test matches %q; -list prints their names", patterns)
	}
	if len(failed) > 0 {
		return fmt.Errorf("not passed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// A body ends at the first brace that begins a line.
var function = regexp.MustCompile(`(?ms)^func (Test\w+)\(.*?^}`)

// find lists the long tests of the module by package and name.
func find() ([]test, error) {
	const call = "testlong.Skip("
	files, err := output("git", "grep", "--untracked", "-lF", call, "--", "*_test.go")
	if err != nil {
		return nil, err
	}
	var packages, names []string
	for _, file := range strings.Fields(files) {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		packages = append(packages, "./"+filepath.Dir(file))
		for _, found := range function.FindAllSubmatch(source, -1) {
			if bytes.Contains(found[0], []byte(call)) {
				names = append(names, string(found[1]))
			}
		}
	}
	var tests []test
	long := map[string]bool{} // whether the test has printed "long"
	err = goTest(testlong.Names, "^("+strings.Join(names, "|")+")$", slices.Compact(packages), func(e event) {
		t := test{Package: strings.TrimPrefix(e.Package, module), Name: e.Test, Result: "not run"}
		switch {
		case e.Action == "output" && strings.HasSuffix(e.Output, ": long\n"):
			long[t.String()] = true
		case e.Action == "skip" && long[t.String()]:
			tests = append(tests, t)
		}
	})
	slices.SortFunc(tests, func(a, b test) int { return strings.Compare(a.String(), b.String()) })
	return tests, err
}

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// goTest runs tests with a value of testlong's variable, and calls each for every event. A
// test that fails makes the error an *exec.ExitError.
func goTest(long, pattern string, packages []string, each func(event)) error {
	command := exec.Command("go", append([]string{"test", "-json", "-count=1", "-timeout", "6h", "-run", pattern}, packages...)...)
	command.Env = append(os.Environ(), testlong.Env+"="+long)
	out, failure := command.Output()
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("reading the output of go test: %w: %s", err, line)
		}
		each(e)
		if failure != nil && strings.HasSuffix(e.Action, "output") { // also of the build
			fmt.Fprint(os.Stderr, e.Output)
		}
	}
	return failure
}

// run runs one test alone.
func (t *test) run() error {
	commit, err := commitNow()
	if err != nil {
		return err
	}
	t.Result, t.Seconds, t.Date, t.Commit, t.With = "fail", "", time.Now().UTC().Format(time.DateOnly), commit, with()
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name), "/", "$/^") + "$"
	err = goTest("1", pattern, []string{"./" + t.Package}, func(e event) {
		if e.Test == t.Name && (e.Action == "pass" || e.Action == "skip" || e.Action == "fail") {
			t.Result, t.Seconds = e.Action, fmt.Sprintf("%.0f", e.Elapsed)
		}
	})
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		t.Result, err = "fail", nil
	}
	return err
}

// commitNow is the commit, with a plus if there are changes on top.
func commitNow() (string, error) {
	commit, err := output("git", "rev-parse", "--short=8", "HEAD")
	if err != nil {
		return "", err
	}
	changes, err := output("git", "status", "--porcelain", "--", ".", ":!"+document)
	if changes != "" {
		commit += "+"
	}
	return commit, err
}

// output runs a command and returns its standard output.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// with returns the toolchain and the class of the machine.
func with() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
			model = string(found[1])
		}
	}
	return fmt.Sprintf("%s, %s, %d cores", runtime.Version(), model, runtime.NumCPU())
}

// rows are the results in the document: rows of seven cells are of tests, rows of eight of
// fuzz tests.
func rows() (tests []test, targets []target, err error) {
	text, err := os.ReadFile(document)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	for line := range strings.Lines(string(text)) {
		c := strings.Split(strings.TrimSpace(line), "|")
		for i := range c {
			c[i] = strings.TrimSpace(c[i])
		}
		if len(c) < 2 || c[1] == "package" || c[1] == "---" {
			continue
		}
		switch len(c) { // the first and the last are outside the bars
		case 9:
			tests = append(tests, test{c[1], c[2], c[3], c[4], c[5], c[6], c[7]})
		case 11:
			targets = append(targets, target{c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]})
		}
	}
	return tests, targets, err
}

//go:embed page.md
var page string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": func(tests []test, result string) (n int) {
		for _, t := range tests {
			if t.Result == result {
				n++
			}
		}
		return n
	},
	"executions": func(targets []target) (n int) {
		for _, t := range targets {
			executions, _ := strconv.Atoi(t.Executions) // empty where it was not run
			n += executions
		}
		return n
	},
	"fewest": func(targets []target) int {
		fewest := math.MaxInt
		for _, t := range targets {
			executions, _ := strconv.Atoi(t.Executions)
			fewest = min(fewest, executions)
		}
		return fewest
	},
}).Parse(page))

func write(tests []test, targets []target) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, map[string]any{"Tests": tests, "Targets": targets}); err != nil {
		return err
	}
	return os.WriteFile(document, b.Bytes(), 0o644)
}
