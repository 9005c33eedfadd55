package sweep

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// State of a cell.
type State string

// The states of a cell.
const (
	Done    State = "done"
	Running State = "running"
	Failed  State = "failed"
	Waiting State = "waiting" // not begun, or begun and interrupted
)

// States are all states, in the order in which they are counted up.
var States = []State{Done, Running, Failed, Waiting}

// Status is what a look at a cell shows.
type Status struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Epoch is the number of finished epochs, of at most Epochs.
	Epoch  int `json:"epoch"`
	Epochs int `json:"epochs"`
	// Seconds is the time that a running cell still needs at most, by its epochs until now;
	// 0 if it is not known.
	Seconds float64 `json:"seconds_left,omitempty"`
	Host    string  `json:"host,omitempty"` // that a running cell runs on
	// Line is why a failed cell failed: the last line that it said. Of others it is what can't be
	// read of the cell, such as a history that was cut short.
	Line string `json:"line,omitempty"`
	// Arguments are the cell's arguments of 'train'.
	Arguments []string `json:"arguments"`
}

// Look looks at the cells in the folder of their runs, which need not be there. It writes
// nothing and asks no worker. A cell that can't be read does not hide the others: its Line
// says why.
func Look(cells []Cell, runs string) ([]Status, error) {
	begun, err := namesIn(runs)
	if err != nil {
		return nil, err
	}
	known, err := namesIn((&Cell{Name: stateDir}).Dir(runs))
	if err != nil {
		return nil, err
	}
	all := make([]Status, len(cells))
	for i := range cells {
		all[i] = cells[i].status(runs, begun[cells[i].Name], known[cells[i].Name+failureSuffix])
	}
	return all, nil
}

// Status looks at one cell as Look does at many, without a look at the whole folder of the runs.
func (c *Cell) Status(runs string) Status { return c.status(runs, true, true) }

// status looks at a cell. begun and failed are not set where neither a run folder nor the record
// of a failure can be there.
func (c *Cell) status(runs string, begun, failed bool) Status {
	s := Status{Name: c.Name, State: Waiting, Epochs: c.plan.config.Regime.Epochs, Arguments: c.Arguments()}
	if begun {
		if err := c.look(runs, &s); err != nil {
			s.Line = oneline.Short(err.Error())
		}
	}
	if s.State == Waiting && failed {
		switch f, err := c.failure(runs); {
		case err != nil:
			s.State, s.Line = Failed, oneline.Short(err.Error())
		case f != nil:
			s.State, s.Line = Failed, f.Line
		}
	}
	return s
}

// look fills in what the run folder tells.
func (c *Cell) look(runs string, s *Status) (err error) {
	folder := &run.Folder{Dir: c.Dir(runs)}
	if folder.Has(run.ConfigFile) && folder.HasResults() {
		s.State = Done
		s.Epoch, err = folder.LastEpoch()
		return err
	}
	worker, working, err := run.WorkerOf(folder.Dir)
	if err != nil {
		return err
	}
	if !working || worker.Silent {
		s.Epoch, err = folder.LastEpoch()
		return err
	}
	s.State, s.Host = Running, worker.Host
	rows, err := folder.History()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if len(rows) > 0 {
		s.Epoch = rows[len(rows)-1].Epoch
		s.Seconds = run.Median(rows, func(e run.Epoch) float64 { return e.Seconds }) * float64(s.Epochs-s.Epoch)
	}
	return err
}

// Left is the time that the cell still needs at most.
func (s *Status) Left() time.Duration {
	return time.Duration(s.Seconds * float64(time.Second)).Round(time.Second)
}

// Count counts the cells in a state.
func Count(all []Status, state State) (n int) {
	for _, s := range all {
		if s.State == state {
			n++
		}
	}
	return n
}

// namesIn lists a folder, which may be absent.
func namesIn(dir string) (map[string]bool, error) {
	names := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".log") {
			names[e.Name()] = true
		}
	}
	return names, nil
}
