package run

import (
	"os/exec"
	"strings"
	"testing"
)

// A run folder and the network's options can be read without the engine and
// without anything that draws.
func TestNoEngine(t *testing.T) {
	const module = "github.com/skinattn/skinattn/pkg/skinattn/"
	list, err := exec.Command("go", "list", "-deps", module+"run", module+"spec").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for path := range strings.Lines(string(list)) {
		found = found || strings.TrimSpace(path) == module+"run"
		for _, heavy := range []string{"github.com/gomlx/", "gonum.org/v1/plot", module + "engine", module + "layers"} {
			if strings.HasPrefix(path, heavy) {
				t.Errorf("%s is needed", strings.TrimSpace(path))
			}
		}
	}
	if !found {
		t.Error("the list of dependencies lacks the package itself")
	}
}
