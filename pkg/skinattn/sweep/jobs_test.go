package sweep

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	for _, wrong := range []string{"gpu", "=a"} {
		if _, err := ParseSelector([]string{wrong}); err == nil {
			t.Errorf("the label %q passes", wrong)
		}
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
		if got := shellQuote(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
}

func TestCollect(t *testing.T) {
	f, cells := tiny(t)
	out := filepath.Join(t.TempDir(), "results")
	put(t, cells[0].Dir(f.Runs), finished("{}"))
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
