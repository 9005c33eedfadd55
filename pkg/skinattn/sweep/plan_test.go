package sweep

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// near fails unless two numbers are equal but for rounding.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want)+1e-12 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// train and infer are measurements that are easy to reckon with.
func train(size, batch int, step float64, work ...string) bench.Result {
	return bench.Result{Backbone: "mobilenet_v2", Mode: bench.Train, Size: size, Batch: batch, Engine: "cpu", StepSeconds: []float64{step}, CompileSeconds: 30, PeakRSSBytes: 2e9, Work: work}
}

func infer(size, batch int, seconds float64, work ...string) bench.Result {
	return bench.Result{Backbone: "mobilenet_v2", Mode: bench.Infer, Size: size, Batch: batch, Engine: "cpu", StepSeconds: []float64{seconds}, CompileSeconds: 4, PeakRSSBytes: 1e9, Work: work}
}

// hostResult has round numbers: 1 ms a photo, a second a GB to open, 10 ms and no more a
// checkpoint, half a second for the metrics of a thousand.
var hostResult = bench.Result{Mode: bench.Host, Size: 64, Host: &bench.HostResult{PhotoSeconds: .001, OpenSecondsPerGB: 1, SaveSeconds: .01, MetricsSecondsPer1000: .5}}

func plan(t *testing.T, text string, opts PlanOptions) *Plan {
	t.Helper()
	p, err := Estimate(expand(t, text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every part of a plan, by hand. Of HAM10000's 10,015 photos the protocol grouped trains on 7,035,
// validates on 991 and tests on 1,989.
func TestPlanByHand(t *testing.T) {
	device := Device{Results: []bench.Result{train(64, 16, .5), infer(64, 32, .16), hostResult}}
	loadedTrain, loadedInfer := train(64, 16, .5), infer(64, 32, .16)
	loadedTrain.Loaded, loadedTrain.CompileSeconds = true, 3
	loadedInfer.Loaded, loadedInfer.CompileSeconds = true, 1
	device.Results = append(device.Results, loadedTrain, loadedInfer)
	p := plan(t, "set: {backbone: mobilenet_v2, regime: demo, weights: random, size: 64, epochs: 5}\naxes: {seed: 1..2}", PlanOptions{Device: device, Price: 2, AtOnce: 2})
	first, second := p.Cells[0], p.Cells[1]
	gigabytes := 10015 * 64 * 64 * 3 / 1e9
	near(t, "steps", first.Parts.Train, 5*.5*7035/16)
	near(t, "validation in batches of 32", first.Parts.Validate, 5*31*.16)
	near(t, "test", first.Parts.Test, 94*.16+2*1.989*.5)  // 2,980 photos make 94 batches
	near(t, "checkpoints", first.Parts.Save, (5+2.5)*.01) // half of them the best until then
	near(t, "photos, first", first.Parts.Photos, 10.015+gigabytes)
	near(t, "photos, then", second.Parts.Photos, gigabytes)
	// A whole batch and the last of an epoch, with 11 photos; predictions in training and after it.
	near(t, "compiling, first", first.Parts.Compile, 2*30+4+1)
	near(t, "compiling, then", second.Parts.Compile, 2*3+2*1)
	near(t, "whole", first.Seconds[1], first.Parts.Sum())
	if first.Epochs != [2]int{5, 5} || first.Seconds[0] != first.Seconds[1] || first.StepsPerEpoch != 440 || first.MemoryBytes != 3e9 || first.Within != 1 {
		t.Errorf("first: %+v", first)
	}
	near(t, "hours", p.Hours[1], (first.Seconds[1]+second.Seconds[1])/3600)
	near(t, "cost", p.Cost[1], 2*p.Hours[1])
	near(t, "hours two at a time", p.WallHours[1], first.Seconds[1]/3600) // never less than the longest
	if p.Longest != first.Name || p.SlurmTime != "0:30:00" || p.SlurmMemory != "5G" || len(p.Missing) > 0 {
		t.Errorf("%s, %s, %s, %v", p.Longest, p.SlurmTime, p.SlurmMemory, p.Missing)
	}
	if groups := p.Groups(false); len(groups) != 1 || groups[0].Cells != 2 || groups[0].Basis != "measured" || groups[0].Steps != [2]int{440, 440} {
		t.Errorf("groups %+v", groups)
	}
	if groups := p.Groups(true); len(groups) != 2 || groups[1].What != second.Name {
		t.Errorf("groups %+v", groups)
	}
}

// Options of a run that its time depends on.
func TestPlanOptions(t *testing.T) {
	device := Device{Results: []bench.Result{train(64, 10, 1), infer(64, 32, .32), hostResult}}
	const set = "set: {backbone: mobilenet_v2, size: 64, weights: random, "
	one := func(more string) CellPlan { return plan(t, set+more+"}", PlanOptions{Device: device}).Cells[0] }
	// md/as-run: batches of 10, at most 500 epochs and 36 at least; photos without an age, 57 of
	// 10,015, are left out: those of each class in whole numbers.
	early := one("regime: md/as-run")
	if early.Epochs != [2]int{36, 500} || early.StepsPerEpoch != 700 {
		t.Errorf("%+v", early)
	}
	near(t, "least", early.Seconds[0], early.Seconds[1]-464*(early.Parts.Train+early.Parts.Validate+early.Parts.Save)/500)
	if n := one("regime: md/as-run, protocol: paper").StepsPerEpoch; n != 897 { // 8,962 photos
		t.Errorf("paper: %d steps", n)
	}
	if n := one("regime: md/as-run, protocol: paper, test-share: .15").StepsPerEpoch; n != 847 { // 8,464
		t.Errorf("paper, .15: %d steps", n)
	}
	// datta828 as run has no validation part: the test's 828 photos select, in 26 batches.
	asRun := one("regime: md/as-run, protocol: datta828, as-run: true, epochs: 1")
	near(t, "the test selects", asRun.Parts.Validate, 26*.32)
	near(t, "and is predicted once more", asRun.Parts.Test, 26*.32+2*.828*.5)
	// A tenth of the photos is a fold.
	fold := one("regime: demo, batch: 10, epochs: 1, folds: 10, fold: 3")
	near(t, "fold", fold.Parts.Train, 7888./10) // 10,015 - 1,001 - 1,126
	// Views: eight images a photo at the end, one in the training.
	views := one("regime: demo, batch: 10, epochs: 1, views: 8")
	near(t, "views", views.Parts.Test, 745*.32+2*1.989*.5)
	near(t, "no views", views.Parts.Validate, 31*.32)
	// Two sets of frozen layers, each with its programs.
	near(t, "freezing", one("regime: demo, batch: 10, epochs: 4, freeze: ['backbone:2']").Parts.Compile, 4*30+2*4)
	// ad/as-run of this network: copies up to about 8,000 of each class.
	if n := one("regime: ad/as-run, batch: 10").StepsPerEpoch; n < 5000 || n > 5500 {
		t.Errorf("copies: %d steps", n)
	}
	fast := one("regime: md/as-run, fast-dev-run: true")
	if fast.StepsPerEpoch > 3 || fast.Epochs[1] != 2 {
		t.Errorf("a few batches: %+v", fast)
	}
	test := one("regime: demo, batch: 10, epochs: 1, protocol: isic2018, test-data: somewhere")
	near(t, "official test, decoded", test.Parts.Test, 79*.32+1.512+2*1.512*.5) // 994 and 1,512 photos
}

// Features of a frozen backbone are computed once for all cells that share them.
func TestPlanFeatures(t *testing.T) {
	device := Device{Results: []bench.Result{train(64, 16, .01, bench.WorkFeatures), infer(64, 32, .001, bench.WorkFeatures), infer(64, 32, .32), hostResult}}
	p := plan(t, "set: {backbone: mobilenet_v2, regime: demo, weights: random, size: 64, freeze: backbone, feature-cache: true, epochs: 2}\naxes: {seed: 1..2, learning-rate: [.001, .01]}", PlanOptions{Device: device})
	near(t, "features, first", p.Cells[0].Parts.Features, 313*.32)
	for _, c := range p.Cells[1:] {
		near(t, "features, then", c.Parts.Features, 0)
	}
	near(t, "steps of the rest", p.Cells[0].Parts.Train, 2*.01*7035/16)
	if p.Cells[0].Within != 1 {
		t.Errorf("%+v", p.Cells[0].Basis)
	}
}

// What is not measured is derived, and the plan says so, with the command that measures it.
func TestPlanDerives(t *testing.T) {
	all := []bench.Result{train(64, 16, .5), infer(64, 32, .16), hostResult}
	basis := func(results []bench.Result, text string) (CellPlan, []Missing) {
		p := plan(t, text, PlanOptions{Device: Device{Results: results}})
		return p.Cells[0], p.Missing
	}
	const set = "set: {backbone: mobilenet_v2, regime: demo, weights: random, size: 64, epochs: 1"
	c, missing := basis(all, set+", batch: 32}")
	near(t, "twice the batch", c.StepSeconds, 1)
	if c.Basis.Train != "measured, other batch (error not known)" || c.Within != 0 || len(missing) != 1 ||
		strings.Join(missing[0].Command, " ") != "--backbone=mobilenet_v2 --regime=demo --mode=train --size=64 --batch=32" || missing[0].Cells != 1 {
		t.Errorf("%+v %+v", c.Basis, missing)
	}
	// With three batches, each can be derived from another, and the worst is told: .5 s for 8 gives
	// 1 s for 16 where .5 was measured.
	more := append(slices.Clone(all), train(64, 8, .5))
	c, _ = basis(more, set+", batch: 32}")
	if c.Basis.Train != "measured, other batch (within a factor of 2.00)" || c.Within != 2 {
		t.Errorf("%+v", c)
	}
	// Another network: by multiply-adds, the median of those that were measured.
	c, _ = basis(all, strings.Replace(set, "mobilenet_v2", "mobilenet", 1)+"}")
	if !strings.HasPrefix(c.Basis.Train, "measured, other network") || c.StepSeconds <= .5 || c.StepSeconds > 1.5 {
		t.Errorf("%v %v", c.Basis, c.StepSeconds)
	}
	// Augmentation costs at 64 px what it cost at 32 px, by pixel: .02 s for a quarter of the pixels.
	augmented := append(slices.Clone(all), train(32, 16, .2), train(32, 16, .22, bench.WorkAffine))
	c, missing = basis(augmented, set+", rotation: 90}")
	near(t, "augmented", c.StepSeconds, .58)
	if i := slices.IndexFunc(missing, func(m Missing) bool { return strings.HasPrefix(m.What, "training") }); i < 0 || !slices.Contains(missing[i].Command, "--rotation=90") {
		t.Errorf("%+v", missing)
	}
	// Two devices that shared the batch are no measurement of one.
	shared := train(64, 16, 9)
	shared.Devices = 2
	if c, _ = basis(append(slices.Clone(all), shared), set+"}"); c.StepSeconds != .5 {
		t.Errorf("a step of %v s", c.StepSeconds)
	}
	// Options that do not decide about the time are no reason to measure.
	if _, missing = basis(all, set+", learning-rate: .01, dropout: .2, label-smoothing: .1}"); len(missing) > 0 {
		t.Errorf("%+v", missing)
	}
	// Nothing at all.
	c, missing = basis(nil, set+"}")
	if c.Basis.Train != "not measured" || c.Seconds[1] != 0 || len(missing) != 4 {
		t.Errorf("%+v %+v", c, missing)
	}
}

// GPUs of the table: a published training counts as it is, by multiply-adds; a GPU without one gets
// that of another, times the smaller ratio of peaks and of bandwidths.
func TestGPUs(t *testing.T) {
	speed := func(name, precision, network string) float64 {
		d, err := FindDevice(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range d.published {
			if p.precision == precision && p.backbone == network {
				return float64(p.batch) / p.seconds
			}
		}
		return 0
	}
	near(t, "V100", speed("v100", "", "resnet50"), 412)
	near(t, "A100, bf16", speed("a100", "bf16", "resnet50"), 2375)
	near(t, "A100", speed("a100", "", "resnet50"), 412*19.5/15.7)
	near(t, "H100", speed("h100", "", "resnet50"), 412*3350./900)
	near(t, "T4", speed("t4", "", "resnet50"), 412*320./900)
	near(t, "RTX 3090, MobileNetV2", speed("rtx3090", "bf16", "mobilenet_v2"), 2313.1)
	near(t, "V100, MobileNetV2", speed("v100", "", "mobilenet_v2"), 412*2313.1/1218.01)
	if n := speed("v100", "bf16", "resnet50"); n != 0 {
		t.Errorf("the V100 has no bfloat16, but %v images/s", n)
	}
	if _, err := FindDevice("abacus"); err == nil || !strings.Contains(err.Error(), "v100") {
		t.Errorf("%v", err)
	}
	p := plan(t, "set: {backbone: resnet50, regime: md/as-printed}", PlanOptions{Device: Devices()[slices.Index(DeviceNames(), "v100")]})
	if !strings.HasPrefix(p.Cells[0].Basis.Train, "published of others, other batch") || p.Cells[0].MemoryBytes != 0 {
		t.Errorf("%+v", p.Cells[0])
	}
	// Its network is that of the table but for the top and the head.
	if ratio := p.Cells[0].StepSeconds / (32. / 412); math.Abs(ratio-1) > .02 {
		t.Errorf("the step is %.3f times the published one", ratio)
	}
}

func TestSlurmTime(t *testing.T) {
	for seconds, want := range map[float64]string{1: "0:15:00", 900: "0:15:00", 901: "0:30:00", 86399: "1-00:00:00", 90000: "1-01:00:00", 40000: "11:15:00"} {
		if got := slurmTime(seconds); got != want {
			t.Errorf("%v s: %s, want %s", seconds, got, want)
		}
	}
}

// The table of parts is what the protocols draw.
func TestHAM10000Parts(t *testing.T) {
	dir := os.Getenv("SKINATTN_DATA")
	if dir == "" {
		t.Skip("SKINATTN_DATA is not set")
	}
	data, err := ham10000.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(data.Records) != 10015 {
		t.Skipf("%s has %d photos: it is not HAM10000", dir, len(data.Records))
	}
	cells := expand(t, `
set: {backbone: mobilenet_v2, seed: 7}
grids:
  - axes: {protocol: [paper, datta828, grouped, isic2018]}
  - {set: {protocol: paper, test-share: .15}}
  - {set: {protocol: datta828, as-run: true}}
  - {set: {protocol: grouped, folds: 5, fold: 2}}
  - {set: {protocol: leak-pair, arm: with}}
`)
	for _, c := range cells {
		begin := c.begin()
		real, err := drawn(data, begin)
		if err != nil {
			t.Fatal(err)
		}
		key := partsKey{protocol: begin.Protocol, options: begin.Split}
		table := typical(key)
		for _, n := range [][2]int{{real.All, table.All}, {real.Train, table.Train}, {real.Val, table.Val}, {real.Test, table.Test}} {
			if d := float64(n[0] - n[1]); math.Abs(d) > .15*float64(n[1]) {
				t.Errorf("%s: %+v, the table has %+v", c.Name, real, table)
			}
		}
		if d := math.Abs(float64(real.Train - table.Train)); d > 200 {
			t.Errorf("%s: trains on %d, the table has %d", c.Name, real.Train, table.Train)
		}
	}
	if len(split.Names()) != len(ham10000Parts) {
		t.Errorf("the table has %d protocols of %d", len(ham10000Parts), len(split.Names()))
	}
}

// The data set that is given counts.
func TestPlanOfOtherData(t *testing.T) {
	data := &ham10000.Dataset{}
	for i := range 200 {
		data.Records = append(data.Records, ham10000.Record{ImageID: "ISIC_" + strings.Repeat("0", i+1), LesionID: "HAM_" + strings.Repeat("0", i+1), Dx: ham10000.Classes[i%7]})
	}
	p := plan(t, "set: {backbone: mobilenet_v2, regime: demo, weights: random, size: 64}", PlanOptions{Device: Device{Results: []bench.Result{train(64, 16, .5), infer(64, 32, .16)}}, Data: data})
	if n := p.Cells[0].StepsPerEpoch; n != 9 { // 140 photos, nearly
		t.Errorf("%d steps", n)
	}
}

func TestReadBench(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, "bench.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const one = `{"backbone": "resnet50", "mode": "train", "size": 224, "batch": 8, "step_seconds": [2, 1, 3]}`
	const host = `{"mode": "host", "size": 224, "host": {"photo_seconds": 0.01}}`
	for text, n := range map[string]int{
		one: 1, "[" + one + "," + one + "]": 2, one + "\n" + one + "\n[" + host + "]": 3,
		`{"steps": [{"name": "a", "values": {"x": 1}}, {"name": "b", "values": [` + one + `]}]}`: 1,
		`{"title": "x", "results": [` + host + "]}":                                              1,
	} {
		got, err := ReadBench(write(text))
		if err != nil || len(got) != n {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		`[{"engine": "cpu", ` + one[1:] + `, {"engine": "cuda", ` + one[1:] + "]": "the engine cuda beside those of cpu",
		"{": "no JSON", "[]": "no measurement", `{"mode": "dance"}`: `mode "dance"`,
		`{"backbone": "alexnet", "mode": "train"}`:                                                     "alexnet",
		`{"backbone": "resnet50", "mode": "train", "size": 9, "batch": 1, "step_seconds": []}`:         "no steps",
		`{"backbone": "resnet50", "mode": "train", "size": 9, "batch": 1, "step_seconds": [0]}`:        "no steps",
		`{"mode": "host", "size": 224}`:                                                                "lacks its numbers",
		`{"mode": "host", "size": 224, "host": {"photo_seconds": -1}}`:                                 "a time of -1 seconds",
		one[:len(one)-1] + `, "compile_seconds": -5}`:                                                  "impossible times",
		one[:len(one)-1] + `, "precision": "fp8"}`:                                                     `precision "fp8"`,
		one[:len(one)-1] + `, "work": ["cut=nothing"]}`:                                                `no layer is called "nothing"`,
		`{"backbone": "resnet50", "mode": "train", "size": 224, "batch": 8, "step_seconds": [1e308]}`:  "impossible times",
		`{"backbone": "resnet50", "mode": "train", "size": 99999999, "batch": 8, "step_seconds": [1]}`: "size is 99999999",
	} {
		_, err := ReadBench(write(text))
		if _, ok := errors.AsType[*BenchError](err); !ok || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := ReadBench(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzReadBench(f *testing.F) {
	f.Add([]byte(`{"backbone": "resnet50", "mode": "train", "size": 224, "batch": 8, "step_seconds": [2], "work": ["cut=x", "photos=3"]}`))
	f.Add([]byte(`[{"mode": "host", "size": 1, "host": {}}]`))
	f.Add([]byte(`{"steps": [{"values": []}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, r := range resultsIn(text) {
			if usable(r) == nil && r.Mode != bench.Host && !(r.MedianStep() > 0) {
				t.Errorf("%+v has no time", r)
			}
		}
	})
}

// Ten thousand cells are planned in little memory.
func TestPlanTenThousandCells(t *testing.T) {
	cells := expand(t, manyCells)
	device, err := FindDevice("epyc-2")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p, err := Estimate(cells, PlanOptions{Device: device})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 20<<20 || len(p.Cells) != 10_000 {
		t.Errorf("%d cells take %d MB", len(p.Cells), kept>>20)
	}
	if groups := p.Groups(false); len(groups) != 20 { // five networks, two regimes, two batches
		t.Errorf("%d groups", len(groups))
	}
}

func BenchmarkPlanTenThousandCells(b *testing.B) {
	f, err := Parse([]byte(manyCells), "sweep.yaml")
	if err != nil {
		b.Fatal(err)
	}
	device, err := FindDevice("epyc-2")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cells, _, err := f.Expand()
		if err == nil {
			_, err = Estimate(cells, PlanOptions{Device: device})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
