package sweep

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// expand expands the text of a file.
func expand(t *testing.T, text string) []Cell {
	t.Helper()
	f, err := Parse([]byte(text), "sweep.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cells, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

// arguments are the arguments of each cell as one line.
func arguments(cells []Cell) (lines []string) {
	for _, c := range cells {
		lines = append(lines, strings.Join(c.Arguments(), " "))
	}
	return lines
}

func expectArguments(t *testing.T, text string, want ...string) {
	t.Helper()
	if got := arguments(expand(t, text)); !slices.Equal(got, want) {
		t.Errorf("cells\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), text)
	}
}

// By hand: 2 networks x 2 regimes x 2 seeds, without the second regime of the second network.
func TestExpand(t *testing.T) {
	expectArguments(t, `
runs: out
set: {protocol: paper, size: 64}
axes:
  backbone: [mobilenet_v2, resnet50]
  regime: [md/as-run, modern]
  seed: 1..2
exclude:
  - {backbone: resnet50, regime: modern}
`,
		"--backbone=mobilenet_v2 --regime=md/as-run --protocol=paper --size=64 --seed=1",
		"--backbone=mobilenet_v2 --regime=md/as-run --protocol=paper --size=64 --seed=2",
		"--backbone=mobilenet_v2 --regime=modern --protocol=paper --size=64 --seed=1",
		"--backbone=mobilenet_v2 --regime=modern --protocol=paper --size=64 --seed=2",
		"--backbone=resnet50 --regime=md/as-run --protocol=paper --size=64 --seed=1",
		"--backbone=resnet50 --regime=md/as-run --protocol=paper --size=64 --seed=2",
	)
}

// A JSON file, tabs and all; options by the names of flags and of config.json; null for the
// regime's own; lists of numbers and of words.
func TestExpandJSONAndOptions(t *testing.T) {
	expectArguments(t, "{\n\t\"axes\": {\"backbone\": [\"mobilenet_v2\"],\n\t\t\"learning_rate\": [null, 0.01], \"plateau.factor\": 0.5,\n\t\t\"freeze\": [[\"backbone:2\", \"dense\"]], \"class-weights\": [[1,2,3,4,5,6,7]], \"augment.horizontal_flip\": [true, false]}\n}",
		"--backbone=mobilenet_v2 --freeze=backbone:2,dense --plateau-factor=0.5 --class-weights=1,2,3,4,5,6,7 --horizontal-flip",
		"--backbone=mobilenet_v2 --freeze=backbone:2,dense --plateau-factor=0.5 --class-weights=1,2,3,4,5,6,7 --no-horizontal-flip",
		"--backbone=mobilenet_v2 --learning-rate=0.01 --freeze=backbone:2,dense --plateau-factor=0.5 --class-weights=1,2,3,4,5,6,7 --horizontal-flip",
		"--backbone=mobilenet_v2 --learning-rate=0.01 --freeze=backbone:2,dense --plateau-factor=0.5 --class-weights=1,2,3,4,5,6,7 --no-horizontal-flip",
	)
}

// Grids share what stands beside them, and may say it otherwise; the same run by two ways
// is one cell.
func TestGrids(t *testing.T) {
	text := `
set: {backbone: mobilenet_v2, weights: random}
axes: {seed: [1, 2]}
grids:
  - set: {protocol: paper, test-share: .15}
  - set: {protocol: grouped, folds: 2}
    axes: {fold: [0, 1], seed: [7]}
  - set: {protocol: paper, test-share: 0.15, regime: md/as-run}
    axes: {seed: [2, 3]}
`
	expectArguments(t, text,
		"--backbone=mobilenet_v2 --protocol=paper --test-share=0.15 --weights=random --seed=1",
		"--backbone=mobilenet_v2 --protocol=paper --test-share=0.15 --weights=random --seed=2",
		"--backbone=mobilenet_v2 --protocol=grouped --folds=2 --fold=0 --weights=random --seed=7",
		"--backbone=mobilenet_v2 --protocol=grouped --folds=2 --fold=1 --weights=random --seed=7",
		"--backbone=mobilenet_v2 --regime=md/as-run --protocol=paper --test-share=0.15 --weights=random --seed=3",
	)
	f, err := Parse([]byte(text), "sweep.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, merged, err := f.Expand(); merged != 1 || err != nil {
		t.Errorf("%d cells are merged, %v; want the one with seed 2", merged, err)
	}
}

// Names are the identity of runs on disk: they stay as they are from version to version.
func TestNames(t *testing.T) {
	var names []string
	for _, c := range expand(t, `
axes: {backbone: [mobilenet_v2], seed: [1, 18446744073709551615]}
grids:
  - {}
  - set: {regime: ad/as-run, protocol: paper, test-share: .15, size: 128, learning-rate: .01, batch: 8, weights: random}
  - set: {folds: 5, fold: 4, regime: demo, class-weights: [1,1,1,1,1,1,2], freeze: [backbone], metadata-units: [64, 32]}
`) {
		names = append(names, c.Name)
	}
	want := []string{
		"mobilenet_v2-md-as-run-grouped-seed1-3d28deb357",
		"mobilenet_v2-md-as-run-grouped-seed18446744073709551615-871825b3c6",
		"mobilenet_v2-ad-as-run-paper0.15-seed1-128px-random-batch8-9361c85bdf",
		"mobilenet_v2-ad-as-run-paper0.15-seed18446744073709551615-128px-random-batch8-6cc2add6e2",
		"mobilenet_v2-demo-grouped-fold4of5-seed1-freezebackbone-class-weights1-1-1-1-1-1-2-3c3974e15c",
		"mobilenet_v2-demo-grouped-fold4of5-seed18446744073709551615-freezebackbone-metadata-units64-32-053056e07c",
	}
	if !slices.Equal(names, want) {
		t.Errorf("names\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

// What does not change a run does not change its name, and what does, does.
func TestNameIsTheContent(t *testing.T) {
	name := func(set string) string { return expand(t, "set: {backbone: mobilenet_v2, "+set+"}")[0].Name }
	plain := name("")
	// The defaults of train, the regime's own values, and how the state is saved.
	for _, same := range []string{"seed: 1", "regime: md/as-run", "protocol: grouped", "weights: imagenet", "size: 224", "batch: 10", "save-every: 1m", "tensorboard: true", "dropout: .5",
		"fast-dev-run: false", "soft-attention: true", "channel-order: bgr"} {
		if got := name(same); got != plain {
			t.Errorf("%s: %s, want %s", same, got, plain)
		}
	}
	seen := map[string]string{plain: "nothing"}
	for _, other := range []string{"seed: 2", "regime: modern", "protocol: paper", "weights: random", "weights: w.h5", "size: 96", "batch: 11", "folds: 3", "{folds: 3, fold: 1}", "fast-dev-run: true",
		"dropout: .4", "no", "epochs: 501", "protocol: datta828", "{protocol: datta828, as-run: true}", "cut: block_1_depthwise", "{protocol: leak-pair, arm: with}", "{protocol: leak-pair, arm: without}"} {
		if other == "no" {
			other = "soft-attention: false"
		}
		got := name(strings.Trim(other, "{}"))
		if before, twice := seen[got]; twice {
			t.Errorf("%s has the name of %s: %s", other, before, got)
		}
		seen[got] = other
	}
}

func TestFileErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "sweep.yaml: the file is empty"},
		{"[]", "sweep.yaml, line 1: the file is a list; it must have keys with values"},
		{"axes: {backbone: [mobilenet_v2]}\nset: {a: }: b}", "sweep.yaml, line 2: mapping values are not allowed"},
		{"axis: {}", `sweep.yaml, line 1: key "axis" is unknown; choose one of runs, set, axes, exclude, grids`},
		{"axes:\n  backbones: [resnet50]", `sweep.yaml, line 2: "backbones" is nothing that a cell can set; choose one of backbone, regime, protocol`},
		{"axes:\n  seed: [1]", "sweep.yaml, line 1: the cells have no backbone; choose of densenet201"},
		{"axes:\n  backbone: [mobilenet_v2,\n   resnet51]", "sweep.yaml, line 3, backbone resnet51: it is unknown; choose one of densenet201"},
		{"set: {backbone: vgg16}", "sweep.yaml, line 1, backbone vgg16: VGG16 has no ImageNet weights; set weights to random or to a file"},
		{"set: {regime: mdd, backbone: vgg16}", "sweep.yaml, line 1, regime mdd: it is unknown; choose one of md/as-run"},
		{"set: {protocol: papers, backbone: vgg16}", "sweep.yaml, line 1, protocol papers: it is unknown; choose one of paper"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  dropout: [.5, 1]", "sweep.yaml, line 3, dropout 1: is 1; it must be in [0, 1)"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  batch: [8, 1e9]", "sweep.yaml, line 3, batch 1e9: it must be a whole number"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  batch: [8, 0]", "sweep.yaml, line 3, batch 0: is 0; it must be in [1, 10000]"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  class-weights: [[1, 2]]", "sweep.yaml, line 1: 2 class weights are given; there are 7 classes (in the cell backbone mobilenet_v2, class-weights 1,2)"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  learning-rate: [.nan]", "sweep.yaml, line 3, learning-rate .nan: it must be a number"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  metadata-units: [[1,2,3,4]]", "sweep.yaml, line 3, metadata-units 1,2,3,4: metadata units has 4 values; there are at most 3"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  layer-rates: [dense]", `sweep.yaml, line 3, layer-rates dense: layer rate "dense": want LAYERS=X`},
		{"set: {backbone: mobilenet_v2}\naxes:\n  gamma: [yes]", "sweep.yaml, line 3, gamma yes: it must be true or false"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  seed: [-1]", "sweep.yaml, line 3, seed -1: it must be a whole number"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  seed: 5..1", "sweep.yaml, line 3, seed 5..1: it must be a range such as 1..10"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  seed: 1..1000000", "sweep.yaml, line 3, seed 1..1000000: the range has 1000000 values; there may be at most 100000 cells"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  seed: 1..1000\n  batch: 1..1000", "sweep.yaml, line 1: the axes have more than 100000 cells"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  seed: [1, 1]", "sweep.yaml, line 3, seed 1: the axis has this value twice"},
		{"set: {backbone: mobilenet_v2, seed: 3}\naxes:\n  seed: [1]", "sweep.yaml, line 1, seed 3: it is set, and an axis, too"},
		{"set: {backbone: mobilenet_v2}\naxes:\n  fold: [1]", "sweep.yaml, line 3, fold 1: fold 1 needs folds"},
		{"set: {backbone: mobilenet_v2, folds: 5}\naxes:\n  fold: 1..5", "sweep.yaml, line 3, fold 5: fold 5: the folds are 0 to 4"},
		{"set: {backbone: mobilenet_v2, size: 8}", "sweep.yaml, line 1, size 8: "},
		{"set: {backbone: mobilenet_v2, size: 5000}", "sweep.yaml, line 1, size 5000: is 5000; it must be in [0, 4096]"},
		{"set: {backbone: mobilenet_v2, freeze: nothing}", "sweep.yaml, line 1: freeze: "},
		{"set: {backbone: mobilenet_v2}\naxes: {seed: [1, 2]}\nexclude:\n - {seed: 3}", "sweep.yaml, line 4, seed 3: the exclusion names a value that no cell has"},
		{"set: {backbone: mobilenet_v2}\naxes: {seed: [1, 2]}\nexclude:\n - {seed: 1}\n - {seed: 2}", "sweep.yaml: there are no cells"},
		{"set: {backbone: mobilenet_v2}\nset: {seed: 1}", "sweep.yaml, line 2: set is there twice in the file"},
		{"set: {backbone: mobilenet_v2, learning_rate: 1, learning-rate: 2}", "sweep.yaml, line 1, learning-rate: it is set twice, under two names"},
		{"set: {backbone: mobilenet_v2}\ngrids:\n - axes: {seed: [1]}\n   exclude: [{seed: 2}]", "sweep.yaml, line 4, seed 2: the exclusion names a value that no cell has"},
		{"set: {backbone: mobilenet_v2}\nexclude: [{seed: 2}]\ngrids:\n - axes: {seed: [1]}\n - axes: {seed: [3]}", "sweep.yaml, line 2: the exclusion leaves no cell out"},
		{"set: {backbone: mobilenet_v2}\naxes: {protocol: [isic2018, grouped], test-data: official}", "sweep.yaml, line 2, test-data official: the protocol is grouped: only a protocol with an official test takes a test set; choose one of isic2018"},
		{"set: {backbone: mobilenet_v2, save-every: soon}", "sweep.yaml, line 1, save-every soon: it must be a duration such as 10m"},
		{"runs: []\nset: {backbone: mobilenet_v2}", "sweep.yaml, line 1: runs must name a folder"},
		{"runs: ~\nset: {backbone: mobilenet_v2}", "sweep.yaml, line 1: runs must name a folder"},
		{"set:\n\tbackbone: mobilenet_v2", "sweep.yaml, line 2: the line begins with a tab; YAML is indented by spaces"},
		{"set: {backbone: [}", "sweep.yaml: did not find expected node content"},
		{"set: {backbone: mobilenet_v2}\n---\naxes: {seed: 1..3}", "sweep.yaml, line 2: a second document begins here; a sweep is one"},
		{"set: {backbone: mobilenet_v2}\n--- {", "sweep.yaml, line 2: "},
		{"set: &a {backbone: mobilenet_v2}\ngrids:\n - set: {<<: *a}", "sweep.yaml, line 3: << is not read in a sweep; write the keys of set out"},
		// All on one line, as programs write JSON.
		{`{"set": {"backbone": "mobilenet_v2"}, "exclude": [{"seed": 1}, {"seed": 5}], "grids": [{"axes": {"seed": [1, 2]}}, {"axes": {"seed": [3]}}]}`,
			"sweep.yaml, line 1: the exclusion leaves no cell out"},
	} {
		f, err := Parse([]byte(c.text), "sweep.yaml")
		if err == nil {
			_, _, err = f.Expand()
		}
		if _, ok := errors.AsType[*FileError](err); !ok || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q\n gives %v\n want  %s", c.text, err, c.want)
		}
	}
}

// Relative paths begin at the file's folder, wherever the command runs, and ~ is the home folder.
func TestPaths(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	text := "set: {backbone: mobilenet_v2, protocol: isic2018, test-data: official}\nruns: ~/runs\naxes: {weights: [imagenet, random, w.h5, ~/w.h5, /data/w.h5]}"
	f, err := Parse([]byte(text), "/lab/sweep.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if f.Runs != "/home/me/runs" {
		t.Errorf("runs %s", f.Runs)
	}
	cells, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "--backbone=mobilenet_v2 --protocol=isic2018 --weights=", " --test-data=/lab/official"
	want := []string{begin + "imagenet" + end, begin + "random" + end, begin + "/lab/w.h5" + end, begin + "/home/me/w.h5" + end, begin + "/data/w.h5" + end}
	if got := arguments(cells); !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, c := range expand(t, text) { // beside the present folder
		if c.Name != cells[i].Name {
			t.Errorf("the file's place changes the name %s to %s", cells[i].Name, c.Name)
		}
	}
}

// What was probably meant is among the known keys.
func TestUnknownKeys(t *testing.T) {
	for text, known := range map[string]string{"axis: {}": "axes", "set: {learning-rat: .1}": "learning-rate", "axes: {backbones: [vgg16]}": "backbone", "grids: [{excludes: []}]": "exclude"} {
		_, err := Parse([]byte(text), "sweep.yaml")
		if wrong, ok := errors.AsType[*UnknownError](err); !ok || !slices.Contains(wrong.Known, known) || !strings.Contains(text, wrong.Key) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever the axes and exclusions, the cells are all that the product has and no exclusion
// names, each once, in order.
func TestExpandProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	choices := map[string][]string{
		"backbone": {"mobilenet_v2", "mobilenet", "mobilenet_v3_small"}, "regime": spec.Names(), "protocol": {"paper", "grouped", "datta828", "isic2018"}, "seed": {"1", "2", "3", "4", "5"},
		"size": {"128", "160", "192"}, "learning-rate": {"0.1", "0.01", "0.001"}, "soft-attention": {"true", "false"}, "batch": {"8", "16"},
	}
	names := []string{"backbone", "regime", "protocol", "size", "seed", "batch", "learning-rate", "soft-attention"}
	for range 60 {
		used := []string{"backbone"}
		for _, name := range names[1:] {
			if random.IntN(3) == 0 {
				used = append(used, name)
			}
		}
		random.Shuffle(len(used), func(i, j int) { used[i], used[j] = used[j], used[i] })
		values := map[string][]string{}
		var text strings.Builder
		text.WriteString("axes:\n")
		for _, name := range used {
			list := slices.Clone(choices[name])
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			values[name] = list[:1+random.IntN(min(3, len(list)))]
			fmt.Fprintf(&text, "  %s: [%s]\n", name, strings.Join(values[name], ", "))
		}
		excluded := map[string]string{}
		if len(used) > 1 {
			for _, name := range used {
				if len(values[name]) > 1 && random.IntN(2) == 0 {
					excluded[name] = values[name][random.IntN(len(values[name]))]
				}
			}
		}
		if len(excluded) > 0 {
			text.WriteString("exclude:\n  - {")
			for name, v := range excluded {
				fmt.Fprintf(&text, "%s: %s, ", name, v)
			}
			text.WriteString("}\n")
		}
		// The expected cells, by counting up.
		var want []map[string]string
		total := 1
		for _, name := range used {
			total *= len(values[name])
		}
		for i := range total {
			cell, rest := map[string]string{}, i
			for k := len(used) - 1; k >= 0; k-- {
				list := values[used[k]]
				cell[used[k]], rest = list[rest%len(list)], rest/len(list)
			}
			out := len(excluded) > 0
			for name, v := range excluded {
				out = out && cell[name] == v
			}
			if !out {
				want = append(want, cell)
			}
		}
		f, err := Parse([]byte(text.String()), "sweep.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		cells, merged, err := f.Expand()
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		if len(cells)+merged != len(want) {
			t.Fatalf("%d cells and %d merged, want %d of\n%s", len(cells), merged, len(want), text.String())
		}
		seen := map[string]bool{}
		at := 0
		for _, c := range cells {
			if seen[c.Name] {
				t.Errorf("%s is there twice", c.Name)
			}
			seen[c.Name] = true
			got := map[string]string{}
			for _, name := range used {
				got[name] = c.Value(name)
			}
			for at < len(want) && !reflect.DeepEqual(got, want[at]) { // merged ones are passed
				at++
			}
			if at == len(want) {
				t.Fatalf("cell %v is not wanted, or not in order, of\n%s", got, text.String())
			}
		}
		again, _, _ := f.Expand()
		if !slices.EqualFunc(cells, again, func(a, b Cell) bool { return a.Name == b.Name }) {
			t.Error("a second expansion has other cells")
		}
	}
}

// manyCells is a sweep of 10,000 cells: all networks that the regimes share, with
// 250 learning rates.
const manyCells = `
axes:
  backbone: [mobilenet_v2, mobilenet, resnet50, densenet201, resnet152]
  regime: [md/as-run, modern]
  protocol: [paper, grouped]
  batch: [8, 16]
  seed: 1..250
`

func TestTenThousandCells(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cells := expand(t, manyCells)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(cells) != 10_000 {
		t.Fatalf("%d cells", len(cells))
	}
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 40<<20 {
		t.Errorf("the cells take %d MB", kept>>20)
	}
	runtime.KeepAlive(cells)
}

func BenchmarkTenThousandCells(b *testing.B) {
	for b.Loop() {
		f, err := Parse([]byte(manyCells), "sweep.yaml")
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := f.Expand(); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{manyCells[:120], "{\"axes\": {\"backbone\": [\"vgg16\"]}}", "set: &a {backbone: vgg16}\ngrids: [{set: *a}]", "a: &x [*x]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse([]byte(text), "sweep.yaml")
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		for _, g := range file.grids {
			n := 1
			for _, a := range g.axes {
				n *= len(a.values)
			}
			if n > 50 {
				return
			}
		}
		cells, _, err := file.Expand()
		if err == nil && len(cells) == 0 {
			t.Error("no cells and no error")
		}
	})
}
