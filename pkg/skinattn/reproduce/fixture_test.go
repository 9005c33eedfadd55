package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// fixture describes a run folder of a made-up data set: 12 lesions a class, with two
// photos of each lesion except the last four.
type fixture struct {
	name, backbone, regime, protocol string
	size                             int
	seed                             uint64
	skill                            float64 // weight of the truth in the predictions
	change                           func(config *run.Config)
	asRun                            bool // datta828 without a validation part
	study                            string
	arm                              string // of protocol leak-pair
}

// studies are the runs of the experiments: an ablation with two seeds, of which a third
// lacks a combination, both arms of a pair with two seeds, of which a third lacks an arm,
// the whole network of the ablation on the ISIC Archive's sites, and trials of options.
// More Soft-Attention changes nothing, metadata helps, class weights harm.
func studies() (all []fixture) {
	for seed := uint64(1); seed <= 3; seed++ {
		for cell := range cells {
			if seed == 3 && cell == 5 {
				continue
			}
			all = append(all, fixture{name: fmt.Sprintf("cell-%d-seed%d", cell, seed), study: "ablation", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped,
				size: 64, seed: seed, skill: 0.8 + 0.6*float64(cell>>1&1) - 0.4*float64(cell>>2&1), change: func(c *run.Config) {
					c.Network.SoftAttention, c.Network.Metadata = cell&1 != 0, cell&2 != 0
					if cell&4 == 0 {
						c.Regime.ClassWeights = []float64{1, 1, 1, 1, 1, 1, 1}
					}
					c.Data.SplitSHA256 = fmt.Sprint("of seed ", seed)
				}})
		}
		all = append(all, fixture{name: fmt.Sprintf("archive-seed%d", seed), study: "archive-sites", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped,
			size: 64, seed: seed, skill: 0.9, change: func(c *run.Config) {
				c.Data.CoarseSites, c.Data.SplitSHA256 = "9 head/neck", fmt.Sprint("of seed ", seed)
			}})
		if seed == 1 {
			for i, name := range []string{"a-mixup", "b-longer", "c-base", "d-two"} {
				all = append(all, fixture{name: name, study: "recipe", backbone: "mobilenet_v2", regime: "modern", protocol: split.Grouped,
					size: 64, seed: seed, skill: []float64{0, 1, .8, .8}[i], change: func(c *run.Config) {
						c.Data.SplitSHA256 = "of the recipe"
						switch name {
						case "a-mixup":
							c.Regime.Mix.Mixup = .2
						case "b-longer":
							c.Regime.Epochs = 600
						case "d-two":
							c.Regime.EMA, c.Regime.LabelSmoothing = .99, .2
						}
					}})
			}
		}
		for i, arm := range split.Arms {
			if seed == 3 && i == 0 {
				continue
			}
			all = append(all, fixture{name: fmt.Sprintf("%s-seed%d", arm, seed), study: "leak-pair", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.LeakPair,
				size: 64, seed: seed, skill: 1.2 - 0.4*float64(i), arm: arm, change: func(c *run.Config) {
					c.Data.Arm, c.Data.SplitSHA256 = arm, fmt.Sprint(arm, seed)
				}})
		}
	}
	return all
}

// fixtures have each case that the report distinguishes.
var fixtures = []fixture{
	{name: "a-paper-1", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Paper, size: 128, seed: 1, skill: 1.1},
	{name: "a-paper-2", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Paper, size: 128, seed: 2, skill: 1.1},
	{name: "b-grouped", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped, size: 224, seed: 1, skill: 1},
	{name: "b-grouped-no-metadata", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped, size: 224, seed: 1, skill: 0.7,
		change: func(c *run.Config) { c.Network.Metadata = false }},
	{name: "c-densenet201", backbone: "densenet201", regime: "md/as-run", protocol: split.Grouped, size: 224, seed: 1, skill: 1.1},
	{name: "d-irv2", backbone: "inception_resnet_v2", regime: "md/as-run", protocol: split.Grouped, size: 299, seed: 1, skill: 1.2},
	{name: "e-datta-ad", backbone: "inception_resnet_v2", regime: "ad/as-run", protocol: split.Datta828, size: 299, seed: 1, skill: 1,
		change: func(c *run.Config) { c.Network.Metadata = false }, asRun: true},
	{name: "f-demo", backbone: "mobilenet_v2", regime: "demo", protocol: split.Grouped, size: 64, seed: 1, skill: 1},
	{name: "g-official", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.ISIC2018, size: 224, seed: 1, skill: 0.8},
	{name: "g-other-setting", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Paper, size: 224, seed: 1, skill: 1,
		change: func(c *run.Config) { c.Regime.Epochs = 3 }},
	{name: "g-gamma", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped, size: 224, seed: 1, skill: 1,
		change: func(c *run.Config) { c.Network.Gamma = true }},
	{name: "g-trial", backbone: "mobilenet_v2", regime: "md/as-run", protocol: split.Grouped, size: 224, seed: 1, skill: 1,
		change: func(c *run.Config) { c.FastDevRun = true }},
	{name: "h_odd*name", backbone: "mobilenet_v2", regime: "modern", protocol: split.Grouped, size: 96, seed: 7, skill: 1},
}

// shared is a folder with all fixtures, written once as that takes a while:
// every file is synced to disk.
var shared string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reproduce-test-")
	if err != nil {
		panic(err)
	}
	shared = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var writeShared sync.Once

// results is the folder of all fixtures: not to be changed.
func results(t *testing.T) string {
	t.Helper()
	writeShared.Do(func() {
		for _, f := range slices.Concat(fixtures, studies()) {
			folder := filepath.Join(shared, "results")
			if f.study != "" {
				folder = filepath.Join(shared, "studies", f.study)
			}
			f.write(t, filepath.Join(folder, f.name))
		}
	})
	return filepath.Join(shared, "results")
}

// pages are the files of the report on all fixtures, made once.
var pages = sync.OnceValue(func() map[string]string {
	runs, err := load(filepath.Join(shared, "results"))
	if err != nil {
		panic(err)
	}
	r, err := New(context.Background(), runs, built)
	if err != nil {
		panic(err)
	}
	files, err := r.files()
	if err != nil {
		panic(err)
	}
	return byName(files)
})

// load reads the runs in a folder, and those in the folder of studies beside it.
func load(results string) ([]*Run, error) {
	runs, err := Load(results)
	if err != nil {
		return nil, err
	}
	studies, err := LoadStudies(filepath.Join(filepath.Dir(results), "studies"))
	if errors.Is(err, fs.ErrNotExist) {
		return runs, nil
	}
	return append(runs, studies...), err
}

func byName(files []file) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		out[f.name] = string(f.content)
	}
	return out
}

// oneRun is a folder with a copy of one fixture, b-grouped, to damage.
func oneRun(t *testing.T) (dir, run string) {
	t.Helper()
	source := filepath.Join(results(t), "b-grouped")
	dir = t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "b-grouped"), os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "b-grouped")
}

func (f fixture) write(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	parts, test := f.split()
	p, err := eval.NewTable(f.predictions(test))
	if err != nil {
		t.Fatal(err)
	}
	if f.study == recipeStudy {
		val, err := eval.NewTable(f.predictions(parts.Part(split.Val)))
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.WritePredictions(split.Val, val); err != nil {
			t.Fatal(err)
		}
	}
	m, err := eval.Evaluate(t.Context(), p, eval.Options{Resamples: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		folder.WriteSplit(parts),
		folder.WriteEnvironment(run.Environment{Engine: "cpu", CPU: "a processor", Cores: 2}),
		folder.WriteConfig(f.config(t)),
		folder.WriteHistory([]run.Epoch{
			{Epoch: 1, Seconds: 10, ValAccuracy: .5, TrainImagesPerSecond: 90},
			{Epoch: 2, Seconds: 12, ValAccuracy: .6, TrainImagesPerSecond: 80},
			{Epoch: 3, Seconds: 14, ValAccuracy: .55, TrainImagesPerSecond: 85},
		}),
		folder.WritePredictions(split.Test, p),
		folder.WriteMetrics(m),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// split divides the photos; test are the images that are reported.
func (f fixture) split() (parts *split.Split, test []split.Row) {
	parts = &split.Split{Protocol: f.protocol, Options: split.Options{Seed: f.seed, AsRun: f.asRun, Arm: f.arm}}
	for _, dx := range ham10000.Classes {
		for lesion := range 12 {
			for photo := range 2 {
				if photo == 1 && lesion >= 8 {
					continue
				}
				row := split.Row{ImageID: fmt.Sprintf("ISIC_%s_%02d_%d", dx, lesion, photo), LesionID: fmt.Sprintf("HAM_%s_%02d", dx, lesion), Dx: dx, Part: split.Train}
				held := split.Test
				switch {
				case f.protocol == split.LeakPair && lesion%3 == 2: // controls
					if f.arm == split.ArmWith {
						continue
					}
				case f.protocol == split.LeakPair && lesion%3 == 0 && photo == 1: // siblings
					if f.arm == split.ArmWithout {
						continue
					}
				case f.protocol == split.Paper: // by image
					if lesion%3 == 0 && photo == 0 {
						row.Part = split.Val
					}
					held = split.Val
				case f.protocol == split.ISIC2018:
					if lesion%3 == 0 {
						row.Part = split.Val
					}
				case f.protocol == split.Datta828 && lesion >= 9: // lesions with one photo
					row.Part = split.Test
				case f.protocol != split.Datta828 && lesion%3 == 0:
					row.Part = split.Test
				case lesion%3 == 1 && !f.asRun:
					row.Part = split.Val
				}
				parts.Rows = append(parts.Rows, row)
				if row.Part == held {
					test = append(test, row)
				}
			}
		}
	}
	if f.protocol == split.ISIC2018 { // a test part outside the split
		for i := range 28 {
			test = append(test, split.Row{ImageID: fmt.Sprintf("TEST_%02d", i), Dx: ham10000.Classes[i%7]})
		}
	}
	return parts, test
}

// predictions are noisy votes for the truth.
func (f fixture) predictions(test []split.Row) *eval.Predictions {
	p := &eval.Predictions{Classes: ham10000.Classes}
	rng := rand.New(rand.NewPCG(f.seed, uint64(len(f.name))))
	for _, row := range test {
		truth, _ := ham10000.ClassIndex(row.Dx)
		votes, total := make([]float32, len(p.Classes)), float32(0)
		for k := range votes {
			votes[k] = float32(1 + rng.IntN(8))
			if k == truth {
				votes[k] += float32(4 * f.skill)
			}
			total += votes[k]
		}
		for k := range votes {
			votes[k] /= total
		}
		p.ImageIDs, p.LesionIDs = append(p.ImageIDs, row.ImageID), append(p.LesionIDs, row.LesionID)
		p.Truth, p.Probs = append(p.Truth, truth), append(p.Probs, votes)
	}
	return p
}

// config is the run's configuration.
func (f fixture) config(t *testing.T) run.Config {
	t.Helper()
	way, err := spec.Find("md/as-run")
	if err != nil {
		t.Fatal(err)
	}
	way.Name = f.regime
	network, err := skinattn.Resolve(f.backbone, way)
	if err != nil {
		t.Fatal(err)
	}
	network.Size = f.size
	config := run.Config{
		Network: network,
		Regime:  &way,
		Data:    run.Data{Protocol: f.protocol, SplitSHA256: f.name[:1], ImagesSHA256: "1", SourceSize: "600x450"},
		Init:    "imagenet",
		Seed:    f.seed,
	}
	if f.change != nil {
		f.change(&config)
	}
	if f.seed%2 == 0 { // the others are as older programs wrote them
		config.Data.MetadataSHA256 = "of " + config.Data.CoarseSites
		config = config.Sealed()
	}
	return config
}
