package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

type sweepSlurmCommand struct {
	sweepFile
	Submit     bool          `help:"Submit the job arrays, too."`
	All        bool          `help:"Also the cells that failed before, or seem to run."`
	Partition  string        `help:"As sbatch takes it." placeholder:"NAME" group:"slurm"`
	Account    string        `help:"As sbatch takes it." placeholder:"NAME" group:"slurm"`
	QOS        string        `name:"qos" help:"As sbatch takes it." placeholder:"NAME" group:"slurm"`
	Constraint string        `help:"Features of the nodes, as sbatch takes them." placeholder:"LIST" group:"slurm"`
	GPUs       string        `name:"gpus" help:"GPUs of a cell, as sbatch takes them: 1, or a100:1." placeholder:"N" group:"slurm"`
	CPUs       int           `name:"cpus" help:"Cores of a cell." placeholder:"N" group:"slurm"`
	Memory     string        `name:"mem" help:"Memory of a cell, as sbatch takes it: 32G." placeholder:"SIZE" group:"slurm"`
	Time       string        `help:"Time limit of a job, as sbatch takes it; a cell that needs more is requeued and goes on." placeholder:"TIME" group:"slurm"`
	AtOnce     int           `help:"At most so many cells at a time." placeholder:"N" group:"slurm"`
	Warning    time.Duration `help:"Time before the limit at which a cell saves (default: ${default})." default:"2m" placeholder:"TIME" group:"slurm"`
	Setup      string        `help:"File with lines for the job script, such as 'module load ...'." placeholder:"FILE" group:"slurm"`
	Container  string        `help:"Words before skinattn that start a container, such as 'apptainer exec --nv skinattn.sif'." placeholder:"WORDS" group:"slurm"`
	Program    string        `help:"The skinattn that the jobs call (default: this one; in a container: skinattn)." placeholder:"PATH" group:"slurm"`
	Sbatch     []string      `help:"One more option of sbatch, such as --sbatch=--exclusive." sep:"none" placeholder:"OPTION" group:"slurm"`
}

// scheduler fills in what jobs of all kinds need, with paths that mean the same in any folder.
func (f *sweepFile) scheduler(s *session, file *sweep.File) (o sweep.Scheduler, err error) {
	o = sweep.Scheduler{Engine: s.Engine, Data: s.Data}
	if o.File, err = filepath.Abs(f.File); err != nil {
		return o, err
	}
	if o.Runs, err = filepath.Abs(file.Runs); err != nil {
		return o, err
	}
	if o.Data != "" {
		o.Data, err = filepath.Abs(o.Data)
	}
	return o, err
}

// Run writes, and with --submit submits, job arrays.
func (c *sweepSlurmCommand) Run(s *session) error {
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	switch {
	case c.Warning < time.Second || c.Warning > sweep.MaxWarning:
		return usagef("--warning is %s; Slurm gives it 1s to %.0fs before the limit", c.Warning, sweep.MaxWarning.Seconds())
	case c.CPUs < 0 || c.AtOnce < 0:
		return usagef("--cpus and --at-once must not be negative")
	}
	scheduler, err := c.scheduler(s, file)
	if err != nil {
		return err
	}
	scheduler.Warning = c.Warning
	scheduler.Program = append(strings.Fields(c.Container), c.Program)
	if c.Program == "" {
		scheduler.Program[len(scheduler.Program)-1] = programName
		if c.Container == "" {
			if scheduler.Program[0], err = os.Executable(); err != nil {
				return fmt.Errorf("finding this program for the jobs: %w", err)
			}
		}
	}
	opts := sweep.SlurmOptions{Scheduler: scheduler, Partition: c.Partition, Account: c.Account, QOS: c.QOS, Constraint: c.Constraint,
		GPUs: c.GPUs, CPUs: c.CPUs, Memory: c.Memory, Time: c.Time, AtOnce: c.AtOnce, More: c.Sbatch, MaxArray: maxArraySize(s.ctx)}
	if c.Setup != "" {
		text, err := os.ReadFile(c.Setup)
		if err != nil {
			return fmt.Errorf("reading the lines for the job script: %w", err)
		}
		opts.Setup = string(text)
	}
	opts.Queued = c.queued(s, opts.Runs)
	jobs, err := sweep.Slurm(cells, opts, c.All)
	if err != nil {
		return err
	}
	type job struct {
		Script string `json:"script"`
		Cells  int    `json:"cells"`
		ID     string `json:"id,omitempty"` // that Slurm gave it
	}
	answer := []job{}
	for _, j := range jobs {
		made := job{Script: j.Script, Cells: j.Cells}
		if c.Submit {
			if made.ID, err = submit(s.ctx, j.Script); err != nil {
				if s.JSON && len(answer) > 0 { // those are in the queue
					err = errors.Join(err, s.answer(answer))
				}
				return err
			}
		}
		answer = append(answer, made)
		switch {
		case s.JSON:
		case c.Submit:
			fmt.Fprintf(s.stdout, "job %s: %d cells (%s)\n", made.ID, made.Cells, made.Script)
		default:
			fmt.Fprintf(s.stdout, "sbatch %s # %d cells\n", sweep.ShellQuote(made.Script), made.Cells)
		}
	}
	if s.JSON {
		return s.answer(answer)
	}
	if len(jobs) == 0 {
		fmt.Fprintf(s.stdout, "no cell of %s waits\n", file.Path)
	}
	return nil
}

// queued are the cells that are in Slurm's queue already. Where it can't be read, they are
// submitted twice.
func (c *sweepSlurmCommand) queued(s *session, runs string) map[string]bool {
	out, err := tool(s.ctx, "squeue", "--noheader", "--array", "--user="+strconv.Itoa(os.Getuid()), "--format="+sweep.QueueFormat)
	if err != nil {
		if c.Submit {
			s.warn(fmt.Sprintf("what waits in Slurm's queue is not known, and may be submitted twice: %v", err))
		}
		return nil
	}
	queued := sweep.Queued(runs, out)
	if len(queued) > 0 {
		s.log(fmt.Sprintf("%d cells are in Slurm's queue already", len(queued)))
	}
	return queued
}

// submit hands a job script to Slurm and returns the job's number.
func submit(ctx context.Context, script string) (id string, err error) {
	out, err := tool(ctx, "sbatch", "--parsable", script)
	if err != nil {
		return "", fmt.Errorf("submitting %s: %w", script, err)
	}
	id, _, _ = strings.Cut(strings.TrimSpace(string(out)), ";") // the cluster's name follows
	return id, nil
}

// tool runs a program of Slurm and returns what it says. The error ends with what it says on
// standard error.
func tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stderr = &stderr
	out, err := command.Output()
	switch said := strings.TrimSpace(stderr.String()); {
	case errors.Is(err, exec.ErrNotFound):
		err = fmt.Errorf("%s is not installed here, or not in $PATH", name)
	case err != nil && said != "":
		err = fmt.Errorf("%s: %w: %s", name, err, said)
	case err != nil:
		err = fmt.Errorf("%s: %w", name, err)
	}
	return out, err
}

// maxArraySize is the most tasks that the cluster's job arrays may have, 0 if that can't be
// told here.
func maxArraySize(ctx context.Context) int {
	out, err := tool(ctx, "scontrol", "show", "config")
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`(?m)^MaxArraySize\s*=\s*(\d+)`).FindSubmatch(out)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

type sweepCollectCommand struct {
	sweepFile
	Out string `help:"Folder of results, such as 'reproduce --results' reads." required:"" placeholder:"DIR"`
}

// Run copies what 'reproduce' reads of the cells that are done.
func (c *sweepCollectCommand) Run(s *session) error {
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	done, err := sweep.Collect(cells, file.Runs, c.Out)
	if err != nil {
		return err
	}
	if len(done.Missing) > 0 {
		first := done.Missing[0]
		for _, m := range done.Missing {
			if m.Line != "" && first.Line == "" {
				first = m
			}
		}
		s.warn(fmt.Sprintf("%d cells are not done, such as %s (%s)", len(done.Missing), first.Name, strings.TrimSuffix(string(first.State)+": "+first.Line, ": ")))
	}
	if s.JSON {
		return s.answer(done)
	}
	_, err = fmt.Fprintf(s.stdout, "%d runs copied to %s, %d were there\n", len(done.Copied), c.Out, done.Kept)
	return err
}
