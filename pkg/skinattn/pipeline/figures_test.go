package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/plots"
)

// twoClasses is a predictions table of four images, all right but the last.
const twoClasses = `image_id,lesion_id,dx,mel,nv
a,1,mel,0.9,0.1
b,2,nv,0.2,0.8
c,3,nv,0.4,0.6
d,4,mel,0.3,0.7
`

func writeTable(t *testing.T, dir, content string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "predictions-test.csv")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiguresAndTheirNumbers(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	paths, err := Figures([]string{writeTable(t, dir, twoClasses)}, out, FigureOptions{Style: plots.Paper(), Formats: []string{"svg"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		for _, name := range []string{path, strings.TrimSuffix(path, ".svg") + ".csv"} {
			if info, err := os.Stat(name); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// By hand: mel has 1 of 2 found, nv 2 of 2.
	raw, err := os.ReadFile(filepath.Join(out, "recall.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mel", "0.5", "nv", "1"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("recall.csv lacks %s: %s", want, raw)
		}
	}
}

func TestFiguresRefuseBeforeTheyDraw(t *testing.T) {
	dir := t.TempDir()
	good := writeTable(t, filepath.Join(dir, "a"), twoClasses)
	same := writeTable(t, filepath.Join(dir, "b"), twoClasses)
	unfinished := filepath.Join(dir, "run")
	if err := os.Mkdir(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		inputs  []string
		formats []string
		says    string
	}{
		{"two of one name", []string{good, same}, []string{"svg"}, "would both be drawn"},
		{"an unknown format", []string{good}, []string{"svg", "bmp"}, "bmp"},
		{"a run that is not finished", []string{good, unfinished}, []string{"svg"}, "training is finished"},
		{"no such file", []string{good, filepath.Join(dir, "none.csv")}, []string{"svg"}, "none.csv"},
	} {
		out := filepath.Join(dir, "out")
		_, err := Figures(c.inputs, out, FigureOptions{Style: plots.Paper(), Formats: c.formats})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: something was drawn", c.name)
		}
	}
}
