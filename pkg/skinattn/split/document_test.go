package split

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs/training.md and docs/reproduce.md anew")

// The documents agree with the table of protocols.
func TestDocuments(t *testing.T) {
	const begin, end = "<!-- begin: made by go test ./pkg/skinattn/split -update -->\n", "<!-- end -->\n"
	for path, want := range map[string]string{
		"../../../docs/training.md":  protocolsDocument(),
		"../../../docs/reproduce.md": columnsDocument(),
	} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, found := strings.Cut(string(raw), begin)
		generated, after, closed := strings.Cut(rest, end)
		switch {
		case !found || !closed:
			t.Errorf("%s has lost the marks of its generated part", path)
		case generated == want:
		case !*update:
			t.Errorf("%s does not show the protocols as they are; 'go test ./pkg/skinattn/split -update' writes them", path)
		default:
			if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
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
	for _, p := range Protocols {
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
