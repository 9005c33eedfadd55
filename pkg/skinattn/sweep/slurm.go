package sweep

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// Scheduler has what the jobs of all schedulers need.
type Scheduler struct {
	// File, Runs and Data are the sweep's file, the folder of the run folders and the photos,
	// as the jobs see them. An empty Data leaves $SKINATTN_DATA.
	File, Runs, Data string
	Engine           string
	Program          []string // skinattn, behind what starts a container
	// Warning is the time between the signal to save and the end of a job.
	Warning time.Duration
}

// SlurmOptions are the options of Slurm. Empty ones leave the cluster's default.
type SlurmOptions struct {
	Scheduler
	Partition, Account, QOS, Constraint string
	GPUs                                string // as --gpus takes them: 1, or a100:1
	CPUs                                int
	Memory, Time                        string // 32G, 24:00:00
	AtOnce                              int    // array tasks that run at the same time, at most
	// Setup are lines of the script before the training, such as 'module load apptainer'.
	Setup string
	More  []string // further options of sbatch, with their dashes
	// MaxArray is the cluster's MaxArraySize: a job array has as many tasks at most.
	MaxArray int
	// Queued are the names of the cells that Slurm's queue has already: they are left out.
	Queued map[string]bool
}

// DefaultMaxArray is the limit of Slurm's own configuration.
const DefaultMaxArray = 1001

// SlurmJob is a job array, ready to be submitted.
type SlurmJob struct {
	Script string // the file
	Cells  int
}

//go:embed slurm.sh.tmpl
var slurmText string

var slurmTemplate = template.Must(template.New("").Funcs(template.FuncMap{"quote": ShellQuote}).Parse(slurmText))

// Slurm writes job arrays that train the cells, one task a cell, into the folder of the runs:
// one script, or several where the cluster limits the size of an array. Cells that are done or
// queued are left out, and unless all is set those that run and that failed.
func Slurm(cells []Cell, opts SlurmOptions, all bool) ([]SlurmJob, error) {
	for _, option := range append([]string{opts.Partition, opts.Account, opts.QOS, opts.Constraint, opts.GPUs, opts.Memory, opts.Time, opts.Runs}, opts.More...) {
		if strings.ContainsAny(option, "\n\r") {
			return nil, fmt.Errorf("option %q of sbatch has several lines", option)
		}
	}
	cells, err := pending(cells, opts.Runs, all)
	cells = slices.DeleteFunc(cells, func(c Cell) bool { return opts.Queued[c.Name] })
	if err != nil || len(cells) == 0 {
		return nil, err
	}
	dir := slurmDir(opts.Runs)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of the job scripts: %w", err)
	}
	most := opts.MaxArray
	if most < 1 {
		most = DefaultMaxArray
	}
	stamp := time.Now().UTC().Format("20060102-150405")
	var jobs []SlurmJob
	for part := 0; len(cells) > 0; part++ {
		n := min(most, len(cells))
		base := filepath.Join(dir, fmt.Sprintf("%s-%d", stamp, part))
		if err := atomicfile.WriteBytes(base+".cells", names(cells[:n])); err != nil {
			return nil, err
		}
		script, err := opts.script(base, n)
		if err == nil {
			err = atomicfile.WriteBytes(base+".sh", script)
		}
		if err != nil {
			return nil, err
		}
		jobs, cells = append(jobs, SlurmJob{base + ".sh", n}), cells[n:]
	}
	return jobs, nil
}

// MaxWarning is the greatest time of sbatch's --signal; the least is a second.
const MaxWarning = 65535 * time.Second

// slurmDir is the folder with the job scripts.
func slurmDir(runs string) string { return filepath.Join(runs, stateDir, "slurm") }

// QueueFormat is the format of squeue, without a header and with --array, that Queued reads.
const QueueFormat = "%K %o"

// Queued are the names of the cells of runs that wait or run in Slurm's queue, by what squeue
// answers in QueueFormat: the number of a task and its script. Tasks of other scripts and of
// scripts that are gone are none of these cells.
func Queued(runs string, queue []byte) map[string]bool {
	queued, lists := map[string]bool{}, map[string][]string{}
	for line := range strings.Lines(string(queue)) {
		number, script, _ := strings.Cut(strings.TrimSpace(line), " ")
		task, err := strconv.Atoi(number)
		base, ours := strings.CutSuffix(strings.TrimSpace(script), ".sh")
		if err != nil || !ours || filepath.Dir(base) != filepath.Clean(slurmDir(runs)) {
			continue
		}
		list, known := lists[base]
		if !known {
			text, _ := os.ReadFile(base + ".cells") // a list that is gone has no cells
			list = strings.Fields(string(text))
			lists[base] = list
		}
		if task >= 0 && task < len(list) {
			queued[list[task]] = true
		}
	}
	return queued
}

// script is the script of an array of n tasks; base is its path without the ending.
func (o SlurmOptions) script(base string, n int) ([]byte, error) {
	array := fmt.Sprintf("0-%d", n-1)
	if o.AtOnce > 0 {
		array += fmt.Sprintf("%%%d", o.AtOnce)
	}
	options := []string{"--job-name=skinattn", "--array=" + array, "--requeue", "--open-mode=append",
		fmt.Sprintf("--signal=B:USR1@%d", int(o.Warning.Seconds())), "--output=" + strings.ReplaceAll(base, "%", "%%") + "-%a.out"}
	for _, option := range []struct{ name, value string }{{"partition", o.Partition}, {"account", o.Account}, {"qos", o.QOS},
		{"constraint", o.Constraint}, {"gpus", o.GPUs}, {"mem", o.Memory}, {"time", o.Time}} {
		if option.value != "" {
			options = append(options, "--"+option.name+"="+option.value)
		}
	}
	if o.CPUs > 0 {
		options = append(options, "--cpus-per-task="+strconv.Itoa(o.CPUs))
	}
	for i, option := range options {
		options[i] = sbatchQuote(option)
	}
	for _, option := range o.More {
		if !strings.ContainsAny(option, `'"`) { // whoever writes quotes writes them for sbatch
			option = sbatchQuote(option)
		}
		options = append(options, option)
	}
	command := append(append([]string{}, o.Program...), "sweep", "run", o.File, "--runs="+o.Runs, "--engine="+o.Engine, "--cells="+base+".cells")
	if o.Data != "" {
		command = append(command, "--data="+o.Data)
	}
	var text strings.Builder
	err := slurmTemplate.Execute(&text, map[string]any{"Options": options, "Setup": strings.TrimRight(strings.ReplaceAll(o.Setup, "\r\n", "\n"), "\n"), "Command": command})
	return []byte(text.String()), err
}

// sbatchQuote writes an option so that sbatch reads its value as one word: it reads quotes and
// backslashes as a shell does, and # as the beginning of a comment.
func sbatchQuote(option string) string {
	name, value, ok := strings.Cut(option, "=")
	if !ok || !strings.ContainsAny(value, " \t#&|\\'\"") {
		return option
	}
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// pending are the cells that a scheduler is to train.
func pending(cells []Cell, runs string, all bool) (list []Cell, err error) {
	status, err := Look(cells, runs)
	for i := range status {
		if s := status[i].State; s == Waiting || all && s != Done {
			list = append(list, cells[i])
		}
	}
	return list, err
}

// names are the names of cells, one a line.
func names(cells []Cell) []byte {
	var text strings.Builder
	for i := range cells {
		fmt.Fprintln(&text, cells[i].Name)
	}
	return []byte(text.String())
}

// ShellQuote writes a word so that a shell reads it as it is.
func ShellQuote(word string) string {
	plain := word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=./,:@%", r))
	}) < 0
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
