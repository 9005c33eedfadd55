package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// damage changes a file and reports whether it could.
func damage(t *testing.T, path string, change func(content []byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(bytes.Clone(content))
	if bytes.Equal(changed, content) {
		t.Fatalf("%s is not changed", path)
	}
	if err := os.WriteFile(path, changed, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Changes of a file's content.
var (
	half  = func(content []byte) []byte { return content[:len(content)/2] }
	empty = func([]byte) []byte { return nil }
	flip  = func(content []byte) []byte { content[len(content)/2] ^= 1; return content }
)

func replaced(old, new string) func([]byte) []byte {
	return func(content []byte) []byte { return bytes.Replace(content, []byte(old), []byte(new), 1) }
}

// A run whose inputs, settings or files were changed behind its back is refused with one line
// that names what, or goes on to the bytes of an undisturbed run: it never ends as another.
func TestResumeAfterChanges(t *testing.T) {
	l := newLab(t)
	newest := func(dir, kind string) string { return checkpoint.Newest(&run.Folder{Dir: dir}, kind) }
	for name, c := range map[string]struct {
		change func(t *testing.T, dir, data string) // of the run and of the data
		args   []string
		says   []string // parts of the one line of a refusal; empty: it goes on
	}{
		"nothing": {},
		"an age in the metadata": {func(t *testing.T, _, data string) {
			damage(t, filepath.Join(data, "HAM10000_metadata.csv"), func(content []byte) []byte {
				lines := strings.SplitAfter(string(content), "\n")
				fields := strings.Split(lines[1], ",")
				fields[4] = "17"
				lines[1] = strings.Join(fields, ",")
				return []byte(strings.Join(lines, ""))
			})
		}, nil, []string{"data.metadata_sha256", "name the unchanged data with --data"}},
		"the pixels of a photo": {func(t *testing.T, _, data string) {
			photos := photosIn(t, data)
			content, err := os.ReadFile(photos[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(photos[0], content, 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"data.images_sha256", "name the unchanged data with --data"}},
		"a photo is missing": {func(t *testing.T, _, data string) {
			if err := os.Remove(photosIn(t, data)[0]); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"1 of 70 images are missing (ISIC_"}},
		"the seed in config.json":  {inRun(run.ConfigFile, replaced(`"seed": 1`, `"seed": 2`)), nil, []string{"config.json was changed after the run began: seed (then 1, now 2); restore the file"}},
		"the rate in config.json":  {inRun(run.ConfigFile, replaced(`"learning_rate": 0.001`, `"learning_rate": 0.002`)), nil, []string{"regime.learning_rate (then 0.001, now 0.002)"}},
		"a huge size":              {inRun(run.ConfigFile, replaced(`"size": 32`, `"size": 1000000000`)), nil, []string{"config.json was changed after the run began"}},
		"config.json is empty":     {inRun(run.ConfigFile, empty), nil, []string{"config.json: the file is empty"}},
		"config.json is cut short": {inRun(run.ConfigFile, half), nil, []string{"config.json: the file is cut short"}},
		"a part in split.csv":      {inRun(run.SplitFile, replaced(",train\n", ",val\n")), nil, []string{"split.csv", "SHA-256"}},
		"split.csv is cut short":   {inRun(run.SplitFile, half), nil, []string{"split.csv"}},
		"split.json is cut short":  {inRun("split.json", half), nil, []string{"split.json: the file is cut short"}},
		"split.csv is missing":     {removed(run.SplitFile), nil, []string{"split.csv"}},
		"another rate by a flag":   {nil, []string{"--learning-rate", ".5"}, []string{"regime.learning_rate (the run has 0.001, now 0.5); leave them out"}},
		"no environment.json":      {removed(run.EnvironmentFile), nil, nil},
		"no history.csv":           {removed(run.HistoryFile), nil, nil},
		"history.csv is cut short": {inRun(run.HistoryFile, half), nil, nil},
		"the last weights have another bit": {func(t *testing.T, dir, _ string) {
			damage(t, filepath.Join(newest(dir, checkpoint.Last), "weights.safetensors"), flip)
		}, nil, nil},
		"the last state is cut short": {func(t *testing.T, dir, _ string) {
			damage(t, filepath.Join(newest(dir, checkpoint.Last), "state.json"), half)
		}, nil, nil},
		"the last manifest is empty": {func(t *testing.T, dir, _ string) {
			damage(t, filepath.Join(newest(dir, checkpoint.Last), "manifest.json"), empty)
		}, nil, nil},
		"copied halfway: no checkpoints": {func(t *testing.T, dir, _ string) {
			if err := os.RemoveAll(filepath.Join(dir, run.CheckpointDir)); err != nil {
				t.Fatal(err)
			}
		}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, dir, data := *l, filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "data")
			for to, from := range map[string]string{dir: filepath.Join(l.dir, "whole"), data: l.data()} {
				if err := os.CopyFS(to, os.DirFS(from)); err != nil {
					t.Fatal(err)
				}
			}
			if err := (&run.Folder{Dir: dir}).RemoveResults(); err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(t, dir, data)
			}
			l.cache = t.TempDir()
			command := l.resume(dir)
			command.Args = append(command.Args, append(c.args, "--data", data)...)
			if len(c.says) > 0 {
				expectFailure(t, command, c.says...)
				return
			}
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, damaged := range leftovers(t, dir) { // checkpoints that were set aside
				if err := os.RemoveAll(filepath.Join(dir, run.CheckpointDir, damaged)); err != nil {
					t.Fatal(err)
				}
			}
			l.expectWhole(t, dir)
		})
	}
}

func photosIn(t *testing.T, data string) []string {
	t.Helper()
	photos, err := filepath.Glob(filepath.Join(data, "images", "*.jpg"))
	if err != nil || len(photos) < 2 {
		t.Fatal(photos, err)
	}
	return photos
}

// inRun changes a file of the run.
func inRun(name string, change func([]byte) []byte) func(*testing.T, string, string) {
	return func(t *testing.T, dir, _ string) { damage(t, filepath.Join(dir, name), change) }
}

// removed takes a file of the run away.
func removed(name string) func(*testing.T, string, string) {
	return func(t *testing.T, dir, _ string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// A bit that flips in the cache of photos, or in that of features, is mended with a warning.
func TestDamagedCachesAreMended(t *testing.T) {
	for _, options := range []options{plainOptions, everyOption} {
		l := *labOf(t, *testEngine, options)
		cache := t.TempDir()
		if err := os.CopyFS(cache, os.DirFS(filepath.Join(l.base, "cache"))); err != nil {
			t.Fatal(err)
		}
		l.cache = cache
		files, err := filepath.Glob(filepath.Join(cache, "skinattn", "*.cache"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			damage(t, file, flip)
		}
		dir := filepath.Join(t.TempDir(), "run")
		var stderr bytes.Buffer
		command := l.train(dir, "--quiet")
		command.Stderr = &stderr
		if err := command.Run(); err != nil || !strings.Contains(stderr.String(), "is damaged: the bytes from ") {
			t.Errorf("%s: %v\n%s", options.name, err, stderr.String())
		}
		l.expectWhole(t, dir)
	}
}

// Commands that read a finished run whose files are damaged or missing, as after a copy that
// was interrupted, fail with one line that names the file, or work without it. Figures and
// pages are resampled, which takes long.
func TestReadingADamagedRun(t *testing.T) {
	for _, which := range []string{"tables", "pictures"} {
		t.Run(which, func(t *testing.T) {
			testlong.Skip(t, which == "pictures")
			readDamagedRuns(t, which == "pictures")
		})
	}
}

func readDamagedRuns(t *testing.T, pictures bool) {
	l := newLab(t)
	photo := photosIn(t, l.data())[0]
	commands := func(dir, out string) map[string][]string {
		if pictures {
			return map[string][]string{
				"figures": {"figures", dir, "--out", filepath.Join(out, "figures"), "--format", "svg"},
				"report":  {"report", dir, "--out", filepath.Join(out, "page.html")},
			}
		}
		return map[string][]string{
			"evaluate": {"evaluate", dir, "--resamples", "20"},
			"predict":  {"predict", "--run", dir, photo},
			"export":   {"export", dir, "--ro-crate", "--out", filepath.Join(out, "crate.zip")},
		}
	}
	files := []string{run.ConfigFile, run.EnvironmentFile, run.SplitFile, "split.json", run.HistoryFile, run.MetricsFile, "predictions-test.csv", "predictions-val.csv"}
	for _, file := range files {
		for how, change := range map[string]func(t *testing.T, dir string){
			"cut short": func(t *testing.T, dir string) { inRun(file, half)(t, dir, "") },
			"empty":     func(t *testing.T, dir string) { inRun(file, empty)(t, dir, "") },
			"missing":   func(t *testing.T, dir string) { removed(file)(t, dir, "") },
		} {
			t.Run(file+" is "+how, func(t *testing.T) {
				dir, out := filepath.Join(t.TempDir(), "run"), t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Join(l.dir, "whole"))); err != nil {
					t.Fatal(err)
				}
				change(t, dir)
				for name, args := range commands(dir, out) {
					var stdout, stderr bytes.Buffer
					command := l.skinattn(args...)
					command.Stdout, command.Stderr = &stdout, &stderr
					command.Run()
					text := stderr.String()
					switch code := command.ProcessState.ExitCode(); {
					case code == 0 && !json.Valid(stdout.Bytes()):
						t.Errorf("%s: no answer: %s%s", name, stdout.String(), text)
					case code == 1 && (strings.Count(text, "skinattn: ") != 1 || !strings.Contains(text, strings.TrimSuffix(file, ".json"))):
						t.Errorf("%s: not one line that names %s: %s", name, file, text)
					case code != 0 && code != 1:
						t.Errorf("%s: exit code %d\n%s", name, code, text)
					}
				}
			})
		}
	}
}
