package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// collected are the files of a run that 'reproduce' and the other readers of results use.
// Checkpoints, which are large, are left where they are.
var collected = []string{
	run.ConfigFile, run.EnvironmentFile, run.SplitFile, filepath.Base(split.SummaryPath(run.SplitFile)), run.HistoryFile, run.RecallFile,
	run.PredictionsFile(split.Val), run.PredictionsFile(split.Test), run.CalibrationFile, run.MetricsFile, // the metrics last: with them the copy is whole
}

// Collected says what Collect did.
type Collected struct {
	Copied []string `json:"copied"` // names of cells
	Kept   int      `json:"kept"`   // cells that were there already
	// Missing are the cells that are not done, and those whose folder has the run of another one.
	Missing []Status `json:"missing"`
}

// OtherRunError says that a folder of the results has another run than the one to be copied.
type OtherRunError struct{ Dir string }

func (e *OtherRunError) Error() string {
	return fmt.Sprintf("%s has another run already", e.Dir)
}

// Collect copies what 'reproduce' reads of the cells that are done into out, a folder of
// results. A copy that is there already stays; one of another run is an *OtherRunError.
func Collect(cells []Cell, runs, out string) (done Collected, err error) {
	done = Collected{Copied: []string{}, Missing: []Status{}}
	all, err := Look(cells, runs)
	if err != nil {
		return done, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return done, fmt.Errorf("making the folder of the results: %w", err)
	}
	for i, s := range all {
		if s.State != Done {
			done.Missing = append(done.Missing, s)
			continue
		}
		from := &run.Folder{Dir: cells[i].Dir(runs)}
		if s.Line, err = cells[i].other(from); err == nil && s.Line != "" {
			s.State = Failed
			done.Missing = append(done.Missing, s)
			continue
		}
		copied := false
		if err == nil {
			copied, err = collect(from, &run.Folder{Dir: cells[i].Dir(out)})
		}
		switch {
		case err != nil:
			return done, err
		case copied:
			done.Copied = append(done.Copied, s.Name)
		default:
			done.Kept++
		}
	}
	return done, nil
}

// other says how the run in a folder differs from the cell's, as after the folder of another cell was
// copied; it is empty for the cell's own.
func (c *Cell) other(folder *run.Folder) (differs string, err error) {
	have, err := folder.Config()
	if err != nil {
		return "", err
	}
	want := c.Config()
	data := have.Data // what the training adds: checksums, mostly
	data.Protocol, data.TestShare, data.Arm = want.Data.Protocol, want.Data.TestShare, want.Data.Arm
	want.Data, want.InitSHA256 = data, have.InitSHA256
	mismatch, ok := errors.AsType[*run.ConfigMismatchError](folder.RequireConfig(want))
	if !ok {
		return "", nil
	}
	first := mismatch.Fields[0]
	return fmt.Sprintf("the folder has another run: %s is %s, not %s", first.Path, cmp.Or(first.Have, "not set"), cmp.Or(first.Want, "set")), nil
}

// collect copies one run, unless it is there.
func collect(from, to *run.Folder) (copied bool, err error) {
	if to.Has(run.MetricsFile) {
		for _, name := range []string{run.ConfigFile, run.PredictionsFile(split.Test)} {
			a, err := from.ReadFile(name)
			if err != nil {
				return false, err
			}
			b, err := to.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
			if !slices.Equal(a, b) {
				return false, &OtherRunError{to.Dir}
			}
		}
		return false, nil
	}
	if err := os.MkdirAll(to.Dir, 0o755); err != nil {
		return false, err
	}
	for _, name := range collected {
		text, err := from.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) { // older runs lack some
			continue
		}
		if err == nil {
			err = atomicfile.WriteBytes(to.Path(name), text)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
