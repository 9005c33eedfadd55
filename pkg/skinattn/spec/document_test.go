package spec

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of docs/training.md anew")

// Every difference between two regimes shows in the table.
func TestDocumentShowsEveryDifference(t *testing.T) {
	for _, d := range deviations {
		if d.differences() == "" {
			t.Errorf("%s of %v: the table does not show what is changed", d.regime, d.backbones)
		}
	}
}

func TestTrainingDocument(t *testing.T) {
	const path, begin, end = "../../../docs/training.md", "<!-- begin: made by go test ./pkg/skinattn/spec -update -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	generated, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has lost the marks of its generated part", path)
	}
	if generated == Document() {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the regimes as they are; 'go test ./pkg/skinattn/spec -update' writes them", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+Document()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
