package docs

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
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

type goPackage struct {
	ImportPath       string
	GoFiles, Imports []string
}

// packages asks the go command for the module's packages that have code besides tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports", "./...")
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}

func TestNoImportGoesUp(t *testing.T) {
	floor, noGoMLX := floors(t)
	if noGoMLX == 0 {
		t.Fatal("the drawing has no line below which there is no GoMLX")
	}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		at, drawn := floor[from]
		if !drawn {
			t.Errorf("package %s has no floor: draw it in docs/architecture.md, above all that it imports and below all that imports it", from)
			continue
		}
		for _, path := range p.Imports {
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
}
