package reproduce

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// A damaged run folder gives one error that names the file.
func TestBrokenRunFolders(t *testing.T) {
	edit := func(name string, change func(text string) string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := change(string(text))
			if changed == string(text) {
				t.Fatal("the test changes nothing")
			}
			writeText(t, path, changed)
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   []string
	}{
		"no config":            {remove(run.ConfigFile), []string{"config.json", "missing"}},
		"no split":             {remove(run.SplitFile), []string{"split.csv", "missing"}},
		"no predictions":       {remove(predictionsFile), []string{"predictions-test.csv", "missing"}},
		"no metrics":           {remove(run.MetricsFile), []string{"metrics.json", "missing"}},
		"no history":           {remove(run.HistoryFile), []string{"history.csv", "missing"}},
		"cut config":           {edit(run.ConfigFile, func(s string) string { return s[:len(s)/2] }), []string{"config.json"}},
		"config without size":  {edit(run.ConfigFile, replace(`"size": 224`, `"size": 0`)), []string{"config.json", "network.size"}},
		"other protocol":       {edit(run.ConfigFile, replace(`"protocol": "grouped"`, `"protocol": "paper"`)), []string{"split.csv", "grouped", "paper"}},
		"changed split":        {edit(run.SplitFile, replace("train", "val")), []string{"split.csv", "SHA-256"}},
		"cut predictions":      {edit(predictionsFile, func(s string) string { return s[:len(s)-20] }), []string{"predictions-test.csv:", "fields"}},
		"no number":            {edit(predictionsFile, replace("0.", "x.")), []string{"predictions-test.csv:2: "}},
		"other class order":    {edit(predictionsFile, replace("akiec,bcc", "bcc,akiec")), []string{"predictions-test.csv", "akiec,bcc"}},
		"image of another run": {edit(predictionsFile, replace("ISIC_akiec_00_0", "ISIC_other")), []string{"predictions-test.csv", "ISIC_other"}},
		"metrics of another": {edit(run.MetricsFile, func(s string) string {
			return regexp.MustCompile(`"accuracy": [0-9.e-]+`).ReplaceAllString(s, `"accuracy": 0.123`)
		}), []string{"metrics.json", "accuracy", "0.123"}},
		"other n":             {edit(run.MetricsFile, func(s string) string { return regexp.MustCompile(`"n": [0-9]+`).ReplaceAllString(s, `"n": 5`) }), []string{"metrics.json", "n is 5"}},
		"cut metrics":         {edit(run.MetricsFile, func(s string) string { return s[:len(s)/2] }), []string{"metrics.json"}},
		"history of words":    {edit(run.HistoryFile, replace("12", "twelve")), []string{"history.csv", "twelve"}},
		"damaged environment": {edit(run.EnvironmentFile, replace("}", "")), []string{"environment.json"}},
		"predictions of nobody": {edit(predictionsFile, func(s string) string {
			return regexp.MustCompile(`(?m)^(ISIC[^,]*,[^,]*),[a-z]+,`).ReplaceAllString(s, "$1,,")
		}), []string{"predictions-test.csv", "known class"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, damaged := oneRun(t)
			c.damage(t, damaged)
			_, err := Load(dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
		})
	}
	dir, run := oneRun(t)
	if _, err := Load(run); !errors.Is(err, ErrRunFolder) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a run folder: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "nowhere")); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Other files and folders are ignored.
func TestOtherFilesAmongTheResults(t *testing.T) {
	dir, _ := oneRun(t)
	writeText(t, filepath.Join(dir, "README.md"), "notes")
	if err := os.MkdirAll(filepath.Join(dir, "bench"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "bench", "speed.json"), "[]")
	runs, err := Load(dir)
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// The results that are committed make a report.
func TestCommittedResults(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "results")
	r := report(t, dir, nil)
	if len(r.Runs) == 0 {
		t.Fatal("no runs are committed")
	}
	for _, run := range r.Runs {
		if run.config.Data.Protocol == split.Paper && run.leak.Leaked == 0 {
			t.Errorf("%s: a split by image without a leak", run.Name)
		}
		if run.config.Data.Protocol == split.Grouped && run.leak.Leaked != 0 {
			t.Errorf("%s: a grouped split with a leak", run.Name)
		}
	}
}

// Configs with and without class weights.
func TestWeighted(t *testing.T) {
	one, four := []float64{1, 1, 1, 1, 1, 1, 1}, []float64{4, 1, 1, 1, 1, 1, 1}
	for _, c := range []struct {
		regime *spec.Regime
		want   bool
	}{
		{&spec.Regime{ClassWeights: four}, true},
		{&spec.Regime{ClassWeights: one}, false},
		{&spec.Regime{}, false},
		{&spec.Regime{ClassWeighting: spec.BalancedWeights}, true},
		{nil, false},
	} {
		r := &Run{config: run.Config{Regime: c.regime}}
		if r.weighted() != c.want {
			t.Errorf("%+v: weighted is %v", c.regime, !c.want)
		}
	}
}
