// Command longtests runs the tests that take minutes, one by one, and records
// the results in docs/long-tests.md. Its arguments are patterns: without any, all
// long tests run, else those of which one matches the name. -list prints names.
//
// A test is long if it asks package testlong: those are found in the sources, and
// their subtests by SKINATTN_LONG=names. Results of other tests stay as they are.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/skinattn/skinattn/internal/testlong"
)

const document = "docs/long-tests.md"

func main() {
	list := flag.Bool("list", false, "print the names of the long tests and run none")
	flag.Parse()
	if err := run(*list, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "longtests:", err)
		os.Exit(1)
	}
}

func run(list bool, patterns []string) error {
	tests, err := find()
	if err != nil {
		return err
	}
	if list {
		for _, test := range tests {
			fmt.Println(test)
		}
		return nil
	}
	results, err := read(tests)
	if err != nil {
		return err
	}
	if err := write(tests, results); err != nil { // with what is not run yet
		return err
	}
	ran := 0
	var failed []string
	for i, test := range tests {
		chosen, err := matches(test.String(), patterns)
		if err != nil {
			return err
		}
		if !chosen {
			continue
		}
		ran++
		fmt.Fprintf(os.Stderr, "%s ... ", test)
		if results[i], err = test.run(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s, %s s\n", results[i].outcome, results[i].seconds)
		if results[i].outcome != "pass" {
			failed = append(failed, test.String())
		}
		if err := write(tests, results); err != nil { // after each: an interruption loses one
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

func matches(name string, patterns []string) (bool, error) {
	for _, pattern := range patterns {
		if found, err := regexp.MatchString(pattern, name); err != nil || found {
			return found, err
		}
	}
	return len(patterns) == 0, nil
}

// longTest is a test or subtest; pkg is its folder.
type longTest struct{ pkg, name string }

func (l longTest) String() string { return l.pkg + " " + l.name }

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// find lists the long tests of the module by folder and name.
func find() ([]longTest, error) {
	files, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*_test.go").Output()
	if err != nil {
		return nil, fmt.Errorf("listing test files: %w", err)
	}
	functions := map[string][]string{} // by folder
	for _, file := range strings.Fields(string(files)) {
		source, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed and not yet committed
		}
		if err != nil {
			return nil, err
		}
		starts := testFunction.FindAllSubmatchIndex(source, -1)
		for i, at := range starts {
			end := len(source)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			if bytes.Contains(source[at[0]:end], []byte("testlong.Skip(")) {
				folder := filepath.Dir(file)
				functions[folder] = append(functions[folder], string(source[at[2]:at[3]]))
			}
		}
	}
	var tests []longTest
	for folder, names := range functions {
		command := exec.Command("go", "test", "-json", "-count=1", "-run", "^("+strings.Join(names, "|")+")$", "./"+folder)
		command.Env = append(os.Environ(), testlong.Env+"="+testlong.Names)
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("listing the long tests of %s: %w\n%s", folder, err, out)
		}
		long := map[string]bool{} // whether the last line of the test said so
		err = events(out, func(e event) {
			switch {
			case e.Action == "output" && strings.HasSuffix(e.Output, ": long\n"):
				long[e.Test] = true
			case e.Action == "skip" && long[e.Test]:
				tests = append(tests, longTest{folder, e.Test})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(tests, func(a, b longTest) int { return strings.Compare(a.String(), b.String()) })
	return tests, nil
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

func events(out []byte, each func(event)) error {
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("reading the output of go test: %w: %s", err, line)
		}
		each(e)
	}
	return nil
}

// result is a row of the document, as text.
type result struct{ outcome, seconds, date, commit, with string }

var notRun = result{outcome: "not run"}

// run runs one test alone.
func (l longTest) run() (result, error) {
	var levels []string
	for level := range strings.SplitSeq(l.name, "/") {
		levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
	}
	commit, err := commit()
	if err != nil {
		return result{}, err
	}
	r := result{outcome: "fail", date: time.Now().UTC().Format(time.DateOnly), commit: commit, with: with()}
	command := exec.Command("go", "test", "-json", "-count=1", "-timeout", "6h", "-run", strings.Join(levels, "/"), "./"+l.pkg)
	command.Env = append(os.Environ(), testlong.Env+"=1")
	out, failure := command.Output()
	if exit := (*exec.ExitError)(nil); failure != nil && !errors.As(failure, &exit) {
		return result{}, failure
	}
	err = events(out, func(e event) {
		if e.Test == l.name && (e.Action == "pass" || e.Action == "skip" || e.Action == "fail") {
			r.outcome, r.seconds = e.Action, fmt.Sprintf("%.0f", e.Elapsed)
		}
		if e.Action == "output" && failure != nil {
			fmt.Fprint(os.Stderr, e.Output)
		}
	})
	if failure != nil {
		r.outcome = "fail"
	}
	return r, err
}

// commit is the short name of HEAD, with a plus if files have changed since,
// other than the document.
func commit() (string, error) {
	head, err := exec.Command("git", "rev-parse", "--short=8", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("asking git for the commit: %w", err)
	}
	name := strings.TrimSpace(string(head))
	changes, err := exec.Command("git", "status", "--porcelain", "--", ".", ":!"+document).Output()
	if err != nil {
		return "", fmt.Errorf("asking git for changes: %w", err)
	}
	if len(changes) > 0 {
		name += "+"
	}
	return name, nil
}

// with is the toolchain and the class of the machine.
func with() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
			model = string(found[1])
		}
	}
	return fmt.Sprintf("%s, %s, %d cores", runtime.Version(), model, runtime.NumCPU())
}

// read takes the tests' results from the document; a test without is not run.
func read(tests []longTest) ([]result, error) {
	text, err := os.ReadFile(document)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	known := map[string]result{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 7 {
			known[cells[0]+" "+cells[1]] = result{cells[2], cells[3], cells[4], cells[5], cells[6]}
		}
	}
	results := make([]result, len(tests))
	for i, test := range tests {
		results[i] = notRun
		if r, ok := known[test.String()]; ok {
			results[i] = r
		}
	}
	return results, nil
}

func write(tests []longTest, results []result) error {
	count := map[string]int{}
	for _, r := range results {
		count[r.outcome]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<!-- Made by .ci/long. -->

# Long tests

Tests that take minutes are not part of `+"`go test ./...`"+`. `+"`.ci/long`"+` runs them one by one and writes this page; `+"`.ci/long PATTERN...`"+` runs those whose package and name match
(`+"`.ci/long 'Forward.*nasnet' Coverage`"+`, regular expressions) and leaves the other rows; `+"`.ci/long -list`"+` prints the names. All at once: `+"`SKINATTN_LONG=1 go test ./... -timeout 6h`"+`.
"skip" means that a test found something missing that it needs. A plus behind a commit means uncommitted changes. Seconds are of one test at a time, compilation by XLA included, on a machine that may have done other work besides.

Of %d tests %d passed when last run, %d failed, %d were skipped, %d were not run.

| package | test | result | seconds | date | commit | with |
| --- | --- | --- | --- | --- | --- | --- |
`, len(tests), count["pass"], count["fail"], count["skip"], count["not run"])
	for i, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", tests[i].pkg, tests[i].name, r.outcome, r.seconds, r.date, r.commit, r.with)
	}
	return os.WriteFile(document, []byte(b.String()), 0o644)
}
