package pipeline

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/figures"
)

// The demo's page of a run that is at hand: every figure has a caption that the table of
// figures gives, and the page ends with a next step.
func TestDemoSummary(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, DemoRun), os.DirFS("../../../results/mobilenet_v2-grouped-128px-seed1")); err != nil {
		t.Fatal(err)
	}
	var drawn []string
	for _, e := range figures.Set {
		drawn = append(drawn, filepath.Join(dir, DemoFigures, e.Name+".svg"))
	}
	if err := writeDemoSummary(dir, drawn, []demoFigure{{"maps/ISIC_1.png", "ISIC_1", "nv"}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, DemoSummary))
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	if captions := regexp.MustCompile(`<figcaption><b>[^<]+</b>: [^<]+\.`).FindAllString(page, -1); len(captions) != len(figures.Set) {
		t.Errorf("%d of %d figures have a caption", len(captions), len(figures.Set))
	}
	for _, want := range []string{`<img src="figures/confusion.svg"`, "counts of images by true and predicted class", "What to try next", `name="viewport"`,
		`<img src="maps/ISIC_1.png" alt="attention map over photo ISIC_1">`, "<main>", `<pre tabindex="0">skinattn predict`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
