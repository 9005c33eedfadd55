package cli

import (
	"bytes"
	"context"
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
	if c.Warning < 0 || c.CPUs < 0 || c.AtOnce < 0 {
		return usagef("--warning, --cpus and --at-once must not be negative")
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
				return err
			}
		}
		answer = append(answer, made)
		switch {
		case s.JSON:
		case c.Submit:
			fmt.Fprintf(s.stdout, "job %s: %d cells (%s)\n", made.ID, made.Cells, made.Script)
		default:
			fmt.Fprintf(s.stdout, "sbatch %s # %d cells\n", made.Script, made.Cells)
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

// submit hands a job script to Slurm and returns the job's number.
func submit(ctx context.Context, script string) (id string, err error) {
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, "sbatch", "--parsable", script)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("submitting %s: %w: %s", script, err, strings.TrimSpace(stderr.String()))
	}
	id, _, _ = strings.Cut(strings.TrimSpace(string(out)), ";") // the cluster's name follows
	return id, nil
}

// maxArraySize is the most tasks that the cluster's job arrays may have, 0 if that can't be
// told here.
func maxArraySize(ctx context.Context) int {
	out, err := exec.CommandContext(ctx, "scontrol", "show", "config").Output()
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
		s.warn(fmt.Sprintf("%d cells are not done, such as %s (%s)", len(done.Missing), done.Missing[0].Name, done.Missing[0].State))
	}
	if s.JSON {
		return s.answer(done)
	}
	_, err = fmt.Fprintf(s.stdout, "%d runs copied to %s, %d were there\n", len(done.Copied), c.Out, done.Kept)
	return err
}
