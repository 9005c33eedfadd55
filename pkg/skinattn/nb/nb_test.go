package nb

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// recorder is a screen that keeps what it is shown.
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
		{"", "", "a/synthetic-demo", true, ""},
		{"", "full", "a/synthetic-full", true, ""},
		{"/data", "demo", "a/real-demo", false, ""},
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
		wantData := c.data
		if c.synthetic {
			wantData = n.Path("data")
		}
		if n.Dir != filepath.Join(work, c.dir) || n.Synthetic != c.synthetic || n.DataDir != wantData {
			t.Errorf("%+v: got %+v", c, n)
		}
	}
}

// At demo scale nothing of an earlier run stays; at full scale all of it does.
func TestScaleDecidesWhatStays(t *testing.T) {
	for _, scale := range []Scale{Demo, Full} {
		record(t)
		t.Setenv(EnvWork, t.TempDir())
		t.Setenv(EnvData, "")
		t.Setenv(EnvScale, string(scale))
		n := Open("a")
		n.Start()
		if dir, resume := n.Run("run"); resume || dir != n.Path("run") {
			t.Fatalf("%s: a new run: got %s, resume %v", scale, dir, resume)
		}
		if err := os.MkdirAll(n.Path("run"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, resume := n.Run("run"); resume != (scale == Full) {
			t.Errorf("%s: resume is %v", scale, resume)
		}
		if err := os.MkdirAll(n.Path("old"), 0o755); err != nil {
			t.Fatal(err)
		}
		n.Start()
		if _, err := os.Stat(n.Path("old")); (err == nil) != (scale == Full) {
			t.Errorf("%s: after Start: %v", scale, err)
		}
		if got := ByScale("d", "f"); got != string(scale)[:1] {
			t.Errorf("%s: ByScale gives %q", scale, got)
		}
		weights := n.Weights("mobilenet_v2")
		if (weights == pipeline.RandomWeights) != (scale == Demo) || scale == Full && filepath.Ext(weights) != ".h5" {
			t.Errorf("%s: weights %q", scale, weights)
		}
	}
}

func TestData(t *testing.T) {
	r := record(t)
	t.Setenv(EnvWork, t.TempDir())
	t.Setenv(EnvData, "")
	t.Setenv(EnvScale, "")
	n := Open("a")
	first, err := n.data(t.Context(), 14)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Records) != 14 || first.RequireImages(first.Records) != nil {
		t.Fatalf("got %d records", len(first.Records))
	}
	path, _ := first.ImagePath(first.Records[0].ImageID)
	before, _ := os.Stat(path)
	if _, err = n.data(t.Context(), 14); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !after.ModTime().Equal(before.ModTime()) {
		t.Error("a second call drew the lesions anew")
	}
	if !strings.Contains(r.plain, "drawing synthetic lesions: 14") {
		t.Errorf("shown: %q", r.plain)
	}
	t.Setenv(EnvData, t.TempDir()) // a folder without a metadata table
	if _, err := Open("a").data(t.Context(), 14); err == nil {
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
	Gallery(2, Picture{image.NewRGBA(image.Rect(0, 0, 3, 3)), "a<b"}, Picture{image.NewRGBA(image.Rect(0, 0, 99, 99)), "c"})
	for _, part := range []string{"repeat(2,", "data:image/png;", "data:image/jpeg;", "<figcaption style=\"font-size: small\">a&lt;b</figcaption>"} {
		if !strings.Contains(r.pages[1], part) {
			t.Errorf("the gallery lacks %s", part)
		}
	}
}

// Training moves in place: one block of the page, whatever happens.
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

func TestInterpolate(t *testing.T) {
	heat := []float64{0, 1, 2, 3} // 2 x 2: rows add 2, columns 1
	for _, c := range []struct{ y, x, want float64 }{
		{0, 0, 0}, {1, 1, 3}, {.5, .5, 1.5}, {0, .25, .25}, {.5, 0, 1}, {-.5, -.5, 0}, {1.5, 2, 3},
	} {
		if got := interpolate(heat, 2, 2, c.y, c.x); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("at (%g, %g): got %g, want %g", c.y, c.x, got, c.want)
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
	if brightness(2) >= brightness(37)/2 {
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
