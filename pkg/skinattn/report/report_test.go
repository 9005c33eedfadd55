package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

const (
	groupedRun = "../../../results/mobilenet_v2-grouped-128px-seed1"
	paperRun   = "../../../results/mobilenet_v2-paper-128px-seed1"
)

// few resamples are enough where intervals do not matter.
var few = Options{Intervals: eval.Options{Resamples: 20, Seed: 1}}

func made(t *testing.T, opts Options, dirs ...string) string {
	t.Helper()
	page, err := Make(t.Context(), dirs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// The page shows the numbers of metrics.json, is the same when made again, and asks for
// nothing from outside.
func TestPage(t *testing.T) {
	opts := Options{Intervals: eval.DefaultOptions()}
	page := made(t, opts, groupedRun)
	folder, err := run.Open(groupedRun)
	if err != nil {
		t.Fatal(err)
	}
	m, err := folder.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("accuracy %.3f [%.3f, %.3f]", m.Accuracy, m.CI["accuracy"].Low, m.CI["accuracy"].High),
		fmt.Sprintf("balanced accuracy (mean recall) %.3f [%.3f, %.3f]", m.BalancedAccuracy, m.CI["balanced_accuracy"].Low, m.CI["balanced_accuracy"].High),
		"No reported image shows a lesion that was trained on.",
		"skinattn train --backbone mobilenet_v2 --regime md/as-run --protocol grouped --size 128",
		"not a medical device",
		fmt.Sprintf("%d<span class=\"hidden\"> images of mel predicted as nv", m.Confusion[4][5]),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if again := made(t, opts, groupedRun); again != page {
		t.Error("the same run gives another page")
	}
	if len(page) > 5<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if found := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?\s*(https?:)?//|@import|url\(|%!|\bNaN\b`).FindString(withoutScript(page)); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// A regime with a falling learning rate keeps the last weights, the authors' the best ones.
func TestKeptEpoch(t *testing.T) {
	if page := made(t, few, "../../../results/mobilenet_v2-modern-grouped-128px-seed1"); !strings.Contains(page, "30 epochs; the kept weights are those of epoch 30.") {
		t.Error("modern keeps the last epoch's weights")
	}
	folder, err := run.Open(groupedRun)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := folder.History()
	if err != nil {
		t.Fatal(err)
	}
	if page := made(t, few, groupedRun); !strings.Contains(page, fmt.Sprintf("%d epochs; the kept weights are those of epoch %d.", len(rows), run.BestEpoch(rows))) {
		t.Error("md/as-run keeps the weights of the best epoch")
	}
}

// withoutScript is a page without its scripts.
func withoutScript(page string) string {
	return regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).ReplaceAllString(page, "")
}

// The rate is that of the run's split.json, which covers the same images.
func TestLeakIsSaid(t *testing.T) {
	page := made(t, few, paperRun)
	folder, err := run.Open(paperRun)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(split.SummaryPath(folder.Path(run.SplitFile)))
	if err != nil {
		t.Fatal(err)
	}
	var summary split.Summary
	if err := json.Unmarshal(text, &summary); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("(%.1f %%) show lesions that were trained on", 100**summary.LeakRate), "<strong>Leak.</strong>", "The reported images also chose the epoch.",
		"a calibration fitted on them would flatter itself"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Two runs of other splits are compared on the images that they share.
func TestSideBySide(t *testing.T) {
	page := made(t, few, groupedRun, paperRun)
	a, b := readTable(t, groupedRun), readTable(t, paperRun)
	common, others, _ := eval.Shared(a, b)
	c, err := eval.Compare(t.Context(), common, others, few.Intervals)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("on the %d images that both report (of 996 and 1,989)", common.Len()),
		fmt.Sprintf("<td>%s<span", strings.ReplaceAll(fmt.Sprintf("%+.3f", c.Differences[0].Difference), "+", "&#43;")),
		"mobilenet_v2-paper-128px-seed1 was trained on lesions of such images, which favours it.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func readTable(t *testing.T, dir string) *eval.Table {
	t.Helper()
	table, err := eval.ReadPredictions(filepath.Join(dir, run.PredictionsFile(split.Test)))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Text from files stays text.
func TestHostileText(t *testing.T) {
	const hostile = `</script><img src=x onerror=alert(1)>`
	dir := filepath.Join(t.TempDir(), "<b>run")
	if err := os.CopyFS(dir, os.DirFS(groupedRun)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, run.PredictionsFile(split.Test))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfterN(text, []byte("\n"), 3)
	fields := bytes.SplitN(lines[1], []byte(","), 2)
	lines[1] = append([]byte(hostile+","), fields[1]...)
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o666); err != nil {
		t.Fatal(err)
	}
	page := made(t, few, dir)
	if strings.Contains(page, hostile) || strings.Contains(page, "<b>run") {
		t.Error("text of the run's files is markup in the page")
	}
	if !strings.Contains(page, "1 reported images are not in the split") {
		t.Error("an image that the split lacks goes unsaid")
	}
}

// Groups are the metrics of their images, and photos come with their maps.
func TestGroupsAndPhotos(t *testing.T) {
	table := readTable(t, groupedRun)
	p := table.Predictions()
	data := &ham10000.Dataset{Dir: "data"}
	right, men := 0, 0
	for i, id := range p.ImageIDs {
		r := ham10000.Record{ImageID: id, LesionID: p.LesionIDs[i], Dx: p.Classes[p.Truth[i]], Sex: ham10000.Sexes[i%2], Localization: "back", Age: float64(30 + i%3*15)}
		if i%10 == 0 {
			r.Age = math.NaN()
		}
		if r.Sex == "male" {
			if men++; p.Predicted(i) == p.Truth[i] {
				right++
			}
		}
		data.Records = append(data.Records, r)
	}
	opts := few
	opts.Data = data
	page := made(t, opts, groupedRun)
	row := regexp.MustCompile(`<th scope="row">male</th><td class="n">([\d,]+)</td><td class="n">[\d,]+</td><td>([\d.]+)<`).FindStringSubmatch(page)
	if row == nil || row[1] != eval.FormatThousands(men) || row[2] != fmt.Sprintf("%.3f", float64(right)/float64(men)) {
		t.Errorf("men are %v; of %d images %d are right", row, men, right)
	}
	if strings.Contains(page, "Made without the data set") || !strings.Contains(page, `<th scope="row">unknown</th>`) {
		t.Error("a group is missing")
	}
}

// A photo of the data set and the map beside it are in the page.
func TestPhotos(t *testing.T) {
	dir := t.TempDir()
	table := readTable(t, groupedRun)
	p := table.Predictions()
	var rows strings.Builder
	rows.WriteString("lesion_id,image_id,dx,dx_type,age,sex,localization\n")
	for i, id := range p.ImageIDs[:3] {
		fmt.Fprintf(&rows, "%s,%s,%s,histo,50,male,back\n", p.LesionIDs[i], id, p.Classes[p.Truth[i]])
		var photo bytes.Buffer
		if err := encode(&photo, image.NewRGBA(image.Rect(0, 0, 8, 6))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id+".jpg"), photo.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "HAM10000_metadata.csv"), []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	opts := few
	var err error
	if opts.Data, err = ham10000.Open(dir); err != nil {
		t.Fatal(err)
	}
	asked := 0
	opts.Overlays = func(_ context.Context, _ string, paths []string, size int) ([]attention.Overlay, error) {
		asked = len(paths)
		pictures := make([]attention.Overlay, len(paths))
		for i := range pictures {
			pictures[i] = attention.Overlay{Picture: image.NewRGBA(image.Rect(0, 0, size, size)), Low: .9, High: 1.1}
		}
		return pictures, nil
	}
	page := made(t, opts, groupedRun)
	if n := strings.Count(page, `"photo":"data:image/jpeg;base64,`); n != 3 || asked != 3 || strings.Count(page, `"overlay":"data:image/jpeg;base64,`) != 3 ||
		strings.Count(page, `"weights":"0.9 to 1.1, nearly even"`) != 3 {
		t.Errorf("%d photos, maps of %d", n, asked)
	}
	if !strings.Contains(page, "1986 reported images are not in the data set") {
		t.Error("the images without a record go unsaid")
	}
}

// The script's curve is eval's, and its other numbers are worked by hand.
func TestStatistics(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not there to run the page's script")
	}
	table := readTable(t, groupedRun)
	scores, positive, err := table.Scores(4)
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"scores": scores, "positive": positive})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "-e", statsJS+`
const {scores, positive} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const points = curve(scores, positive), last = points[points.length - 1];
console.log(JSON.stringify({
  tpr: points.map(q => q.tp / last.tp), fpr: points.map(q => q.fp / last.fp),
  // Sensitivity 90 of 100, specificity 160 of 200, prevalence 10 %.
  rates: rates({tp: 90, fp: 40}, 100, 200, .1),
  // At threshold .2 the point of threshold .3 counts: .9*.1 - .2*.9*.25.
  benefit: netBenefit([{threshold: Infinity, tp: 0, fp: 0}, {threshold: .3, tp: 90, fp: 40}, {threshold: .1, tp: 100, fp: 200}], 100, 200, .2, .1),
  all: treatAll(.2, .1)}))`)
	command.Stdin = bytes.NewReader(input)
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		TPR, FPR     []float64
		Rates        struct{ Sensitivity, Specificity, PPV, NPV float64 }
		Benefit, All float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want, err := table.ROC(4)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.TPR) != len(want.TPR) {
		t.Fatalf("%d points, eval has %d", len(got.TPR), len(want.TPR))
	}
	for i := range want.TPR {
		if math.Abs(got.TPR[i]-want.TPR[i]) > 1e-12 || math.Abs(got.FPR[i]-want.FPR[i]) > 1e-12 {
			t.Fatalf("point %d is (%g, %g), eval has (%g, %g)", i, got.FPR[i], got.TPR[i], want.FPR[i], want.TPR[i])
		}
	}
	for name, pair := range map[string][2]float64{
		"sensitivity": {got.Rates.Sensitivity, .9}, "specificity": {got.Rates.Specificity, .8},
		"positive predictive value": {got.Rates.PPV, .09 / (.09 + .18)}, "negative predictive value": {got.Rates.NPV, .72 / (.72 + .01)},
		"net benefit": {got.Benefit, .09 - .18*.25}, "net benefit of treating all": {got.All, .1 - .9*.25},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-12 {
			t.Errorf("%s is %g, want %g", name, pair[0], pair[1])
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := Make(t.Context(), nil, few); err == nil {
		t.Error("a report of nothing")
	}
	if _, err := Make(t.Context(), []string{t.TempDir()}, few); err == nil || !strings.Contains(err.Error(), "is not a run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}

// What makes a run's numbers doubtful stands beside them: how it was resumed, that this is not
// known, and that its configuration was edited.
func TestCaveatsAreSaid(t *testing.T) {
	for want, change := range map[string]struct{ file, from, to string }{
		"resumed after epoch 3, step 9: the best weights, of epoch 2, are lost": {run.EnvironmentFile, "{",
			`{"resumptions": [{"epoch": 3, "step": 9, "notes": ["the best weights, of epoch 2, are lost"]}],`},
		"it is not known whether the run was resumed": {run.EnvironmentFile, "{", "["},
		"was changed after the run began":             {run.ConfigFile, "{", `{"fingerprint": "00",`},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(dir, os.DirFS(groupedRun)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, change.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), change.from, change.to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if page := made(t, few, dir); !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
