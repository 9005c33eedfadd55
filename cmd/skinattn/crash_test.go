package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

var testEngine = flag.String("engine", engine.Go, "engine that the runs of all tests but the killed ones train on")

// base is the folder of all labs, with the command and a small data set.
var base = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "skinattn-crash-")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "skinattn"), ".").CombinedOutput(); err != nil {
		return dir, fmt.Errorf("building the command: %w\n%s", err, out)
	}
	options := synthetic.Options{Images: 70, Seed: 1, Width: 64, Height: 48}
	return dir, synthetic.Generate(context.Background(), filepath.Join(dir, "data"), options, nil)
})

// lab has an undisturbed run with some options on an engine, to compare other runs with.
type lab struct {
	base, dir string
	command   string
	engine    string
	options   options
	cache     string // empty: the cache folder of all labs
	whole     outcome
	took      time.Duration // the undisturbed run
}

// options are flags of a training.
type options struct {
	name   string
	begin  []string // of a new run, beside the lab's own
	resume []string // beside --resume
}

// Options of runs: the demo's regime, and one with state of every kind.
var (
	plainOptions = options{name: "demo regime"}
	everyOption  = options{
		name: "every option",
		begin: strings.Fields(`--ema .9 --accumulate 2 --tensorboard --freeze backbone --feature-cache --mixup .3 --sampling balanced
			--loss focal --focal-gamma 1.5 --label-smoothing .1 --metadata-dropout .2 --class-weighting balanced --stop-patience 5`),
		resume: []string{"--tensorboard"},
	}
)

var (
	labs      = map[string]*lab{}
	labsMutex sync.Mutex
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if len(labs) > 0 {
		dir, _ := base()
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// newLab opens the lab of the demo's regime for a test.
func newLab(t *testing.T) *lab { return labOf(t, *testEngine, plainOptions) }

// labOf opens a lab, which all tests with the same engine and options share.
func labOf(t *testing.T, engine string, options options) *lab {
	t.Helper()
	labsMutex.Lock()
	defer labsMutex.Unlock()
	name := engine + " " + options.name
	if l := labs[name]; l != nil {
		return l
	}
	dir, err := base()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{base: dir, dir: filepath.Join(dir, name), command: filepath.Join(dir, "skinattn"), engine: engine, options: options}
	labs[name] = l
	whole := filepath.Join(l.dir, "whole")
	for range 2 { // the first one fills the caches
		if err := os.RemoveAll(whole); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if out, err := l.train(whole).CombinedOutput(); err != nil {
			t.Fatalf("training: %v\n%s", err, out)
		}
		l.took = time.Since(start)
	}
	if l.whole, err = outcomeOf(whole); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) data() string { return filepath.Join(l.base, "data") }

// train trains a network that is cut early, so that it takes a second, and
// saves its state after every step.
func (l *lab) train(dir string, args ...string) *exec.Cmd {
	begin := []string{"train", "--run", dir, "--backbone", "mobilenet_v2", "--cut", "block_1_depthwise", "--size", "32",
		"--weights", "random", "--regime", "demo", "--epochs", "2", "--batch", "16", "--save-every", "1ns"}
	return l.skinattn(slices.Concat(begin, l.options.begin, args)...)
}

// skinattn returns the command with the user's environment and a cache folder of all labs.
func (l *lab) skinattn(args ...string) *exec.Cmd {
	command := exec.Command(l.command, append(args, "--data", l.data(), "--engine", l.engine, "--json")...)
	command.Env = append(os.Environ(), "XDG_CACHE_HOME="+cmp.Or(l.cache, filepath.Join(l.base, "cache")))
	return command
}

// outcome maps the files of a finished run to their SHA-256 or text. Two equal runs
// have equal outcomes.
type outcome map[string]string

// outcomeOf reads a finished run.
func outcomeOf(dir string) (outcome, error) {
	o := outcome{}
	for _, name := range []string{run.ConfigFile, run.SplitFile, run.MetricsFile, run.PredictionsFile("val"), run.PredictionsFile("test")} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		o[name] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	folder, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{checkpoint.Last, checkpoint.Best} {
		checkpoint := checkpoint.Newest(folder, kind)
		content, err := os.ReadFile(filepath.Join(checkpoint, "weights.safetensors"))
		if err != nil {
			return nil, err
		}
		o[filepath.Base(checkpoint)] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	o[run.HistoryFile], err = untimed(filepath.Join(dir, run.HistoryFile))
	return o, err
}

// untimed is history.csv without the columns that measure time.
func untimed(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, row := range rows {
		for i, column := range rows[0] {
			if column != "seconds" && column != "train_images_per_second" && column != "input_wait" {
				text.WriteString(row[i] + " ")
			}
		}
		text.WriteString("\n")
	}
	return text.String(), nil
}

// expectWhole compares a finished run with the undisturbed run.
func (l *lab) expectWhole(t *testing.T, dir string) {
	t.Helper()
	got, err := outcomeOf(dir)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := gocmp.Diff(l.whole, got); diff != "" {
		t.Errorf("the run differs from an undisturbed one (-undisturbed +this):\n%s", diff)
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// leftovers are the temporary files and folders in a run.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name := filepath.Base(path); strings.HasPrefix(name, ".saving-") || strings.HasSuffix(name, ".tmp") || strings.HasPrefix(name, "damaged-") {
			names = append(names, name)
		}
		if errors.Is(err, fs.ErrNotExist) { // not even begun, or gone since it was listed
			return nil
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return names
}

// resume goes on with a run under its own settings.
func (l *lab) resume(dir string) *exec.Cmd {
	return l.skinattn(append([]string{"train", "--run", dir, "--resume", "--save-every", "1ns"}, l.options.resume...)...)
}

// goOn returns the command with which a user goes on after a killed process: train
// --resume, or the first command again if the process has left no run yet.
func (l *lab) goOn(dir string) *exec.Cmd {
	if _, err := os.Stat(filepath.Join(dir, run.ConfigFile)); err == nil {
		return l.resume(dir)
	}
	return l.train(dir)
}

// killing says when to kill a process.
type killing struct {
	inSave bool          // wait for the save-th save to begin
	save   int           // from 1
	delay  time.Duration // from the start of the process or of the save
}

// kill starts the command, kills it at that moment and reports whether it still
// lived.
func (k killing) kill(t *testing.T, command *exec.Cmd, dir string) bool {
	t.Helper()
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if k.inSave && !k.await(dir, ended) {
		return false
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("failed before it was killed: %v\n%s", err, log.String())
		}
		return false
	case <-time.After(k.delay):
	}
	command.Process.Kill()
	err := <-ended
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false // it was faster
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("ended by itself: %v\n%s", err, log.String())
	}
	return true
}

// await waits until the save-th save begins, or the process ends.
func (k killing) await(dir string, ended chan error) bool {
	seen := map[string]bool{}
	for len(seen) < k.save {
		select {
		case err := <-ended:
			ended <- err
			return false
		case <-time.After(100 * time.Microsecond):
		}
		saving, _ := filepath.Glob(filepath.Join(dir, run.CheckpointDir, ".saving-*"))
		for _, path := range saving {
			seen[path] = true
		}
	}
	return true
}

// SIGKILL comes at any moment, also within a save. The resumed run ends with the same
// weights, history and predictions as an undisturbed run.
func TestKilledRunGoesOnToTheSameBytes(t *testing.T) {
	for _, kind := range []string{engine.Go, engine.CPU} {
		for _, options := range []options{plainOptions, everyOption} {
			for _, kills := range []int{3, 50} {
				t.Run(fmt.Sprintf("%s, %s, %d kills", kind, options.name, kills), func(t *testing.T) {
					testlong.Skip(t, kills > 3 || kind != engine.Go) // XLA compiles, or loads, in every process
					if kind != engine.Go {
						testengine.Named(t, kind) // fails where there is none, and fetches it where need be
					}
					killAndGoOn(t, labOf(t, kind, options), kills)
				})
			}
		}
	}
}

func killAndGoOn(t *testing.T, l *lab, kills int) {
	insideSave, again := 0, 0
	for i := range kills {
		random := rand.New(rand.NewPCG(uint64(i), 0x4b494c4c))
		dir := filepath.Join(l.dir, fmt.Sprintf("killed-%02d", i))
		l := *l
		if i%5 == 0 { // also while photos and features are computed
			l.cache = filepath.Join(l.dir, fmt.Sprintf("cache-%02d", i))
		}
		k := killing{inSave: i%2 == 1}
		for {
			if k.inSave {
				k.save, k.delay = 1+random.IntN(10), time.Duration(random.Int64N(int64(3*time.Millisecond)))
			} else {
				k.delay = time.Duration(random.Int64N(int64(l.took)))
			}
			if k.kill(t, l.goOn(dir), dir) {
				break
			}
			if err := os.RemoveAll(dir); err != nil { // it had finished: another moment
				t.Fatal(err)
			}
		}
		left := leftovers(t, dir)
		if slices.ContainsFunc(left, func(name string) bool { return strings.HasPrefix(name, ".saving-") }) {
			insideSave++
		}
		// Some resumed processes are killed, too.
		if i%4 == 2 && (killing{delay: time.Duration(random.Int64N(int64(l.took)))}).kill(t, l.goOn(dir), dir) {
			again++
		}
		out, err := l.goOn(dir).CombinedOutput()
		if err != nil || strings.Contains(string(out), "damaged") {
			t.Errorf("kill %d (%+v, left %v): going on: %v\n%s", i, k, left, err, out)
		}
		l.expectWhole(t, dir)
		if t.Failed() {
			t.Fatalf("kill %d: %+v, left %v", i, k, left)
		}
		os.RemoveAll(dir)
		os.RemoveAll(l.cache)
	}
	t.Logf("%d kills, %d of them inside a save, %d killed once more; an undisturbed run takes %v", kills, insideSave, again, l.took)
	if insideSave == 0 {
		t.Error("no kill was inside a save")
	}
}

// startUntilSave starts the command and waits until its run in dir is at a save, counted from
// 1. It returns what the command writes to its standard error and, once it has ended, its error.
func startUntilSave(t *testing.T, command *exec.Cmd, dir string, save int) (log *bytes.Buffer, ended chan error) {
	t.Helper()
	log, ended = &bytes.Buffer{}, make(chan error, 1)
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- command.Wait() }()
	if !(killing{save: save}).await(dir, ended) {
		t.Fatalf("it ended before: %v\n%s", <-ended, log.String())
	}
	return log, ended
}

// A cache that is cut short while a run reads it ends the run with one line, and the run goes
// on to the same bytes with a cache that is made anew.
func TestCacheCutShortWhileInUse(t *testing.T) {
	for _, c := range []struct {
		options options
		pattern string
		anew    string
	}{{plainOptions, "images-*.cache", "decoding images"}, {everyOption, "features-*.cache", "computing the features"}} {
		l := *labOf(t, *testEngine, c.options)
		l.cache = t.TempDir()
		dir := filepath.Join(t.TempDir(), "run")
		command := l.train(dir)
		log, ended := startUntilSave(t, command, dir, 1)
		command.Process.Signal(syscall.SIGSTOP)
		caches, err := filepath.Glob(filepath.Join(l.cache, "skinattn", c.pattern))
		if err != nil || len(caches) != 1 {
			t.Fatal(caches, err)
		}
		if err := os.Truncate(caches[0], 100); err != nil {
			t.Fatal(err)
		}
		command.Process.Signal(syscall.SIGCONT)
		<-ended
		want := caches[0] + " was cut short, or its disk failed, while it was in use; run the command again, which makes the file anew; a training goes on with --resume\n"
		if code := command.ProcessState.ExitCode(); code != 1 || !strings.HasSuffix(log.String(), want) || strings.Count(log.String(), "skinattn: ") != 1 {
			t.Errorf("exit code %d, log %s", code, log.String())
		}
		if out, err := l.goOn(dir).CombinedOutput(); err != nil || !strings.Contains(string(out), c.anew) {
			t.Errorf("going on: %v\n%s", err, out)
		}
		l.expectWhole(t, dir)
	}
}

// SIGINT, SIGTERM and SIGHUP save and exit with 130, at any moment. A terminal that goes
// away may send SIGHUP twice.
func TestInterruptedProcessSavesAndExits130(t *testing.T) {
	l := newLab(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if signal == syscall.SIGHUP && ossignal.Ignored(signal) {
			t.Log("these tests run under nohup: no run would get SIGHUP, which is not tried")
			continue
		}
		dir := filepath.Join(t.TempDir(), "run") // of its own: a run of few epochs ends soon
		command := l.goOn(dir)
		log, ended := startUntilSave(t, command, dir, 2)
		command.Process.Signal(signal)
		if signal == syscall.SIGHUP {
			command.Process.Signal(signal)
		}
		<-ended
		if code := command.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%s: exit code %d, want 130", signal, code)
		}
		if !strings.HasSuffix(log.String(), "\nskinattn: interrupted: the state is saved; go on with --resume\n") {
			t.Errorf("%s: log %q", signal, log.String())
		}
		if out, err := l.goOn(dir).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", signal, err, out)
		}
		l.expectWhole(t, dir)
	}
}

// Under nohup, a run outlives its terminal.
func TestNohup(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(t.TempDir(), "run")
	command := l.train(dir)
	command.Path, command.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, command.Args...)
	_, ended := startUntilSave(t, command, dir, 2)
	command.Process.Signal(syscall.SIGHUP)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	l.expectWhole(t, dir)
}

// expectFailure runs the command, which must end with exit code 1 and one line
// that has all the parts.
func expectFailure(t *testing.T, command *exec.Cmd, parts ...string) {
	t.Helper()
	var log bytes.Buffer
	command.Stderr = &log
	command.Run()
	if code := command.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "skinattn: ") || strings.Count("\n"+log.String(), "\nskinattn: ") != 1 {
		t.Errorf("not one line: %q", log.String())
	}
	for _, part := range parts {
		if !strings.Contains(last, part) {
			t.Errorf("the line has no %q: %s", part, last)
		}
	}
}

func TestTwoProcessesOnOneRunFolder(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(t.TempDir(), "run")
	command := l.train(dir)
	_, ended := startUntilSave(t, command, dir, 1)
	command.Process.Signal(syscall.SIGSTOP)
	expectFailure(t, l.resume(dir), "run folder "+dir+" is in use by another process; wait for it")
	expectFailure(t, l.train(dir), "is in use by another process; wait for it")
	command.Process.Signal(syscall.SIGCONT)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	l.expectWhole(t, dir)
}

// An error of the loss names the step, the images and the checkpoint to look at.
func TestDivergedRun(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(t.TempDir(), "run")
	expectFailure(t, l.train(dir, "--learning-rate", "1e30"), "the loss is NaN in step 2 on images ISIC_", "weights have diverged",
		filepath.Join(dir, run.CheckpointDir, "last-epoch00000-step00000001"), "; start a new run with a lower --learning-rate")
}
