package figures

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden figures and the generated part of docs/figures.md anew")

// docs/figures.md shows the set as the table has it.
func TestDocument(t *testing.T) {
	const path, begin, end = "../../../docs/figures.md", "<!-- begin: made by go test ./pkg/skinattn/figures -update -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	generated, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has lost the marks of its generated part", path)
	}
	want := document()
	if generated != want && !*update {
		t.Errorf("%s does not show the figures as they are; 'go test ./pkg/skinattn/figures -update' writes them", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// document is the table of figures in docs/figures.md.
func document() string {
	var out strings.Builder
	out.WriteString("| file | drawn of | needs | shows |\n| --- | --- | --- | --- |\n")
	of := map[Scope]string{OneInput: "each input", AllInputs: "all inputs", DataSet: "the data set"}
	for _, e := range Set {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", e.Name, of[e.Of], e.Needs, e.Shows)
	}
	return out.String()
}
