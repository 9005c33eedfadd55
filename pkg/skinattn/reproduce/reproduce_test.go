package reproduce

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval/paper"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// built are made-up parameter counts.
var built = []Network{
	{Name: "mobilenet_v2", Title: "MobileNetV2", ImageNet: 3538984, Trained: 1354714},
	{Name: "densenet201", Title: "DenseNet201", ImageNet: 20242984, Trained: 17596250},
	{Name: "inception_resnet_v2", Title: "InceptionResNetV2", ImageNet: 55873736, Trained: 47654074},
}

func report(t *testing.T, results string, opts Options) *Report {
	t.Helper()
	runs, err := Load(results)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(runs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Run with -update to write the golden files anew, then read their difference.
func TestGolden(t *testing.T) {
	results(t)
	got := pages()
	for _, name := range []string{"index.md", "claims.md", "tables/table-2.csv", "tables/table-4.md", "tables/table-5.md", "tables/table-5.csv", "tables/table-5.tex", "tables/table-8.md"} {
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
	without, err := report(t, t.TempDir(), Options{}).files()
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
			line := "| " + plain(c.Row) + " |"
			for _, cell := range table.Cells[i : i+len(table.Columns)] {
				line += " " + plain(Cell{Cell: cell}.printed()) + " |"
			}
			if !strings.Contains(markdown, line+"\n") {
				t.Errorf("%s.md has no line %q", name, line)
			}
		}
		if !strings.Contains(html, "<td>"+plain(c.Row)+"</td>") || !strings.Contains(html, "<td>"+plain(Cell{Cell: c}.printed())+"</td>") {
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
	for _, f := range figures {
		if svg := files[f.file()+".svg"]; !strings.Contains(svg, "<svg") {
			t.Errorf("%s.svg is no picture", f.file())
		}
		if !strings.Contains(files["figures.md"], "("+f.file()+".svg)") || strings.Contains(files["index.html"], `src="figures/`) {
			t.Errorf("figure %s: the page does not show it, or index.html does not hold it", f.id)
		}
		data := files[f.file()+".csv"]
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
					t.Errorf("%s.csv lacks %q", f.file(), line)
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

// Each of ours is where its protocol, network and regime put it, and nowhere else.
func TestRunsStandInTheirCells(t *testing.T) {
	r := report(t, results(t), Options{})
	names := func(table, row, column string, c Column) []string {
		for _, t := range r.Tables {
			if t.ID != table {
				continue
			}
			for _, cell := range t.Cells {
				if cell.Row == row && cell.Column == column {
					var out []string
					for _, v := range cell.Ours[c].Values {
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
		in                 Column
		want               []string
	}{
		{"5", "MobileNetV2", "ACC(MD)", Leaky, []string{"a-paper-1", "a-paper-2", "g-other-setting"}},
		{"5", "MobileNetV2", "ACC(AD)", Leaky, nil},
		{"5", "MobileNetV2", "ACC(MD)", Grouped, []string{"b-grouped"}},
		{"5", "MobileNetV2", "ACC(MD)", Official, []string{"g-official"}},
		{"5", "MobileNetV2", "ACC(MD)", Datta828, nil},
		{"5", "InceptionResNetV2", "ACC(AD)", Datta828, []string{"e-datta-ad"}},
		{"8", "InceptionResNetV2[14]", "Accuracy", Datta828, []string{"e-datta-ad"}},
		{"8", "Our Proposed", "Accuracy", Grouped, []string{"d-irv2"}},
		{"A5", "Specificity(avg)", "[21]", Grouped, []string{"b-grouped"}},
		{"A3", "DenseNet201 with Metadata and WeightLoss", "mel", Grouped, []string{"c-densenet201"}},
		{"A3", "DenseNet201 with Augmented Data", "mel", Grouped, nil},
	} {
		if got := names(c.table, c.row, c.column, c.in); !slices.Equal(got, c.want) {
			t.Errorf("table %s, %s, %s, %s: runs %v, want %v", c.table, c.row, c.column, c.in, got, c.want)
		}
	}
}

// What weighs classes, by its config.
func TestWeighted(t *testing.T) {
	for text, want := range map[string]bool{
		`{"regime":{"class_weights":[4,1,1,1,1,1,1]}}`: true,
		`{"regime":{"class_weights":[1,1,1,1,1,1,1]}}`: false,
		`{"regime":{}}`: false,
		`{"regime":{"class_weighting":"balanced"}}`:                         true,
		`{"regime":{"class_weights":[1,1,1,1,1,1,1],"class_weighting":""}}`: false,
		`{}`: false,
	} {
		r := &Run{configText: []byte(text)}
		if err := json.Unmarshal(r.configText, &r.config); err != nil {
			t.Fatal(err)
		}
		if r.weighted() != want {
			t.Errorf("%s: weighted is %v", text, !want)
		}
	}
}

// Values by hand from the fixture's own metrics.json.
func TestValuesAreThoseOfTheRun(t *testing.T) {
	dir := results(t)
	text, err := os.ReadFile(filepath.Join(dir, "b-grouped", metricsFile))
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
	for _, x := range report(t, dir, Options{}).Records() {
		if x.Table == "5" && x.Row == "MobileNetV2" && x.Column == "ACC(MD)" && x.Source == "ours_grouped" {
			found = true
			if *x.Value != file.Accuracy || *x.Low != file.CI["accuracy"][0] || *x.High != file.CI["accuracy"][1] || x.N != file.N || *x.LeakRate != 0 || x.Seed != 1 || x.Size != 224 {
				t.Errorf("%+v, metrics.json has %+v", x, file.Accuracy)
			}
		}
		if x.Source == "ours_leaky" && x.Run == "a-paper-1" && !strings.HasPrefix(x.Metric, "images.") {
			// Of the four held-out photos a class, those of lesions 0, 3 and 6 have a
			// second one in training; that of lesion 9 has none.
			if *x.LeakRate != 0.75 || x.N != 28 {
				t.Errorf("leak rate %g of %d images, want 0.75 of 28", *x.LeakRate, x.N)
			}
		}
	}
	if !found {
		t.Error("the cell has no record")
	}
}

// What a config shows to be otherwise, and nothing else, stands by run.
func TestDeviationsByRun(t *testing.T) {
	r := report(t, results(t), Options{})
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
		if isSetting(s) && !strings.Contains(page, "| "+plain(s.Quantity)+" | "+s.Section+" | "+string(s.Printed)+" | "+string(s.Logged)+" |") {
			t.Errorf("deviations.md lacks %s", s.ID)
		}
	}
}

// Every claim and every number of the text is on a page.
func TestClaimsPageHasEveryStatement(t *testing.T) {
	results(t)
	page := pages()["claims.md"]
	for _, c := range paper.Claims() {
		if !strings.Contains(page, "## "+c.Title+"\n") || !strings.Contains(page, plain(c.Verdict)) {
			t.Errorf("claims.md lacks %s", c.ID)
		}
		for _, q := range c.Quotes {
			if !strings.Contains(page, "> "+plain(q.Text)) {
				t.Errorf("claims.md lacks the quote %q", q.Text)
			}
		}
	}
	for _, s := range paper.Statements() {
		for _, id := range s.Discrepancies {
			if !isSetting(s) && !strings.Contains(page, "**"+id+"**") {
				t.Errorf("claims.md does not explain %s of %s", id, s.ID)
			}
		}
	}
}

func TestTwoReportsAreEqualBytes(t *testing.T) {
	dir := results(t)
	first := pages()
	out := filepath.Join(t.TempDir(), "new")
	paths, err := report(t, dir, Options{Networks: built}).Write(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 5+3*11+1+2*5+1 || len(paths) != len(first) {
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

// A damaged run folder gives one error that names the file.
func TestBrokenRunFolders(t *testing.T) {
	edit := func(name string, change func(text string) string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := change(string(text))
			if changed == string(text) {
				t.Fatal("the test changes nothing")
			}
			writeText(t, path, changed)
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   []string
	}{
		"no config":            {remove(configFile), []string{"config.json", "missing"}},
		"no split":             {remove(splitFile), []string{"split.csv", "missing"}},
		"no predictions":       {remove(predictionsFile), []string{"predictions-test.csv", "missing"}},
		"no metrics":           {remove(metricsFile), []string{"metrics.json", "missing"}},
		"no history":           {remove(historyFile), []string{"history.csv", "missing"}},
		"cut config":           {edit(configFile, func(s string) string { return s[:len(s)/2] }), []string{"config.json"}},
		"config without size":  {edit(configFile, replace(`"size": 224`, `"size": 0`)), []string{"config.json", "network.size"}},
		"other protocol":       {edit(configFile, replace(`"protocol": "grouped"`, `"protocol": "paper"`)), []string{"split.csv", "grouped", "paper"}},
		"changed split":        {edit(splitFile, replace("train", "val")), []string{"split.csv", "SHA-256"}},
		"cut predictions":      {edit(predictionsFile, func(s string) string { return s[:len(s)-20] }), []string{"predictions-test.csv", "line"}},
		"no number":            {edit(predictionsFile, replace("0.", "x.")), []string{"predictions-test.csv", "row 2"}},
		"other class order":    {edit(predictionsFile, replace("akiec,bcc", "bcc,akiec")), []string{"predictions-test.csv", "akiec,bcc"}},
		"image of another run": {edit(predictionsFile, replace("ISIC_akiec_00_0", "ISIC_other")), []string{"predictions-test.csv", "ISIC_other"}},
		"metrics of another": {edit(metricsFile, func(s string) string {
			return regexp.MustCompile(`"accuracy": [0-9.e-]+`).ReplaceAllString(s, `"accuracy": 0.123`)
		}), []string{"metrics.json", "accuracy", "0.123"}},
		"other n":             {edit(metricsFile, func(s string) string { return regexp.MustCompile(`"n": [0-9]+`).ReplaceAllString(s, `"n": 5`) }), []string{"metrics.json", "n is 5"}},
		"cut metrics":         {edit(metricsFile, func(s string) string { return s[:len(s)/2] }), []string{"metrics.json"}},
		"history of words":    {edit(historyFile, replace("12", "twelve")), []string{"history.csv", "twelve"}},
		"damaged environment": {edit(environmentFile, replace("}", "")), []string{"environment.json"}},
		"predictions of nobody": {edit(predictionsFile, func(s string) string {
			return regexp.MustCompile(`(?m)^(ISIC[^,]*,[^,]*),[a-z]+,`).ReplaceAllString(s, "$1,,")
		}), []string{"predictions-test.csv", "known class"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, run := oneRun(t)
			c.damage(t, run)
			_, err := Load(dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "nowhere")); err == nil || !strings.Contains(err.Error(), "nowhere") || !strings.Contains(err.Error(), "--results") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// What is no run folder is left alone.
func TestOtherFilesAmongTheResults(t *testing.T) {
	dir, _ := oneRun(t)
	writeText(t, filepath.Join(dir, "README.md"), "notes")
	if err := os.MkdirAll(filepath.Join(dir, "bench"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "bench", "speed.json"), "[]")
	runs, err := Load(dir)
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// The results that are committed make a report.
func TestCommittedResults(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "results")
	r := report(t, dir, Options{})
	if len(r.Runs) == 0 {
		t.Fatal("no runs are committed")
	}
	for _, run := range r.Runs {
		if run.config.Data.Protocol == Leaky.Protocol() && run.leak.Shared == 0 {
			t.Errorf("%s: a split by image without a leak", run.Name)
		}
		if run.config.Data.Protocol == Grouped.Protocol() && run.leak.Shared != 0 {
			t.Errorf("%s: a grouped split with a leak", run.Name)
		}
	}
}

// Newcombe 1998, Statistics in Medicine 17:873, table II, contrast (a) by method
// 10: 56/70 and 48/80.
func TestNewcombe(t *testing.T) {
	ci := newcombe(56, 70, 48, 80)
	if math.Abs(ci.Low-0.0524) > 5e-5 || math.Abs(ci.High-0.3339) > 5e-5 {
		t.Errorf("interval [%.4f, %.4f], want [0.0524, 0.3339]", ci.Low, ci.High)
	}
}

// The verdicts say what their tables show.
func TestVerdictsHold(t *testing.T) {
	claim := func(id string) paper.Claim {
		for _, c := range paper.Claims() {
			if c.ID == id {
				return c
			}
		}
		t.Fatalf("no claim %s", id)
		return paper.Claim{}
	}
	differences := func(id string) (lowest, highest float64, clear int) {
		lowest, highest = math.Inf(1), math.Inf(-1)
		for _, p := range claim(id).Pairs {
			a, _ := paper.FindRun(p.With)
			b, _ := paper.FindRun(p.Without)
			d := float64(a.Correct())/float64(a.N) - float64(b.Correct())/float64(b.N)
			lowest, highest = min(lowest, d), max(highest, d)
			if ci := newcombe(a.Correct(), a.N, b.Correct(), b.N); ci.Low > 0 || ci.High < 0 {
				clear++
			}
		}
		return lowest, highest, clear
	}
	if low, high, clear := differences("soft-attention"); low != 0 || math.Abs(high-0.023) > 5e-4 || clear != 0 {
		t.Errorf("Soft-Attention: from %.4f to %.4f, %d clear of zero", low, high, clear)
	}
	if low, high, _ := differences("metadata"); math.Abs(low-0.010) > 5e-4 || math.Abs(high-0.036) > 5e-4 {
		t.Errorf("metadata: from %.4f to %.4f", low, high)
	}
	if _, _, clear := differences("irv2-best"); clear != 0 {
		t.Error("InceptionResNetV2 and DenseNet201 differ")
	}
	irv2, _ := paper.FindRun("irv2-10split")
	dense, _ := paper.FindRun("densenet201-lr-apr")
	for metric, irv2IsHigher := range map[string]bool{"accuracy": true, "auroc_macro": true, "macro_precision": false, "macro_recall": false, "macro_f1": false} {
		if (irv2.Metrics[metric].Value() > dense.Metrics[metric].Value()) != irv2IsHigher {
			t.Errorf("%s: %s and %s", metric, irv2.Metrics[metric], dense.Metrics[metric])
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
		thousands(999):                               "999",
		thousands(1000):                              "1,000",
		plain("a|b *c* <d> & `e`"):                   "a|b \\*c\\* &lt;d&gt; &amp; \\`e\\`",
		latexEscape("50 % of a_b & [x] {y} --z"):     `50~\% of a\_b \& {[}x{]} \{y\} -{}-z`,
		pValue(0.0004):                               "p < 0.001",
		pValue(0.0414):                               "p = 0.041",
		metricName("per_class.akiec.recall"):         "recall of akiec",
		metricName("macro_f1"):                       "F1, macro",
		oneLine("a\nb"):                              "a; b",
		Cell{Cell: paper.Cell{}}.logged():            dash,
		fieldText(median([]float64{3, 1, 2})):        "2",
		fieldText(median([]float64{4, 1, 2, 3})):     "2.5",
		fieldText(median(nil)):                       "NaN",
		fieldText(median([]float64{math.NaN()})):     "NaN",
		fieldText(median([]float64{1, 9, 5, 0})):     "3",
		deeper("# a\ntext\n## b\n"):                  "## a\ntext\n### b\n",
		Leaky.Key() + " " + Official.Protocol():      "ours_leaky isic2018",
		withoutCode("run `this`"):                    "run this",
		code("a`b"):                                  "`a'b`",
		joinIDs([]string{"x", "y"}):                  "x y",
		sectionName("3.2") + sectionName("Abstract"): "section 3.2abstract",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func fieldText(v float64) string {
	text, _ := json.Marshal(v)
	if len(text) == 0 {
		return "NaN"
	}
	return string(text)
}
