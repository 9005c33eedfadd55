package reproduce

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/paper"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// built are made-up parameter counts.
var built = []BuiltNetwork{
	{Name: "mobilenet_v2", Title: "MobileNetV2", ImageNet: 3538984, Trained: 1354714},
	{Name: "densenet201", Title: "DenseNet201", ImageNet: 20242984, Trained: 17596250},
	{Name: "inception_resnet_v2", Title: "InceptionResNetV2", ImageNet: 55873736, Trained: 47654074},
}

func report(t *testing.T, results string, networks []BuiltNetwork) *Report {
	t.Helper()
	runs, err := load(results)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), runs, networks)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Run with -update to write the golden files anew, then read their difference.
func TestGolden(t *testing.T) {
	results(t)
	got := pages()
	for _, name := range []string{"index.md", "claims.md", "studies.md", ResultsFile, "tables/table-2.csv", "tables/table-4.md", "tables/table-5.md", "tables/table-5.csv", "tables/table-5.tex", "tables/table-8.md"} {
		path := filepath.Join("testdata", "golden", filepath.Base(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			writeText(t, path, got[name])
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got[name] != string(want) {
			t.Errorf("%s differs from %s from %q on", name, path, firstDifference(got[name], string(want)))
		}
	}
}

// firstDifference is the first line of a that b does not have in its place.
func firstDifference(a, b string) string {
	lines := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(lines) || lines[i] != line {
			return line
		}
	}
	return "the end"
}

// Every cell of every printed table is in every form of it, with the runs and
// without any.
func TestEveryPrintedCellIsThere(t *testing.T) {
	results(t)
	without, err := report(t, t.TempDir(), nil).files()
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string]string{"with runs": pages(), "without": byName(without)} {
		t.Run(name, func(t *testing.T) {
			for _, table := range paper.Tables() {
				checkForms(t, files, table)
			}
		})
	}
}

func checkForms(t *testing.T, files map[string]string, table *paper.Table) {
	t.Helper()
	name := "tables/table-" + table.ID
	markdown, html, tex := files[name+".md"], files["index.html"], files[name+".tex"]
	rows, err := csv.NewReader(strings.NewReader(files[name+".csv"])).ReadAll()
	if err != nil || len(rows) != len(table.Cells)+1 {
		t.Fatalf("%s.csv: %d records for %d cells, %v", name, len(rows), len(table.Cells), err)
	}
	records, err := csv.NewReader(strings.NewReader(files["cells.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	printed := map[[3]string]string{}
	for _, r := range records {
		if r[0] == table.ID && r[4] == "printed" {
			printed[[3]string{r[0], r[1], r[2]}] = r[5]
		}
	}
	tidy := regexp.MustCompile(`[{}\\]`)
	for i, c := range table.Cells {
		if got := rows[i+1][:6]; got[1] != c.Row || got[2] != c.Column || got[4] != string(c.Printed) || got[5] != string(c.Logged) {
			t.Errorf("%s.csv has %q for %s, %s", name, got, c.Row, c.Column)
		}
		if got, ok := printed[[3]string{table.ID, c.Row, c.Column}]; !ok || got != string(c.Printed) {
			t.Errorf("cells.csv has %q for table %s, %s, %s", got, table.ID, c.Row, c.Column)
		}
		// In the printed layout: the row's name, then its cells in order.
		if i%len(table.Columns) == 0 {
			line := "| " + render.Plain(c.Row) + " |"
			for _, cell := range table.Cells[i : i+len(table.Columns)] {
				line += " " + render.Plain(Cell{Cell: cell}.printed()) + " |"
			}
			if !strings.Contains(markdown, line+"\n") {
				t.Errorf("%s.md has no line %q", name, line)
			}
		}
		if !strings.Contains(html, "<td>"+render.Plain(c.Row)+"</td>") || !strings.Contains(html, "<td>"+render.Plain(Cell{Cell: c}.printed())+"</td>") {
			t.Errorf("index.html lacks %s, %s: %s", c.Row, c.Column, c.Printed)
		}
		cell := c.Column + " & " + string(c.Printed)
		if !strings.Contains(tidy.ReplaceAllString(tex, ""), tidy.ReplaceAllString(strings.ReplaceAll(cell, "^", "\\textasciicircum{}"), "")) {
			t.Errorf("%s.tex lacks %q", name, cell)
		}
	}
}

// A figure has the numbers of its table, in the order of its bars.
func TestFiguresDrawTheirTable(t *testing.T) {
	results(t)
	files := pages()
	for _, f := range paperFigures {
		if svg := files["figures/figure-"+f.id+".svg"]; !strings.Contains(svg, "<svg") {
			t.Errorf("%s.svg is no picture", "figures/figure-"+f.id)
		}
		if !strings.Contains(files["figures.md"], "("+"figures/figure-"+f.id+".svg)") || strings.Contains(files["index.html"], `src="figures/`) {
			t.Errorf("figure %s: the page does not show it, or index.html does not hold it", f.id)
		}
		data := files["figures/figure-"+f.id+".csv"]
		for _, c := range paper.FindTable(f.table).Cells {
			if c.Row != "DenseNet201" && !slices.Contains(f.rows, c.Row) || f.column != "" && c.Column != f.column {
				continue
			}
			group, series := c.Column, strings.ToUpper(c.Regime)+", "
			if f.column != "" {
				group, series = c.Row, ""
			}
			for source, n := range map[string]paper.Number{"as printed": c.Printed, "as logged": c.Logged} {
				value, _ := json.Marshal(n.Value())
				name := series + source
				if strings.Contains(name, ",") {
					name = `"` + name + `"`
				}
				if line := name + "," + group + "," + string(value) + ",,\n"; !strings.Contains(data, line) {
					t.Errorf("%s.csv lacks %q", "figures/figure-"+f.id, line)
				}
			}
		}
	}
	for _, want := range []string{`"MD, ours, grouped",mel,`} { // d-irv2 of the fixtures
		if !strings.Contains(files["figures/figure-11.csv"], want) {
			t.Errorf("figure-11.csv lacks %q", want)
		}
	}
}

// The values of a run stand in the cells of its protocol, network and regime only.
func TestRunsStandInTheirCells(t *testing.T) {
	r := report(t, results(t), nil)
	names := func(table, row, column, protocol string) []string {
		for _, t := range r.Tables {
			if t.ID != table {
				continue
			}
			for _, cell := range t.Cells {
				if cell.Row == row && cell.Column == column {
					var out []string
					for _, v := range cell.Ours[protocol].Values {
						out = append(out, v.Run.Name)
					}
					return out
				}
			}
		}
		return nil
	}
	for _, c := range []struct {
		table, row, column string
		in                 string
		want               []string
	}{
		{"5", "MobileNetV2", "ACC(MD)", split.Paper, []string{"a-paper-1", "a-paper-2", "g-other-setting"}},
		{"5", "MobileNetV2", "ACC(AD)", split.Paper, nil},
		{"5", "MobileNetV2", "ACC(MD)", split.Grouped, []string{"b-grouped"}},
		{"5", "MobileNetV2", "ACC(MD)", split.ISIC2018, []string{"g-official"}},
		{"5", "MobileNetV2", "ACC(MD)", split.Datta828, nil},
		{"5", "InceptionResNetV2", "ACC(AD)", split.Datta828, []string{"e-datta-ad"}},
		{"8", "InceptionResNetV2[14]", "Accuracy", split.Datta828, []string{"e-datta-ad"}},
		{"8", "Our Proposed", "Accuracy", split.Grouped, []string{"d-irv2"}},
		{"A5", "Specificity(avg)", "[21]", split.Grouped, []string{"b-grouped"}},
		{"A3", "DenseNet201 with Metadata and WeightLoss", "mel", split.Grouped, []string{"c-densenet201"}},
		{"A3", "DenseNet201 with Augmented Data", "mel", split.Grouped, nil},
	} {
		if got := names(c.table, c.row, c.column, c.in); !slices.Equal(got, c.want) {
			t.Errorf("table %s, %s, %s, %s: runs %v, want %v", c.table, c.row, c.column, c.in, got, c.want)
		}
	}
}

// Values by hand from the fixture's own metrics.json.
func TestValuesAreThoseOfTheRun(t *testing.T) {
	dir := results(t)
	text, err := os.ReadFile(filepath.Join(dir, "b-grouped", run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		N        int                   `json:"n"`
		Accuracy float64               `json:"accuracy"`
		CI       map[string][2]float64 `json:"ci"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, x := range report(t, dir, nil).Records() {
		if x.Table == "5" && x.Row == "MobileNetV2" && x.Column == "ACC(MD)" && x.Source == "ours_grouped" {
			found = true
			if *x.Value != file.Accuracy || *x.Low != file.CI["accuracy"][0] || *x.High != file.CI["accuracy"][1] || x.N != file.N || *x.LeakRate != 0 || x.Seed != 1 || x.Size != 224 {
				t.Errorf("%+v, metrics.json has %+v", x, file.Accuracy)
			}
		}
		if x.Source == "ours_leaky" && x.Run == "a-paper-1" && !strings.HasPrefix(x.Metric, "images.") {
			// Of the four held-out photos a class, the photos of lesions 0, 3 and 6 have a
			// second photo in training; the photo of lesion 9 has none.
			if *x.LeakRate != 0.75 || x.N != 28 {
				t.Errorf("leak rate %g of %d images, want 0.75 of 28", *x.LeakRate, x.N)
			}
		}
	}
	if !found {
		t.Error("the cell has no record")
	}
}

// The deviations by run are exactly the differences in its config.
func TestDeviationsByRun(t *testing.T) {
	r := report(t, results(t), nil)
	got := map[string][]string{}
	for _, run := range r.Runs {
		for _, d := range r.runDeviations(run) {
			got[run.Name] = append(got[run.Name], d.what+": "+d.authors+" / "+d.here)
		}
	}
	for name, want := range map[string][]string{
		"a-paper-1":             {"input size: 224 px / 128 px", "hold-out: 10 % of the images / 20.0 %"},
		"b-grouped":             {"protocol: by image, stratified; leaky / grouped"},
		"b-grouped-no-metadata": {"network or loss: with Soft-Attention; in md with metadata and class weights / no metadata", "protocol: by image, stratified; leaky / grouped"},
		"g-other-setting": {"regime md/as-run, epochs: 500 / 3", "end of training: early stopping, patience 35 / the limit of 3 epochs",
			"hold-out: 10 % of the images / 20.0 %"},
		"g-gamma":    {"network or loss: with Soft-Attention; in md with metadata and class weights / gamma true", "protocol: by image, stratified; leaky / grouped"},
		"g-trial":    {"regime: md/as-run or ad/as-run / a trial of a few batches"},
		"h_odd*name": {"regime: md/as-run or ad/as-run / modern, none of the authors'"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got[name], want)
		}
	}
	page := pages()["deviations.md"]
	for _, s := range paper.Statements() { // each setting that the text gives
		if isSetting(s) && !strings.Contains(page, "| "+render.Plain(s.Quantity)+" | "+s.Section+" | "+string(s.Printed)+" | "+string(s.Logged)+" |") {
			t.Errorf("deviations.md lacks %s", s.ID)
		}
	}
}

func TestTwoReportsAreEqualBytes(t *testing.T) {
	dir := results(t)
	first := pages()
	out := filepath.Join(t.TempDir(), "new")
	paths, err := report(t, dir, built).Write(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 7+3*11+1+2*(5+2+2)+1 || len(paths) != len(first) {
		t.Fatalf("%d and %d files", len(paths), len(first))
	}
	for _, path := range paths {
		name, err := filepath.Rel(out, path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil || string(content) != first[filepath.ToSlash(name)] {
			t.Errorf("%s has other bytes the second time (%v)", name, err)
		}
		if bytes.Contains(content, []byte(dir)) {
			t.Errorf("%s names the folder it was made from", name)
		}
	}
}

func TestNumbersAsText(t *testing.T) {
	for got, want := range map[string]string{
		number("accuracy", 0.12345):                  "0.123",
		number("accuracy", math.NaN()):               "undefined",
		number("parameters", 1354714):                "1,354,714",
		number("images.nv", 6705):                    "6,705",
		number("seconds_per_epoch", 116.6):           "117 s",
		eval.FormatThousands(999):                    "999",
		eval.FormatThousands(1000):                   "1,000",
		pValue(2./2001, true):                        "p <= 0.001",
		pValue(0.0004, false):                        "p < 0.001",
		pValue(0.0414, false):                        "p = 0.041",
		eval.TextLabel("per_class.akiec.recall"):     "recall of akiec",
		eval.TextLabel("macro_f1"):                   "F1, macro",
		oneLine("a\nb"):                              "a; b",
		Cell{Cell: paper.Cell{}}.logged():            render.Dash,
		joinIDs([]string{"x", "y"}):                  "x y",
		sectionName("3.2") + sectionName("Abstract"): "section 3.2abstract",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A report stops when its context is done, and then writes nothing.
func TestContextDone(t *testing.T) {
	runs, err := Load(results(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := New(ctx, runs, built)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	out := t.TempDir()
	if _, err := r.Write(out); !errors.Is(err, context.Canceled) {
		t.Errorf("Write with a done context: %v", err)
	}
	if entries, _ := os.ReadDir(out); len(entries) != 0 {
		t.Errorf("it wrote %v", entries)
	}
}
