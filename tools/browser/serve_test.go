package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// server is the program that tests share, started by the first that wants it.
var server struct {
	sync.Once
	process *exec.Cmd
	address string
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.process != nil {
		server.process.Process.Signal(syscall.SIGTERM)
		server.process.Wait()
	}
	os.Exit(code)
}

// served is the address of the page of 'skinattn serve' with the released model and, where
// $SKINATTN_DATA names a folder, with its photos.
func served(t *testing.T) string {
	t.Helper()
	server.Do(func() {
		dir, err := os.MkdirTemp("", "skinattn-browser-*")
		if err != nil {
			server.err = err
			return
		}
		defer os.RemoveAll(dir) // the system keeps the program while it runs
		program := filepath.Join(dir, "skinattn")
		build := exec.Command("go", "build", "-o", program, "./cmd/skinattn")
		build.Dir = "../.."
		if text, err := build.CombinedOutput(); err != nil {
			server.err = fmt.Errorf("%w: %s", err, text)
			return
		}
		process := exec.Command(program, "serve", "--port", "0", "--json", "--quiet")
		process.Env = append(os.Environ(), "SKINATTN_TOKEN=")
		process.Stderr = os.Stderr
		stdout, err := process.StdoutPipe()
		if err == nil {
			err = process.Start()
		}
		if err != nil {
			server.err = err
			return
		}
		server.process = process
		var at struct{ URL string }
		server.err = json.NewDecoder(stdout).Decode(&at)
		server.address = at.URL
	})
	if server.err != nil {
		t.Fatalf("the server did not start: %v", server.err)
	}
	return server.address
}

// lesion is the path of a synthetic lesion of the page.
func lesion(t *testing.T, number int) string {
	t.Helper()
	path, err := filepath.Abs(fmt.Sprintf("../../pkg/skinattn/serve/page/lesion-%d.jpg", number))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// upload chooses a file and waits for the answer and the maps.
func upload(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	must(t, ctx, chromedp.SetUploadFiles("#file", []string{path}, chromedp.ByQuery))
	idle(t, ctx)
}

// idle waits until the page has asked, and has all answers.
func idle(t *testing.T, ctx context.Context) {
	t.Helper()
	must(t, ctx, chromedp.Sleep(400*time.Millisecond), chromedp.WaitReady("body:not(.busy)", chromedp.ByQuery))
}

// quiet is a test's end: the page has written nothing to the console.
func quiet(t *testing.T, told *[]string) {
	t.Helper()
	if len(*told) > 0 {
		t.Errorf("the console says %q", *told)
	}
}

// probabilities are those of the page's bars, by class.
func probabilities(t *testing.T, ctx context.Context) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for class, text := range evaluate[map[string]string](t, ctx,
		`Object.fromEntries([...document.querySelectorAll('#bars tr')].map(r => [r.className.match(/c-(\w+)/)[1], r.cells[2].textContent]))`) {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "< "), "\u00a0%")
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Errorf("%s has the probability %q", class, text)
		}
		found[class] = v / 100
	}
	return found
}

// The page tells what the API answers; sliders, rows and keys move it; the overlay follows its
// slider; nothing is asked of another host.
func TestServe(t *testing.T) {
	ctx, told := tab(t)
	address := served(t)
	var foreign []string
	chromedp.ListenTarget(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			if u := e.Request.URL; !strings.HasPrefix(u, address) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:"+address) {
				foreign = append(foreign, u)
			}
		}
	})
	must(t, ctx, network.Enable(), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address), chromedp.WaitReady("body.ready", chromedp.ByQuery))
	if !strings.Contains(text(t, ctx, ".purpose"), "Not a medical device") {
		t.Error("the page does not say what it is not")
	}

	upload(t, ctx, lesion(t, 2))
	type prediction struct {
		Prediction, RunnerUp string
		Probabilities        map[string]float64
		Confidence, Margin   float64
	}
	want := evaluate[prediction](t, ctx, `(async () => {
		const photo = await (await fetch('lesion-2.jpg')).blob(), form = new FormData();
		form.append('photo', photo);
		return (await fetch('/v1/predict', {method: 'POST', body: form})).json();
	})()`)
	got := probabilities(t, ctx)
	for class, p := range want.Probabilities {
		if math.Abs(got[class]-p) > .0051 {
			t.Errorf("%s has %g on the page, %g in the API", class, got[class], p)
		}
	}
	if first := evaluate[string](t, ctx, `document.querySelector('#bars .first').className`); !strings.Contains(first, "c-"+want.Prediction) || len(got) != 7 {
		t.Errorf("first is %s of %v, want %s", first, got, want.Prediction)
	}
	lead := evaluate[float64](t, ctx, `parseFloat(document.querySelector('#bars .lead:not([hidden])').style.width)`)
	if math.Abs(lead-100*want.Margin) > .01 {
		t.Errorf("the lead is %g wide, the margin %g", lead, want.Margin)
	}
	if assumed := text(t, ctx, "#assumed"); assumed != "Not given: age, sex, localization." {
		t.Errorf("the page says %q", assumed)
	}

	// The age by keys: from 50, unknown, to 55.
	now := func() string {
		return evaluate[string](t, ctx, `document.querySelector('#age-curve .now').getAttribute('class')`)
	}
	if now() != "now assumed" {
		t.Errorf("the unknown age is marked as %q", now())
	}
	must(t, ctx, chromedp.Focus("#age", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowRight))
	if value := text(t, ctx, "#age-value"); value != "55 years" || now() != "now" {
		t.Errorf("the age is %q, marked as %q", value, now())
	}
	idle(t, ctx)
	if assumed := text(t, ctx, "#assumed"); assumed != "Not given: sex, localization." {
		t.Errorf("with an age the page says %q", assumed)
	}
	curve := evaluate[[]float64](t, ctx, `(svg => { const dot = svg.querySelector('circle.c-nv, circle'); return [Number(dot.getAttribute('cx')), 1 - (Number(dot.getAttribute('cy')) - 10) / 196]; })(document.querySelector('#age-curve'))`)
	if named := probabilities(t, ctx); !slices.ContainsFunc([]string{"nv", "mel", "akiec", "bkl", "bcc", "df", "vasc"}, func(c string) bool { return math.Abs(named[c]-curve[1]) < .006 }) {
		t.Errorf("the dot at the age is at %g, the bars are %v", curve[1], named)
	}

	// A click in the picture takes an age; a row, by keyboard, takes a site.
	corner := evaluate[[]float64](t, ctx, `(s => { s.scrollIntoView({block: 'center'}); const r = s.getBoundingClientRect(); return [r.left, r.top, r.width / 420]; })(document.querySelector('#age-curve'))`)
	must(t, ctx, chromedp.MouseClickXY(corner[0]+corner[2]*(42+300*80/85), corner[1]+corner[2]*100))
	if value := text(t, ctx, "#age-value"); value != "80 years" {
		t.Errorf("after a click at 80 the age is %q", value)
	}
	idle(t, ctx)
	must(t, ctx, chromedp.Evaluate(`[...document.querySelectorAll('#site-rows button')].find(b => b.textContent.startsWith('Face')).focus()`, nil), chromedp.KeyEvent(kb.Enter))
	if site := evaluate[string](t, ctx, `document.querySelector('#site').value + ' ' + document.querySelector('#site-rows [aria-pressed=true]').firstChild.textContent`); site != "face Face" {
		t.Errorf("the site is %q", site)
	}
	row := evaluate[string](t, ctx, `document.querySelector('#site-rows [aria-pressed=true] .top').textContent`)
	idle(t, ctx)
	if best := evaluate[string](t, ctx, `document.querySelector('#bars .first').className.match(/c-(\w+)/)[1] + ' ' + document.querySelector('#bars .first').cells[2].textContent`); !strings.HasPrefix(best, strings.Fields(row)[0]) {
		t.Errorf("the row promised %q, the answer is %q", row, best)
	}

	// The overlay by keys.
	must(t, ctx, chromedp.Focus("input[name=map]", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowDown))
	overlay := func() []float64 {
		return evaluate[[]float64](t, ctx, `(m => [m.hidden ? 0 : 1, Number(m.style.opacity), m.naturalWidth, m.getBoundingClientRect().width / document.querySelector('#photo').getBoundingClientRect().width])(document.querySelector('#map'))`)
	}
	must(t, ctx, chromedp.Focus("#opacity", chromedp.ByQuery), chromedp.KeyEvent(kb.End))
	// The middle square of a photo of 4 to 3 is three quarters of its width.
	if at := overlay(); at[0] != 1 || at[1] != 1 || at[2] < 32 || math.Abs(at[3]-.75) > .01 {
		t.Errorf("the overlay is %v", at)
	}
	must(t, ctx, chromedp.KeyEvent(kb.Home))
	if at := overlay(); at[1] != 0 || text(t, ctx, "#opacity-value") != "0 %" {
		t.Errorf("with the slider at 0 the overlay is %v", at)
	}
	soft := evaluate[string](t, ctx, `document.querySelector('#map').src`)
	must(t, ctx, chromedp.Click("input[value=grad-cam]", chromedp.ByQuery))
	if cam := evaluate[string](t, ctx, `document.querySelector('#map').src`); cam == soft || !strings.Contains(text(t, ctx, "#map-note"), "Evidence for") {
		t.Error("Grad-CAM is the map of Soft-Attention")
	}
	quiet(t, told)
	if len(foreign) > 0 {
		t.Errorf("the page asks others: %q", foreign)
	}
}

// Photos come by button, drop and paste. What is no photo gets a sentence, and what is no
// lesion a warning.
func TestServeTakesPhotos(t *testing.T) {
	ctx, told := tab(t)
	address := served(t)
	must(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address), chromedp.WaitReady("body.ready", chromedp.ByQuery))
	must(t, ctx, chromedp.Focus("[data-example='lesion-1.jpg']", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	idle(t, ctx)
	first := text(t, ctx, "#verdict")
	if first == "" {
		t.Fatal("an example gets no answer")
	}

	give := func(event, file string) {
		t.Helper()
		must(t, ctx, chromedp.Evaluate(fmt.Sprintf(`(async () => {
			const data = new DataTransfer();
			data.items.add(new File([await (await fetch('%s')).blob()], 'photo.jpg', {type: 'image/jpeg'}));
			const e = '%s' === 'paste' ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}) : new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
			document.querySelector('#drop').dispatchEvent(e);
		})()`, file, event), nil))
		idle(t, ctx)
	}
	give("drop", "lesion-2.jpg")
	second := text(t, ctx, "#verdict")
	give("paste", "lesion-1.jpg")
	if third := text(t, ctx, "#verdict"); third != first || second == first {
		t.Errorf("by button %q, dropped another %q, pasted the first %q", first, second, third)
	}

	dir := t.TempDir()
	write := func(name string, img image.Image) string {
		t.Helper()
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if img == nil {
			f.WriteString("<svg xmlns='http://www.w3.org/2000/svg'/>")
		} else if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		return path
	}
	upload(t, ctx, write("drawing.png", nil))
	if problem := text(t, ctx, "#problem"); !strings.Contains(problem, "neither a JPEG nor a PNG photo") {
		t.Errorf("of a drawing the page says %q", problem)
	}
	if left := evaluate[bool](t, ctx, `['#result', '#moves', '#similar'].some(s => !document.querySelector(s).hidden)`); left {
		t.Error("the answer to the photo before stands beside the drawing")
	}
	noise := image.NewRGBA(image.Rect(0, 0, 400, 300))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(random.IntN(256))
	}
	for i := 3; i < len(noise.Pix); i += 4 {
		noise.Pix[i] = 255 // opaque
	}
	upload(t, ctx, write("noise.png", noise))
	if shown := evaluate[bool](t, ctx, `document.querySelector('#problem').hidden && !document.querySelector('#unusual').hidden`); !shown || !strings.Contains(text(t, ctx, "#unusual"), "Unlike anything it was trained on") {
		t.Error("noise is not unlike anything")
	}
	quiet(t, told)
}

// Everything is reached by the Tab key, in the order of the page.
func TestServeByKeyboard(t *testing.T) {
	ctx, _ := tab(t)
	address := served(t)
	must(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address), chromedp.WaitReady("body.ready", chromedp.ByQuery))
	upload(t, ctx, lesion(t, 3))
	must(t, ctx, chromedp.Evaluate(`document.activeElement.blur()`, nil))
	var reached []string
	for range 60 {
		must(t, ctx, chromedp.KeyEvent(kb.Tab))
		name := evaluate[string](t, ctx, `(e => e.id || e.name || e.dataset.example || e.getAttribute('href') || e.parentElement.id || e.tagName)(document.activeElement)`)
		if name == "BODY" {
			break
		}
		if visible := evaluate[bool](t, ctx, `(r => r.width > 1 && r.height > 1)(document.activeElement.getBoundingClientRect())`); !visible {
			t.Errorf("%s has the focus and can't be seen", name)
		}
		if len(reached) == 0 || reached[len(reached)-1] != name {
			reached = append(reached, name)
		}
	}
	want := []string{"#answer", "choose", "camera", "lesion-1.jpg", "lesion-2.jpg", "lesion-3.jpg", "map", "opacity", "age", "age-unknown", "sex", "site", "sex-rows", "site-rows", "openapi.json"}
	if !slices.Equal(reached, want) {
		t.Errorf("the Tab key reaches %q, want %q", reached, want)
	}
}

// The page fits phones, has a dark theme and no fault that axe-core finds, before and behind an
// answer, and prints. $AXE_CORE is the path of axe.min.js; $SCREENSHOTS is a folder for pictures
// of the page.
func TestServeIsAccessible(t *testing.T) {
	ctx, told := tab(t)
	address := served(t)
	for _, c := range []struct {
		width int64
		theme string
	}{{1280, "light"}, {768, "dark"}, {360, "light"}, {360, "dark"}} {
		must(t, ctx,
			chromedp.EmulateViewport(c.width, 900),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.theme}}),
			page.SetBypassCSP(true), // axe-core is no part of the page
			chromedp.Navigate(address), chromedp.WaitReady("body.ready", chromedp.ByQuery))
		for _, state := range []string{"empty", "answered"} {
			if state == "answered" {
				upload(t, ctx, lesion(t, 2))
				must(t, ctx, chromedp.Click("input[value=soft-attention]", chromedp.ByQuery))
			}
			if over := evaluate[int](t, ctx, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("at %d pixels, %s, the page is %d too wide", c.width, state, over)
			}
			screenshot(t, ctx, fmt.Sprintf("serve-%s-%d-%s", state, c.width, c.theme))
			axe(t, ctx, fmt.Sprintf("%s, at %d pixels, %s", state, c.width, c.theme))
		}
		must(t, ctx, chromedp.Evaluate(`scrollTo(0, document.body.scrollHeight)`, nil))
		if top := evaluate[float64](t, ctx, `document.querySelector('.purpose').getBoundingClientRect().top`); top != 0 {
			t.Errorf("at %d pixels the end of the page hides what it is for (%g)", c.width, top)
		}
	}
	must(t, ctx, emulation.SetEmulatedMedia().WithMedia("print"))
	if printed := evaluate[bool](t, ctx, `(shown => shown('.purpose') && shown('#verdict') && shown('#photo') && !shown('#choose') && !shown('footer'))(s => document.querySelector(s).getClientRects().length > 0)`); !printed {
		t.Error("the printed page lacks the answer, or has buttons")
	}
	quiet(t, told)
}

// With data, the most similar training photos are shown; a training photo finds itself.
func TestServeShowsSimilarPhotos(t *testing.T) {
	if os.Getenv("SKINATTN_DATA") == "" {
		t.Skip("$SKINATTN_DATA is not set: there are no training photos")
	}
	ctx, told := tab(t)
	address := served(t)
	must(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address), chromedp.WaitReady("body.ready", chromedp.ByQuery))
	upload(t, ctx, lesion(t, 1))
	if n := evaluate[int](t, ctx, `document.querySelectorAll('#similar-photos li').length`); n != 5 {
		t.Errorf("%d similar photos", n)
	}
	must(t, ctx, chromedp.Poll(`[...document.querySelectorAll('#similar-photos img')].length === 5 && [...document.querySelectorAll('#similar-photos img')].every(i => i.naturalWidth > 0)`, nil))
	quiet(t, told)
}

// screenshot saves a picture of the whole page to $SCREENSHOTS.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var picture []byte
	must(t, ctx, chromedp.FullScreenshot(&picture, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
