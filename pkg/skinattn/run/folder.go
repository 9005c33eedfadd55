package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/lease"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Files and folders of a run folder.
const (
	ConfigFile         = "config.json"
	EnvironmentFile    = "environment.json"
	SplitFile          = "split.csv"
	HistoryFile        = "history.csv"
	RecallFile         = "history-recall.csv"
	TensorBoardDir     = "tensorboard"
	MetricsFile        = "metrics.json"
	CalibrationFile    = "calibration.json"
	UnusualFile        = "unusual.json"
	UnusualTensorsFile = "unusual.safetensors"
	CheckpointDir      = "checkpoints"
	FiguresDir         = "figures"
	lockFile           = ".lock"
	leaseDir           = lease.Dir
)

// SavingPrefix begins the name of a folder in CheckpointDir while it is written.
const SavingPrefix = ".saving-"

const predictionsPrefix = "predictions-"

// PredictionsFile is the name of the table with the predictions of a part:
// split.Val or split.Test.
func PredictionsFile(part split.Part) string { return predictionsPrefix + string(part) + ".csv" }

// NotFolderError says that a folder is not a run folder, as it has no ConfigFile.
type NotFolderError struct {
	Dir string
	// Near is a run folder that Dir lies in, or one in Dir; empty if there is none.
	Near string
}

func (e *NotFolderError) Error() string {
	text := fmt.Sprintf("%s is not a run folder: it has no %s", e.Dir, ConfigFile)
	if e.Near != "" {
		text += ", but " + e.Near + " is one"
	}
	return text
}

// near looks for the run folder that is meant by dir, which is none: the one that a file or a
// checkpoint is of, or the first one in a folder of runs.
func near(dir string) string {
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	is := func(dir string) bool { return (&Folder{Dir: dir}).Has(ConfigFile) }
	above := filepath.Dir(filepath.Clean(dir))
	for range 2 { // RUN/config.json, RUN/checkpoints/best-...
		if is(above) {
			return above
		}
		above = filepath.Dir(above)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "" // of a file, too
	}
	for _, entry := range entries {
		if below := filepath.Join(dir, entry.Name()); is(below) {
			return below
		}
	}
	return ""
}

// NotEmptyError says that a folder for a new run holds something already.
type NotEmptyError struct{ Dir, File string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("run folder %s is not empty (it has %s)", e.Dir, e.File)
}

// MissingError says that a run folder lacks a file.
type MissingError struct{ Dir, File string }

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%s has no %s", e.Dir, e.File)
	if e.File == MetricsFile || strings.HasPrefix(e.File, predictionsPrefix) {
		text += "; a run has it when its training is finished"
	}
	return text
}

// Unwrap makes the error an fs.ErrNotExist.
func (e *MissingError) Unwrap() error { return fs.ErrNotExist }

// Folder is a run folder. The value Folder{Dir: dir} reads any file that is there;
// Open and Create demand more.
type Folder struct {
	Dir   string
	files fs.FS // of a folder that is not on disk; nil for one that is
	lock  *lock // nil for a folder that was opened for reading
}

// Path is the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Has reports whether the folder has a regular file of that name.
func (f *Folder) Has(name string) bool {
	var info fs.FileInfo
	var err error
	if f.files != nil {
		info, err = fs.Stat(f.files, name)
	} else {
		info, err = os.Stat(f.Path(name))
	}
	return err == nil && info.Mode().IsRegular()
}

// Is reports whether a folder has a file that only a run folder has.
func Is(dir string) bool {
	f := &Folder{Dir: dir}
	return f.Has(ConfigFile) || f.Has(SplitFile) || f.Has(PredictionsFile(split.Test))
}

// Open opens a run folder for reading. A folder without ConfigFile is a
// *NotFolderError.
func Open(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	if !f.Has(ConfigFile) {
		return nil, &NotFolderError{Dir: dir, Near: near(dir)}
	}
	return f, nil
}

// OpenFS opens a run folder that is not on disk, such as an embedded one, for reading. Errors
// call it name. Without ConfigFile it is a *NotFolderError.
func OpenFS(files fs.FS, name string) (*Folder, error) {
	f := &Folder{Dir: name, files: files}
	if !f.Has(ConfigFile) {
		return nil, &NotFolderError{Dir: name}
	}
	return f, nil
}

// Create makes a new run folder, or with resume opens an existing one, for
// writing. A lock keeps other processes out, of this machine and of others that share the
// file system (*InUseError); Close releases it.
// Without resume, a folder that holds anything but the beginnings of a run is a
// *NotEmptyError.
func Create(dir string, resume bool) (*Folder, error) {
	return CreateContext(context.Background(), dir, resume, nil)
}

// CreateContext is Create for a folder that a process on another machine may have been
// killed in: it waits, until ctx ends, to see whether that process gives a sign. log, if it
// is not nil, is told so before.
func CreateContext(ctx context.Context, dir string, resume bool, log func(line string)) (*Folder, error) {
	if resume { // before anything is made
		if _, err := Open(dir); err != nil {
			return nil, fmt.Errorf("nothing to resume: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the run folder: %w", err)
	}
	lock, err := lockFolder(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir, lock: lock}
	if !resume {
		err = f.requireNew()
	}
	if err == nil {
		err = f.removeLeftovers()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// requireNew refuses a folder that holds anything else than files that a run writes
// before ConfigFile: a process that was killed before that one leaves no run.
func (f *Folder) requireNew() error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return fmt.Errorf("reading the run folder: %w", err)
	}
	beginnings := []string{lockFile, leaseDir, EnvironmentFile, SplitFile, filepath.Base(split.SummaryPath(SplitFile)), TensorBoardDir}
	for _, e := range entries {
		if !slices.Contains(beginnings, e.Name()) && !atomicfile.IsTemporary(e.Name()) {
			return &NotEmptyError{f.Dir, e.Name()}
		}
	}
	return nil
}

// removeLeftovers removes the half-written files of a killed process: the lock
// says that nobody writes now.
func (f *Folder) removeLeftovers() error {
	for dir, leftover := range map[string]func(name string) bool{
		f.Dir:                 atomicfile.IsTemporary,
		f.Path(CheckpointDir): func(name string) bool { return strings.HasPrefix(name, SavingPrefix) },
	} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("reading the run folder: %w", err)
		}
		for _, e := range entries {
			if leftover(e.Name()) {
				if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
					return fmt.Errorf("tidying the run folder: %w", err)
				}
			}
		}
	}
	return nil
}

// ReadFile reads a file of the folder whole. Folders in name are separated by slashes.
func (f *Folder) ReadFile(name string) ([]byte, error) {
	if f.files != nil {
		return fs.ReadFile(f.files, name)
	}
	return os.ReadFile(f.Path(filepath.FromSlash(name)))
}

// ReadDir lists a folder in the folder.
func (f *Folder) ReadDir(name string) ([]fs.DirEntry, error) {
	if f.files != nil {
		return fs.ReadDir(f.files, name)
	}
	return os.ReadDir(f.Path(filepath.FromSlash(name)))
}

// readFile is ReadFile with a *MissingError for a file that is not there.
func (f *Folder) readFile(name string) ([]byte, error) {
	text, err := f.ReadFile(name)
	return text, f.missing(name, err)
}

// readTableFile reads a CSV file of the folder.
func (f *Folder) readTableFile(name string, read func(*csvtable.Reader) error) error {
	if f.files == nil {
		return csvtable.ReadFile(f.Path(name), read)
	}
	file, err := f.files.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := csvtable.NewReader(file, f.Path(name))
	if err != nil {
		return err
	}
	return read(t)
}

// missing turns the error of a file that is not there into a *MissingError.
func (f *Folder) missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingError{f.Dir, name}
	}
	return err
}

// decode reads text, the content of a file with one JSON value, into value. Fields
// that value lacks are an error.
func (f *Folder) decode(name string, text []byte, value any) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(value)
	if err == nil {
		if _, after := decoder.Token(); after != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path(name), plainJSON(err))
	}
	return nil
}

// plainJSON says in plain words what is wrong with JSON that people or a full disk changed.
func plainJSON(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s has a value of the wrong kind: %s", cmp.Or(wrong.Field, "the file"), wrong.Value)
	}
	if err == io.EOF {
		return fmt.Errorf("the file is empty: %w", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file is cut short: %w", err)
	}
	return err
}

// writeJSON writes value as an indented JSON file of the folder.
func (f *Folder) writeJSON(name string, value any) error {
	if err := f.Writable(); err != nil {
		return err
	}
	return atomicfile.WriteFile(f.Path(name), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	})
}
