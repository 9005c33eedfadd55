package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/backbones.md, tools/backbones.json and the table in README.md anew")

// docs/backbones.md, the table between two marks of README.md, and
// tools/backbones.json, which the Python scripts read, are made from the table of
// networks: go test ./internal/cli -run Documents -update
func TestBackboneDocuments(t *testing.T) {
	rows, err := backboneRows()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..")
	readme := filepath.Join(root, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- networks: made by go test ./internal/cli -run Documents -update -->\n", "<!-- end of networks -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks %q or %q", begin, end)
	}
	table, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(root, "docs", "backbones.md"):    backbonesDocument(rows),
		filepath.Join(root, "tools", "backbones.json"): string(table) + "\n",
		readme: before + begin + readmeTable(rows) + end + after,
	} {
		got, err := os.ReadFile(path)
		if err == nil && string(got) == want {
			continue
		}
		if !*update {
			t.Errorf("%s is not what the table of networks makes; go test ./internal/cli -run Documents -update", path)
			continue
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readmeTable is the short form.
func readmeTable(rows []backboneRow) string {
	var b strings.Builder
	b.WriteString("| network | input | cut | map | parameters |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %d | `%s` | %s | %s |\n", r.Name, r.Input, r.CutLayer, shapeText(r.CutShape), thousands(r.Total))
	}
	return b.String()
}

// backbonesDocument is docs/backbones.md.
func backbonesDocument(rows []backboneRow) string {
	var b strings.Builder
	b.WriteString(`<!-- Made by go test ./internal/cli -run Documents -update: change pkg/skinattn/backbone instead. -->

# The networks

Each network has the layers that Keras 2.15 builds, with Keras's names and in Keras's order, up to the layer at which the authors
cut it. Then come the Soft-Attention block and the last dense layer, with or without the metadata branch.

## Cuts and parameters

The index is Keras's, in the model with top. Parameters are counted in the built graphs; a test compares them with the authors'
model summaries where there are any. "MD" is the metadata regime, "AD" the augmented one, which has no metadata; in brackets what is trainable.

| network | input | cut | index | map | to the cut | MD | AD |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, r := range rows {
		for _, c := range r.Cuts {
			name := r.Title
			if c.Name != "" {
				name += " " + c.Name
			}
			metadata := countText(c.Metadata)
			if c.Metadata == nil && c.Augmented == nil {
				metadata = countText(&countRow{r.Total, r.Trainable}) + " (ours)"
			}
			fmt.Fprintf(&b, "| %s | %d | `%s` | %d | %s | %s | %s | %s |\n", name, r.Input, c.Layer, c.Index, shapeText(c.Shape),
				thousands(c.ToCut), metadata, countText(c.Augmented))
		}
	}
	b.WriteString(`
## Preprocessing and head

Scaling and channel order: "tf" is x/127.5-1, "caffe" turns the channels round and subtracts the ImageNet means, "torch" divides by 255
and normalises with ImageNet's means and deviations, "none" leaves 0..255 for a network that rescales itself.

| network | MD as run | AD as run | as printed | Keras | head MD | head AD | batch norm epsilon, momentum |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, r := range rows {
		scale := ""
		if !r.BatchNorm.Scale {
			scale = ", no gamma"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %g, %g%s |\n", r.Title, r.Preprocessing["metadata"], r.Preprocessing["augmented"],
			r.Preprocessing["printed"], r.Preprocessing["keras"], r.Heads["metadata"], r.Heads["augmented"], r.BatchNorm.Epsilon, r.BatchNorm.Momentum, scale)
	}
	b.WriteString("\n## Weights\n\n| network | ImageNet weights without top | MD5 | licence |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		if r.Weights.URL == "" {
			fmt.Fprintf(&b, "| %s | none: built from scratch | | |\n", r.Title)
			continue
		}
		md5 := r.Weights.MD5
		if md5 == "" {
			md5 = "none published"
		}
		fmt.Fprintf(&b, "| %s | <%s> | %s | %s |\n", r.Title, r.Weights.URL, md5, r.Weights.Licence)
	}
	b.WriteString(`
## Network by network

The drawings are made from the built networks, as the authors trained them (MD, or AD where there is no MD): "skinattn backbones --draw NAME".
They are the counterparts of the paper's figures. Figure 2 (both branches) is a drawing as a whole; Figure 3 with Table A1 is the left column of DenseNet201,
InceptionResNetV2, ResNet50, ResNet152 and NASNetLarge, Figure 4 with Table A2 is the left column of the MobileNets and NASNetMobile, each with the cut of the authors'
code, which the paper describes otherwise; Figure 5 (metadata) is the right column; Figures 6 and 7 (Soft-Attention layer and block) are the orange boxes.
`)
	for _, r := range rows {
		fmt.Fprintf(&b, "\n### %s\n\n`%s`; %s, <%s>.\n\n", r.Title, r.Name, r.PaperTitle, r.Paper)
		fmt.Fprintf(&b, "[![Stages of %s](img/networks/%s.svg)](img/networks/%s.svg)\n\n", r.Title, r.Name, r.Name)
		for _, c := range r.Cuts {
			name := "Cut"
			if c.Name != "" {
				name = "Cut " + c.Name
			}
			fmt.Fprintf(&b, "- %s: `%s`, %s.\n", name, c.Layer, c.Note)
		}
		if len(r.PaperRows) > 0 {
			fmt.Fprintf(&b, "- In the paper: %s.\n", strings.Join(r.PaperRows, ", "))
		}
		if r.Differs != "" {
			fmt.Fprintf(&b, "- Paper and code: %s\n", r.Differs)
		}
		if r.TrainedOnCPU {
			b.WriteString("- The authors trained it on a CPU, where TensorFlow's attention reads the middle channels in place of the first three; " +
				"`--attention-window center` of `weights import` does the same.\n")
		}
		if r.Deviations != "" {
			fmt.Fprintf(&b, "- Ours: %s\n", r.Deviations)
		}
	}
	return b.String()
}

func shapeText(shape []int) string { return fmt.Sprintf("%dx%dx%d", shape[0], shape[1], shape[2]) }

func countText(c *countRow) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", thousands(c.Total), thousands(c.Trainable))
}

// thousands writes 1354714 as 1,354,714.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
