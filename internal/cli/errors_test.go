package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// call runs the command line as main does.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// mistake is a command line that must fail.
type mistake struct {
	name  string
	args  []string
	code  int
	names []string // what the message must contain
}

// mistakes writes files into dir and returns mistakes with them.
func mistakes(t *testing.T, dir string) []mistake {
	t.Helper()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	header := "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
	write("nophoto/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,nv,histo,50,male,back\nHAM_2,ISIC_2,mel,histo,50,male,back\n")
	write("badclass/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,wart,histo,50,male,back\n")
	write("full/something", "x")
	file := write("file", "x")
	write("nometadata/ISIC_1.jpg", "x")
	write("empty/HAM10000_metadata.csv", "")
	write("header/HAM10000_metadata.csv", header)
	write("nanage/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,nv,histo,old,male,back\n")
	write("twice/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,nv,histo,50,male,back\nHAM_1,ISIC_1,nv,histo,50,male,back\n")
	write("damaged/HAM10000_metadata.csv", header+"HAM_1,ISIC_1,nv,histo,50,male,back\nHAM_2,ISIC_2,mel,histo,50,male,back\n")
	write("damaged/ISIC_1.jpg", "this is no photo")
	write("damaged/ISIC_2.jpg", "")
	write("w/empty.h5", "")

	predictions := "image_id,lesion_id,dx,akiec,bcc,bkl,df,mel,nv,vasc\n"
	csv := write("bad.csv", "image_id,lesion_id,dx,akiec,bcc\nISIC_1,HAM_1,nv,.5,.5\n")
	emptyCSV, headerCSV := write("empty.csv", ""), write("header.csv", predictions)
	nanCSV := write("nan.csv", predictions+"ISIC_1,HAM_1,nv,NaN,0,0,0,0,1,0\n")
	sumCSV := write("sum.csv", predictions+"ISIC_1,HAM_1,nv,.5,0,0,0,0,1,0\n")
	columnCSV := write("column.csv", "image_id,dx,akiec,bcc,bkl,df,mel,nv,vasc\nISIC_1,nv,0,0,0,0,0,1,0\n")
	shortCSV := write("short.csv", predictions+"ISIC_1,HAM_1,nv,0,0,0,0,0,1\n")
	twiceCSV := write("twice.csv", predictions+strings.Repeat("ISIC_1,HAM_1,nv,0,0,0,0,0,1,0\n", 2))

	split := func(name, rows string) string { return write(name, "image_id,lesion_id,dx,part\n"+rows) }
	splitHeader := split("splitheader.csv", "")
	splitPart := split("splitpart.csv", "ISIC_1,HAM_1,nv,dev\n")
	splitTwice := split("splittwice.csv", strings.Repeat("ISIC_1,HAM_1,nv,train\n", 2))

	train := []string{"train", "--backbone", "mobilenet_v2", "--weights", "random", "--size", "64"}
	return []mistake{
		{"no data folder", append(train, "--run", dir+"/run"), 1, []string{"--data", "SKINATTN_DATA", "demo"}},
		{"data folder is not there", []string{"data", "check", "--data", dir + "/nowhere"}, 1, []string{"nowhere", "--data"}},
		{"metadata row without an image", append(train, "--data", dir+"/nophoto", "--split", writeSplitFile(t, dir), "--run", dir+"/run"), 1, []string{"ISIC_1", "missing", "data check"}},
		{"unknown class", []string{"data", "stats", "--data", dir + "/badclass"}, 1, []string{"wart", "HAM10000_metadata.csv:2"}},
		{"unknown backbone", []string{"train", "--backbone", "alexnet", "--run", dir + "/run"}, 2, []string{"alexnet"}},
		{"size with a map of one position", append(train, "--run", dir+"/run", "--size", "32"), 2, []string{"--size", "1x1", "least size is 33 px"}},
		{"size too small for the network", []string{"train", "--backbone", "inception_resnet_v2", "--run", dir + "/run", "--size", "40", "--no-soft-attention"}, 2, []string{"--size", "least size is"}},
		{"demo with a map of one position", []string{"demo", "--size", "16", "--out", dir + "/demo"}, 2, []string{"--size", "least size is 17 px"}},
		{"no backbone", []string{"train", "--run", dir + "/run"}, 2, []string{"--backbone"}},
		{"unknown protocol", []string{"split", "--protocol", "random", "--out", dir + "/s.csv"}, 2, []string{"random"}},
		{"unknown command", []string{"dance"}, 2, []string{"dance"}},
		{"unknown flag", []string{"doctor", "--dance"}, 2, []string{"--dance"}},
		{"unknown engine", []string{"demo", "--engine", "abacus", "--out", dir + "/demo"}, 2, []string{"abacus", "auto, cuda, cpu, go"}},
		{"diagnosis of an unknown engine", []string{"doctor", "--engine", "abacus"}, 2, []string{"abacus", "auto, cuda, cpu, go"}},
		{"folds of a protocol without", []string{"split", "--protocol", "paper", "--folds", "5", "--out", dir + "/s.csv"}, 2, []string{"paper", "--folds"}},
		{"one fold", []string{"split", "--protocol", "grouped", "--folds", "1", "--out", dir + "/s.csv"}, 2, []string{"--folds 1"}},
		{"fold beyond the folds", []string{"split", "--protocol", "grouped", "--folds", "5", "--fold", "5", "--out", dir + "/s.csv"}, 2, []string{"--fold 5", "0 to 4"}},
		{"as run by nobody", []string{"split", "--protocol", "grouped", "--as-run", "--out", dir + "/s.csv"}, 2, []string{"--as-run"}},
		{"a pair without an arm", []string{"split", "--protocol", "leak-pair", "--out", dir + "/s.csv"}, 2, []string{"--arm with or without"}},
		{"an arm of a protocol without", append(train, "--data", dir+"/nophoto", "--protocol", "grouped", "--arm", "with", "--run", dir+"/run"), 2, []string{"--arm"}},
		{"share of everything", []string{"split", "--protocol", "paper", "--test-share", "1", "--out", dir + "/s.csv"}, 2, []string{"--test-share 1"}},
		{"share of a fixed protocol", append(train, "--data", dir+"/nophoto", "--protocol", "grouped", "--test-share", ".2", "--run", dir+"/run"), 2, []string{"--test-share"}},
		{"run folder in use for something else", append(train, "--data", dir+"/nophoto", "--run", dir+"/full"), 1, []string{"not empty", "something"}},
		{"run folder is a file", append(train, "--data", dir+"/nophoto", "--run", file), 1, []string{"run folder"}},
		{"nothing to resume", append(train, "--data", dir+"/nophoto", "--run", dir+"/run", "--resume"), 1, []string{"nothing to resume"}},
		{"damaged images", append(train, "--data", dir+"/damaged", "--split", writeSplitFile(t, dir), "--run", dir+"/run"), 1, []string{"ISIC_1.jpg", "ISIC_2.jpg"}},
		{"no metadata", append(train, "--data", dir+"/nometadata", "--run", dir+"/run"), 1, []string{"nometadata", "HAM10000_metadata.csv", "--data"}},
		{"empty metadata", append(train, "--data", dir+"/empty", "--run", dir+"/run"), 1, []string{"HAM10000_metadata.csv", "empty"}},
		{"metadata without rows", append(train, "--data", dir+"/header", "--run", dir+"/run"), 1, []string{"HAM10000_metadata.csv", "no rows"}},
		{"age that is none", append(train, "--data", dir+"/nanage", "--run", dir+"/run"), 1, []string{"HAM10000_metadata.csv:2", "age", "old"}},
		{"image twice", append(train, "--data", dir+"/twice", "--run", dir+"/run"), 1, []string{"HAM10000_metadata.csv:3", "ISIC_1", "line 2"}},
		{"data folder is a file", append(train, "--data", file, "--run", dir+"/run"), 1, []string{file, "is a file"}},
		{"split is not there", append(train, "--data", dir+"/nophoto", "--split", dir+"/nowhere.csv", "--run", dir+"/run"), 1, []string{"nowhere.csv"}},
		{"empty split", append(train, "--data", dir+"/nophoto", "--split", emptyCSV, "--run", dir+"/run"), 1, []string{"empty.csv:1", "image_id,lesion_id,dx,part"}},
		{"split without rows", append(train, "--data", dir+"/nophoto", "--split", splitHeader, "--run", dir+"/run"), 1, []string{"splitheader.csv", "no rows"}},
		{"split with an unknown part", append(train, "--data", dir+"/nophoto", "--split", splitPart, "--run", dir+"/run"), 1, []string{"splitpart.csv:2", "dev"}},
		{"split with an image twice", append(train, "--data", dir+"/nophoto", "--split", splitTwice, "--run", dir+"/run"), 1, []string{"splittwice.csv:3", "ISIC_1"}},
		{"weights are not there", []string{"train", "--backbone", "mobilenet_v2", "--weights", dir + "/none.h5", "--data", dir + "/nophoto", "--run", dir + "/run"}, 1, []string{"none.h5", "weights fetch mobilenet_v2"}},
		{"batch 0", append(train, "--data", dir+"/nophoto", "--batch", "0", "--run", dir+"/run"), 2, []string{"batch is 0"}},
		{"epochs -1", append(train, "--data", dir+"/nophoto", "--epochs=-1", "--run", dir+"/run"), 2, []string{"epochs is -1"}},
		{"epochs that are no number", append(train, "--data", dir+"/nophoto", "--epochs", "many", "--run", dir+"/run"), 2, []string{"--epochs", "many"}},
		{"size 0", append(train, "--data", dir+"/nophoto", "--size", "0", "--run", dir+"/run"), 2, []string{"--size is 0"}},
		{"size -1", append(train, "--data", dir+"/nophoto", "--size=-1", "--run", dir+"/run"), 2, []string{"--size is -1"}},
		{"size beyond memory", append(train, "--data", dir+"/nophoto", "--size", "100000", "--run", dir+"/run"), 2, []string{"--size is 100000"}},
		{"learning rate NaN", append(train, "--data", dir+"/nophoto", "--learning-rate", "NaN", "--run", dir+"/run"), 2, []string{"--learning-rate", "NaN"}},
		{"epsilon infinite", append(train, "--data", dir+"/nophoto", "--epsilon", "Inf", "--run", dir+"/run"), 2, []string{"--epsilon", "Inf"}},
		{"learning rate -1", append(train, "--data", dir+"/nophoto", "--learning-rate=-1", "--run", dir+"/run"), 2, []string{"--learning-rate is -1"}},
		{"dropout 1", append(train, "--data", dir+"/nophoto", "--dropout", "1", "--run", dir+"/run"), 2, []string{"dropout is 1"}},
		{"patience -1", append(train, "--data", dir+"/nophoto", "--stop-patience=-1", "--run", dir+"/run"), 2, []string{"patience", "-1"}},
		{"two class weights", append(train, "--data", dir+"/nophoto", "--class-weights", "1,2", "--run", dir+"/run"), 2, []string{"2 class weights", "7 classes"}},
		{"class weight NaN", append(train, "--data", dir+"/nophoto", "--class-weights", "NaN,1,1,1,1,1,1", "--run", dir+"/run"), 2, []string{"--class-weights", "NaN"}},
		{"unknown regime", append(train, "--data", dir+"/nophoto", "--regime", "fast", "--run", dir+"/run"), 2, []string{"--regime", "fast", "md/as-run"}},
		{"unknown missing age", append(train, "--data", dir+"/nophoto", "--missing-age", "guess", "--run", dir+"/run"), 2, []string{"guess", "impute"}},
		{"unknown layer", append(train, "--data", dir+"/nophoto", "--cut", "block_99", "--run", dir+"/run"), 1, []string{"mobilenet_v2", "block_99"}},
		{"negative time", append(train, "--data", dir+"/nophoto", "--save-every=-1s", "--run", dir+"/run"), 2, []string{"--save-every is -1s"}},
		{"seed -1", append(train, "--data", dir+"/nophoto", "--seed=-1", "--run", dir+"/run"), 2, []string{"--seed", "-1"}},
		{"no run", []string{"train", "--backbone", "mobilenet_v2"}, 2, []string{"--run"}},
		{"no devices", append(train[:len(train):len(train)], "--run", dir+"/run", "--devices", "0"), 2, []string{"--devices is 0"}},
		{"devices that can't share a batch", append(train[:len(train):len(train)], "--run", dir+"/run", "--batch", "10", "--devices", "4"), 2, []string{"a batch of 10 images can't be divided evenly among 4 devices", "--batch"}},
		{"an engine with one device", append(train[:len(train):len(train)], "--data", dir+"/nophoto", "--run", dir+"/run", "--devices", "2", "--engine", "go"), 1, []string{"2 devices are asked for, and the engine go has 1", "--engine"}},
		{"bfloat16 on the pure Go engine", append(train[:len(train):len(train)], "--data", dir+"/nophoto", "--run", dir+"/run", "--precision", "bf16", "--engine", "go"), 1, []string{"the engine go does not train in bf16", "--precision"}},
		{"empty run", append(train, "--data", dir+"/nophoto", "--run="), 2, []string{"--run is empty"}},
		{"too much", append(train, "--data", dir+"/nophoto", "--run", dir+"/run", "now"), 2, []string{"now"}},
		{"predictions with a header alone", []string{"evaluate", headerCSV}, 1, []string{"header.csv", "no predictions"}},
		{"empty predictions", []string{"evaluate", emptyCSV}, 1, []string{"empty.csv", "the file is empty"}},
		{"probability NaN", []string{"evaluate", nanCSV}, 1, []string{"nan.csv:2: column akiec: ", "NaN"}},
		{"probabilities that do not sum to 1", []string{"evaluate", sumCSV}, 1, []string{"sum.csv:2: ", "1.5"}},
		{"predictions without a column", []string{"evaluate", columnCSV}, 1, []string{"column.csv:1: ", "lesion_id"}},
		{"row without a column", []string{"evaluate", shortCSV}, 1, []string{"short.csv:2: ", "9 fields and the header 10"}},
		{"prediction twice", []string{"evaluate", twiceCSV}, 1, []string{"twice.csv:3: ", "ISIC_1"}},
		{"folder without predictions", []string{"evaluate", dir + "/full"}, 1, []string{"full", "predictions-test.csv"}},
		{"resamples -1", []string{"evaluate", headerCSV, "--resamples=-1"}, 2, []string{"--resamples is -1"}},
		{"nothing to evaluate", []string{"evaluate"}, 2, []string{"run-or-csv"}},
		{"predict nothing", []string{"predict", "--run", dir}, 2, []string{"image"}},
		{"age NaN", []string{"predict", "--run", dir, "--age", "NaN", file}, 2, []string{"--age", "NaN"}},
		{"unknown localization", []string{"predict", "--run", dir, "--localization", "moon", file}, 2, []string{"moon", "scalp"}},
		{"demo of few images", []string{"demo", "--images", "3", "--out", dir + "/demo"}, 1, []string{"3 synthetic images", "at least 7"}},
		{"demo of no images", []string{"demo", "--images", "0", "--out", dir + "/demo"}, 2, []string{"--images is 0"}},
		{"demo of size 0", []string{"demo", "--size", "0", "--out", dir + "/demo"}, 2, []string{"--size is 0"}},
		{"demo of -1 epochs", []string{"demo", "--epochs=-1", "--out", dir + "/demo"}, 2, []string{"--epochs is -1"}},
		{"demo into a file", []string{"demo", "--images", "20", "--out", file}, 1, []string{file, "not a directory"}},
		{"figure format", []string{"figures", headerCSV, "--out", dir + "/f", "--format", "gif"}, 2, []string{"--format", "gif"}},
		{"figure style", []string{"figures", headerCSV, "--out", dir + "/f", "--style", "poster"}, 2, []string{"poster", "paper-wide"}},
		{"figure typeface", []string{"figures", headerCSV, "--out", dir + "/f", "--font", "comic"}, 2, []string{"comic", "serif"}},
		{"figure of no width", []string{"figures", headerCSV, "--out", dir + "/f", "--width-mm", "3"}, 2, []string{"--width-mm 3", "40"}},
		{"figure of -1 dpi", []string{"data", "stats", "--data", dir + "/nophoto", "--figures", dir + "/f", "--dpi=-1"}, 2, []string{"--dpi -1"}},
		{"forest of an unknown metric", []string{"figures", headerCSV, "--out", dir + "/f", "--metric", "acuracy"}, 2, []string{"acuracy", "balanced_accuracy"}},
		{"figures of nothing", []string{"figures", dir + "/none.csv", "--out", dir + "/f"}, 1, []string{"none.csv"}},
		{"split of two images", []string{"split", "--protocol", "grouped", "--data", dir + "/nophoto", "--out", dir + "/s.csv"}, 1, []string{"2 images"}},
		{"bench of size 0", []string{"bench", "--size", "0"}, 2, []string{"--size"}},
		{"predictions that are no predictions", []string{"evaluate", csv}, 1, []string{"bad.csv", "nv"}},
		{"no predictions", []string{"evaluate", dir + "/none.csv"}, 1, []string{"none.csv"}},
		{"predict without a run", []string{"predict", "--run", dir, file}, 1, []string{"run folder"}},
		{"unknown sex", []string{"predict", "--run", dir, "--sex", "other", file}, 2, []string{"other", "female"}},
		{"impossible age", []string{"predict", "--run", dir, "--age", "-3", file}, 2, []string{"-3"}},
	}
}

// Every mistake gives one line on standard error that names the culprit, and
// the exit code of the contract: 1 failed, 2 wrong usage. Each has a folder of its
// own.
func TestMistakes(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	for i, c := range mistakes(t, t.TempDir()) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c := mistakes(t, dir)[i]
			code, stdout, stderr := call(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d; %s", code, c.code, stderr)
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "skinattn: ") {
				t.Errorf("the message is %q", last)
			}
			if strings.Count(stderr, "skinattn: ") != 1 {
				t.Errorf("not one message: %q", stderr)
			}
			for _, name := range c.names {
				if !strings.Contains(stderr, name) {
					t.Errorf("the message does not name %q: %s", name, stderr)
				}
			}
			if made, _ := filepath.Glob(filepath.Join(dir, "run", "[^.]*")); len(made) > 0 {
				t.Errorf("a run was begun: %v", made)
			}
		})
	}
}

// Mistakes with a finished run, which must stay as it is.
func TestMistakesWithARun(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SKINATTN_ENGINE", "go")
	dir := t.TempDir()
	data, runDir := filepath.Join(dir, "data"), filepath.Join(dir, "run")
	if err := synthetic.Generate(t.Context(), data, synthetic.Options{Images: 40, Seed: 1, Width: 32, Height: 32}, nil); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKINATTN_DATA", data)
	train := []string{"train", "--run", runDir, "--quiet", "--backbone", "mobilenet_v2", "--cut", "Conv1_relu", "--size", "32", "--weights", "random", "--regime", "demo", "--epochs", "1"}
	if code, _, stderr := call(t, train...); code != 0 {
		t.Fatal(stderr)
	}
	before := contents(t, runDir)
	photos, err := filepath.Glob(filepath.Join(data, "images", "*.jpg"))
	if err != nil || len(photos) != 40 {
		t.Fatal(photos, err)
	}
	bad := filepath.Join(dir, "bad.jpg")
	if err := os.WriteFile(bad, []byte("no photo"), 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.csv")
	if err := os.WriteFile(other, []byte("image_id,lesion_id,dx,part\nISIC_1,HAM_1,nv,train\nISIC_2,HAM_2,nv,val\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	resume := []string{"train", "--run", runDir, "--quiet", "--resume"}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"resume with another size", append(resume, "--size", "64"), 1, "can't be resumed with other settings: network.size (the run has 32, now 64); leave them out"},
		{"resume with another batch", append(resume, "--batch", "8"), 1, "regime.batch (the run has 16, now 8)"},
		{"resume with another schedule and more epochs", append(resume, "--schedule", "cosine", "--epochs", "2"), 1, `regime.schedule (the run has none, now "cosine")`},
		{"resume with another rate", append(resume, "--learning-rate", ".5"), 1, "regime.learning_rate (the run has 0.001, now 0.5)"},
		{"resume with another regime", append(resume, "--regime", "md/as-run"), 1, `regime.name (the run has "demo", now "md/as-run")`},
		{"resume with another seed", append(resume, "--seed", "7"), 1, "seed (the run has 1, now 7)"},
		{"resume with another protocol", append(resume, "--protocol", "paper"), 1, `data.protocol (the run has "grouped", now "paper")`},
		{"resume with another cut", append(resume, "--cut", "block_1_depthwise"), 1, `network.cut (the run has "Conv1_relu", now "block_1_depthwise")`},
		{"resume without metadata", append(resume, "--no-metadata"), 1, "network.metadata (the run has true, now false)"},
		{"resume with other weights", append(resume, "--weights", bad), 1, `init (the run has "random", now "imagenet")`},
		{"resume with a split", append(resume, "--split", other), 2, "--split can't be changed with --resume"},
		{"again", train, 1, "is not empty (it has checkpoints); add --resume"},
		{"split of other images", []string{"train", "--run", filepath.Join(dir, "new"), "--quiet", "--backbone", "mobilenet_v2", "--cut", "Conv1_relu", "--size", "32",
			"--weights", "random", "--split", other}, 1, "image ISIC_1 of the split is not in the metadata"},
		{"weights that are none", []string{"train", "--run", filepath.Join(dir, "new"), "--quiet", "--backbone", "mobilenet_v2", "--cut", "Conv1_relu", "--size", "32",
			"--weights", bad}, 1, "reading Keras weights " + bad + ": not an HDF5 file"},
		{"demo over a run on other images", []string{"demo", "--out", dir, "--images", "50", "--quiet"}, 1, dir + " has a run on other images; choose another --out"},
		{"predict a folder without photos", []string{"predict", "--run", runDir, empty}, 1, "looking for photos in " + empty + ": no .jpg, .jpeg, .jpe, .jfif, .png files are in it"},
		{"predict what is no photo", []string{"predict", "--run", runDir, bad, photos[0], filepath.Join(dir, "none.jpg")}, 1, "2 images could not be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := call(t, c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) || !strings.HasPrefix(stderr, "skinattn: ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want %d; message %q, want one line with %q", code, c.code, stderr, c.says)
			}
		})
	}
	if diff := cmp.Diff(before, contents(t, runDir)); diff != "" {
		t.Errorf("the run has changed (-before +after):\n%s", diff)
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "new", "[^.]*")); len(made) > 0 {
		t.Errorf("a run was begun: %v", made)
	}

	t.Run("names of any bytes", func(t *testing.T) {
		photo, err := os.ReadFile(photos[0])
		if err != nil {
			t.Fatal(err)
		}
		names := []string{"\xff\xfe.jpg", "a\nb.jpg", "\x1b[31mred.jpg", "a,b.jpg"}
		args := []string{"predict", "--run", runDir, "--quiet"}
		dir := t.TempDir()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), photo, 0o644); err != nil {
				t.Skip(err) // a file system that has no such names
			}
			args = append(args, filepath.Join(dir, name))
		}
		code, stdout, stderr := call(t, args...)
		if code != 0 || strings.Contains(stdout, "\x1b") || !strings.Contains(stdout, `\xff\xfe.jpg`) || !strings.Contains(stdout, `a\nb.jpg`) || !strings.HasPrefix(strings.Split(stdout, "\n")[4], filepath.Join(dir, "a,b.jpg")) {
			t.Errorf("exit code %d, %s%s", code, stderr, stdout)
		}
	})

	// A file that was edited is to blame, whatever its values then make impossible.
	config, err := os.ReadFile(filepath.Join(runDir, run.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, edit, resume, predict string
	}{
		{"two class weights", `.regime.class_weights = [1, 2]`, "config.json was changed after the run began", ""},
		{"without a regime", `.regime = null`, "config.json was changed after the run began", ""},
		{"an unknown network", `.network.backbone = "nope"`, "config.json was changed after the run began", "config.json: backbone"},
		{"a cut that is none", `.network.cut = "nope"`, "config.json was changed after the run began", "config.json: cutting mobilenet_v2"},
		{"another size", `.network.size = 0`, "config.json was changed after the run began", "does not fit config.json"},
	} {
		t.Run("edited: "+c.name, func(t *testing.T) {
			edited := filepath.Join(t.TempDir(), "run")
			if err := os.CopyFS(edited, os.DirFS(runDir)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(edited, run.ConfigFile), editJSON(t, config, c.edit), 0o644); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := call(t, "train", "--run", edited, "--quiet", "--resume")
			if code != 1 || !strings.Contains(stderr, c.resume) {
				t.Errorf("resuming: exit code %d, %q", code, stderr)
			}
			code, _, stderr = call(t, "predict", "--run", edited, "--quiet", photos[0])
			if c.predict != "" && (code != 1 || !strings.Contains(stderr, c.predict)) {
				t.Errorf("predicting: exit code %d, %q", code, stderr)
			}
		})
	}

	// --resume alone is enough, whatever the regime. The row of an unreadable image
	// names it, and the other images are predicted.
	if code, _, stderr := call(t, resume...); code != 0 {
		t.Error(stderr)
	}
	code, stdout, _ := call(t, "predict", "--run", runDir, "--json", bad, photos[0], data)
	code2, text, _ := call(t, "predict", "--run", runDir, bad, photos[0], data)
	var rows []predictionRow
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != 1 || len(rows) != 42 ||
		!strings.Contains(rows[0].Error, bad) || rows[1].Error != "" || len(rows[1].Probabilities) != 7 || rows[41].Image != photos[39] || rows[41].Error != "" {
		t.Errorf("exit code %d, answer %s", code, stdout)
	}
	// The JSON is what an encoder of the whole list writes; the table has a row a photo.
	var whole bytes.Buffer
	if err := writeJSON(&whole, rows); err != nil || whole.String() != stdout {
		t.Errorf("the answer is not as of one list: %v", err)
	}
	lines := strings.Split(text, "\n")
	if code2 != 1 || !strings.HasPrefix(lines[0], "image ") || !strings.Contains(lines[1], bad+" ") || !strings.Contains(lines[1], "error: ") || !strings.HasPrefix(lines[42], photos[39]+"  ") {
		t.Errorf("exit code %d, text %s", code2, text)
	}
}

// contents maps the paths of the files below dir, without the lock, to their content.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".lease" { // who wrote last, and not the run
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Errors of the operating system get advice, too.
func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		line string
	}{
		{nil, 0, ""},
		{errors.New("a\n  b"), 1, "skinattn: a; b\n"},
		{usagef("--x"), 2, "skinattn: wrong usage: --x; see 'skinattn --help'\n"},
		{fmt.Errorf("saving: %w", syscall.ENOSPC), 1, "skinattn: saving: no space left on device; make room on that disk, or choose another; a run goes on with --resume\n"},
		{fmt.Errorf("locking: %w", syscall.EROFS), 1, "skinattn: locking: read-only file system; choose a folder that can be written, or change its permissions\n"},
		{fmt.Errorf("locking: %w", syscall.EACCES), 1, "skinattn: locking: permission denied; choose a folder that can be written, or change its permissions\n"},
		{fmt.Errorf("%w; go on", training.ErrInterrupted), 130, "skinattn: interrupted: the state is saved; go on\n"},
		{fmt.Errorf("decoding: %w", context.Canceled), 130, "skinattn: interrupted; the same command begins again\n"},
	} {
		var stderr bytes.Buffer
		if code := report(&stderr, c.err, programName, nil); code != c.code || stderr.String() != c.line {
			t.Errorf("%v: code %d, line %q; want %d, %q", c.err, code, stderr.String(), c.code, c.line)
		}
	}
}

// writeSplitFile writes a split of the two photos of the data set "nophoto".
func writeSplitFile(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "two.csv")
	if err := os.WriteFile(path, []byte("image_id,lesion_id,dx,part\nISIC_1,HAM_1,nv,train\nISIC_2,HAM_2,mel,val\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// An optional flag lists its values without the empty value.
func TestHelpListsValues(t *testing.T) {
	for _, command := range [][]string{{"train"}, {"split"}, {"bench"}, {"weights", "import"}, {"weights", "fetch"}, {"explain"}, {"figures"}, {"evaluate"}} {
		code, stdout, stderr := call(t, append(command, "--help")...)
		if help := strings.Join(strings.Fields(stdout), " "); code != 0 || strings.Contains(help, ": ,") {
			t.Errorf("%v --help: exit code %d, %s%s", command, code, stdout, stderr)
		}
	}
}

// The authors' model summary prints the total.
func TestBackbonesAnswersFromTheBuiltGraph(t *testing.T) {
	code, stdout, stderr := call(t, "backbones", "--json")
	if code != 0 {
		t.Fatal(stderr)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row["name"] == "mobilenet_v2" {
			if row["params_total"] != 1354714.0 || row["cut_layer"] != "block_14_depthwise" {
				t.Errorf("params_total %v, cut_layer %v", row["params_total"], row["cut_layer"])
			}
			return
		}
	}
	t.Error("mobilenet_v2 is not listed")
}

// editJSON sets a value of a JSON object, given as .name.name = value.
func editJSON(t *testing.T, text []byte, edit string) []byte {
	t.Helper()
	path, value, _ := strings.Cut(strings.TrimPrefix(edit, "."), " = ")
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	at, names := all, strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		at = at[name].(map[string]any)
	}
	at[names[len(names)-1]] = json.RawMessage(value)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
