package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

// The command that a cell is trained with means the configuration that the cell was checked
// with: every 20th cell of the paper's table, and cells with options of every kind.
func TestCellsAreWhatTrainDoes(t *testing.T) {
	f, err := sweep.Parse(sweep.Example("paper"), "paper.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	var cells []sweep.Cell
	for i := 0; i < len(all); i += 20 {
		cells = append(cells, all[i])
	}
	f, err = sweep.Parse([]byte(`
set: {backbone: mobilenet_v2, weights: random}
axes: {seed: [1, 18446744073709551615]}
grids:
  - set: {regime: md/as-printed, soft-attention: false, gamma: true, metadata-units: [64, 32], freeze: ["block_1_:2", backbone], layer-rates: [backbone=.1, dense=2], ema: .99}
  - set: {regime: modern, class-weighting: balanced, horizontal-flip: false, resize: "", oversample: 0, views: 8, mixup: .2, size: 96, feature-cache: false}
  - set: {regime: demo, class-weights: [1,2,3,4,5,6,7], accumulate: 2, folds: 5, fold: 4, cut: block_1_depthwise, save-every: 1m, tensorboard: true}
  - set: {regime: ad/as-run, protocol: leak-pair, arm: without, freeze: backbone, fast-dev-run: true}
`), "options.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(cells, more...) {
		args := append([]string{"train", "--show-config"}, c.Arguments()...)
		code, out, errs := call(t, args...)
		if code != 0 {
			t.Fatalf("%s: %s", strings.Join(args, " "), errs)
		}
		var got run.Config
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Values(), c.Config().Values()) {
			t.Errorf("%s\nmeans   %v\nthe cell %v", strings.Join(args, " "), got.Values(), c.Config().Values())
		}
	}
}

// Every flag of train can be set in a sweep, but for those that have no meaning there.
func TestSweepTakesTheFlagsOfTrain(t *testing.T) {
	without := []string{"help", "data", "engine", "json", "quiet", // of every command
		"split", "run", "resume", "again", "find-lr", "show-config",
		"devices"} // no part of a run's configuration: cells go side by side, each on its device
	parser := newParser(newGrammar(), nil, nil)
	for _, node := range parser.Model.Children {
		if node.Name != "train" {
			continue
		}
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				_, err := sweep.Parse([]byte("axes: {"+flag.Name+": []}"), "x.yaml")
				unknown := err != nil && strings.Contains(err.Error(), "is nothing that a cell can set")
				if excepted := slices.Contains(without, flag.Name); unknown != excepted {
					t.Errorf("--%s: unknown to sweeps %t, want %t", flag.Name, unknown, excepted)
				}
			}
		}
	}
}

func TestSweepCommands(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "small.yaml")
	code, out, _ := call(t, "sweep", "example", "small")
	if code != 0 {
		t.Fatal(code)
	}
	if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, "sweep", "status", path); code != 0 || out != "4 cells in "+filepath.Join(dir, "runs/small")+": 0 done, 0 running, 0 failed, 4 waiting\n" {
		t.Errorf("status: %d, %q, %s", code, out, errs)
	}
	code, out, _ = call(t, "sweep", "status", path, "--all", "--runs", filepath.Join(dir, "other"))
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "waiting  mobilenet_v2-demo-grouped-seed1-64px-random-epochs5-") {
		t.Errorf("status --all: %d, %q", code, out)
	}
	if code, out, _ := call(t, "sweep", "cells", path); code != 0 || strings.Count(out, "skinattn train --backbone=mobilenet_v2 --regime=demo --size=64 --weights=random --seed=") != 4 {
		t.Errorf("cells: %d, %q", code, out)
	}
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte("no-such-cell\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"status " + path + " --seed 3", "wrong usage: --seed is not used here"},
		{"run " + path + " --cell nothing", "has no cell nothing; 'skinattn sweep cells' lists them"},
		{"run " + path + " --task 1", "--task needs --cells"},
		{"run " + path + " --cells " + list, "--cells needs --task"},
		{"run " + path + " --cells " + list + " --task 0", "has no cell no-such-cell"},
		{"run " + path + " --cells " + list + " --task 1", "--task is 1; " + list + " has 1 cells"},
		{"run " + list, "wrong usage: " + list + ", line 1: the file is a single value"},
		{"example large", `must be one of "paper","small"`},
	} {
		if code, _, errs := call(t, append([]string{"sweep"}, strings.Fields(c.args)...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %q", c.args, code, errs)
		}
	}
	if code, _, errs := call(t, "sweep", "run", filepath.Join(dir, "nothing.yaml")); code != exitFailed || !strings.Contains(errs, "nothing.yaml: no such file") {
		t.Errorf("no file: %d, %q", code, errs)
	}
}

// fakeSlurm puts programs of Slurm into $PATH that are shell scripts, in place of all others; the
// file calls in the folder that is returned has a line for each of their calls.
func fakeSlurm(t *testing.T, scripts map[string]string) string {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	dir := t.TempDir()
	for name, script := range scripts {
		text := "#!" + shell + "\necho " + name + " \"$@\" >>'" + filepath.Join(dir, "calls") + "'\n" + script
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

func smallSweep(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(path, bytes.Replace(sweep.Example("small"), []byte("runs/small"), []byte("my runs"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSweepSlurmWithoutSlurm(t *testing.T) {
	path := smallSweep(t)
	fakeSlurm(t, nil)
	code, out, errs := call(t, "sweep", "slurm", path)
	if code != 0 || errs != "" || !strings.HasPrefix(out, "sbatch '"+filepath.Dir(path)+"/my runs/.sweep/slurm/") || !strings.HasSuffix(out, ".sh' # 4 cells\n") {
		t.Errorf("%d, %q, %s", code, out, errs)
	}
	code, out, errs = call(t, "sweep", "slurm", path, "--submit")
	if code != exitFailed || out != "" || !strings.Contains(errs, "may be submitted twice: squeue is not installed here, or not in $PATH\n") || !strings.HasSuffix(errs, ".sh: sbatch is not installed here, or not in $PATH\n") {
		t.Errorf("%d, %q, %s", code, out, errs)
	}
	for flag, want := range map[string]string{"--warning=0s": "--warning is 0s; Slurm gives it 1s to 65535s before the limit", "--warning=24h": "--warning is 24h", "--cpus=-1": "--cpus and --at-once must not be negative"} {
		if code, _, errs := call(t, "sweep", "slurm", path, flag); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, %s", flag, code, errs)
		}
	}
}

// The arrays that were submitted before one was refused are told, the cells in the queue are not
// submitted again.
func TestSweepSlurmSubmits(t *testing.T) {
	path := smallSweep(t)
	dir := fakeSlurm(t, map[string]string{
		"scontrol": "echo 'MaxArraySize            = 3'\n",
		"squeue":   "[ -z \"$QUEUED\" ] || echo \"0 $QUEUED\"\n",
		"sbatch":   "case $2 in *-1.sh) echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1;; esac\necho '17;cluster'\n",
	})
	type job struct {
		Script, ID string
		Cells      int
	}
	var jobs []job
	code, out, errs := call(t, "sweep", "slurm", path, "--submit", "--json")
	if err := json.Unmarshal([]byte(out), &jobs); code != exitFailed || err != nil || len(jobs) != 1 || jobs[0].ID != "17" || jobs[0].Cells != 3 ||
		!strings.HasSuffix(errs, "-1.sh: sbatch: exit status 1: sbatch: error: QOSMaxSubmitJobPerUserLimit\n") {
		t.Fatalf("%d, %v, %s, %s", code, err, out, errs)
	}
	t.Setenv("QUEUED", jobs[0].Script)
	code, out, errs = call(t, "sweep", "slurm", path, "--submit")
	if code != 0 || errs != "1 cells are in Slurm's queue already\n" || !strings.HasPrefix(out, "job 17: 3 cells (") {
		t.Errorf("%d, %q, %s", code, out, errs)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil || strings.Count(string(calls), "sbatch --parsable ") != 3 || !strings.Contains(string(calls), "squeue --noheader --array --user=") {
		t.Errorf("%s, %v", calls, err)
	}
}

func TestSweepKubernetes(t *testing.T) {
	path := smallSweep(t)
	args := []string{"sweep", "kubernetes", path, "--image", "registry.example:5000/Lab/skinattn-cli:1", "--data-claim", "ham10000.v2", "--runs-claim", "runs"}
	code, out, errs := call(t, append(args, "--cpus", "500m", "--mem", "1.5Gi", "--namespace", "lab-1", "--node-label", "nvidia.com/gpu.product=A100")...)
	if code != 0 || errs != "" || !strings.Contains(out, "completions: 4\n") || !strings.Contains(out, "memory: 1.5Gi\n") {
		t.Errorf("%d, %s, %s", code, errs, out)
	}
	for flag, want := range map[string]string{
		"--name=My_Sweep": `--name is "My_Sweep"`, "--name=": "--name is", "--name=" + strings.Repeat("a", 53): "at most 52", "--namespace=Lab": `--namespace is "Lab"`, "--namespace=a.b": "--namespace",
		"--image=": "--image", "--image=a b": `--image is "a b"`, "--data-claim=HAM 10000": "--data-claim", "--runs-claim=runs/": "--runs-claim", "--cpus=four": "--cpus", "--cpus=-1": "--cpus",
		"--mem=16GB": `--mem is "16GB"; it must be a number of bytes such as 16Gi or 16G`, "--mem=Gi": "--mem", "--at-once=0": "--at-once", "--retries=-1": "--retries", "--warning=0s": "--warning", "--node-label=gpu": "--node-label",
	} {
		if code, out, errs := call(t, append(args, flag)...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, %s", flag, code, errs)
		}
	}
}

// What was probably meant in a sweep's file is told, as for the command line.
func TestSweepSuggests(t *testing.T) {
	for text, want := range map[string]string{
		"axis: {}": "axes", "set: {learning-rat: .1}": "learning-rate", "set: {early_stop.patiance: 3}": "early_stop.patience", "set: {backbones: vgg16}": "backbone",
		"set: {backbone: mobilenetv2}": "mobilenet_v2", "set: {backbone: mobilenet_v2, regime: md/asrun}": "md/as-run", "set: {backbone: mobilenet_v2, protocol: papers}": "paper",
		"set: {backbone: mobilenet_v2, size: 8}": "", "set: {backbone: mobilenet_v2, batch: 8.5}": "", "set: {backbone: mobilenet_v2, gamma: yes}": "",
		"set: {backbone: MobileNet_V2}": "mobilenet_v2", "set: {backbone: mobilenet_v2, loss: focl}": "focal", "%YAML 1.2\n---\nset: {}": "",
	} {
		path := filepath.Join(t.TempDir(), "m.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, errs := call(t, "sweep", "cells", path)
		if code != exitUsage || want != "" && !strings.Contains(errs, "; did you mean \""+want+"\"?") || want == "" && strings.Contains(errs, "did you mean") {
			t.Errorf("%s: %d, %s want %q", text, code, errs, want)
		}
	}
}

// The commands that are listed are for a shell.
func TestSweepCellsQuotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte("runs: my runs\nset: {backbone: mobilenet_v2, weights: a b.h5}"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "sweep", "cells", path)
	dir := filepath.Dir(path)
	if want := "skinattn train --backbone=mobilenet_v2 '--weights=" + dir + "/a b.h5' '--run=" + dir + "/my runs/mobilenet_v2-"; code != 0 || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "'\n") {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
}
