package sweep

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func tiny(t *testing.T) (*File, []Cell) {
	t.Helper()
	f, err := ReadFile("testdata/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cells, _, err := f.Expand()
	if err != nil {
		t.Fatal(err)
	}
	f.Runs = t.TempDir()
	return f, cells
}

// put makes a run folder with files.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// finished are the files that make a run finished.
func finished(config string) map[string]string {
	return map[string]string{run.ConfigFile: config, run.MetricsFile: "{}", run.PredictionsFile("val"): "v", run.PredictionsFile("test"): "t", run.HistoryFile: "epoch,seconds\n1,2\n",
		run.SplitFile: "s", "split.json": "{}", "checkpoints/last-1/weights.safetensors": "large"}
}

func TestKubernetes(t *testing.T) {
	f, cells := tiny(t)
	got, err := Kubernetes(f, cells, KubernetesOptions{Name: "skinattn-sweep", Namespace: "research", Image: "registry.example/skinattn-cli:1", DataClaim: "ham10000", RunsClaim: "runs",
		AtOnce: 2, GPUs: 1, CPUs: "4", Memory: "16Gi", Engine: "auto", NodeSelector: map[string]string{"gpu": "a100"}, Retries: 3, GraceSeconds: 120})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "job.yaml", got)
	f.Path = filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(f.Path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Kubernetes(f, cells, KubernetesOptions{}); err != ErrTooLarge {
		t.Errorf("error %v", err)
	}
	for _, wrong := range []string{"gpu", "=a", "gpu=a b", "-gpu=a", "nvidia.com/=a", "gpu=" + strings.Repeat("a", 64)} {
		if _, err := ParseSelector([]string{wrong}); err == nil {
			t.Errorf("the label %q passes", wrong)
		}
	}
	if labels, err := ParseSelector([]string{"nvidia.com/gpu.product=A100-SXM4", "spot="}); err != nil || labels["nvidia.com/gpu.product"] != "A100-SXM4" {
		t.Errorf("%v, %v", labels, err)
	}
	if err := os.WriteFile(f.Path, []byte("\xff\xfe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Kubernetes(f, cells, KubernetesOptions{}); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error %v", err)
	}
}

func slurmOptions(runs string) SlurmOptions {
	return SlurmOptions{
		Scheduler: Scheduler{File: "/home/me/my sweep.yaml", Runs: runs, Data: "/data/ham10000", Engine: "auto", Program: []string{"apptainer", "exec", "--nv", "skinattn.sif", "skinattn"}, Warning: 2 * time.Minute},
		Partition: "gpu", Account: "lab", Constraint: "a100|h100", GPUs: "1", CPUs: 4, Memory: "32G", Time: "12:00:00", AtOnce: 8, Setup: "module load apptainer\n", More: []string{"--exclusive"},
	}
}

func TestSlurm(t *testing.T) {
	f, cells := tiny(t)
	jobs, err := Slurm(cells, slurmOptions(f.Runs), false)
	if err != nil || len(jobs) != 1 || jobs[0].Cells != 3 {
		t.Fatalf("jobs %v, %v", jobs, err)
	}
	text, err := os.ReadFile(jobs[0].Script)
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSuffix(jobs[0].Script, ".sh")
	golden(t, "slurm.sh", []byte(strings.ReplaceAll(strings.ReplaceAll(string(text), base, "BASE"), f.Runs, "RUNS")))
	if bash, err := exec.LookPath("bash"); err == nil {
		if out, err := exec.Command(bash, "-n", jobs[0].Script).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	list, err := os.ReadFile(base + ".cells")
	if err != nil || string(list) != cells[0].Name+"\n"+cells[1].Name+"\n"+cells[2].Name+"\n" {
		t.Errorf("list %q, %v", list, err)
	}

	// A cell that is done is not submitted, and a limit of the cluster divides the array.
	put(t, cells[1].Dir(f.Runs), finished("{}"))
	opts := slurmOptions(f.Runs)
	opts.MaxArray = 1
	if jobs, err = Slurm(cells, opts, false); err != nil || len(jobs) != 2 || jobs[1].Cells != 1 {
		t.Fatalf("jobs %v, %v", jobs, err)
	}
	list, err = os.ReadFile(strings.TrimSuffix(jobs[1].Script, ".sh") + ".cells")
	if err != nil || string(list) != cells[2].Name+"\n" {
		t.Errorf("list %q, %v", list, err)
	}
	opts.Account = "a\n#SBATCH --x"
	if _, err := Slurm(cells, opts, false); err == nil {
		t.Error("an option of two lines passes")
	}
	for word, want := range map[string]string{"": "''", "a b": "'a b'", "it's": `'it'\''s'`, "--a=b/c.d": "--a=b/c.d", "$HOME": "'$HOME'"} {
		if got := ShellQuote(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
}

// Names with characters that sbatch or a shell would read as something else.
func TestSlurmQuotes(t *testing.T) {
	_, cells := tiny(t)
	opts := slurmOptions(filepath.Join(t.TempDir(), `50% "a'b" & #1`))
	opts.File, opts.Constraint, opts.More = "/home/me/$(date).yaml", `a\b`, []string{"--comment=two words #1", `--comment="two words"`, "--exclusive"}
	jobs, err := Slurm(cells, opts, false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(jobs[0].Script)
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSuffix(filepath.Base(jobs[0].Script), ".sh")
	for _, want := range []string{
		`/50%% \"a'b\" & #1/.sweep/slurm/` + base + "-%a.out\"\n", // %% is a % to Slurm
		`#SBATCH --constraint="a\\b"` + "\n", `#SBATCH --comment="two words #1"` + "\n", `#SBATCH --comment="two words"` + "\n", "#SBATCH --exclusive\n",
		` '/home/me/$(date).yaml' '--runs=`, `/50% "a'\''b" & #1' --engine`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// What waits in Slurm's queue is not submitted again.
func TestQueued(t *testing.T) {
	f, cells := tiny(t)
	jobs, err := Slurm(cells, slurmOptions(f.Runs), false)
	if err != nil {
		t.Fatal(err)
	}
	script := jobs[0].Script
	queue := "0 " + script + "\n2    " + script + "\n7 " + script + "\nN/A " + script + "\n1 /home/me/other.sh\n1 " + filepath.Join(slurmDir(f.Runs), "gone.sh") + "\n\n1\n"
	got := Queued(f.Runs, []byte(queue))
	if want := map[string]bool{cells[0].Name: true, cells[2].Name: true}; !cmp.Equal(got, want) {
		t.Errorf("queued %v, want %v", got, want)
	}
	opts := slurmOptions(f.Runs)
	opts.Queued = got
	if jobs, err = Slurm(cells, opts, true); err != nil || len(jobs) != 1 || jobs[0].Cells != 1 {
		t.Fatalf("jobs %v, %v", jobs, err)
	}
	list, err := os.ReadFile(strings.TrimSuffix(jobs[0].Script, ".sh") + ".cells")
	if err != nil || string(list) != cells[1].Name+"\n" {
		t.Errorf("list %q, %v", list, err)
	}
	opts.Queued[cells[1].Name] = true
	if jobs, err = Slurm(cells, opts, true); err != nil || len(jobs) != 0 {
		t.Errorf("jobs %v, %v", jobs, err)
	}
}

// A task that is told that its time is up has the training save, and requeues itself, whatever
// shell options the lines of the user have set.
func TestSlurmTaskRequeuesItself(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	for _, setup := range []string{"", "set -euo pipefail"} {
		f, cells := tiny(t)
		tools := t.TempDir()
		put(t, tools, map[string]string{
			"scontrol": "#!/bin/sh\necho \"$@\" >\"$TOOLS/requeued\"\n",
			"training": "#!/bin/sh\ntrap 'sleep .3; echo saved >\"$TOOLS/saved\"; exit 130' TERM\necho >\"$TOOLS/begun\"\nwhile :; do sleep .05; done\n",
		})
		for _, name := range []string{"scontrol", "training"} {
			if err := os.Chmod(filepath.Join(tools, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		opts := slurmOptions(f.Runs)
		opts.Program, opts.Setup = []string{filepath.Join(tools, "training")}, setup
		jobs, err := Slurm(cells, opts, false)
		if err != nil {
			t.Fatal(err)
		}
		task := exec.Command(bash, jobs[0].Script)
		task.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "TOOLS="+tools, "SLURM_ARRAY_JOB_ID=7", "SLURM_ARRAY_TASK_ID=2")
		if err := task.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(tools, "begun")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the training does not begin")
			}
		}
		time.Sleep(100 * time.Millisecond) // until the traps are set
		task.Process.Signal(syscall.SIGUSR1)
		err = task.Wait()
		requeued, _ := os.ReadFile(filepath.Join(tools, "requeued"))
		saved, _ := os.ReadFile(filepath.Join(tools, "saved"))
		if err != nil || string(requeued) != "requeue 7_2\n" || string(saved) != "saved\n" {
			t.Errorf("setup %q: %v, requeued %q, saved %q", setup, err, requeued, saved)
		}
	}
}

func TestCollect(t *testing.T) {
	f, cells := tiny(t)
	out := filepath.Join(t.TempDir(), "results")
	put(t, cells[0].Dir(f.Runs), finished(configOf(t, &cells[0])))
	put(t, cells[2].Dir(f.Runs), map[string]string{run.ConfigFile: "{}", run.HistoryFile: "epoch,seconds\n1,2\n"})
	done, err := Collect(cells, f.Runs, out)
	if err != nil || !cmp.Equal(done.Copied, []string{cells[0].Name}) || len(done.Missing) != 2 || done.Missing[1].Epoch != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	entries, err := os.ReadDir(cells[0].Dir(out))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"config.json", "history.csv", "metrics.json", "predictions-test.csv", "predictions-val.csv", "split.csv", "split.json"}; !cmp.Equal(names, want) {
		t.Errorf("copied %v, want %v", names, want)
	}
	if done, err = Collect(cells, f.Runs, out); err != nil || len(done.Copied) != 0 || done.Kept != 1 {
		t.Errorf("a second time: %+v, %v", done, err)
	}
	put(t, cells[0].Dir(f.Runs), map[string]string{run.PredictionsFile("test"): "other"})
	if _, err := Collect(cells, f.Runs, out); err == nil || err.Error() != cells[0].Dir(out)+" has another run already" {
		t.Errorf("another run: %v", err)
	}

	// The folder of another cell, copied, is not collected as this one's; the others are.
	runs, seed := t.TempDir(), cells[1].begin().Split.Seed
	put(t, cells[0].Dir(runs), finished(configOf(t, &cells[1])))
	put(t, cells[1].Dir(runs), finished(configOf(t, &cells[1])))
	done, err = Collect(cells, runs, filepath.Join(t.TempDir(), "results"))
	if want := fmt.Sprintf("the folder has another run: seed is %d, not %d", seed, cells[0].begin().Split.Seed); err != nil || !cmp.Equal(done.Copied, []string{cells[1].Name}) ||
		len(done.Missing) != 2 || done.Missing[0].State != Failed || done.Missing[0].Line != want {
		t.Errorf("%+v, %v", done, err)
	}
}

// configOf is the config.json of a cell's run, with the checksums that a training adds.
func configOf(t *testing.T, c *Cell) string {
	t.Helper()
	cfg := c.Config()
	cfg.Format, cfg.Data.ImagesSHA256, cfg.Data.SourceSize = run.Format, strings.Repeat("0", 64), "600x450"
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// By hand: one done, one failed, one interrupted after 2 of 20 epochs.
func TestLook(t *testing.T) {
	f, cells := tiny(t)
	if all, err := Look(cells, filepath.Join(f.Runs, "none")); err != nil || Count(all, Waiting) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	put(t, cells[0].Dir(f.Runs), finished("{}"))
	put(t, cells[2].Dir(f.Runs), map[string]string{run.ConfigFile: "{}", run.HistoryFile: "epoch,seconds\n1,2\n2,4\n"})
	if err := os.MkdirAll(filepath.Join(f.Runs, stateDir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := cells[1].fail(f.Runs, Failure{Line: "the disk is full", Exit: 1}); err != nil {
		t.Fatal(err)
	}
	look := func() []Status {
		all, err := Look(cells, f.Runs)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := look()
	if all[0].State != Done || all[1].State != Failed || all[1].Line != "the disk is full" || all[2].State != Waiting || all[2].Epoch != 2 || all[2].Epochs != 20 {
		t.Errorf("%+v", all)
	}
	// A process has the third one: it needs 18 epochs more, of 3 seconds in the median.
	folder, err := run.Create(cells[2].Dir(f.Runs), true)
	if err != nil {
		t.Fatal(err)
	}
	if s := look()[2]; s.State != Running || s.Seconds != 54 || s.Host == "" {
		t.Errorf("%+v", s)
	}
	folder.Close()
	if s := look()[2]; s.State != Waiting {
		t.Errorf("%+v", s)
	}
	// A failed cell that another process has begun again.
	if folder, err = run.Create(cells[1].Dir(f.Runs), false); err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if s := look()[1]; s.State != Running || s.Epoch != 0 {
		t.Errorf("%+v", s)
	}
}

// What can't be read of one cell does not hide the others, and is told.
func TestLookAtDamagedCells(t *testing.T) {
	f, cells := tiny(t)
	put(t, cells[0].Dir(f.Runs), map[string]string{run.ConfigFile: "{}", run.HistoryFile: "epoch,seconds\n1,2\nrubbish"})
	put(t, f.Runs, map[string]string{cells[1].Name: "a file", filepath.Join(stateDir, cells[2].Name+failureSuffix): "{"})
	all, err := Look(cells, f.Runs)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		state State
		line  string
	}{{Waiting, "history.csv"}, {Waiting, "not a directory"}, {Failed, failureSuffix}} {
		if all[i].State != want.state || !strings.Contains(all[i].Line, want.line) {
			t.Errorf("cell %d: %+v, want %s with %s", i, all[i], want.state, want.line)
		}
		if one := cells[i].Status(f.Runs); !cmp.Equal(one, all[i]) {
			t.Errorf("alone: %+v, among others %+v", one, all[i])
		}
	}
	// Results without the configuration that they are of, as a copy that was interrupted leaves them.
	files := finished("{}")
	delete(files, run.ConfigFile)
	runs := t.TempDir()
	put(t, cells[0].Dir(runs), files)
	if s := cells[0].Status(runs); s.State != Waiting {
		t.Errorf("%+v", s)
	}
}

// Ten thousand cells, each with a folder, are looked at within what a test takes.
func TestLookAtManyCells(t *testing.T) {
	cells, runs := expand(t, manyCells), t.TempDir()
	for i := range cells {
		if i%10 == 0 {
			if err := os.Mkdir(cells[i].Dir(runs), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(cells[i].Dir(runs), run.HistoryFile), []byte("epoch,seconds\n1,2\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := Look(cells, runs)
	if err != nil || len(all) != 10_000 || all[0].Epoch != 1 || Count(all, Waiting) != 10_000 {
		t.Errorf("%d, %v", len(all), err)
	}
}

func TestLastLine(t *testing.T) {
	for said, want := range map[string]string{"": "", "a\nskinattn: it failed: why\n\n": "it failed: why", "half": "half", "a\r\nb\r\n": "b"} {
		if got := lastLine([]byte(said)); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
	w := &tail{}
	for range 3000 {
		w.Write([]byte("0123456789"))
	}
	w.Write([]byte("\nend"))
	if len(w.kept) != tailLength || lastLine(w.kept) != "end" {
		t.Errorf("%d bytes, %q", len(w.kept), lastLine(w.kept))
	}
}
