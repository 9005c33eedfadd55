package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab opens a headless Chromium; told gets what the page writes to the console and its
// uncaught errors.
func tab(t *testing.T) (ctx context.Context, told *[]string) {
	t.Helper()
	found := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			found = path
			break
		}
	}
	if found == "" {
		t.Skip("there is no Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found), chromedp.NoSandbox,
		chromedp.WSURLReadTimeout(3*time.Minute)) // the first start reads some hundred megabytes from the disk
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	told = &[]string{}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			*told = append(*told, fmt.Sprint(e.Type, e.Args))
		case *runtime.EventExceptionThrown:
			*told = append(*told, e.ExceptionDetails.Text)
		}
	})
	return ctx, told
}

// report makes the page of runs: the names of committed ones, or absolute paths.
func report(t *testing.T, runs ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report.html")
	args := []string{"run", "./cmd/skinattn", "report", "--quiet", "--out", out}
	for _, run := range runs {
		if !filepath.IsAbs(run) {
			run = filepath.Join("results", run)
		}
		args = append(args, run)
	}
	command := exec.Command("go", args...)
	command.Dir = "../.."
	command.Env = append(os.Environ(), "SKINATTN_DATA=")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return "file://" + out
}

// text is the text of the first element of a selector.
func text(t *testing.T, ctx context.Context, selector string) (value string) {
	t.Helper()
	must(t, ctx, chromedp.Text(selector, &value, chromedp.ByQuery))
	return strings.TrimSpace(value)
}

func must(t *testing.T, ctx context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) (value T) {
	t.Helper()
	must(t, ctx, chromedp.Evaluate(script, &value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return value
}

const (
	first  = "mobilenet_v2-grouped-128px-seed1"
	second = "mobilenet_v2-paper-128px-seed1"
)

// A click on a cell lists its images, the operating point follows keyboard, mouse and
// prevalence, and the console stays empty.
func TestReport(t *testing.T) {
	address := report(t, first, second)
	ctx, told := tab(t)
	must(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address))

	cell := `#run1 .confusion button[data-truth="4"][data-predicted="5"]`
	count := strings.Fields(text(t, ctx, cell))[0]
	must(t, ctx, chromedp.Click(cell, chromedp.ByQuery))
	if title := text(t, ctx, "#run1 .listed h4"); !strings.HasPrefix(title, count+" image") {
		t.Errorf("the cell says %s, the list %q", count, title)
	}
	for range 10 { // "Show more" until all are there
		must(t, ctx, chromedp.Evaluate(`(b => b.hidden || b.click())(document.querySelector('#run1 .listed button'))`, nil))
	}
	if shown := evaluate[int](t, ctx, `document.querySelectorAll('#run1 .listed li').length`); fmt.Sprint(shown) != count {
		t.Errorf("%d images are listed, the cell says %s", shown, count)
	}
	if pressed := evaluate[int](t, ctx, `document.querySelectorAll('#run1 .confusion [aria-pressed=true]').length`); pressed != 1 {
		t.Errorf("%d cells are pressed", pressed)
	}

	point := func(name string) string { return text(t, ctx, "#run1 [data-out="+name+"]") }
	before := point("sensitivity")
	must(t, ctx, chromedp.Focus("#run1 input[type=range]", chromedp.ByQuery), chromedp.KeyEvent(kb.Home))
	if got := point("sensitivity"); !strings.HasPrefix(got, "0.000") || point("threshold") != "above all" {
		t.Errorf("with nothing called positive the sensitivity is %q (at the beginning %q)", got, before)
	}
	must(t, ctx, chromedp.KeyEvent(kb.End))
	if got := point("specificity"); !strings.HasPrefix(got, "0.000") || !strings.HasPrefix(point("sensitivity"), "1.000") {
		t.Errorf("with all called positive the specificity is %q", got)
	}
	// The middle of the diagonal's upper half, by mouse.
	corner := evaluate[[]float64](t, ctx, `(s => { s.scrollIntoView({block: 'center'}); const r = s.getBoundingClientRect(); return [r.left, r.top, r.width / 360]; })(document.querySelector('#run1 .draggable'))`)
	at := func(x, y float64) (float64, float64) {
		return corner[0] + corner[2]*(52+296*x), corner[1] + corner[2]*(12+240*(1-y))
	}
	x, y := at(.1, .8)
	must(t, ctx, chromedp.MouseClickXY(x, y))
	if got := point("specificity"); got < "0.7" || got > "0.99" {
		t.Errorf("after a click near a specificity of .9 it is %s", got)
	}
	// The positive predictive value at a prevalence of 50 % is sens/(sens+1-spec).
	must(t, ctx, chromedp.Evaluate(`(i => { i.value = 50; i.dispatchEvent(new Event('input')); })(document.querySelector('#run1 input[type=number]'))`, nil))
	var sensitivity, specificity, ppv float64
	fmt.Sscan(point("sensitivity"), &sensitivity)
	fmt.Sscan(point("specificity"), &specificity)
	fmt.Sscan(point("ppv"), &ppv)
	if want := sensitivity / (sensitivity + 1 - specificity); ppv < want-.005 || ppv > want+.005 {
		t.Errorf("the positive predictive value is %g, want %g", ppv, want)
	}
	if len(*told) > 0 {
		t.Errorf("the console says %q", *told)
	}
}

// The page of two committed runs can be read by everyone.
func TestReportIsAccessible(t *testing.T) {
	ctx, _ := tab(t)
	accessible(t, ctx, "report", report(t, first, second))
}

// So can the pages of the demo whose folder is $DEMO: its summary, and its run's report.
func TestDemoIsAccessible(t *testing.T) {
	demo := os.Getenv("DEMO")
	if demo == "" {
		t.Skip("$DEMO does not name the folder of a demo")
	}
	demo, err := filepath.Abs(demo)
	if err != nil {
		t.Fatal(err)
	}
	ctx, told := tab(t)
	accessible(t, ctx, "demo-summary", "file://"+filepath.Join(demo, "summary.html"))
	accessible(t, ctx, "demo-report", report(t, filepath.Join(demo, "run")))
	if broken := evaluate[int](t, ctx, `[...document.images].filter(i => !i.naturalWidth).length`); broken > 0 {
		t.Errorf("%d pictures of the demo's report are missing", broken)
	}
	quiet(t, told)
}

// accessible fails for a page that does not fit a phone, has no dark theme or has a fault that
// axe-core finds. The name is that of its pictures in $SCREENSHOTS.
func accessible(t *testing.T, ctx context.Context, name, address string) {
	t.Helper()
	for _, c := range []struct {
		width int64
		theme string
	}{{1280, "light"}, {768, "dark"}, {360, "light"}} {
		must(t, ctx,
			chromedp.EmulateViewport(c.width, 800),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.theme}}),
			page.SetBypassCSP(true), // axe-core is no part of the page
			chromedp.Navigate(address))
		where := fmt.Sprintf("%s, at %d pixels, %s", name, c.width, c.theme)
		if over := evaluate[int](t, ctx, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%s: the page is %d too wide", where, over)
		}
		if back := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); (back == "rgb(255, 255, 255)") != (c.theme == "light") {
			t.Errorf("%s: the background is %s", where, back)
		}
		screenshot(t, ctx, fmt.Sprintf("%s-%d-%s", name, c.width, c.theme))
		axe(t, ctx, where)
	}
}

// axe asks axe-core for faults of the page as it is; where says which. $AXE_CORE is the path of
// axe.min.js.
func axe(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	path := os.Getenv("AXE_CORE")
	if path == "" {
		t.Log("$AXE_CORE is not set: axe-core is not asked")
		return
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	must(t, ctx, chromedp.Evaluate(string(script), nil))
	found := evaluate[string](t, ctx, `axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes[0].html)))`)
	var violations []string
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		t.Fatal(err)
	}
	if len(violations) > 0 {
		t.Errorf("%s: axe-core finds %q", where, violations)
	}
}
