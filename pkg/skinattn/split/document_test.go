package split

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
)

var update = flag.Bool("update", false, "write the generated parts of docs/training.md and docs/reproduce.md anew")

// The documents agree with the table of protocols.
func TestDocuments(t *testing.T) {
	const command = "go test ./pkg/skinattn/split -update"
	testgolden.Generated(t, "../../../docs/training.md", command, protocolsDocument(), *update)
	testgolden.Generated(t, "../../../docs/reproduce.md", command, columnsDocument(), *update)
}

// protocolsDocument is the table of protocols in docs/training.md.
func protocolsDocument() string {
	var out strings.Builder
	out.WriteString("| `--protocol` | divides | parts | flags of `skinattn split` beside `--seed` |\n|---|---|---|---|\n")
	for _, p := range Protocols {
		parts, takes := list(p.Parts), "none"
		if p.AsRunParts != nil {
			parts += "; as run: " + list(p.AsRunParts)
		}
		if len(p.Takes) > 0 {
			takes = "`--" + strings.ReplaceAll(list(p.Takes), ", ", "`, `--") + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", p.Name, p.Summary, parts, takes)
	}
	return out.String()
}

// columnsDocument is the table of columns in docs/reproduce.md.
func columnsDocument() string {
	var out strings.Builder
	out.WriteString("| column | protocol | what is reported |\n| --- | --- | --- |\n")
	for _, p := range Columns() {
		fmt.Fprintf(&out, "| %s | `%s` | %s |\n", p.Column.Head, p.Name, p.Column.Reported)
	}
	return out.String()
}

// list joins words with commas.
func list[T ~string](words []T) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ", ")
}
