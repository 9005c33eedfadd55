package notebooks

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

var update = flag.Bool("update", false, "rewrite the sections of 04_training that are made from the table of networks")

// ofNetwork begins the ids of the cells that are made from backbone.Table.
const ofNetwork = "network-"

// fileCell is a cell with its fields in the order of nbformat.
type fileCell struct {
	Kind    string          `json:"cell_type"`
	Count   json.RawMessage `json:"execution_count,omitempty"`
	ID      string          `json:"id"`
	Meta    json.RawMessage `json:"metadata"`
	Outputs json.RawMessage `json:"outputs,omitempty"`
	Source  []string        `json:"source"`
}

// networkCells are the sections of the networks that the authors, or we, train
// with metadata: two cells each.
func networkCells() []fileCell {
	var cells []fileCell
	for _, b := range backbone.Table {
		if b.AugmentedOnly {
			continue
		}
		cut := b.Cuts[0]
		text := fmt.Sprintf("### %s\n\n[%s](%s). Cut at `%s` (%s), whose map is %s at the network's own %d pixels",
			b.Title, b.Paper.Title, b.Paper.URL, cut.Layer, cut.Note, shape(cut.Shape), b.Input)
		if cut.Metadata.Total > 0 {
			text += fmt.Sprintf("; %s parameters in all", thousands(cut.Metadata.Total))
		}
		text += fmt.Sprintf(". Pixels: %s.", b.Preprocessing.Metadata)
		if len(b.Rows) > 0 {
			text += " In the paper: " + strings.Join(b.Rows, ", ") + "."
		}
		for _, more := range []string{b.Differs, b.Deviations} {
			if more != "" {
				text += "\n\n" + more
			}
		}
		cells = append(cells,
			fileCell{Kind: "markdown", ID: ofNetwork + b.Name + "-text", Meta: json.RawMessage("{}"), Source: strings.SplitAfter(text, "\n")},
			fileCell{Kind: "code", Count: json.RawMessage("null"), ID: ofNetwork + b.Name,
				Meta:    json.RawMessage(`{"tags": ["shows-table", "shows-figure"]}`),
				Outputs: json.RawMessage("[]"), Source: strings.SplitAfter(fmt.Sprintf("%%%%\nnb.ShowTraining(trained(%q))", b.Name), "\n")})
	}
	return cells
}

func shape(s []int) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(s), "[]"), " ", "x") }

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// The sections of 04_training say what the table of networks says.
func TestNetworkSections(t *testing.T) {
	const path = "04_training.ipynb"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cells  []fileCell      `json:"cells"`
		Meta   json.RawMessage `json:"metadata"`
		Format int             `json:"nbformat"`
		Minor  int             `json:"nbformat_minor"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	made := func(c fileCell) bool { return strings.HasPrefix(c.ID, ofNetwork) }
	at := slices.IndexFunc(file.Cells, made)
	if at < 0 {
		t.Fatalf("%s has no cell whose id begins with %s", path, ofNetwork)
	}
	file.Cells = slices.Insert(slices.DeleteFunc(file.Cells, made), at, networkCells()...)
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(file); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(content), want.String()); diff != "" {
		t.Errorf("%s differs from the table of networks; go test ./notebooks -run Sections -update makes it anew:\n%s", path, diff)
	}
}
