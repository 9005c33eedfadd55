package reproduce

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Cells in the order none, S, M, SM, W, SW, MW, SMW; by hand.
func TestEffectWeights(t *testing.T) {
	for set, want := range map[int][]float64{
		1: {-.25, .25, -.25, .25, -.25, .25, -.25, .25},
		2: {-.25, -.25, .25, .25, -.25, -.25, .25, .25},
		4: {-.25, -.25, -.25, -.25, .25, .25, .25, .25},
		3: {.5, -.5, -.5, .5, .5, -.5, -.5, .5},
		5: {.5, -.5, .5, -.5, -.5, .5, -.5, .5},
		7: {-1, 1, 1, -1, 1, -1, -1, 1},
	} {
		if got := effectWeights(set); !slices.Equal(got, want) {
			t.Errorf("set %b: %v, want %v", set, got, want)
		}
	}
	if got := effectSets(); !slices.Equal(got, []int{1, 2, 4, 3, 5, 6, 7}) {
		t.Errorf("sets %v", got)
	}
}

// The effects are those of the runs' own metrics, put together by hand.
func TestAblation(t *testing.T) {
	r := report(t, results(t), built)
	e, err := r.measured()
	if err != nil {
		t.Fatal(err)
	}
	if len(e.ablations) != 1 {
		t.Fatalf("%d ablations", len(e.ablations))
	}
	a := e.ablations[0]
	if !slices.Equal(a.seeds, []uint64{1, 2}) || !slices.Equal(a.missing, []string{"seed 3: Soft-Attention, class weights"}) {
		t.Errorf("seeds %v, missing %q", a.seeds, a.missing)
	}
	accuracy := func(seed, cell int) float64 { return a.runs[seed][cell].metrics.Accuracy }
	var bySeed []float64
	for seed := range 2 {
		with := accuracy(seed, 2) + accuracy(seed, 3) + accuracy(seed, 6) + accuracy(seed, 7)
		without := accuracy(seed, 0) + accuracy(seed, 1) + accuracy(seed, 4) + accuracy(seed, 5)
		bySeed = append(bySeed, (with-without)/4)
	}
	metadata := a.effects[1]
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }
	if got := metadata.values[0]; metadata.name != "metadata" || !near(got.Value, (bySeed[0]+bySeed[1])/2) || !near(got.sd, math.Abs(bySeed[0]-bySeed[1])/math.Sqrt2) {
		t.Errorf("%s: %+v, by seed %v", metadata.name, got, bySeed)
	}
	if mean := a.means[7].values[0]; a.means[7].name != "Soft-Attention, metadata, class weights" || !near(mean.Value, (accuracy(0, 7)+accuracy(1, 7))/2) {
		t.Errorf("%s: %+v", a.means[7].name, mean)
	}
	var p, adjusted []float64
	for _, e := range a.effects {
		for _, v := range e.values {
			p, adjusted = append(p, v.P), append(adjusted, v.adjusted)
		}
	}
	if holm, err := eval.Holm(p); err != nil || len(p) != 28 || !slices.Equal(holm, adjusted) {
		t.Errorf("%v after Holm %v, want %v (%v)", p, adjusted, holm, err)
	}
	for _, v := range a.effects[0].values { // Soft-Attention changes nothing in the fixtures
		if v.Value != 0 || v.clear() {
			t.Errorf("Soft-Attention: %+v", v)
		}
	}
}

func TestLeakPairOfRuns(t *testing.T) {
	r := report(t, results(t), built)
	e, err := r.measured()
	if err != nil {
		t.Fatal(err)
	}
	if len(e.pairs) != 1 {
		t.Fatalf("%d pairs", len(e.pairs))
	}
	p := e.pairs[0]
	if !slices.Equal(p.seeds, []uint64{1, 2}) || !slices.Equal(p.trained(), []string{"21", "21"}) || p.leakRate() != .75 {
		t.Errorf("seeds %v, %v training photos, leak rate %v", p.seeds, p.trained(), p.leakRate())
	}
	want := 0.0
	for seed := range p.seeds {
		want += (p.with[seed].metrics.Accuracy - p.without[seed].metrics.Accuracy) / 2
	}
	if got := p.populations[0].difference.values[0]; math.Abs(got.Value-want) > 1e-12 {
		t.Errorf("%+v, want %v", got, want)
	}
	// Four of twelve lesions of a class are tested with one photo, three of them with siblings.
	for i, images := range []string{"28", "21", "7"} {
		if got := p.populations[i]; !slices.Equal(got.images, []string{images, images}) {
			t.Errorf("%s: %v images", got.name, got.images)
		}
	}
	// The whole is the weighted mean of its two parts.
	part := func(i int) float64 { return p.populations[i].difference.values[0].Value }
	if math.Abs(.75*part(1)+.25*part(2)-part(0)) > 1e-12 {
		t.Errorf("%v of the parts, %v of all", .75*part(1)+.25*part(2), part(0))
	}
}

// The third seed lacks a run without metadata (which is cell 5 of the ablation).
func TestArchiveSites(t *testing.T) {
	r := report(t, results(t), built)
	e, err := r.measured()
	if err != nil {
		t.Fatal(err)
	}
	if len(e.sites) != 1 {
		t.Fatalf("%d experiments", len(e.sites))
	}
	s := e.sites[0]
	if !slices.Equal(s.seeds, []uint64{1, 2, 3}) || s.without != nil || len(s.effects) != 1 || len(s.means) != 2 {
		t.Fatalf("seeds %v, %d runs without metadata, %d differences, %d means", s.seeds, len(s.without), len(s.effects), len(s.means))
	}
	mean := func(runs []*Run) (sum float64) {
		for _, run := range runs {
			sum += run.metrics.Accuracy / float64(len(runs))
		}
		return sum
	}
	published, archive := mean(s.published), mean(s.archive)
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }
	if got := s.effects[0].values[0]; !near(got.Value, archive-published) || s.published[0].Name != "cell-7-seed1" || s.archive[0].Name != "archive-seed1" {
		t.Errorf("%s less %s: %+v, want %v", s.archive[0].Name, s.published[0].Name, got, archive-published)
	}
	if !near(s.means[0].values[0].Value, published) || !near(s.means[1].values[0].Value, archive) {
		t.Errorf("means %+v, want %v and %v", s.means, published, archive)
	}
	if s.archive[0].variant() != coarseSites || s.archive[0].fills("mobilenet_v2", "md") || s.archive[0].setting() == s.published[0].setting() {
		t.Error("a run on the archive's sites counts as one on the published sites")
	}

	two := slices.DeleteFunc(slices.Concat(s.published, s.archive, r.studies), func(run *Run) bool { return run.config.Seed == 3 })
	found, err := r.siteStudies(two)
	if err != nil || len(found) != 1 || len(found[0].without) != 2 || len(found[0].effects) != 2 || len(found[0].means) != 3 {
		t.Fatalf("with runs without metadata: %+v, %v", found, err)
	}
	if got, want := found[0].effects[1].values[0].Value, mean(found[0].without)-mean(found[0].published); !near(got, want) || found[0].without[1].Name != "cell-5-seed2" {
		t.Errorf("%s: %v, want %v", found[0].effects[1].name, got, want)
	}
}

// The base of trials is the run that all others are near to; the values are those of the validation part.
func TestRecipe(t *testing.T) {
	r := report(t, results(t), built)
	e, err := r.measured()
	if err != nil {
		t.Fatal(err)
	}
	if len(e.recipes) != 1 {
		t.Fatalf("%d experiments", len(e.recipes))
	}
	p := e.recipes[0]
	var names []string
	accuracy := map[string]float64{}
	for _, run := range append([]*Run{p.base}, p.trials...) {
		names = append(names, run.Name)
		table, err := run.folder.Predictions(split.Val)
		if err != nil {
			t.Fatal(err)
		}
		m, err := table.Score(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		accuracy[run.Name] = m.Accuracy
	}
	if !slices.Equal(names, []string{"c-base", "d-two", "b-longer", "a-mixup"}) {
		t.Errorf("the base and its trials are %q", names)
	}
	for i, want := range []string{"ema 0.99, label_smoothing 0.2", "epochs 600", "mix.mixup 0.2"} {
		change := accuracy[names[1+i]] - accuracy["c-base"]
		if got := p.effects[i]; got.name != want || math.Abs(got.values[0].Value-change) > 1e-12 {
			t.Errorf("%s: %+v, want %s: %v", got.name, got.values[0], want, change)
		}
	}
	if got := p.means[0].values[0].Value; p.means[0].name != "nothing" || math.Abs(got-accuracy["c-base"]) > 1e-12 || p.images != 49 {
		t.Errorf("%s: %v of %d, want %v", p.means[0].name, got, p.images, accuracy["c-base"])
	}
	// One trial: both runs are as far from the other, and the base is nearer to the regime. A repetition is no trial.
	again := *p.base
	found, err := r.recipes([]*Run{p.trials[2], &again, p.base})
	if err != nil || len(found) != 1 || found[0].base != &again || !slices.Equal(found[0].trials, p.trials[2:]) {
		t.Errorf("of one trial: %+v, %v", found, err)
	}
	if v := r.recipeView(p); len(v.Clear) != 1 || !strings.HasPrefix(v.Clear[0], "`mix.mixup 0.2` lowers the accuracy") {
		t.Errorf("%q", v.Clear)
	}
}

func TestSentences(t *testing.T) {
	of := func(value, adjusted float64) measured {
		return measured{Effect: eval.Effect{Value: value, CI: eval.Interval{Low: value - .01, High: value + .01}}, adjusted: adjusted}
	}
	e := effect{"x", []measured{of(.02, .01), of(-.03, .04), of(.01, .2), of(0, math.NaN())}}
	const want = "It raises the accuracy (+0.020 [0.010, 0.030]), lowers the balanced accuracy (-0.030 [-0.040, -0.020]) and has no measurable effect on the macro F1 (+0.010 [0.000, 0.020]) and the macro AUROC (+0.000 [-0.010, 0.010])."
	if got := sentence("It", e); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	a := &ablation{effects: slices.Repeat([]effect{e}, 7)}
	if got := a.sentences(); len(got) != 4 || !strings.HasPrefix(got[2], "**Class weights** raise the accuracy") || !strings.Contains(got[3], "x in the accuracy (+0.020") {
		t.Errorf("%q", got)
	}
	for i := range e.values {
		e.values[i].adjusted = 1
	}
	a = &ablation{effects: slices.Repeat([]effect{e}, 7)}
	if got := a.sentences(); got[3] != "No interaction of the three differs from zero." {
		t.Errorf("%q", got[3])
	}
}

// The runs of studies are no rows of the paper, and stand in no table of runs.
func TestStudiesStandApart(t *testing.T) {
	dir := results(t)
	runs, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, run := range runs {
		counts[run.Study]++
	}
	if counts[""] != len(fixtures) || counts["ablation"] != 23 || counts["leak-pair"] != 5 || counts["archive-sites"] != 3 || counts["recipe"] != 4 {
		t.Errorf("%v", counts)
	}
	if r := report(t, dir, built); len(r.Runs) != len(fixtures) || len(r.studies) != 35 {
		t.Errorf("%d runs, %d of studies", len(r.Runs), len(r.studies))
	}
	for _, page := range []string{"index.md", "deviations.md", "tables/table-5.md"} {
		if strings.Contains(pages()[page], "cell-7-seed1") {
			t.Errorf("%s shows a run of a study", page)
		}
	}
}

func TestFrozenRunIsNoRowOfThePaper(t *testing.T) {
	r := report(t, results(t), built)
	run := r.Runs[slices.IndexFunc(r.Runs, func(run *Run) bool { return run.Name == "b-grouped" })]
	if !run.fills("mobilenet_v2", "md") {
		t.Fatal("b-grouped is no row")
	}
	run.config.Regime.Freeze = []spec.Freeze{{Layers: spec.Backbone, Epochs: 2}}
	if !run.fills("mobilenet_v2", "md") {
		t.Error("frozen at first: no row")
	}
	run.config.Regime.Freeze = []spec.Freeze{{Layers: spec.Backbone}}
	if run.fills("mobilenet_v2", "md") || run.variant() != "frozen backbone" {
		t.Errorf("frozen: a row, or variant %q", run.variant())
	}
}

// RESULTS.md, the table of README.md and the figures of docs/img are what 'reproduce' makes
// of the committed runs; with -update they are written anew.
func TestCommittedPages(t *testing.T) {
	networks, err := BuiltNetworks()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..", "..")
	r := report(t, filepath.Join(root, "results"), networks)
	files, err := r.files()
	if err != nil {
		t.Fatal(err)
	}
	made := byName(files)
	const command = "go test ./pkg/skinattn/reproduce -run Committed -update"
	measured, err := r.measuredRows()
	if err != nil {
		t.Fatal(err)
	}
	testgolden.Generated(t, filepath.Join(root, "README.md"), command, measured.Markdown(), *update)
	page := filepath.Join(root, ResultsFile)
	if *update {
		writeText(t, page, made[ResultsFile])
	}
	if want, err := os.ReadFile(page); err != nil || string(want) != made[ResultsFile] {
		t.Errorf("%s is out of date (%v); '%s' writes it anew", page, err, command)
	}
	figures, err := r.StudyFigures()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		var png bytes.Buffer
		if err := plots.Encode(&png, "png", f.Figure, studyStyle()); err != nil {
			t.Fatal(err)
		}
		testgolden.Check(t, filepath.Join(root, "docs", "img", filepath.Base(f.Name)+".png"), png.Bytes(), *update)
	}
}
