// Package notebooks holds the Jupyter notebooks; scripts/notebooks.sh runs them.
// Its tests check them without a kernel: each cell is type-checked against the
// packages as they are, so that a changed name is seen at once.
package notebooks

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	// What the cells import. The import makes "go test" run the tests anew, not
	// from its cache, when one of the packages has changed.
	_ "github.com/skinattn/skinattn/pkg/skinattn/nb"
)

// maxLines is the longest that a cell may be, imports aside: what is longer belongs into a package.
const maxLines = 16

// shows has, for each tag, what shows such a thing when the main part of a cell
// calls it.
var shows = map[string]*regexp.Regexp{
	"shows-figure": regexp.MustCompile(`\bnb\.(Plot|Figure|Gallery|Explore)\(`),
	"shows-table":  regexp.MustCompile(`\bnb\.(Table|ShowTraining)\(|\bbook\.Start\(`),
	"shows-text":   regexp.MustCompile(`\bfmt\.Print|\bnb\.Assert\(|(?m:^!)`),
}

// foreign matches what does not belong into a notebook: paths of one machine.
var foreign = regexp.MustCompile(`(^|[\s"'(=])(/home/|/root/|/tmp/|/Users/|/work/|[A-Z]:\\)`)

func TestForm(t *testing.T) {
	for _, n := range readAll(t) {
		t.Run(n.Name, func(t *testing.T) {
			if n.Metadata.Kernel.Name != "gonb" {
				t.Errorf("the kernel is %q, want gonb", n.Metadata.Kernel.Name)
			}
			if len(n.Cells) == 0 || !strings.HasPrefix(n.Cells[0].Source[0], "# ") {
				t.Fatal("the first cell has no title")
			}
			intro := strings.Join(n.Cells[0].Source, "\n")
			for _, part := range []string{"**Goal.**", "**Time and hardware.**", "**What you will see.**"} {
				if !strings.Contains(intro, part) {
					t.Errorf("the first cell lacks %s", part)
				}
			}
			var text strings.Builder
			ids := map[string]bool{}
			asserts := false
			for i, c := range n.Cells {
				source := strings.Join(c.Source, "\n")
				asserts = asserts || c.Kind == "code" && strings.Contains(source, "nb.Assert(")
				if ids[c.ID] || c.ID == "" {
					t.Errorf("cell %d: the id %q is empty or there twice", i+1, c.ID)
				}
				ids[c.ID] = true
				if len(c.Outputs) > 0 || c.ExecutionCount != nil {
					t.Errorf("cell %d has outputs; 'scripts/notebooks.sh strip' removes them", i+1)
				}
				if c.Kind == "markdown" {
					text.WriteString(source)
				} else {
					checkTags(t, i+1, c)
				}
				if c.Kind == "code" && len(c.Source) > maxLines && !slices.Contains(c.Source, "import (") {
					t.Errorf("cell %d has %d lines, want at most %d", i+1, len(c.Source), maxLines)
				}
				if found := foreign.FindString(source); found != "" {
					t.Errorf("cell %d names a path of one machine: %q", i+1, found)
				}
			}
			if !asserts {
				t.Error("no cell checks what the text claims")
			}
			for _, part := range []string{"Exercises", "<details><summary>Answer</summary>", "References", "The same from the command line"} {
				if !strings.Contains(text.String(), part) {
					t.Errorf("the text lacks %q", part)
				}
			}
			checkLinks(t, text.String())
		})
	}
}

// checkTags holds a cell's tags against what it calls. A tag may also be there for
// what is shown by a function of an earlier cell.
func checkTags(t *testing.T, number int, c cell) {
	t.Helper()
	for _, tag := range c.Metadata.Tags {
		if shows[tag] == nil {
			t.Errorf("cell %d: the tag %q is unknown", number, tag)
		}
	}
	source := strings.Join(c.Source, "\n")
	if at := strings.Index(source, "%%\n"); at >= 0 {
		source = source[at:]
	} else if !strings.HasPrefix(source, "!") {
		return // declarations only
	}
	for tag, calls := range shows {
		if call := calls.FindString(source); call != "" && !slices.Contains(c.Metadata.Tags, tag) {
			t.Errorf("cell %d calls %s and lacks the tag %s", number, call, tag)
		}
	}
}

// link is one to another file of the repository.
var link = regexp.MustCompile(`\]\(([^):#]+)\)`)

func checkLinks(t *testing.T, text string) {
	t.Helper()
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(found[1]); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}

func TestCellsCompile(t *testing.T) {
	type source struct{ title, text string }
	var sources []source
	paths := map[string]bool{"flag": true}
	for _, n := range readAll(t) {
		p := newProgram()
		for i, c := range n.Cells {
			if c.Kind != "code" {
				continue
			}
			title := fmt.Sprintf("%s.cell%d", n.Name, i+1)
			text, err := p.add(title, c.Source)
			if err != nil {
				t.Error(err)
				continue
			}
			sources = append(sources, source{title, text})
		}
		for _, spec := range p.imports {
			paths[strings.Trim(spec[strings.Index(spec, `"`):], `"`)] = true
		}
	}
	check := newChecker(t, slices.Sorted(maps.Keys(paths)))
	for _, s := range sources {
		for _, err := range check(s.title, s.text) {
			t.Error(err)
		}
	}
}

// newChecker returns a type checker of Go files that import no packages but
// those given. The go command compiles these, or has them in its cache.
func newChecker(t *testing.T, paths []string) func(title, text string) []error {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, paths...)...)
	var said strings.Builder
	cmd.Stderr = &said
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, said.String())
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(list)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[path] = file
	}
	fset := token.NewFileSet()
	from := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("the cells import no package %s", path)
		}
		return os.Open(exports[path])
	})
	return func(title, text string) []error {
		file, err := parser.ParseFile(fset, title, text, 0)
		if err != nil {
			return []error{err}
		}
		var errs []error
		config := types.Config{Importer: from, Error: func(err error) {
			// GoNB removes imports that a cell does not use.
			if !strings.HasSuffix(err.Error(), "imported and not used") {
				errs = append(errs, err)
			}
		}}
		_, _ = config.Check("main", fset, []*ast.File{file}, nil) // the error is the first that Error got
		return errs
	}
}

// The checker sees what the kernel would refuse, and takes what it would take.
func TestChecker(t *testing.T) {
	check := newChecker(t, []string{"fmt", "strings"})
	cells := []struct {
		source string
		wrong  string // part of the error; empty: none
	}{
		{"%noautoget\nimport (\n\t\"fmt\"\n\t\"strings\"\n)", ""},
		{"func twice(s string) string { return strings.Repeat(s, 2) }\n\n%%\nfmt.Println(twice(\"a\"))", ""},
		{"%%\nfmt.Println(twice(\"b\"))", ""},
		{"%%\nfmt.Println(twice(2))", "c3:2:"},
		{"func twice(n int) int { return 2 * n }", ""}, // replaces the other
		{"%%\nfmt.Println(twice(2))", ""},
		{"%%\nx := 1", "declared and not used: x"},
		{"%%\nfmt.Prntln()", "undefined: fmt.Prntln"},
		{"var (\n\ta = 1\n\tb = a\n)\n\n!ls\n%%\nfmt.Println(a + b)", ""},
		{"%%\nfmt.Println(gone)", "c9:2: undefined: gone"},
	}
	p := newProgram()
	for i, c := range cells {
		text, err := p.add(fmt.Sprintf("c%d", i), strings.Split(c.source, "\n"))
		if err != nil {
			t.Fatalf("cell %d: %v", i, err)
		}
		errs := check(fmt.Sprintf("c%d", i), text)
		switch {
		case c.wrong == "" && len(errs) > 0:
			t.Errorf("cell %d: %v", i, errs)
		case c.wrong != "" && (len(errs) == 0 || !strings.Contains(errs[0].Error(), c.wrong)):
			t.Errorf("cell %d: got %v, want %q", i, errs, c.wrong)
		}
	}
	if _, err := p.add("c", []string{"%%", "if {"}); err == nil || !strings.Contains(err.Error(), "c:2:") {
		t.Errorf("a cell that is no Go: got %v, want an error in its line 2", err)
	}
}
