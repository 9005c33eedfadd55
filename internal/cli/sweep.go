package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
)

type sweepCommand struct {
	Example sweepExampleCommand `cmd:"" help:"Print a sweep's file to begin with: the whole table of the paper, or a small one."`
	Cells   sweepCellsCommand   `cmd:"" help:"List the cells of a sweep, each with the command that trains it."`
	Plan    sweepPlanCommand    `cmd:"" help:"Estimate hours, memory and cost of a sweep on a device."`
	Run     sweepRunCommand     `cmd:"" help:"Train the cells of a sweep here, one after the other, and go on where that was interrupted."`
	Status  sweepStatusCommand  `cmd:"" help:"Show the cells of a sweep: done, running, failed, waiting."`
	Collect sweepCollectCommand `cmd:"" help:"Copy what 'reproduce' reads of the cells that are done."`
	Slurm   sweepSlurmCommand   `cmd:"" help:"Write job arrays for Slurm, a task for each cell that waits, and submit them."`

	Kubernetes sweepKubernetesCommand `cmd:"" help:"Print an Indexed Job for Kubernetes, a pod for each cell."`
}

// sweepFile names a sweep.
type sweepFile struct {
	File string `arg:"" help:"The sweep, in YAML or JSON."`
	Runs string `help:"Folder of the run folders (default: the file's)." placeholder:"DIR"`
}

// expand reads the file, and lists its cells.
func (f *sweepFile) expand(s *session) (*sweep.File, []sweep.Cell, error) {
	if s.Seed != nil {
		return nil, nil, usagef("--seed is not used here: the seeds of a sweep are in its file")
	}
	file, err := sweep.ReadFile(f.File)
	if err != nil {
		return nil, nil, sweepUsage(err)
	}
	if f.Runs != "" {
		file.Runs = f.Runs
	}
	cells, merged, err := file.Expand()
	if err != nil {
		return nil, nil, sweepUsage(err)
	}
	if merged > 0 {
		s.log(fmt.Sprintf("%s: %d cells, and %d more that are the same runs", file.Path, len(cells), merged))
	}
	return file, cells, nil
}

// sweepUsage is the usage error of what is wrong in a sweep's file, with what was probably meant.
func sweepUsage(err error) error {
	wrong, ok := errors.AsType[*sweep.FileError](err)
	if !ok {
		return err
	}
	meant := ""
	if unknown, ok := errors.AsType[*sweep.UnknownError](err); ok {
		meant = nearest(strings.ToLower(unknown.Key), unknown.Known)
	} else if text := wrong.Err.Error(); wrong.Value != "" {
		if !strings.Contains(text, wrong.Value) {
			text = wrong.Value + ": " + text
		}
		if meant = suggest(text, []string{wrong.Value}); meant == "" {
			for _, word := range choice.FindAllString(text, -1) { // in other letters
				if word != wrong.Value && strings.EqualFold(word, wrong.Value) {
					meant = word
				}
			}
		}
	}
	if meant != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, meant)
	}
	return usageError{err}
}

type sweepExampleCommand struct {
	Name string `arg:"" optional:"" help:"Which: ${enum} (default: ${default})." enum:"${sweep_examples}" default:"paper"`
}

// Run prints an example.
func (c *sweepExampleCommand) Run(s *session) error {
	_, err := s.stdout.Write(sweep.Example(c.Name))
	return err
}

type sweepCellsCommand struct {
	sweepFile
}

// Run lists the cells.
func (c *sweepCellsCommand) Run(s *session) error {
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	if s.JSON {
		type cell struct {
			Name      string   `json:"name"`
			Run       string   `json:"run"`
			Arguments []string `json:"arguments"`
		}
		var all []cell
		for i := range cells {
			all = append(all, cell{cells[i].Name, cells[i].Dir(file.Runs), cells[i].Arguments()})
		}
		return s.answer(all)
	}
	for i := range cells {
		fmt.Fprintln(s.stdout, shellCommand(append(append([]string{programName, "train"}, cells[i].Arguments()...), "--run="+cells[i].Dir(file.Runs))))
	}
	return nil
}

// shellCommand is a command as a shell takes it.
func shellCommand(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = sweep.ShellQuote(word)
	}
	return strings.Join(quoted, " ")
}

type sweepRunCommand struct {
	sweepFile
	GPUs  []string `name:"gpus" help:"Train as many cells at a time, each on the one GPU of that number (CUDA_VISIBLE_DEVICES)." placeholder:"N"`
	Cell  string   `help:"Train this cell alone, also if it failed before." placeholder:"NAME"`
	List  string   `name:"cells" help:"File with the names of cells, one a line; --task says which." placeholder:"FILE"`
	Task  int      `help:"With --cells: train the cell of this line, counted from 0." default:"-1" placeholder:"N"`
	Retry bool     `help:"Also train the cells that failed before."`
}

// Run trains the cells that are not done.
func (c *sweepRunCommand) Run(s *session) error {
	outliveReader()
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	if cells, err = c.chosen(cells); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("starting a process for each training: %w", err)
	}
	opts := sweep.RunOptions{Runs: file.Runs, Program: self, Common: []string{"train", "--engine=" + s.Engine}, Log: s.log, Retry: c.Retry || c.Cell != "" || c.List != ""}
	if s.Data != "" {
		opts.Common = append(opts.Common, "--data="+s.Data)
	}
	for _, gpu := range c.GPUs {
		opts.Devices = append(opts.Devices, "CUDA_VISIBLE_DEVICES="+gpu)
	}
	if c.single() && !s.Quiet {
		opts.Said = s.stderr
	}
	outcome, err := sweep.Run(s.ctx, cells, opts)
	if err != nil {
		return err
	}
	if s.JSON {
		if err := s.answer(outcome); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(s.stdout, outcome)
	}
	switch failed := outcome.Failed + outcome.Skipped; {
	case failed > 0:
		return &sweep.FailedError{File: file.Path, Cells: failed, Again: outcome.Skipped}
	case outcome.Elsewhere > 0 && c.single(): // the scheduler must not believe that it is done
		return &sweep.FailedError{File: file.Path, Elsewhere: true}
	}
	return nil
}

// single reports whether one cell is chosen, as by a scheduler.
func (c *sweepRunCommand) single() bool { return c.Cell != "" || c.List != "" }

// chosen are the cells that the flags choose.
func (c *sweepRunCommand) chosen(cells []sweep.Cell) ([]sweep.Cell, error) {
	name := c.Cell
	switch {
	case c.List == "" && c.Task >= 0:
		return nil, usagef("--task needs --cells")
	case c.List != "" && c.Cell != "":
		return nil, usagef("--cell and --cells both choose a cell; leave one of them out")
	case c.List != "" && c.Task < 0:
		return nil, usagef("--cells needs --task")
	case c.List != "":
		text, err := os.ReadFile(c.List)
		if err != nil {
			return nil, err
		}
		lines := strings.Fields(string(text))
		if c.Task >= len(lines) {
			return nil, usagef("--task is %d; %s has %d cells", c.Task, c.List, len(lines))
		}
		name = lines[c.Task]
	}
	if name == "" {
		return cells, nil
	}
	for i := range cells {
		if cells[i].Name == name {
			return cells[i : i+1], nil
		}
	}
	return nil, usagef("%s has no cell %s; 'skinattn sweep cells' lists them, and a cell whose settings are changed has another name", c.File, name)
}

type sweepStatusCommand struct {
	sweepFile
	All bool `help:"List all cells, also those that are done or wait."`
}

// Run shows the cells.
func (c *sweepStatusCommand) Run(s *session) error {
	file, cells, err := c.expand(s)
	if err != nil {
		return err
	}
	all, err := sweep.Look(cells, file.Runs)
	if err != nil {
		return err
	}
	if s.JSON {
		return s.answer(all)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for i := range all {
		status := &all[i]
		if !c.All && status.Line == "" && (status.State == sweep.Done || status.State == sweep.Waiting && status.Epoch == 0) {
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", status.State, status.Name, statusText(status))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var counts []string
	for _, state := range sweep.States {
		counts = append(counts, fmt.Sprintf("%d %s", sweep.Count(all, state), state))
	}
	_, err = fmt.Fprintf(s.stdout, "%d cells in %s: %s\n", len(all), filepath.Clean(file.Runs), strings.Join(counts, ", "))
	return err
}

// statusText says what is known of a cell beside its state.
func statusText(status *sweep.Status) string {
	epochs := fmt.Sprintf("epoch %d of at most %d", status.Epoch, status.Epochs)
	switch {
	case status.Line != "":
		return status.Line
	case status.State == sweep.Running && status.Seconds > 0:
		return fmt.Sprintf("%s, at most %s more, on %s", epochs, status.Left(), cmp.Or(status.Host, "a machine without a name"))
	case status.State == sweep.Running:
		return fmt.Sprintf("first epoch of at most %d, on %s", status.Epochs, cmp.Or(status.Host, "a machine without a name"))
	case status.State == sweep.Waiting && status.Epoch > 0:
		return "interrupted after " + epochs
	}
	return ""
}
