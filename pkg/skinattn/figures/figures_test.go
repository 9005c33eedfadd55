package figures

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// twoClasses is a predictions table of four images, all right but the last.
const twoClasses = `image_id,lesion_id,dx,mel,nv
a,1,mel,0.9,0.1
b,2,nv,0.2,0.8
c,3,nv,0.4,0.6
d,4,mel,0.3,0.7
`

func writeTable(t *testing.T, dir, content string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "predictions-test.csv")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiguresAndTheirNumbers(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	paths, err := Draw(t.Context(), []string{writeTable(t, dir, twoClasses)}, out, Options{Style: plots.Paper(), Formats: []string{"svg"}})
	if err != nil {
		t.Fatal(err)
	}
	if sheet := paths[len(paths)-1]; filepath.Base(sheet) != ContactSheet {
		t.Errorf("the last file is %s", sheet)
	}
	for _, path := range paths[:len(paths)-1] {
		for _, name := range []string{path, strings.TrimSuffix(path, ".svg") + ".csv"} {
			if info, err := os.Stat(name); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(out, ContactSheet)); err != nil || info.Size() == 0 {
		t.Error(err)
	}
	// By hand: mel has 1 of 2 found, nv 2 of 2.
	raw, err := os.ReadFile(filepath.Join(out, "recall.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mel", "0.5", "nv", "1"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("recall.csv lacks %s: %s", want, raw)
		}
	}
}

// writeRun writes a run folder whose split trains on a photo of the lesion of image
// d, if it is leaky, and on one of the four images alone.
func writeRun(t *testing.T, dir string, leaky bool) {
	t.Helper()
	parts := &split.Split{Rows: []split.Row{
		{ImageID: "a", LesionID: "1", Dx: "mel", Part: split.Val},
		{ImageID: "b", LesionID: "2", Dx: "nv", Part: split.Val},
		{ImageID: "c", LesionID: "3", Dx: "nv", Part: split.Val},
		{ImageID: "d", LesionID: "4", Dx: "mel", Part: split.Val},
		{ImageID: "f", LesionID: "5", Dx: "nv", Part: split.Train},
	}}
	folder := &run.Folder{Dir: dir}
	writeTable(t, dir, twoClasses)
	if leaky {
		parts.Rows = append(parts.Rows, split.Row{ImageID: "e", LesionID: "4", Dx: "mel", Part: split.Train})
		if err := folder.WriteHistory([]run.Epoch{
			{Epoch: 1, Seconds: 10, LearningRate: .001, TrainLoss: 1.5, TrainAccuracy: .5, ValLoss: 1.6, ValAccuracy: .4},
			{Epoch: 2, Seconds: 20, LearningRate: .001, TrainLoss: 1.2, TrainAccuracy: .6, ValLoss: 1.4, ValAccuracy: .5},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.WriteSplit(parts); err != nil {
		t.Fatal(err)
	}
}

// Damage to what is not needed costs the figures that need it, and is told; without a
// listener it is an error.
func TestFiguresWithoutDamagedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	writeRun(t, dir, true)
	writeTable(t, dir, twoClasses)
	for name, content := range map[string]string{"split.csv": "image_id\nx\n", "history.csv": "epoch\ntwelve\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opts := Options{Style: plots.Paper(), Formats: []string{"svg"}}
	if _, err := Draw(t.Context(), []string{dir}, t.TempDir(), opts); err == nil {
		t.Error("nobody is told of the damage")
	}
	var told []string
	opts.Warn = func(line string) { told = append(told, line) }
	out := t.TempDir()
	if _, err := Draw(t.Context(), []string{dir}, out, opts); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(told, "\n")
	if len(told) != 2 || !strings.Contains(all, "split.csv") || !strings.Contains(all, "history.csv") {
		t.Errorf("told: %s", all)
	}
	if !exists(filepath.Join(out, "confusion.svg")) || exists(filepath.Join(out, "learning.svg")) {
		t.Error("want the confusion matrix without the learning curves")
	}
}

func TestFiguresOfRuns(t *testing.T) {
	dir := t.TempDir()
	writeRun(t, filepath.Join(dir, "net-leaky-seed1"), true)
	writeRun(t, filepath.Join(dir, "net-clean-seed1"), false)
	// A configuration that can't be read costs its own figures alone.
	if err := os.WriteFile(filepath.Join(dir, "net-clean-seed1", run.ConfigFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	_, err := Draw(t.Context(), []string{filepath.Join(dir, "net-leaky-seed1"), filepath.Join(dir, "net-clean-seed1")}, out,
		Options{Style: plots.Paper(), Formats: []string{"svg"}, Intervals: eval.Options{Resamples: 20, Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"net-leaky-seed1-learning", "net-leaky-seed1-recall-leaked", "net-leaky-seed1-roc-by-class", "net-clean-seed1-confusion", "forest", "auroc"} {
		if !exists(filepath.Join(out, name+".svg")) || !exists(filepath.Join(out, name+".csv")) {
			t.Errorf("no figure %s", name)
		}
	}
	if exists(filepath.Join(out, "net-clean-seed1-recall-leaked.svg")) {
		t.Error("a leak is drawn of a split that has none")
	}
	// By hand: of two mel one leaks (d), of two nv none, of all four one.
	raw, err := os.ReadFile(filepath.Join(out, "leak.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "series,group,value,low,high\nleaky,mel,0.5,,\nleaky,nv,0,,\nleaky,all,0.25,,\n"; string(raw) != want {
		t.Errorf("leak.csv: %s, want %s", raw, want)
	}
	raw, err = os.ReadFile(filepath.Join(out, "net-leaky-seed1-classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "series,category,count\ntrain,mel,1\ntrain,nv,1\nval,mel,2\nval,nv,2\n"; string(raw) != want {
		t.Errorf("classes.csv: %s, want %s", raw, want)
	}
}

func TestShortNames(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"a-128px-seed1 a-128px-seed2", "seed1 seed2"},
		{"net-paper-seed1 net-modern-grouped-seed1", "paper modern-grouped"},
		{"net-seed1", "net-seed1"},
		{"net-grouped-128px-seed1 net-modern-grouped-128px-seed1", "grouped modern-grouped"}, // the first would have no name
		{"net net-long", "net net-long"},                                                     // one would have no name
		{"a-b b-a", "a-b b-a"},
		{"x y", "x y"},
	} {
		var inputs []source
		for _, name := range strings.Fields(c.names) {
			inputs = append(inputs, source{name: name})
		}
		if got := strings.Join(shortNames(inputs), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.names, got, c.want)
		}
	}
}

// Missing values are drawn as missing.
func TestDataFigures(t *testing.T) {
	data := &ham10000.Dataset{Records: []ham10000.Record{
		{ImageID: "1", LesionID: "A", Dx: "nv", Age: 40, Sex: "male", Localization: "back"},
		{ImageID: "2", LesionID: "A", Dx: "nv", Age: math.NaN(), Sex: "unknown", Localization: "unknown"},
		{ImageID: "3", LesionID: "B", Dx: "df", Age: 3, Sex: "female", Localization: "face"},
		{ImageID: "4", LesionID: "C", Dx: "df", Age: 40, Sex: "female", Localization: "face"},
	}}
	want := map[string]string{
		"data-classes":      "series,category,count\nimages,df,2\nimages,nv,2\nlesions,df,2\nlesions,nv,1\n",
		"data-sex":          "series,category,count\nfemale,df,2\nfemale,nv,0\nmale,df,0\nmale,nv,1\nunknown,df,0\nunknown,nv,1\n",
		"data-localization": "column,row,count,share_of_column\ndf,face,2,1\ndf,back,0,0\ndf,unknown,0,0\nnv,face,0,0\nnv,back,1,0.5\nnv,unknown,1,0.5\n",
	}
	out := t.TempDir()
	described, err := OfData(data.Stats())
	if err != nil {
		t.Fatal(err)
	}
	paths, err := Save(described, out, plots.Paper(), []string{"svg"})
	if err != nil || len(paths) != 5 {
		t.Fatalf("%v, %v", paths, err)
	}
	for name, text := range want {
		if raw, err := os.ReadFile(filepath.Join(out, name+".csv")); err != nil || string(raw) != text {
			t.Errorf("%s: %s (%v), want %s", name, raw, err, text)
		}
	}
	raw, err := os.ReadFile(filepath.Join(out, "data-age.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"nv,40,45,1,1", "nv,,,1,", "df,0,5,1,0.5", "all,40,45,2,0.6666666666666666", "all,,,1,"} {
		if !strings.Contains(string(raw), line+"\n") {
			t.Errorf("data-age.csv lacks %s: %s", line, raw)
		}
	}
}

func TestFiguresRefuseBeforeTheyDraw(t *testing.T) {
	dir := t.TempDir()
	good := writeTable(t, filepath.Join(dir, "a"), twoClasses)
	same := writeTable(t, filepath.Join(dir, "b"), twoClasses)
	unfinished := filepath.Join(dir, "run")
	if err := os.Mkdir(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		inputs  []string
		formats []string
		says    string
	}{
		{"two of one name", []string{good, same}, []string{"svg"}, "would both be drawn"},
		{"an unknown format", []string{good}, []string{"svg", "bmp"}, "bmp"},
		{"a run that is not finished", []string{good, unfinished}, []string{"svg"}, "training is finished"},
		{"no such file", []string{good, filepath.Join(dir, "none.csv")}, []string{"svg"}, "none.csv"},
	} {
		out := filepath.Join(dir, "out")
		_, err := Draw(t.Context(), c.inputs, out, Options{Style: plots.Paper(), Formats: c.formats})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: something was drawn", c.name)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
