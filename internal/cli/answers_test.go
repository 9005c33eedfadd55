package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// fullDisk takes some bytes and no more, as a full disk does.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(d.room, len(p))
	if d.room -= n; n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// An answer that could not be written is a failure of the command, be it text or JSON, from
// the first byte or from a later one on. Every command is in the table; those that take too
// long here, or fetch files, show their help.
func TestAnswersThatCannotBeWritten(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := synthetic.Generate(t.Context(), data, synthetic.Options{Images: 40, Seed: 1, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKINATTN_DATA", data)
	good, bad, untrained := writeRun(t, .7), writeRun(t, .1), untrainedRun(t)
	photo := writePNG(t, filepath.Join(dir, "a.png"), false)
	scores := filepath.Join(dir, "attention.csv")
	if err := os.WriteFile(scores, []byte(twoScores), 0o644); err != nil {
		t.Fatal(err)
	}
	cells := filepath.Join(dir, "cells.yaml")
	if err := os.WriteFile(cells, []byte("axes: {backbone: mobilenet_v2, seed: 1..2}"), 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := 0
	unused := func() string { fresh++; return filepath.Join(dir, fmt.Sprint("new", fresh)) }
	few := func(args ...string) []string { return append([]string{"evaluate", "--resamples", "5"}, args...) }
	const help = "--help"
	table := map[string][]func() []string{
		"demo":         {func() []string { return []string{"demo", help} }},
		"doctor":       {func() []string { return []string{"doctor"} }},
		"version":      {func() []string { return []string{"version"} }},
		"backbones":    {func() []string { return []string{"backbones"} }},
		"data check":   {func() []string { return []string{"data", "check"} }},
		"data stats":   {func() []string { return []string{"data", "stats"} }},
		"data fetch":   {func() []string { return []string{"data", "fetch", help} }},
		"data convert": {func() []string { return []string{"data", "convert", help} }},
		"split":        {func() []string { return []string{"split", "--protocol", "grouped", "--out", unused()} }},
		"train": {
			func() []string {
				return []string{"train", "--run", unused(), "--quiet", "--backbone", "mobilenet_v2", "--cut", "Conv1_relu", "--size", "32", "--weights", "random", "--regime", "demo", "--epochs", "1"}
			},
			func() []string { return []string{"train", "--show-config", "--backbone", "mobilenet_v2"} },
		},
		"evaluate": {
			func() []string { return few(good) }, func() []string { return few(good, bad) }, func() []string { return few(good, bad, "--compare") },
			func() []string { return few(good, bad, "--seeds") }, func() []string { return few(good, "--leak") },
			func() []string { return few(good, bad, "--combine", "mean") }, func() []string { return few(good, "--calibrate", good) },
		},
		"reproduce": {func() []string { return []string{"reproduce", help} }},
		"predict":   {func() []string { return []string{"predict", "--run", untrained, photo} }},
		"explain": {
			func() []string { return []string{"explain", "--run", untrained, "--out", unused(), photo} },
			func() []string { return []string{"explain", "--score", scores, "--resamples", "5"} },
		},
		"figures": {func() []string {
			return []string{"figures", good, "--out", unused(), "--format", "svg"}
		}},
		"weights fetch": {func() []string { return []string{"weights", "fetch", help} }},
		"weights import": {func() []string {
			return []string{"weights", "import", "--keras", trainedFile(t), "--backbone", "mobilenet_v2", "--run", unused()}
		}},
		"weights export":   {func() []string { return []string{"weights", "export", "--run", untrained, "--out", unused() + ".h5"} }},
		"weights check":    {func() []string { return []string{"weights", "check", trainedFile(t), "--backbone", "mobilenet_v2"} }},
		"report":           {func() []string { return []string{"report", help} }},
		"export":           {func() []string { return []string{"export", help} }},
		"runs release":     {func() []string { return []string{"runs", "release", help} }},
		"runs migrate":     {func() []string { return []string{"runs", "migrate", untrained} }},
		"runs unusual":     {func() []string { return []string{"runs", "unusual", help} }},
		"bench":            {func() []string { return []string{"bench", help} }},
		"serve":            {func() []string { return []string{"serve", help} }},
		"sweep example":    {func() []string { return []string{"sweep", "example", "small"} }},
		"sweep cells":      {func() []string { return []string{"sweep", "cells", cells} }},
		"sweep plan":       {func() []string { return []string{"sweep", "plan", cells, "--device", "v100"} }},
		"sweep run":        {func() []string { return []string{"sweep", "run", help} }},
		"sweep status":     {func() []string { return []string{"sweep", "status", cells} }},
		"sweep collect":    {func() []string { return []string{"sweep", "collect", help} }},
		"sweep slurm":      {func() []string { return []string{"sweep", "slurm", help} }},
		"sweep kubernetes": {func() []string { return []string{"sweep", "kubernetes", help} }},
	}
	for _, leaf := range newParser(newGrammar(), io.Discard, io.Discard).Model.Leaves(false) {
		path := leaf.Path()
		lines, ok := table[path]
		if !ok {
			t.Errorf("%q is not in the table", path)
		}
		delete(table, path)
		for _, line := range lines {
			for _, disk := range []int{0, 20} {
				for _, form := range []string{"--json", ""} {
					args := line()
					if form != "" && slices.Contains(args, help) || disk > 0 && form == "" && path == "train" {
						continue
					}
					if form != "" {
						args = append(args, form)
					}
					var stderr bytes.Buffer
					code := execute(context.Background(), args, &fullDisk{disk}, &stderr)
					text := stderr.String()
					if code != exitFailed || strings.Count(text, "skinattn: ") != 1 || !strings.Contains(text, "skinattn: writing the answer: no space left on device") {
						t.Errorf("%d bytes of %q: exit code %d, %s", disk, args, code, text)
					}
				}
			}
		}
	}
	for path := range table {
		t.Errorf("there is no command %q", path)
	}
}

// A note on the run's leak, on what its folder lacks and on how it was resumed is in every
// answer of evaluate, JSON or not, with --quiet too.
func TestEvaluateKeepsCaveats(t *testing.T) {
	leaky, other, noSplit, badSplit, resumed := writeRun(t, .7), writeRun(t, .1), writeRun(t, .7), writeRun(t, .7), writeRun(t, .7)
	if err := os.Remove(filepath.Join(noSplit, run.SplitFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(badSplit, run.SplitFile), []byte("image_id\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := &run.Folder{Dir: resumed}
	if err := folder.WriteEnvironment(run.Environment{Engine: "cpu"}); err != nil {
		t.Fatal(err)
	}
	if err := folder.AddResumption(run.Resumption{Epoch: 3, Step: 9, Notes: []string{"the best weights, of epoch 2, are lost"}}); err != nil {
		t.Fatal(err)
	}
	badEnvironment := writeRun(t, .7)
	if err := os.WriteFile(filepath.Join(badEnvironment, run.EnvironmentFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	edited := writeRun(t, .7)
	table, err := eval.ReadPredictions(filepath.Join(edited, "predictions-test.csv"))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := eval.Evaluate(t.Context(), table, eval.Options{Resamples: 5, Seed: 1, Level: .95})
	if err != nil {
		t.Fatal(err)
	}
	metrics.Accuracy = .999
	var text bytes.Buffer
	if err := metrics.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(edited, run.MetricsFile), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	divided := filepath.Join(t.TempDir(), "divided.csv")
	if err := os.WriteFile(divided, []byte("image_id,lesion_id,dx,mel,nv\nISIC_1,HAM_1,mel,.6,.4\nISIC_2,HAM_1,nv,.5,.5\nISIC_3,HAM_2,nv,.1,.9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const leak = "leaky: 16.7% of the held-out images show a lesion that was trained on"
	for name, c := range map[string]struct {
		args  []string
		notes []string // their beginnings
	}{
		"leak":                {[]string{leaky}, []string{leak}},
		"no split":            {[]string{noSplit}, []string{"it is not known whether the split leaks: "}},
		"damaged split":       {[]string{badSplit}, []string{"it is not known whether the split leaks: "}},
		"resumed":             {[]string{resumed}, []string{leak, "resumed after epoch 3, step 9: the best weights, of epoch 2, are lost"}},
		"damaged environment": {[]string{badEnvironment}, []string{leak, "it is not known whether the run was resumed: "}},
		"edited metrics":      {[]string{edited}, []string{filepath.Join(edited, run.MetricsFile) + " was changed: its values are not those of the predictions", leak}},
		"two diagnoses":       {[]string{divided}, []string{"the photos of lesion HAM_1 (mel and nv) have different diagnoses"}},
		"compared":            {[]string{leaky, resumed, "--compare"}, []string{"A: " + leak, "B: " + leak, "B: resumed"}},
		"seeds":               {[]string{leaky, other, "--seeds"}, []string{"run 1: " + leak, "run 2: " + leak}},
		"leak effect":         {[]string{resumed, "--leak"}, []string{leak, "resumed"}},
		"combined":            {[]string{leaky, other, "--combine", "mean"}, []string{filepath.Join(leaky, "predictions-test.csv") + ": " + leak, filepath.Join(other, "predictions-test.csv") + ": " + leak}},
		"calibrated":          {[]string{leaky, "--calibrate", leaky}, []string{leak}},
	} {
		args := append([]string{"evaluate", "--resamples", "5", "--quiet"}, c.args...)
		var got struct {
			Notes    []string
			Accuracy *float64
		}
		answer(t, &got, args...)
		if got.Accuracy != nil && *got.Accuracy == metrics.Accuracy {
			t.Errorf("%s: the edited accuracy is shown", name)
		}
		if !slices.EqualFunc(got.Notes, c.notes, strings.HasPrefix) {
			t.Errorf("%s: notes %q, want %q", name, got.Notes, c.notes)
		}
		_, stdout, _ := call(t, args...)
		for _, note := range c.notes {
			if !strings.Contains(stdout, "note: "+note) {
				t.Errorf("%s: the text lacks %q:\n%s", name, note, stdout)
			}
		}
	}
}

// predict and explain say in their answers that the best weights were damaged and older ones
// took their place; --quiet does not drop the warning.
func TestLostWeightsAreInTheAnswer(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	dir, folder := t.TempDir(), untrainedRun(t)
	best := filepath.Join(folder, run.CheckpointDir, "best-epoch00001")
	if err := os.CopyFS(filepath.Join(folder, run.CheckpointDir, "best-epoch00002"), os.DirFS(best)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, run.CheckpointDir, "best-epoch00002", "weights.safetensors"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	photo := writePNG(t, filepath.Join(dir, "a.png"), false)
	for _, args := range [][]string{{"predict", "--run", folder, photo}, {"explain", "--run", folder, "--out", dir, photo}} {
		code, stdout, stderr := call(t, append(args, "--json", "--quiet")...)
		var rows []struct{ Notes []string }
		if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != exitDone || len(rows) != 1 || len(rows[0].Notes) != 1 ||
			!strings.Contains(rows[0].Notes[0], "best-epoch00002 is damaged") || !strings.HasPrefix(stderr, "warning: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, notes %+v, %s", args[0], code, rows, stderr)
		}
	}
}

// Messages repeat at most 200 bytes of a name or value from a file, in one line, and the
// whole of the user's own paths.
func TestMessagesAreShort(t *testing.T) {
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := filepath.Join(t.TempDir(), strings.Repeat("a folder of some depth/", 12))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = "abcdefghijklmnopqrstuvwxyz /\\_-;:'"[rng.IntN(34)]
	}
	hostile := string(noise)
	const header, row = "image_id,lesion_id,dx,mel,nv\n", "a,b,mel,.5,.5\n"
	config := func(text string) string { write("run/config.json", text); return filepath.Join(dir, "run") }
	for name, args := range map[string]func() []string{
		"header": func() []string { return []string{"evaluate", write("a.csv", hostile+",b\n")} },
		"class": func() []string {
			return []string{"evaluate", write("b.csv", "image_id,lesion_id,dx,mel, "+hostile+"\n")}
		},
		"diagnosis":   func() []string { return []string{"evaluate", write("c.csv", header+"a,b,"+hostile+",.5,.5\n")} },
		"probability": func() []string { return []string{"evaluate", write("d.csv", header+"a,b,mel,"+hostile+",.5\n")} },
		"image": func() []string {
			return []string{"evaluate", write("e.csv", header+strings.Repeat(hostile+",b,mel,.5,.5\n", 2))}
		},
		"column": func() []string {
			return []string{"evaluate", write("f.csv", "image_id,lesion_id,dx,mel,"+hostile+"\na,b,mel,.5,x\n")}
		},
		"sum": func() []string {
			return []string{"evaluate", write("g.csv", "image_id,lesion_id,dx,mel,"+hostile+"\na,b,mel,.5,.9\n")}
		},
		"config": func() []string { return []string{"predict", "--run", config(`{"` + hostile + `": 1}`), "x.jpg"} },
		"number": func() []string {
			return []string{"predict", "--run", config(`{"seed": ` + strings.Repeat("9", 3000) + `}`), "x.jpg"}
		},
		"backbone": func() []string {
			return []string{"predict", "--run", config(`{"network": {"backbone": "` + strings.ReplaceAll(hostile, `\`, "") + `"}}`), "x.jpg"}
		},
		"other image": func() []string {
			return []string{"evaluate", write("h.csv", header+row), write("i.csv", header+hostile+",b,mel,.5,.5\n"), "--compare"}
		},
		"part": func() []string {
			return []string{"train", "--backbone", "mobilenet_v2", "--weights", "random", "--run", unusedDir(t), "--split", write("s.csv", "image_id,lesion_id,dx,part\na,b,nv,"+hostile+"\n")}
		},
		"metadata": func() []string {
			write("data/HAM10000_metadata.csv", "lesion_id,image_id,dx,dx_type,age,sex,localization\nb,a,nv,histo,50,"+hostile+",back\n")
			return []string{"data", "stats", "--data", filepath.Join(dir, "data")}
		},
		"keras": func() []string { return []string{"weights", "check", write("w.h5", hostile)} },
	} {
		line := args()
		code, _, stderr := call(t, line...)
		if code == exitDone || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", name, code, stderr)
		}
		repeated := 0
		for i := range len(hostile) - 8 {
			if strings.Contains(stderr, hostile[i:i+8]) {
				repeated++
			}
		}
		nines := strings.Count(stderr, "9")
		if repeated > 220 || nines > 220 {
			t.Errorf("%s: %d bytes of the file are repeated: %s", name, max(repeated, nines), stderr)
		}
		if path := line[len(line)-1]; strings.HasSuffix(path, ".csv") && name != "other image" && name != "part" && !strings.Contains(stderr, path) {
			t.Errorf("%s: the message does not name %s: %s", name, path, stderr)
		}
	}
}

func unusedDir(t *testing.T) string { return filepath.Join(t.TempDir(), "run") }

// A flat map is named, with its range; another is not.
func TestFlatMapsAreNamed(t *testing.T) {
	probability := float32(.5)
	row := explanationRow{Image: "a.png", Prediction: "mel", Class: "mel", Probability: &probability, Overlay: "a.png"}
	for _, c := range []struct {
		values []float32
		flat   bool
	}{
		{[]float32{.0625, .0625}, true}, {[]float32{.0625, .063}, true}, {[]float32{.0625, .07}, false}, {[]float32{0, 0}, true},
		{[]float32{0, 1e-6}, false}, {[]float32{-.1, -.1}, true}, {[]float32{-.1, -.0995}, true}, {[]float32{-1e-3, 1e-3}, false},
	} {
		m := describe(explain.Map{Method: explain.SoftAttention, Height: 1, Width: 2, Values: c.values}, "a.csv", explain.DefaultOptions())
		if m.Flat != c.flat || m.Low != c.values[0] || m.High != c.values[1] {
			t.Errorf("%v: %+v", c.values, m)
		}
		row.Maps = []mapRow{m}
		var text strings.Builder
		if err := writeExplanations(&text, &predictor{name: "a run"}, []explanationRow{row}); err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprintf("  soft-attention is flat and points nowhere: %.4g to %.4g\n", m.Low, m.High)
		if strings.Contains(text.String(), said) != c.flat || strings.Contains(text.String(), "flat") != c.flat {
			t.Errorf("%v: %s", c.values, text.String())
		}
	}
}
