package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/skinattn/skinattn/"

// floors reads the drawing of architecture.md: the floor of each package, from 0
// at the top, and the first floor that does without GoMLX.
func floors(t *testing.T) (floor map[string]int, noGoMLX int) {
	t.Helper()
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- floors -->\n```\n")
	drawing, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("architecture.md has no drawing of the floors")
	}
	floor = map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(drawing), "\n") {
		if strings.HasPrefix(line, "---") {
			noGoMLX = i
			continue
		}
		for _, name := range strings.Fields(line) {
			if _, twice := floor[name]; twice {
				t.Errorf("%s is drawn twice", name)
			}
			floor[name] = i
		}
	}
	return floor, noGoMLX
}

// imports reads which packages each package of the module imports outside of its
// tests, on any system. It parses the sources itself because go test knows then
// that its result depends on them, and does not repeat an old one.
func imports(t *testing.T) map[string]map[string]bool {
	t.Helper()
	packages := map[string]map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			other := err == nil && path != ".." // a module of its own
			if other || name == "testdata" || path != ".." && strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), ".."+string(filepath.Separator)))
		if packages[folder] == nil {
			packages[folder] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			packages[folder][imported] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func TestNoImportGoesUp(t *testing.T) {
	floor, noGoMLX := floors(t)
	if noGoMLX == 0 {
		t.Fatal("the drawing has no line below which there is no GoMLX")
	}
	packages := imports(t)
	for from, imported := range packages {
		at, drawn := floor[from]
		if !drawn {
			t.Errorf("package %s has no floor: draw it in docs/architecture.md, above all that it imports and below all that imports it", from)
			continue
		}
		for path := range imported {
			if strings.HasPrefix(path, "github.com/gomlx/") && at > noGoMLX {
				t.Errorf("%s imports %s, but is drawn below the line where GoMLX ends", from, path)
			}
			to, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if below, drawn := floor[to]; drawn && below <= at {
				t.Errorf("%s imports %s, which is not below it in docs/architecture.md", from, to)
			}
		}
	}
	for name := range floor {
		if packages[name] == nil {
			t.Errorf("docs/architecture.md draws %s, which is no package", name)
		}
	}
}
