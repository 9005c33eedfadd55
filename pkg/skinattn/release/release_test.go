package release

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

var update = flag.Bool("update", false, "write the committed model card anew, with its checksum")

// guesses are predictions of records that are right in about two of three.
func guesses(t *testing.T, records []ham10000.Record) *eval.Table {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	p := eval.Predictions{Classes: ham10000.Classes}
	for _, r := range records {
		class, err := ham10000.ClassIndex(r.Dx)
		if err != nil {
			t.Fatal(err)
		}
		row, sum := make([]float32, 7), float32(0)
		for k := range row {
			row[k] = float32(math.Exp(3 * random.Float64()))
			if k == class {
				row[k] *= 4
			}
			sum += row[k]
		}
		for k := range row {
			row[k] /= sum
		}
		p.ImageIDs, p.LesionIDs = append(p.ImageIDs, r.ImageID), append(p.LesionIDs, r.LesionID)
		p.Truth, p.Probs = append(p.Truth, class), append(p.Probs, row)
	}
	table, err := eval.NewTable(&p)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// finished is a run folder as training leaves it, of a small network on synthetic lesions.
func finished(t *testing.T) (dir string, data *ham10000.Dataset) {
	t.Helper()
	root := t.TempDir()
	if err := synthetic.Generate(t.Context(), filepath.Join(root, "data"), synthetic.Options{Images: 700, Seed: 3, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := ham10000.Open(filepath.Join(root, "data"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := split.New(split.ISIC2018, data.Records, split.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	records, err := parts.Select(data.Records, split.Val)
	if err != nil {
		t.Fatal(err)
	}
	regime, err := spec.For("modern", "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := skinattn.Resolve("mobilenet_v2", regime)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.Cut, cfg.MetadataUnits[0] = 32, "block_4_depthwise", 16
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateVariable("/adam/step", tensors.FromFlatDataAndDimensions([]float32{1}, 1)); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(filepath.Join(root, "run"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	val := guesses(t, records)
	metrics, err := eval.Evaluate(t.Context(), val, eval.Options{Resamples: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		folder.WriteSplit(parts), folder.WriteEnvironment(run.CurrentEnvironment("go", "")),
		folder.WriteConfig(run.Config{Network: net.Network, Regime: &regime, Data: run.Data{Protocol: split.ISIC2018, SplitSHA256: parts.Summary().SHA256, SourceSize: "32x32"}, Init: "random", Seed: 1}),
		folder.WriteHistory([]run.Epoch{{Epoch: 1, Seconds: 90}}),
		folder.WritePredictions(split.Val, val), folder.WritePredictions(split.Test, val),
		folder.WriteMetrics(metrics),
		checkpoint.Save(folder, checkpoint.Best, "epoch00001-step00000022", store, map[string]int{"epoch": 1}),
		checkpoint.Save(folder, checkpoint.Last, "epoch00001-step00000022", store, map[string]int{"epoch": 1}),
	); err != nil {
		t.Fatal(err)
	}
	return folder.Dir, data
}

// contents maps the files of a folder to their content.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestMake(t *testing.T) {
	dir, data := finished(t)
	before := contents(t, dir)
	out := filepath.Join(t.TempDir(), "models", "small")
	made, err := Make(t.Context(), Options{Run: dir, Out: out, Data: data, resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the run has changed: %s", diff)
	}
	files := contents(t, out)
	var names []string
	for name, content := range files {
		names = append(names, name)
		if strings.Contains(content, dir) || strings.Contains(content, data.Dir) {
			t.Errorf("%s holds a path of this machine", name)
		}
	}
	best := "checkpoints/best-epoch00001-step00000022/"
	want := []string{"LICENSE", "MODEL_CARD.md", "SHA256SUMS", "calibration.json", best + "manifest.json", best + "state.json", best + "weights.safetensors", "config.json",
		"environment.json", "evaluations.json", "history-recall.csv", "history.csv", "metrics.json", "predictions-test.csv", "predictions-val.csv", "split.csv", "split.json"}
	if diff := cmp.Diff(want, names, cmpopts.SortSlices(strings.Compare)); diff != "" || made.Files != len(want) {
		t.Errorf("%d files: %s", made.Files, diff)
	}
	if err := CheckSums(os.DirFS(out)); err != nil {
		t.Error(err)
	}

	// It predicts as the run, and has no more than that needs.
	folder, err := run.OpenFS(os.DirFS(out), "models/small")
	if err != nil {
		t.Fatal(err)
	}
	_, weights, err := checkpoint.LoadWeights(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, original, err := checkpoint.LoadWeights(&run.Folder{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if weights.GetVariable("/adam/step") != nil || files[best+"state.json"] != "{}\n" {
		t.Error("training state is left")
	}
	for v := range weights.IterVariables() {
		if !v.MustValue().Equal(original.GetVariable(v.Path()).MustValue()) {
			t.Errorf("%s differs", v.Path())
		}
	}
	if c, err := folder.Calibration(); err != nil || c.Confidence != made.Calibration.Confidence || c.Scaling.N != made.Calibration.Scaling.N {
		t.Errorf("%+v, %v", c, err)
	}

	// The card has the numbers of the files.
	val, err := folder.Predictions(split.Val)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := val.Score(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	card := files[CardFile]
	for _, want := range []string{"# Model card: small\n", fmt.Sprintf("| accuracy | %.3f [", metrics.Accuracy), fmt.Sprintf("| `mel` | %.3f", metrics.PerClass[4].Recall), "| age: under 40 | ", "| sex: female | ",
		"not a medical device", "CC BY-NC 4.0", "hidden with a probability of 0.1, and all three at once with 0.3,", "the leak rate is 0", "skinattn weights export --format keras3 --out small.keras", fmt.Sprintf("T = %.3f", made.Calibration.Scaling.Temperature()),
		fmt.Sprintf("below **%.2f**", made.Calibration.Confidence.Threshold), "in 2 minutes", "10.1038/sdata.2018.161",
		"skinattn train --backbone mobilenet_v2 --regime modern --protocol isic2018 --size 32 --cut block_4_depthwise --metadata-units=16 --seed 1 --weights random --run runs/small\n"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q", want)
		}
	}
	if strings.Contains(card, "NaN") || strings.Contains(card, "{{") {
		t.Error(card)
	}

	// Equal runs give equal bytes; a file changed later is noticed.
	again := filepath.Join(t.TempDir(), "small")
	if _, err := Make(t.Context(), Options{Run: dir, Out: again, Data: data, resamples: 50}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, contents(t, again)); diff != "" {
		t.Errorf("the second model differs: %s", diff)
	}
	if err := os.WriteFile(filepath.Join(again, run.HistoryFile), []byte("epoch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckSums(os.DirFS(again)); err == nil || !strings.Contains(err.Error(), run.HistoryFile) {
		t.Error(err)
	}
}

// A test set beside the run's own predictions stands in the card.
func TestMakeWithATestSet(t *testing.T) {
	dir, data := finished(t)
	official := guesses(t, data.Records[:150])
	if err := official.WriteFile(filepath.Join(dir, "predictions-official-val.csv")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "small")
	if _, err := Make(t.Context(), Options{Run: dir, Out: out, Data: data, resamples: 50}); err != nil {
		t.Fatal(err)
	}
	card := contents(t, out)[CardFile]
	for _, want := range []string{"official ISIC 2018 validation photos: 150 photos", "### By class, official ISIC 2018 validation photos", "| official ISIC 2018 validation photos | after | ", "come without metadata"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q", want)
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	dir, data := finished(t)
	folder := &run.Folder{Dir: dir}
	cfg, err := folder.Config()
	if err != nil {
		t.Fatal(err)
	}
	change := func(change func(*run.Config)) func() error {
		return func() error {
			other := cfg
			change(&other)
			return folder.WriteConfig(other)
		}
	}
	var missing *run.MissingError
	var refused *NotReleasableError
	var occupied *OccupiedError
	for _, c := range []struct {
		name    string
		prepare func() error
		err     any
	}{
		{"a few batches", change(func(c *run.Config) { c.FastDevRun = true }), &refused},
		{"imported", change(func(c *run.Config) { c.Regime = nil }), &refused},
		{"another split", change(func(c *run.Config) { c.Data.SplitSHA256 = "00" }), &refused},
		{"no checkpoint", func() error {
			return errors.Join(folder.WriteConfig(cfg), os.Rename(folder.Path(run.CheckpointDir), folder.Path("away")))
		}, nil},
		{"not finished", func() error {
			return errors.Join(os.Rename(folder.Path("away"), folder.Path(run.CheckpointDir)), os.Remove(folder.Path(run.MetricsFile)))
		}, &missing},
	} {
		if err := c.prepare(); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "small")
		_, err := Make(t.Context(), Options{Run: dir, Out: out, Data: data, resamples: 50})
		if err == nil || c.err != nil && !errors.As(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) > 0 {
			t.Errorf("%s: %v is left", c.name, left)
		}
	}
	dir, data = finished(t)
	if _, err := Make(t.Context(), Options{Run: dir, Out: filepath.Dir(dir), Data: data, resamples: 50}); !errors.As(err, &occupied) {
		t.Error(err)
	}
	few := *data
	few.Records = data.Records[:1]
	if _, err := Make(t.Context(), Options{Run: dir, Out: filepath.Join(t.TempDir(), "small"), Data: &few, resamples: 50}); err == nil || !strings.Contains(err.Error(), "is not in "+data.MetadataFile) {
		t.Error(err)
	}
}

// The committed card is what its files give, and no file was changed after the release.
func TestCommittedModel(t *testing.T) {
	root := filepath.Join("..", "..", "..", "models")
	configs, err := filepath.Glob(filepath.Join(root, "*", run.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(configs) == 0 {
		t.Skip("no model is released: models/ has no run folder")
	}
	for _, config := range configs {
		dir := filepath.Dir(config)
		folder := &run.Folder{Dir: dir}
		card, err := Card(folder, filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := Seal(dir); err != nil {
				t.Fatal(err)
			}
		}
		if committed, err := os.ReadFile(folder.Path(CardFile)); err != nil || string(committed) != string(card) {
			t.Errorf("%s is not what its files give (%v); 'go test ./pkg/skinattn/release -update' writes it anew: %s", folder.Path(CardFile), err, cmp.Diff(string(committed), string(card)))
		}
		if err := CheckSums(os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		val, err := folder.Predictions(split.Val)
		if err != nil {
			t.Fatal(err)
		}
		calibration, err := folder.Calibration()
		if err != nil {
			t.Fatal(err)
		}
		fitted, err := run.Calibrate(val)
		if err != nil {
			t.Fatal(err)
		}
		// Another processor may round otherwise.
		if diff := cmp.Diff(fitted, calibration, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
			t.Errorf("the calibration is not that of the validation predictions: %s", diff)
		}
		checkEvaluations(t, folder)
	}
}

// checkEvaluations computes the evaluations again: with real data all, else the estimates
// of whole sets.
func checkEvaluations(t *testing.T, folder *run.Folder) {
	t.Helper()
	committed, err := readEvaluations(folder)
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("SKINATTN_DATA"); dir != "" {
		data, err := ham10000.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		again, err := evaluator{eval.DefaultOptions().Resamples}.all(t.Context(), folder, data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again, committed, cmpopts.EquateApprox(0, 1e-9), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("the evaluations are not those of the predictions: %s", diff)
		}
		return
	}
	for _, e := range committed {
		if e.Group != "" {
			continue
		}
		table, err := folder.Predictions(split.Part(e.Set))
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := table.Score(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for path, estimate := range e.Metrics {
			if v, _ := metrics.Value(path); math.Abs(v-estimate.Value) > 1e-9 {
				t.Errorf("%s of %s is %g, the predictions give %g", path, e.Set, estimate.Value, v)
			}
		}
	}
}

// The numbers and words are written by hand.
func TestCardSaysWhatTheNetworkSawOfCoarseSites(t *testing.T) {
	if got := coarseSites(""); got != "" {
		t.Error(got)
	}
	want := "The metadata are those of the ISIC Archive, whose sites are coarser: 1429 anterior torso. They stand for several sites (anterior torso for abdomen, chest; head/neck for ear, face, neck, scalp), " +
		"and the network saw the share of each of these in HAM10000."
	if got := coarseSites(ham10000.DescribeCoarseSites(map[string]int{"anterior torso": 1429})); got != want {
		t.Error(got)
	}
}
