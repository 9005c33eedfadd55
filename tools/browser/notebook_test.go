package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// liveCell is a cell as those of notebooks 03, 05, 06 and 07, in little.
const liveCell = `import (
	"fmt"
	"image"

	"github.com/skinattn/skinattn/pkg/skinattn/nb"
)

%%
nb.Explore(func(at []int) nb.Panel {
	return nb.Pictures(1, nb.Picture{image.NewGray(image.Rect(0, 0, 8, 8)), fmt.Sprint("drawn at ", at)})
}, nb.Slide("threshold", 1, 99, 50, nb.Percent), nb.Choose("site", 0, "back", "face", "foot"))
`

// lab starts JupyterLab on a notebook of a paragraph, the live cell and another paragraph, and
// returns the notebook's address.
func lab(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	python := os.Getenv("SKINATTN_NOTEBOOKS_ENV")
	if python == "" {
		python = filepath.Join(root, ".venv-notebooks")
	}
	if _, err := os.Stat(filepath.Join(python, "share/jupyter/kernels/gonb/kernel.json")); err != nil {
		t.Skip("there is no JupyterLab with the Go kernel: scripts/notebooks.sh setup")
	}
	cell := func(kind, id, source string) map[string]any {
		c := map[string]any{"cell_type": kind, "id": id, "metadata": map[string]any{}, "source": source}
		if kind == "code" {
			c["outputs"], c["execution_count"] = []any{}, nil
		}
		return c
	}
	text, err := json.Marshal(map[string]any{
		"cells":    []any{cell("markdown", "above", "above"), cell("code", "live", liveCell), cell("markdown", "below", "below")},
		"metadata": map[string]any{"kernelspec": map[string]any{"name": "gonb", "display_name": "Go (gonb)", "language": "go"}},
		"nbformat": 4, "nbformat_minor": 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "keys.ipynb"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + port.Addr().String()
	port.Close()
	_, number, _ := strings.Cut(address, "127.0.0.1:")
	said := new(strings.Builder)
	server := exec.Command(filepath.Join(root, "scripts/notebooks.sh"), "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port="+number,
		"--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--ServerApp.root_dir="+dir)
	server.Env = append(os.Environ(), "SKINATTN_LIVE=", "JUPYTERLAB_WORKSPACES_DIR="+t.TempDir())
	server.Stdout, server.Stderr = said, said
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		endKernels(t, address)
		syscall.Kill(-server.Process.Pid, syscall.SIGTERM)
		server.Wait()
	})
	for range 300 {
		if answer, err := http.Get(address + "/api/status"); err == nil {
			answer.Body.Close()
			return address + "/lab/tree/keys.ipynb"
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("JupyterLab does not answer: %s", said)
	return ""
}

// endKernels asks the kernels of a server to end. The server itself would kill them, and what they have started would run on.
func endKernels(t *testing.T, address string) {
	ask := func(method, path string, answer any) {
		request, err := http.NewRequest(method, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		if answer != nil {
			err = json.NewDecoder(response.Body).Decode(answer)
		}
		if err != nil || response.StatusCode >= 300 {
			t.Errorf("%s %s: %s, %v", method, path, response.Status, err)
		}
	}
	var kernels []struct{ ID string }
	ask(http.MethodGet, "/api/kernels", &kernels)
	for _, kernel := range kernels {
		ask(http.MethodDelete, "/api/kernels/"+kernel.ID, nil)
	}
}

// going opens a page and does not wait for all of it: JupyterLab loads on.
func going(address string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, _, _, _, err := page.Navigate(address).Do(ctx)
		return err
	})
}

// In JupyterLab the arrow keys, which there go from cell to cell, move a control of a live cell
// that has the focus, and what is drawn follows.
func TestNotebookControlsKeepKeys(t *testing.T) {
	ctx, _ := tab(t)
	must(t, ctx, chromedp.EmulateViewport(1280, 1000), going(lab(t)))
	// Before the notebook there is another one for a moment, of an empty cell.
	for !evaluate[bool](t, ctx, `document.querySelectorAll('.jp-Cell')[1]?.matches('.jp-CodeCell.jp-mod-active') ?? false`) {
		at := evaluate[[]float64](t, ctx, `(r => [r.left + 20, r.top + 20])((document.querySelectorAll('.jp-Cell')[1] ?? document.body).getBoundingClientRect())`)
		must(t, ctx, chromedp.MouseClickXY(at[0], at[1]), chromedp.Sleep(time.Second))
	}
	must(t, ctx,
		chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(input.ModifierCtrl)),
		chromedp.WaitVisible(".jp-OutputArea input[type=range]", chromedp.ByQuery),
		chromedp.WaitVisible(".jp-OutputArea button", chromedp.ByQuery),
		chromedp.Sleep(time.Second)) // the controls' attributes follow the last of them
	shown := func(text string) {
		t.Helper()
		waited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := chromedp.Run(waited, chromedp.Poll(fmt.Sprintf(`document.querySelector('.jp-CodeCell .jp-OutputArea').textContent.includes(%q)`, text), nil)); err != nil {
			t.Errorf("the cell does not show %q but %q", text, evaluate[string](t, ctx, `document.querySelector('.jp-CodeCell .jp-OutputArea').textContent`))
		}
	}
	shown("threshold: 50 %, site: back")
	type state struct {
		Value, Focus string
		Active       int
	}
	for _, c := range []struct {
		control, key string
		want         state
		text         string
	}{
		{"input[type=range]", kb.ArrowRight, state{"51", "INPUT", 1}, "threshold: 51 %, site: back"},
		{"input[type=range]", kb.ArrowUp, state{"52", "INPUT", 1}, "threshold: 52 %, site: back"},
		{"input[type=range]", kb.ArrowDown, state{"51", "INPUT", 1}, "threshold: 51 %, site: back"},
		{"input[type=range]", kb.ArrowLeft, state{"50", "INPUT", 1}, "threshold: 50 %, site: back"},
		{"input[type=range]", kb.End, state{"99", "INPUT", 1}, "threshold: 99 %, site: back"},
		{"select", kb.ArrowDown, state{"1", "SELECT", 1}, "threshold: 99 %, site: face"},
		{"select", kb.ArrowUp, state{"0", "SELECT", 1}, "threshold: 99 %, site: back"},
	} {
		must(t, ctx, chromedp.Focus(".jp-OutputArea "+c.control, chromedp.ByQuery), chromedp.KeyEvent(c.key), chromedp.Sleep(100*time.Millisecond))
		got := evaluate[state](t, ctx, fmt.Sprintf(`({Value: String(document.querySelector('.jp-OutputArea %[1]s').selectedIndex ?? document.querySelector('.jp-OutputArea %[1]s').value),
			Focus: document.activeElement.tagName,
			Active: [...document.querySelectorAll('.jp-Cell')].findIndex(c => c.classList.contains('jp-mod-active'))})`, c.control))
		if got != c.want {
			t.Errorf("%s of %s: %+v, want %+v", c.key, c.control, got, c.want)
		}
		shown(c.text)
	}
	screenshot(t, ctx, "notebook")
	must(t, ctx, chromedp.Click(".jp-OutputArea button", chromedp.ByQuery), chromedp.WaitNotPresent(".jp-OutputArea input[type=range]", chromedp.ByQuery))
	shown("threshold: 99 %, site: back")
}
