package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Files of a run folder.
const (
	ConfigFile      = "config.json"
	EnvironmentFile = "environment.json"
	SplitFile       = "split.csv"
	HistoryFile     = "history.csv"
	RecallFile      = "history-recall.csv"
	TensorBoardDir  = "tensorboard"
	MetricsFile     = "metrics.json"
	CheckpointDir   = "checkpoints"
	FiguresDir      = "figures"
	lockFile        = ".lock"
)

// PredictionsFile is the table of a part's predictions: "val" or "test".
func PredictionsFile(part string) string { return "predictions-" + part + ".csv" }

// Config is config.json: everything needed to train the run again.
type Config struct {
	Network spec.Network `json:"network"`
	// Regime is nil for a run made by importing a Keras file.
	Regime *spec.Regime `json:"regime,omitempty"`
	Data   Data         `json:"data"`
	// Init says where the first weights come from: "imagenet" (a Keras
	// applications file, whose SHA-256 follows), "random", or the imported file.
	Init       string `json:"init"`
	InitSHA256 string `json:"init_sha256,omitempty"`
	Seed       uint64 `json:"seed"`
	// FeatureCache says that the features of the frozen backbone were computed
	// once, before the training.
	FeatureCache bool `json:"feature_cache,omitempty"`
	// FastDevRun marks a run of a few batches, made to see whether all works.
	FastDevRun bool `json:"fast_dev_run,omitempty"`
}

// Data says what a run was trained on.
type Data struct {
	Protocol string `json:"protocol,omitempty"`
	// TestShare is there where it is not the protocol's own.
	TestShare   float64 `json:"test_share,omitempty"`
	SplitSHA256 string  `json:"split_sha256,omitempty"`
	// ImagesSHA256 is over the content of all images used, in order.
	ImagesSHA256 string `json:"images_sha256,omitempty"`
	// SourceSize is the size of the photos as they lie on disk, as "448x336".
	SourceSize string `json:"source_size,omitempty"`
}

// Folder is a run folder.
type Folder struct {
	Dir  string
	lock *flock.Flock
}

// Path is the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Open opens an existing run folder for reading.
func Open(dir string) (*Folder, error) {
	info, err := os.Stat(filepath.Join(dir, ConfigFile))
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a run folder: it has no %s; 'skinattn train' or 'skinattn weights import' makes one", dir, ConfigFile)
	}
	return &Folder{Dir: dir}, nil
}

// Create makes a new run folder, or with resume opens an existing one, for
// writing. A lock keeps a second process out; Close releases it. Without
// resume, a folder that holds anything but the beginnings of a run is an error.
func Create(dir string, resume bool) (*Folder, error) {
	if resume { // before anything is made
		if _, err := Open(dir); err != nil {
			return nil, fmt.Errorf("nothing to resume: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the run folder: %w", err)
	}
	f := &Folder{Dir: dir, lock: flock.New(filepath.Join(dir, lockFile))}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the run folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("run folder %s is in use by another process; wait for it or choose another --run", dir)
	}
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

// requireNew refuses a folder that is in use for something else. What a process
// leaves that is killed before it has written ConfigFile, its last file before
// training, is no run yet.
func (f *Folder) requireNew() error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return fmt.Errorf("reading the run folder: %w", err)
	}
	beginnings := []string{lockFile, EnvironmentFile, SplitFile, filepath.Base(split.SummaryPath(SplitFile))}
	for _, e := range entries {
		if !slices.Contains(beginnings, e.Name()) && !atomicfile.IsTemporary(e.Name()) {
			return fmt.Errorf("run folder %s is not empty (it has %s); add --resume to go on with it or choose another --run", f.Dir, e.Name())
		}
	}
	return nil
}

// removeLeftovers removes what a killed process was writing: the lock says
// that nobody writes now.
func (f *Folder) removeLeftovers() error {
	for dir, leftover := range map[string]func(name string) bool{
		f.Dir:                 atomicfile.IsTemporary,
		f.Path(CheckpointDir): func(name string) bool { return strings.HasPrefix(name, savingPrefix) },
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

// Close releases the lock.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Unlock()
}

// WriteJSON writes value as an indented JSON file of the folder.
func (f *Folder) WriteJSON(name string, value any) error {
	return atomicfile.WriteFile(f.Path(name), func(w io.Writer) error { return encodeIndented(w, value) })
}

// ReadJSON reads a JSON file of the folder into value; fields that value does
// not have are an error.
func (f *Folder) ReadJSON(name string, value any) error {
	file, err := os.Open(f.Path(name))
	if err != nil {
		return fmt.Errorf("reading the run: %w", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("reading %s: %w", f.Path(name), err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("reading %s: more than one value", f.Path(name))
	}
	return nil
}

// Config reads config.json.
func (f *Folder) Config() (Config, error) {
	var cfg Config
	err := f.ReadJSON(ConfigFile, &cfg)
	return cfg, err
}

// Exists says whether the folder has a file of that name.
func (f *Folder) Exists(name string) bool {
	_, err := os.Stat(f.Path(name))
	return !errors.Is(err, os.ErrNotExist)
}
