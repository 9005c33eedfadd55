package figures

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
)

var update = flag.Bool("update", false, "write the golden figures and the generated part of docs/figures.md anew")

// docs/figures.md shows the set as the table has it.
func TestDocument(t *testing.T) {
	testgolden.Generated(t, "../../../docs/figures.md", "go test ./pkg/skinattn/figures -update", document(), *update)
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
