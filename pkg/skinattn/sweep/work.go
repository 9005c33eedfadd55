package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// RunOptions are the options of Run.
type RunOptions struct {
	Runs string // folder of the run folders
	// Program and its first arguments train a cell: skinattn train, and what is the same for
	// all cells, such as the data.
	Program string
	Common  []string
	// Devices has the environment of each worker, such as CUDA_VISIBLE_DEVICES=0: there are as
	// many workers, and each trains one cell at a time. Without any there is one worker.
	Devices []string
	// Retry also trains the cells that failed before.
	Retry bool
	Log   func(line string) // is told what begins and ends
	// Said gets what the trainings say, beside their log files; nil: nothing does.
	Said io.Writer
}

// Outcome is what came of the cells.
type Outcome struct {
	Trained   int `json:"trained"`       // by this call
	Done      int `json:"done_before"`   // before
	Failed    int `json:"failed"`        // by this call
	Skipped   int `json:"failed_before"` // failed before, and not tried again
	Elsewhere int `json:"elsewhere"`     // are being trained by other processes
}

// What may come of a cell beside a result and a failure.
var (
	errElsewhere = errors.New("another process trains it")
	errSaved     = errors.New("interrupted, its state is saved")
	errStopped   = errors.New("interrupted before there was a state to save")
)

// Run trains the cells that are not done, in their order, and goes on where trainings were
// interrupted. A cell that fails does not stop the others; its record is left for Look. Cells
// that other processes have are left to them, unless those turn out to be dead. When ctx
// ends, the running cells save their state, and the error is training.ErrInterrupted.
func Run(ctx context.Context, cells []Cell, opts RunOptions) (o Outcome, err error) {
	if err := os.MkdirAll(filepath.Join(opts.Runs, stateDir), 0o755); err != nil {
		return o, fmt.Errorf("making the folder of the runs: %w", err)
	}
	w := &work{opts: opts, cells: cells, context: ctx}
	// Cells that another process has come last: some of them will be done by then, and where
	// that process was killed, its lease takes a minute to die.
	for _, pass := range []func(*Cell) bool{w.free, w.taken} {
		w.pass(pass)
		if ctx.Err() != nil {
			return w.outcome, training.ErrInterrupted
		}
	}
	return w.outcome, w.fault
}

// work is a call of Run.
type work struct {
	opts    RunOptions
	cells   []Cell
	context context.Context

	mutex   sync.Mutex
	later   map[string]bool // cells that another process has
	outcome Outcome
	fault   error // of this process; it ends the work
}

// pass lets every worker take the next of the cells that wanted takes, until there are no
// more.
func (w *work) pass(wanted func(*Cell) bool) {
	devices := w.opts.Devices
	if len(devices) == 0 {
		devices = []string{""}
	}
	next := make(chan *Cell)
	var workers sync.WaitGroup
	for _, device := range devices {
		workers.Go(func() {
			for c := range next {
				if !w.over() {
					w.train(c, device)
				}
			}
		})
	}
	for i := range w.cells {
		if w.over() {
			break
		}
		if wanted(&w.cells[i]) {
			next <- &w.cells[i]
		}
	}
	close(next)
	workers.Wait()
}

// over reports whether no further cell is to be begun.
func (w *work) over() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.fault != nil || w.context.Err() != nil
}

// count changes the outcome.
func (w *work) count(change func(o *Outcome)) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	change(&w.outcome)
}

// free reports whether a cell is to be trained now, and counts it if it is not.
func (w *work) free(c *Cell) bool {
	switch c.Status(w.opts.Runs).State {
	case Done:
		w.count(func(o *Outcome) { o.Done++ })
		return false
	case Running:
		w.postpone(c)
		return false
	case Failed:
		if !w.opts.Retry {
			w.count(func(o *Outcome) { o.Skipped++ })
		}
		return w.opts.Retry
	}
	return true
}

func (w *work) postpone(c *Cell) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.later == nil {
		w.later = map[string]bool{}
	}
	w.later[c.Name] = true
}

// taken reports whether a cell was another process's in the first pass and is not done yet.
func (w *work) taken(c *Cell) bool {
	w.mutex.Lock()
	postponed := w.later[c.Name]
	w.mutex.Unlock()
	if !postponed {
		return false
	}
	switch state := c.Status(w.opts.Runs).State; {
	case state == Done:
		w.count(func(o *Outcome) { o.Done++ })
		return false
	case state == Failed && !w.opts.Retry:
		w.count(func(o *Outcome) { o.Skipped++ })
		return false
	}
	return true
}

// train trains one cell and counts what came of it.
func (w *work) train(c *Cell, device string) {
	w.log(c.Name)
	start := time.Now()
	failure, err := w.process(c, device)
	took := time.Since(start).Round(time.Second)
	switch {
	case errors.Is(err, errSaved), errors.Is(err, errStopped):
		w.log(fmt.Sprintf("%s: %v", c.Name, err))
	case errors.Is(err, errElsewhere):
		w.mutex.Lock()
		again := w.later[c.Name]
		w.mutex.Unlock()
		if again {
			w.count(func(o *Outcome) { o.Elsewhere++ })
		}
		w.postpone(c)
		w.log(fmt.Sprintf("%s: %v", c.Name, err))
	case err != nil:
		w.mutex.Lock()
		w.fault = errors.Join(w.fault, err)
		w.mutex.Unlock()
	case failure != nil:
		w.count(func(o *Outcome) { o.Failed++ })
		w.log(fmt.Sprintf("%s: failed after %s: %s", c.Name, took, failure.Line))
	default:
		w.count(func(o *Outcome) { o.Trained++ })
		w.log(fmt.Sprintf("%s: done in %s", c.Name, took))
	}
}

func (w *work) log(line string) {
	if w.opts.Log != nil {
		w.opts.Log(line)
	}
}

// process runs the training of a cell. A failure of the training is recorded and returned;
// an error is one of this process, or says that there is no result and why.
func (w *work) process(c *Cell, device string) (*Failure, error) {
	dir := c.Dir(w.opts.Runs)
	args := append(append(append([]string{}, w.opts.Common...), c.Arguments()...), "--run="+dir)
	if (&run.Folder{Dir: dir}).Has(run.ConfigFile) {
		args = append(args, "--resume")
	}
	log, err := os.OpenFile(c.LogFile(w.opts.Runs), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of a cell: %w", err)
	}
	defer log.Close()
	if err := c.forgive(w.opts.Runs); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "# %s train %s\n", time.Now().UTC().Format(time.RFC3339), strings.Join(args[1:], " "))
	said := &tail{}
	child := exec.Command(w.opts.Program, args...)
	child.Stdout = log
	child.Stderr = io.MultiWriter(said, lossy{log})
	if w.opts.Said != nil {
		child.Stderr = io.MultiWriter(said, lossy{log}, lossy{w.opts.Said})
	}
	if device != "" {
		child.Env = append(os.Environ(), device)
	}
	apart(child)
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("starting the training of %s: %w", c.Name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case err = <-ended:
	case <-w.context.Done():
		child.Process.Signal(syscall.SIGTERM)
		err = <-ended
	}
	exit, failed := errors.AsType[*exec.ExitError](err)
	f := Failure{Line: lastLine(said.kept), Time: time.Now().UTC()}
	switch {
	case err == nil:
		return nil, nil
	case !failed:
		return nil, fmt.Errorf("training %s: %w", c.Name, err)
	case strings.HasPrefix(f.Line, (&run.InUseError{Dir: dir}).Error()):
		return nil, errElsewhere
	case strings.Contains(f.Line, run.ErrLockLost.Error()): // it was stopped for a while, and another process has the cell
		return nil, errElsewhere
	}
	f.Exit = exit.ExitCode()
	if f.Exit == exitInterrupted {
		switch {
		case w.context.Err() == nil: // somebody signalled the training alone: it may go on next time
			return &f, nil
		case strings.Contains(f.Line, training.ErrInterrupted.Error()):
			return nil, errSaved
		}
		return nil, errStopped
	}
	if f.Exit < 0 {
		f.Line = fmt.Sprintf("the training was ended by the signal %q; the system does so if memory is short", strings.TrimPrefix(exit.ProcessState.String(), "signal: "))
		// Who ends the training may be about to end this process, too: then it is no failure.
		select {
		case <-w.context.Done():
			return nil, errStopped
		case <-time.After(killGrace):
		}
	}
	f.Host, _ = os.Hostname()
	return &f, c.fail(w.opts.Runs, f)
}

// exitInterrupted is the exit code of an interrupted training.
const exitInterrupted = 130

// killGrace is the time in which a scheduler that kills a training also kills its parent.
const killGrace = 2 * time.Second

// lossy drops what can't be written, on a full disk or into a pipe that nobody reads: a log is no
// reason to end a training.
type lossy struct{ io.Writer }

func (l lossy) Write(p []byte) (int, error) {
	l.Writer.Write(p)
	return len(p), nil
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

const tailLength = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailLength; over > 0 {
		t.kept = bytes.Clone(t.kept[over:])
	}
	return len(p), nil
}

// String says in a line what came of the cells.
func (o Outcome) String() string {
	texts := []string{fmt.Sprintf("%d trained", o.Trained), fmt.Sprintf("%d done before", o.Done), fmt.Sprintf("%d failed", o.Failed)}
	if o.Skipped > 0 {
		texts = append(texts, fmt.Sprintf("%d failed before and not tried again", o.Skipped))
	}
	if o.Elsewhere > 0 {
		texts = append(texts, fmt.Sprintf("%d trained by other processes", o.Elsewhere))
	}
	return strings.Join(texts, ", ")
}

// FailedError says that not all cells of a sweep could be trained.
type FailedError struct {
	File      string
	Cells     int  // that failed
	Again     int  // of them, those that failed before and were not tried again
	Elsewhere bool // the one cell that was asked for is another process's
}

func (e *FailedError) Error() string {
	if e.Elsewhere {
		return fmt.Sprintf("the cell of %s is being trained by another process", e.File)
	}
	return fmt.Sprintf("%d cells of %s failed", e.Cells, e.File)
}
