package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Forms of Keras files.
const (
	FormApplications = "applications" // ImageNet weights, with or without top
	FormSaveWeights  = "save_weights" // Model.save_weights of the authors' network
	FormModel        = "model"        // the authors' network as a whole model
)

// ImportOptions say which Keras file is imported, as what, and where to.
type ImportOptions struct {
	Keras    string // the file, or an npy folder
	Backbone string
	Dir      string // the run folder to make; not needed for ImageNet weights

	// What the file does not say, or not clearly enough. Empty: as the file has
	// it, and else as the authors had it.
	Cut          string // Keras layer after which the backbone ends
	Size         int    // pixels
	ChannelOrder imaging.Order
	Preprocess   imaging.Preprocess
	// AttentionWindow is spec.Network's. Keras on a CPU computes with the one
	// in the center, so networks trained there need it.
	AttentionWindow string

	// Log, if not nil, gets lines for people.
	Log func(line string)
}

func (o ImportOptions) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// Report says what a Keras file is and whether it fits a network.
type Report struct {
	File         string `json:"file"`
	SHA256       string `json:"sha256,omitempty"`
	Form         string `json:"form,omitempty"` // one of the Form constants
	KerasVersion string `json:"keras_version,omitempty"`
	Tensors      int    `json:"tensors"`
	Parameters   int    `json:"parameters"`

	Backbone string `json:"backbone"`
	Cut      string `json:"cut,omitempty"`
	// Network is the network that the file holds; nil for ImageNet weights.
	Network *spec.Network `json:"network,omitempty"`

	Fits      bool     `json:"fits"`
	Variables int      `json:"variables"`    // of the network (up to the cut for ImageNet weights)
	Used      int      `json:"tensors_used"` // tensors that fill one
	Unused    []string `json:"unused"`       // tensors up to the cut without a variable, as "layer: name"
	Problems  []string `json:"problems"`     // empty if it fits
}

// Check says which form of Keras file opts.Keras is and whether it fits
// opts.Backbone: every tensor up to the cut used once, every variable filled
// once. The error is the first of the report's problems.
func Check(opts ImportOptions) (Report, error) {
	found, err := examine(opts)
	report := found.Report
	if err != nil {
		report.Problems = append(report.Problems, err.Error())
		return report, err
	}
	for _, problem := range found.fit.Problems {
		report.Problems = append(report.Problems, problem.Error())
	}
	return report, found.fit.Err()
}

// Imported is what Import made.
type Imported struct {
	Report
	Run       string `json:"run,omitempty"`       // the run folder
	Installed string `json:"installed,omitempty"` // where ImageNet weights were copied to
}

// ErrNoRunFolder says that ImportOptions.Dir is empty and should not be.
var ErrNoRunFolder = errors.New("the run folder to make of it is not named")

// Import takes a Keras file in. One of the authors' network becomes the run
// folder opts.Dir, with the weights as its best checkpoint; ImageNet weights
// are installed at Path, where training looks for them, and opts.Dir is
// not touched: a network without a trained head predicts nothing.
//
// A file that does not fit is an error, and so is a folder that holds anything;
// nothing is then left behind.
func Import(opts ImportOptions) (Imported, error) {
	found, err := examine(opts)
	if err == nil {
		err = found.fit.Err()
	}
	imported := Imported{Report: found.Report}
	if err != nil {
		return imported, err
	}
	if found.Form == FormApplications {
		imported.Installed, err = install(opts, found)
		return imported, err
	}
	if opts.Dir == "" {
		return imported, fmt.Errorf("%s holds a trained network: %w", opts.Keras, ErrNoRunFolder)
	}
	if err := makeRun(opts, found); err != nil {
		return imported, fmt.Errorf("importing %s: %w", opts.Keras, err)
	}
	imported.Run = opts.Dir
	return imported, nil
}

// install copies ImageNet weights to where training looks for them. Other
// weights there that fit too are not overwritten.
func install(opts ImportOptions, found *examined) (string, error) {
	path, err := Path(opts.Backbone)
	if err != nil {
		return "", err
	}
	if there, err := SHA256(path); err == nil {
		if there == found.SHA256 {
			return path, nil
		}
		if fitsApplications(path, opts.Backbone) == nil {
			return "", fmt.Errorf("installing %s: %s is there with other weights; remove it first, or train with --weights %s", opts.Keras, path, opts.Keras)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("installing %s: %w", opts.Keras, err)
	}
	err = atomicfile.WriteFile(path, func(w io.Writer) error {
		if isFolder(opts.Keras) {
			return found.file.Write(w)
		}
		in, err := os.Open(opts.Keras)
		if err != nil {
			return err
		}
		defer in.Close()
		hash := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, hash), in); err != nil {
			return err
		}
		if hex.EncodeToString(hash.Sum(nil)) != found.SHA256 {
			return fmt.Errorf("%s changed while it was read", opts.Keras)
		}
		return nil
	})
	return path, err
}

// makeRun builds the run folder beside its place and moves it there whole.
func makeRun(opts ImportOptions, found *examined) error {
	dir, err := emptyPlace(RunFolder, opts.Dir)
	if err != nil {
		return err
	}
	return placeFolder(dir, ".importing-", func(temporary string) error {
		store := model.NewStore()
		if err := found.fit.Load(store); err != nil {
			return err
		}
		cfg := run.Config{Network: found.net.Network, Init: "keras " + filepath.Base(opts.Keras), InitSHA256: found.SHA256}
		// Nothing is computed, so there is no engine to tell of.
		environment := run.CurrentEnvironment("none", "")
		folder := &run.Folder{Dir: temporary} // unlocked: nobody knows it
		return errors.Join(
			folder.WriteConfig(cfg),
			folder.WriteEnvironment(environment),
			checkpoint.Save(folder, checkpoint.Best, "imported", store, struct{}{}))
	})
}

// placeFolder has fill write into a temporary folder beside dir, which is empty
// or not there, and renames it to dir. mark is part of the temporary name.
func placeFolder(dir, mark string, fill func(temporary string) error) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+mark)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := errors.Join(fill(temporary), os.Chmod(temporary, 0o755)); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty folder
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(parent)
}

// RunFolder is OccupiedError.What for the folder of an imported run.
const RunFolder = "run folder"

// OccupiedError says that the place for a result holds something already.
type OccupiedError struct {
	What string // RunFolder, "folder" or "file"
	Path string
	File string // an entry of the folder
}

func (e *OccupiedError) Error() string {
	if e.File == "" {
		return e.Path + " exists"
	}
	return fmt.Sprintf("%s %s is not empty (it has %s)", e.What, e.Path, e.File)
}

// emptyPlace is the absolute path of a folder that is empty or not there. One that
// holds something is an *OccupiedError.
func emptyPlace(what, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return dir, nil
	case err != nil:
		return "", fmt.Errorf("the %s %s: %w", what, dir, err)
	case len(entries) > 0:
		return "", &OccupiedError{what, dir, entries[0].Name()}
	}
	return dir, nil
}

// examined is a Keras file with the network that it was found to hold.
type examined struct {
	Report
	file *keras.File
	net  *skinattn.Network
	fit  *Match
}
