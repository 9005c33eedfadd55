package run

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testdisk"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// lockEnv makes a copy of this test program lock a run folder until its input
// ends.
const lockEnv = "SKINATTN_TEST_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockEnv); dir != "" {
		if _, err := Create(dir, false); err != nil {
			panic(err)
		}
		os.Stdout.WriteString("locked")
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// names are the files of a folder.
func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCreate(t *testing.T) {
	for _, c := range []struct {
		name   string
		files  []string
		resume bool
		err    string // "": none
		left   []string
	}{
		{name: "new", left: []string{".lease", ".lock"}},
		{name: "a start that was killed", files: []string{".lock", "split.csv", "split.json", ".environment.json.12.tmp"},
			left: []string{".lease", ".lock", "split.csv", "split.json"}},
		{name: "a start with TensorBoard's files that was killed", files: []string{".lock", "split.csv", "tensorboard/events.out.tfevents.1.host.1.0"},
			left: []string{".lease", ".lock", "split.csv", "tensorboard"}},
		{name: "a run", files: []string{".lock", "config.json"}, err: "is not empty (it has config.json)"},
		{name: "somebody's folder", files: []string{"thesis.doc"}, err: "is not empty (it has thesis.doc)"},
		{name: "resume", files: []string{".lock", "config.json", ".history.csv.7.tmp", "checkpoints/.saving-1/weights.safetensors", "checkpoints/last-1/x"}, resume: true,
			left: []string{".lease", ".lock", "checkpoints", "config.json"}},
		{name: "resume nothing", resume: true, err: "nothing to resume: "},
		{name: "resume a start that was killed", files: []string{"split.csv"}, resume: true, err: "has no config.json", left: []string{"split.csv"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			for _, name := range c.files {
				write(t, filepath.Join(dir, name), "x")
			}
			f, err := Create(dir, c.resume)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if err := f.Close(); err != nil {
				t.Error(err)
			}
			if c.left != nil || c.err == "" {
				if diff := cmp.Diff(c.left, names(t, dir)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if left := names(t, filepath.Join(dir, CheckpointDir)); c.resume && c.err == "" && !cmp.Equal(left, []string{"last-1"}) {
				t.Errorf("checkpoints: %v", left)
			}
		})
	}
}

// What lies in a run folder, and a folder of runs, stand for the run that is probably meant.
func TestNearRunFolder(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "runs", "a")
	write(t, filepath.Join(first, ConfigFile), "{}")
	write(t, filepath.Join(dir, "runs", "b", ConfigFile), "{}")
	write(t, filepath.Join(first, CheckpointDir, "best-1", "manifest.json"), "{}")
	for path, want := range map[string]string{
		filepath.Join(first, ConfigFile):               first,
		filepath.Join(first, CheckpointDir):            first,
		filepath.Join(first, CheckpointDir, "best-1"):  first,
		filepath.Join(dir, "runs"):                     first,
		dir:                                            "",
		filepath.Join(first, "none"):                   "",
		filepath.Join(first, CheckpointDir, "x", "no"): "",
	} {
		_, err := Open(path)
		not, ok := errors.AsType[*NotFolderError](err)
		if !ok || not.Near != want || strings.Contains(err.Error(), ", but "+first+" is one") != (want != "") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCreateInPlacesThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for _, dir := range []string{file, filepath.Join(file, "run")} {
		if _, err := Create(dir, false); !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), "the run folder") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	disk := testdisk.New(t, 64<<10)
	write(t, filepath.Join(disk.Dir, "run", ConfigFile), "{}")
	disk.ReadOnly()
	for _, dir := range []string{filepath.Join(disk.Dir, "run"), filepath.Join(disk.Dir, "new")} {
		if _, err := Create(dir, false); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "the run folder") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// Two folders of one process, then two processes.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	const inUse = " is in use by another process"
	if _, err := Create(dir, false); err == nil || err.Error() != "run folder "+dir+inUse {
		t.Errorf("a second time: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), lockEnv+"="+dir)
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := child.StdinPipe(); err != nil { // open until the end
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Read(make([]byte, len("locked")))
	if _, err := Create(dir, false); err == nil || !strings.HasSuffix(err.Error(), inUse) {
		t.Errorf("while another process has it: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	f, err = Create(dir, false)
	if err != nil {
		t.Fatalf("after the other process was killed: %v", err)
	}
	f.Close()
}

func TestConfigRoundTrip(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	want := Config{Format: Format, Network: spec.Network{Backbone: "mobilenet_v2", Size: 32, Dropout: .5}, Init: "imagenet", InitSHA256: "ab", Seed: 1<<64 - 1,
		Data: Data{Protocol: "grouped", SplitSHA256: "cd", ImagesSHA256: "ef"}}
	if err := f.WriteConfig(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Open(f.Dir); err != nil {
		t.Error(err)
	}
}

func TestConfigThatIsNone(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	for content, reason := range map[string]string{
		"": "the file is empty", "{": "the file is cut short", `{"network":1}`: "network has a value of the wrong kind: number",
		`{"regime":{"batch":1e99}}`: "regime.batch has a value of the wrong kind: number 1e99", `[]`: "the file has a value of the wrong kind: array", `{"weather":"fine"}`: `unknown field "weather"`, `{"seed":-1}`: "seed",
		`{"seed":1} {"seed":2}`: "more than one value",
	} {
		write(t, f.Path(ConfigFile), content)
		if _, err := f.Config(); err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), f.Path(ConfigFile)) {
			t.Errorf("%q: %v, want %q", content, err, reason)
		}
	}
	if err := os.Remove(f.Path(ConfigFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(f.Dir); err == nil || !strings.Contains(err.Error(), "is not a run folder: it has no config.json") {
		t.Error(err)
	}
}

func TestHistory(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	err := f.WriteHistory([]Epoch{
		{Epoch: 1, Seconds: 1.5, LearningRate: 1e-3, TrainLoss: 2, TrainAccuracy: .25, ValLoss: 1.0 / 3, ValAccuracy: .5, ValBalancedAccuracy: .125, TrainImagesPerSecond: 30, InputWait: .01},
		{Epoch: 2, LearningRate: 2e-7},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Path(HistoryFile))
	if err != nil {
		t.Fatal(err)
	}
	want := "epoch,seconds,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,val_balanced_accuracy,train_images_per_second,input_wait\n" +
		"1,1.5,0.001,2,0.25,0.3333333,0.5,0.125,30,0.01\n2,0,2e-07,0,0,0,0,0,0,0\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMedian(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}, {nil, nan}, {[]float64{nan}, nan}, {[]float64{1, nan, 9, 5, 0}, 3}, {[]float64{7}, 7}} {
		var rows []Epoch
		for _, v := range c.values {
			rows = append(rows, Epoch{Seconds: v})
		}
		if got := Median(rows, func(e Epoch) float64 { return e.Seconds }); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestColumns(t *testing.T) {
	nan := math.NaN()
	row := func(epoch int, loss float64) Epoch {
		return Epoch{Epoch: epoch, Seconds: nan, LearningRate: nan, TrainLoss: loss, TrainAccuracy: nan, ValLoss: nan, ValAccuracy: 0.5,
			ValBalancedAccuracy: nan, TrainImagesPerSecond: nan, InputWait: nan}
	}
	names, values := Columns([]Epoch{row(1, nan), row(2, 0.25)})
	if strings.Join(names, ",") != "epoch,train_loss,val_accuracy" || values["epoch"][1] != 2 || !math.IsNaN(values["train_loss"][0]) || values["train_loss"][1] != 0.25 {
		t.Errorf("%v %v", names, values)
	}
}

// Numbers in an edited config.json have the bounds of the flags.
func TestNumbersOutsideTheirBounds(t *testing.T) {
	for field, want := range map[string]string{
		`"network": {"size": 1000000000}`:                   "size is 1000000000; it must be in [0, 4096]",
		`"network": {"size": -1}`:                           "size is -1; it must be in [0, 4096]",
		`"network": {"oversample": 1e300}`:                  "oversample is 1e+300; it must be in [0, 4]",
		`"network": {"metadata_units": [1000000000, 0, 0]}`: "metadata units is 1000000000; it must be in [0, 16384]",
		`"regime": {"epochs": 1, "batch": 1000000000}`:      "batch is 1000000000; it must be in [1, 10000]",
		`"regime": {"epochs": 1, "batch": 1, "learning_rate": 1, "epsilon": 1, "copies": {"per_photo": 1000000000}}`:      "copies per photo is 1000000000; it must be in [0, 100]",
		`"regime": {"epochs": 1, "batch": 1, "learning_rate": 1, "epsilon": 1, "class_weights": [1, 1, 1, 1, 1, 1, 0]}`:   "class weights is 0; it must be in [1e-6, 1e6]",
		`"regime": {"epochs": 1, "batch": 1, "learning_rate": 1, "epsilon": 1, "loss": {"kind": "focal", "gamma": 1e30}}`: "loss gamma is 1e+30; it must be in [0, 20]",
		`"regime": {"epochs": 1, "batch": 1, "learning_rate": -1, "epsilon": 1}`:                                          "learning rate is -1; it must be above 0",
	} {
		f := &Folder{Dir: t.TempDir()}
		write(t, f.Path(ConfigFile), `{"format": 1, `+field+`}`)
		if _, err := f.Config(); err == nil || err.Error() != "reading "+f.Path(ConfigFile)+": "+want {
			t.Errorf("%s: %v, want %s", field, err, want)
		}
	}
}

// LastEpoch is the epoch of History's last row, and does not read what is no history.
func TestLastEpoch(t *testing.T) {
	f := &Folder{Dir: t.TempDir()}
	for _, c := range []struct {
		text  string
		epoch int
		fails bool
	}{
		{"epoch,seconds\n", 0, false}, {"epoch,seconds\n1,2\n12,3\n", 12, false}, {"epoch,seconds\r\n1,2\r\n", 1, false},
		{"", 0, true}, {"rubbish", 0, true}, {"epoch,seconds\n1,2\n\"3", 0, true}, {"seconds,epoch\n1,2\n", 0, true},
	} {
		if err := os.WriteFile(f.Path(HistoryFile), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		epoch, err := f.LastEpoch()
		if epoch != c.epoch || (err != nil) != c.fails {
			t.Errorf("%q: %d, %v", c.text, epoch, err)
		}
	}
	if err := os.Remove(f.Path(HistoryFile)); err != nil {
		t.Fatal(err)
	}
	if epoch, err := f.LastEpoch(); epoch != 0 || err != nil {
		t.Errorf("no history: %d, %v", epoch, err)
	}
}
