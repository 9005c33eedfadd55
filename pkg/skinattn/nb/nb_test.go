package nb

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// recorder is a screen that keeps all output.
type recorder struct {
	pages   []string // of html
	plain   string
	updates map[string][]string
}

func (r *recorder) html(page, plain string) { r.pages = append(r.pages, page); r.plain += plain }
func (r *recorder) update(id, page, plain string) {
	r.updates[id] = append(r.updates[id], page)
	r.plain += plain
}

func record(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{updates: map[string][]string{}}
	before := out
	out = r
	t.Cleanup(func() { out = before })
	return r
}

// exits replaces the end of the program and returns where its status is kept,
// -1 until then.
func exits(t *testing.T) *int {
	status := -1
	before := exit
	exit = func(code int) { status = code }
	t.Cleanup(func() { exit = before })
	return &status
}

func TestCheck(t *testing.T) {
	record(t)
	status := exits(t)
	Check(nil)
	Assert(true, "one is %d", 1)
	if got := Must(7, nil); got != 7 || *status != -1 {
		t.Fatalf("got %d and exit status %d, want 7 and none", got, *status)
	}
	for name, f := range map[string]func(){
		"Check":  func() { Check(errors.New("two\nlines")) },
		"Must":   func() { Must(0, errors.New("no")) },
		"Assert": func() { Assert(false, "one is two") },
	} {
		*status = -1
		if f(); *status != 1 {
			t.Errorf("%s: exit status %d, want 1", name, *status)
		}
	}
}

func TestOpen(t *testing.T) {
	work := t.TempDir()
	for _, c := range []struct {
		data, scale, dir string
		synthetic        bool
		wrong            string
	}{
		{"", "", "synthetic-demo", true, ""},
		{"", "full", "synthetic-full", true, ""},
		{"/data", "demo", "real-demo", false, ""},
		{"", "Full", "", false, `$SKINATTN_SCALE is "Full"; it must be demo or full`},
	} {
		t.Setenv(EnvWork, work)
		t.Setenv(EnvData, c.data)
		t.Setenv(EnvScale, c.scale)
		n, err := open("a")
		if c.wrong != "" {
			if err == nil || err.Error() != c.wrong {
				t.Errorf("%+v: got error %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		base := filepath.Join(work, c.dir)
		wantData := c.data
		if c.synthetic {
			wantData = filepath.Join(base, "data")
		}
		if n.Dir != filepath.Join(base, "a") || n.RunDir != filepath.Join(base, "runs") || n.Synthetic != c.synthetic || n.DataDir != wantData {
			t.Errorf("%+v: got %+v", c, n)
		}
	}
}

// bookAt opens a notebook with its folders in a place of the test's own.
func bookAt(t *testing.T, data string, s Scale) *Notebook {
	t.Helper()
	t.Setenv(EnvWork, t.TempDir())
	t.Setenv(EnvData, data)
	t.Setenv(EnvScale, string(s))
	return Open("a")
}

// Start empties the notebook's own folder and nothing else.
func TestStart(t *testing.T) {
	record(t)
	n := bookAt(t, "", Full)
	for _, dir := range []string{n.Path("old"), filepath.Join(n.RunDir, "kept"), filepath.Join(n.DataDir, "kept")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n.Start()
	for path, kept := range map[string]bool{n.Dir: true, n.Path("old"): false, filepath.Join(n.RunDir, "kept"): true, filepath.Join(n.DataDir, "kept"): true} {
		if _, err := os.Stat(path); (err == nil) != kept {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got := ByScale("d", "f"); got != "f" {
		t.Errorf("ByScale gives %q", got)
	}
}

func TestWeights(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(weights.EnvDir, folder)
	path, err := weights.Path("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	check := func(n *Notebook, want string) {
		t.Helper()
		if got, err := n.weights("mobilenet_v2"); err != nil || got != want {
			t.Errorf("%s, synthetic %v: got %q, %v; want %q", n.Scale, n.Synthetic, got, err, want)
		}
	}
	check(bookAt(t, "", Demo), pipeline.RandomWeights)
	check(bookAt(t, "/data", Demo), pipeline.RandomWeights) // there is no file
	check(bookAt(t, "/data", Full), path)                   // whose absence training tells
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	check(bookAt(t, "", Demo), pipeline.RandomWeights)
	check(bookAt(t, "/data", Demo), path)
}

// A run is trained once for its options, by the first notebook that needs it.
func TestTrain(t *testing.T) {
	r := record(t)
	t.Setenv(engine.EnvEngine, engine.Go)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	data := t.TempDir()
	if err := synthetic.Generate(t.Context(), data, synthetic.Options{Images: 40, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	n := bookAt(t, data, Demo)
	opts := n.TrainOptions(t.Context(), "mobilenet_v2")
	opts.Network.Size, opts.Network.Cut, opts.Regime.Epochs = 32, "Conv1_relu", 2 // the first layers alone
	first := n.Train(t.Context(), "tiny", opts)
	if got := Predictions(first, split.Test); got.Len() == 0 {
		t.Error("no predictions of the test part")
	}
	if got := n.Records(t.Context(), first, split.Test); len(got) != Predictions(first, split.Test).Len() {
		t.Errorf("%d records of the test part", len(got))
	}
	network := Model(t.Context(), first)
	defer network.Close()
	if network.Cut != opts.Network.Cut {
		t.Errorf("the run's network is cut at %s", network.Cut)
	}
	metrics, err := os.Stat(first.Path(run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	ShowTraining(first) // shown while it was trained
	delete(shown, first.Dir)
	again := n.Train(t.Context(), "tiny", opts)
	ShowTraining(again)
	if after, err := os.Stat(again.Path(run.MetricsFile)); err != nil || !os.SameFile(metrics, after) || !after.ModTime().Equal(metrics.ModTime()) {
		t.Errorf("a second call trained anew: %s after %s, %v", again.Dir, first.Dir, err)
	}
	var ends []string // of both: table and curves
	for _, drawn := range r.updates {
		if last := drawn[len(drawn)-1]; strings.Count(last, "<tr>") == 3 && strings.Contains(last, "data:image/svg+xml") {
			ends = append(ends, strings.ReplaceAll(last, ">best<", "><"))
		}
	}
	if len(ends) != 2 || ends[0] != ends[1] {
		t.Errorf("%d finished trainings are shown, want 2 alike: %q", len(ends), ends)
	}
	opts.Seed = 2
	if other, err := runKey(opts); err != nil || strings.HasSuffix(first.Dir, other) {
		t.Errorf("another seed has the same key %s, %v", other, err)
	}
	for pattern, want := range map[string]int{"*": 1, "tiny*": 1, "other*": 0} {
		if got := n.Runs(pattern); len(got) != want {
			t.Errorf("%d runs match %s, want %d", len(got), pattern, want)
		}
	}
}

// The committed runs are found from any folder of the repository.
func TestResults(t *testing.T) {
	for _, folder := range Results("*grouped*") {
		if Predictions(folder, split.Test).Len() == 0 {
			t.Errorf("%s has no predictions", folder.Dir)
		}
	}
	if len(Results("*")) <= len(Results("*grouped*")) {
		t.Error("the pattern selects nothing")
	}
}

func TestSample(t *testing.T) {
	record(t)
	var records []ham10000.Record // 1,800 photos of 900 lesions
	for i := range 900 {
		for j := range 2 {
			records = append(records, ham10000.Record{ImageID: fmt.Sprintf("ISIC_%d%d", i, j), LesionID: fmt.Sprintf("HAM_%d", i),
				Dx: ham10000.Classes[i%ham10000.NumClasses], Age: 50, Sex: "female", Localization: "back"})
		}
	}
	all := &ham10000.Dataset{Records: records}
	small, err := bookAt(t, "/data", Demo).sample(all)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(small.Records); n < 550 || n > 650 || len(all.Records) != 1800 {
		t.Errorf("the sample has %d photos", n)
	}
	photos := map[string]int{}
	for _, r := range small.Records {
		photos[r.LesionID]++
	}
	for lesion, n := range photos {
		if n != 2 {
			t.Errorf("lesion %s is torn: %d photos", lesion, n)
		}
	}
	if full, err := bookAt(t, "/data", Full).sample(all); err != nil || len(full.Records) != 1800 {
		t.Errorf("full scale takes %d photos, %v", len(full.Records), err)
	}
}

func TestData(t *testing.T) {
	r := record(t)
	n := bookAt(t, "", Demo)
	opts := synthetic.Options{Images: 14, Seed: SyntheticSeed, Masks: true}
	first, err := n.data(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Records) != 14 || first.RequireImages(first.Records) != nil {
		t.Fatalf("got %d records", len(first.Records))
	}
	path, _ := first.ImagePath(first.Records[0].ImageID)
	before, _ := os.Stat(path)
	if _, err = n.data(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !after.ModTime().Equal(before.ModTime()) {
		t.Error("a second call drew the lesions anew")
	}
	if !strings.Contains(r.plain, "drawing synthetic lesions: 14") {
		t.Errorf("shown: %q", r.plain)
	}
	if _, err := bookAt(t, t.TempDir(), Demo).data(t.Context(), opts); err == nil { // without a metadata table
		t.Error("an empty folder passes for data")
	}

	p, err := Photo(path, "caption")
	if err != nil || p.Image.Bounds().Dx() != thumbnailWidth || p.Image.Bounds().Dy() != 120 { // 320 x 240 photos
		t.Errorf("thumbnail: %v, %v", p, err)
	}
	square, err := Square(path, 50)
	if err != nil || square.Bounds() != image.Rect(0, 0, 50, 50) {
		t.Errorf("square: %v, %v", square, err)
	}
	for _, read := range []func(string) error{
		func(p string) error { _, err := Photo(p, ""); return err },
		func(p string) error { _, err := Square(p, 9); return err },
		figure,
	} {
		if err := read(filepath.Join(t.TempDir(), "gone.png")); err == nil || !strings.Contains(err.Error(), "gone.png") {
			t.Errorf("a missing file: got error %v, want one that names it", err)
		}
	}
	if err := figure(first.MetadataFile); err == nil {
		t.Error("a table passes for a figure")
	}
}

func TestTable(t *testing.T) {
	r := record(t)
	Table([]string{"class", "n"}, [][]string{{"a<b", "12"}, {"c", "-3.5"}, {"d"}})
	want := `<table><thead><tr><th style="text-align: left">class</th><th style="text-align: right">n</th></tr></thead><tbody>` +
		`<tr><td style="text-align: left">a&lt;b</td><td style="text-align: right">12</td></tr>` +
		`<tr><td style="text-align: left">c</td><td style="text-align: right">-3.5</td></tr>` +
		`<tr><td style="text-align: left">d</td></tr></tbody></table>`
	if r.pages[0] != want {
		t.Errorf("got  %s\nwant %s", r.pages[0], want)
	}
	if r.plain != "class  n\na<b    12\nc      -3.5\nd\n" {
		t.Errorf("plain: %q", r.plain)
	}
}

func TestFigureAndGallery(t *testing.T) {
	r := record(t)
	path := filepath.Join(t.TempDir(), `roc_"1".svg`)
	if err := os.WriteFile(path, []byte("<svg/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	Figure(path)
	// printf '<svg/>' | base64
	if want := `<img alt="roc &#34;1&#34;" style="max-width: 100%" src="data:image/svg+xml;base64,PHN2Zy8+">`; r.pages[0] != want {
		t.Errorf("got  %s\nwant %s", r.pages[0], want)
	}
	Plot(plots.NewDistribution([]string{"a", "b"}, []int{1, 2}))
	if want := "data:image/svg+xml;base64,"; !strings.Contains(r.pages[1], want) {
		t.Errorf("the plot shows %s", r.pages[1])
	}
	Gallery(2, Picture{image.NewRGBA(image.Rect(0, 0, 3, 3)), "a<b"}, Picture{image.NewRGBA(image.Rect(0, 0, 99, 99)), "c"})
	for _, part := range []string{"repeat(2,", "data:image/png;", "data:image/jpeg;", "<figcaption style=\"font-size: small\">a&lt;b</figcaption>"} {
		if !strings.Contains(r.pages[2], part) {
			t.Errorf("the gallery lacks %s", part)
		}
	}
}

// Training is shown in place: all updates go to one block of the page.
func TestTraining(t *testing.T) {
	r := record(t)
	clock := time.Unix(0, 0)
	now = func() time.Time { return clock }
	t.Cleanup(func() { now = time.Now })

	var view training.Watcher = NewTraining()
	view.StartEpoch(1, 2, 100)
	for done := 10; done <= 90; done += 10 { // all at once: none is drawn
		view.Step(done, 1.5, .5)
	}
	view.Step(100, 1.25, .625)
	clock = clock.Add(time.Second)
	view.EndEpoch(run.Epoch{Epoch: 1, Seconds: 2.04, TrainImagesPerSecond: 49, LearningRate: .001, TrainLoss: 1.25,
		TrainAccuracy: .625, ValLoss: 1.5, ValAccuracy: .5, ValBalancedAccuracy: .25}, true)

	if len(r.updates) != 1 {
		t.Fatalf("%d blocks in the page, want 1", len(r.updates))
	}
	for _, drawn := range r.updates {
		if len(drawn) != 3 {
			t.Fatalf("drawn %d times, want 3: at the start, with the last image, at the end", len(drawn))
		}
		if !strings.Contains(drawn[1], `value="100" max="100"`) || !strings.Contains(drawn[1], "epoch 1 of at most 2: loss 1.250, accuracy 0.625") {
			t.Errorf("the last step shows %s", drawn[1])
		}
		if strings.Contains(drawn[2], "<progress") || strings.Count(drawn[2], "<tr>") != 2 {
			t.Errorf("the end shows %s", drawn[2])
		}
	}
	want := "epoch 1  seconds 2.0  images/s 49  rate 0.001  train loss 1.250  train acc. 0.625  val. loss 1.500  val. acc. 0.500  val. bal. acc. 0.250   best\n"
	if r.plain != want {
		t.Errorf("plain: got %q, want %q", r.plain, want)
	}
}

func TestMeanMap(t *testing.T) {
	// Two heads of 1 x 2; the mean by hand.
	got, err := MeanMap([]float32{1, 0, .5, .5}, []int{2, 1, 2})
	if err != nil || got[0] != .75 || got[1] != .25 {
		t.Errorf("got %v, %v, want [0.75 0.25]", got, err)
	}
	for _, shape := range [][]int{nil, {2, 2}, {2, 1, 3}} {
		if _, err := MeanMap([]float32{1, 0, .5, .5}, shape); err == nil {
			t.Errorf("shape %v passes", shape)
		}
	}
}

func TestOverlay(t *testing.T) {
	base := image.NewGray(image.Rect(0, 0, 40, 20))
	for i := range base.Pix {
		base.Pix[i] = 100
	}
	img, err := Overlay(base, []float64{0, 1}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	brightness := func(x int) int { return int(color.GrayModel.Convert(img.At(x, 10)).(color.Gray).Y) }
	for x := 11; x < 40; x++ {
		if brightness(x) < brightness(x-1)-1 { // the rounding of grey levels
			t.Fatalf("column %d is darker than the one before: heat rises to the right", x)
		}
	}
	if brightness(2) >= brightness(37)*2/3 {
		t.Errorf("cold %d is not far darker than hot %d", brightness(2), brightness(37))
	}
	if _, err := Overlay(base, []float64{1, 1}, 1, 2); err != nil {
		t.Errorf("an even map: %v", err)
	}
	if _, err := Overlay(base, []float64{1}, 1, 2); err == nil {
		t.Error("a map of the wrong size passes")
	}
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	s := terminal{&b}
	s.html("<b>page</b>", "plain\n")
	s.update("id", "<i>page</i>", "")
	if b.String() != "plain\n" {
		t.Errorf("got %q", b.String())
	}
}
