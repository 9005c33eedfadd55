package weights

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Forms of Keras files.
const (
	FormApplications = "applications" // ImageNet weights, with or without top
	FormSaveWeights  = "save_weights" // Model.save_weights of the authors' network
	FormModel        = "model"        // the authors' network as a whole model
)

// ImportOptions name a Keras file, the network in it and the run folder to make.
type ImportOptions struct {
	Keras    string // the Keras file, or an npy folder
	Backbone string
	Dir      string // the run folder to make; not needed for ImageNet weights

	// Options of the network that the file leaves open. The zero value takes the value
	// in the file or, where the file has none, the authors'.
	Cut          string // Keras layer after which the backbone ends
	Size         int    // pixels
	ChannelOrder imaging.Order
	Preprocess   imaging.Preprocess
	// AttentionWindow is FirstWindow or spec.CenterWindow. Networks that TensorFlow trained
	// on a CPU need spec.CenterWindow, for that is the window of its CPU kernel.
	AttentionWindow string

	// Log, if not nil, gets lines for people.
	Log func(line string)
}

func (o ImportOptions) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// Report describes a Keras file and reports whether it fits a network.
type Report struct {
	File         string `json:"file"`
	SHA256       string `json:"sha256,omitempty"`
	Form         string `json:"form,omitempty"` // one of the Form constants
	KerasVersion string `json:"keras_version,omitempty"`
	Layout       string `json:"layout,omitempty"` // a keras.Layout
	Tensors      int    `json:"tensors"`
	Parameters   int    `json:"parameters"`

	Backbone string `json:"backbone"`
	Cut      string `json:"cut,omitempty"`
	// Network is the network that the file holds; nil for ImageNet weights.
	Network *spec.Network `json:"network,omitempty"`
	// AttentionWindow says which channels the network's Soft-Attention looks at; nil
	// without one.
	AttentionWindow *AttentionWindow `json:"attention_window,omitempty"`

	Fits      bool     `json:"fits"`
	Variables int      `json:"variables"`    // variables of the network (up to the cut for ImageNet weights)
	Used      int      `json:"tensors_used"` // tensors that fill a variable
	Unused    []string `json:"unused"`       // tensors up to the cut without a variable, as "layer: name"
	Problems  []string `json:"problems"`     // empty if it fits
}

// Check reports the form of the Keras file opts.Keras and whether the file fits
// opts.Backbone: every tensor up to the cut used once, every variable filled once. The
// error is the first of the report's problems, a *MismatchError if variables or tensors
// are left over.
func Check(opts ImportOptions) (Report, error) {
	ins, err := inspect(opts)
	report := ins.Report
	if err != nil {
		report.Problems = append(report.Problems, err.Error())
		return report, err
	}
	for _, problem := range ins.match.Problems {
		report.Problems = append(report.Problems, problem.Error())
	}
	return report, ins.match.Err()
}

// Imported describes the file, and what Import made of it.
type Imported struct {
	Report
	Run       string `json:"run,omitempty"`       // the run folder
	Installed string `json:"installed,omitempty"` // the copy of ImageNet weights
}

// ErrNoRunFolder says that ImportOptions.Dir is empty although the file holds a trained
// network.
var ErrNoRunFolder = errors.New("the run folder to make of it is not named")

// OtherWeightsError says that ImageNet weights are not installed because other weights
// that fit the backbone, too, are installed at Path.
type OtherWeightsError struct{ Keras, Path string }

func (e *OtherWeightsError) Error() string {
	return fmt.Sprintf("installing %s: %s is there with other weights", e.Keras, e.Path)
}

// Import takes a Keras file in. The authors' network becomes the run folder opts.Dir,
// with the weights as its best checkpoint. ImageNet weights are installed at Path, where
// training looks for them, and opts.Dir is not touched: a network without a trained head
// predicts nothing.
//
// A file that does not fit is a *MismatchError, a run folder that holds anything an
// *OccupiedError, and other installed ImageNet weights are an *OtherWeightsError. A
// failure leaves nothing behind.
func Import(opts ImportOptions) (Imported, error) {
	ins, err := inspect(opts)
	if err == nil {
		err = ins.match.Err()
	}
	imported := Imported{Report: ins.Report}
	switch {
	case err != nil:
		return imported, err
	case ins.Form == FormApplications:
		imported.Installed, err = install(opts, ins)
		return imported, err
	case opts.Dir == "":
		return imported, fmt.Errorf("%s holds a trained network: %w", opts.Keras, ErrNoRunFolder)
	}
	err = placeFolder(RunFolder, opts.Dir, ".importing-", func(temporary string) error {
		store := model.NewStore()
		if err := ins.match.Load(store); err != nil {
			return err
		}
		cfg := run.Config{Network: ins.net.Network, Init: "keras " + filepath.Base(opts.Keras), InitSHA256: ins.SHA256}
		folder := &run.Folder{Dir: temporary} // unlocked: no other process knows the folder
		return errors.Join(
			folder.WriteConfig(cfg),
			folder.WriteEnvironment(run.CurrentEnvironment("none", "")), // nothing is computed
			checkpoint.Save(folder, checkpoint.Best, "imported", store, struct{}{}))
	})
	if err != nil {
		return imported, fmt.Errorf("importing %s: %w", opts.Keras, err)
	}
	imported.Run = opts.Dir
	return imported, nil
}

// install copies ImageNet weights to the place where training looks for them, in the
// layout of Keras's own files, and writes down its SHA-256. It overwrites a file there only
// if the file does not fit the backbone, or is not as it was installed.
func install(opts ImportOptions, ins *inspection) (string, error) {
	path, err := Path(opts.Backbone)
	if err != nil {
		return "", err
	}
	if err := atomicfile.CheckPlace(path); err != nil {
		return "", fmt.Errorf("installing %s: %w", opts.Keras, err)
	}
	if installed, err := SHA256(path); err == nil {
		want := ins.SHA256
		if !ins.isH5() {
			sum := sha256.New()
			if err := ins.file.Write(sum); err != nil {
				return "", fmt.Errorf("installing %s: %w", opts.Keras, err)
			}
			want = fmt.Sprintf("%x", sum.Sum(nil))
		}
		if installed == want {
			return path, recordInstalled(path)
		}
		if then, err := recorded(path); err == nil && (then == "" || then == installed) && fitsApplications(path, opts.Backbone) == nil {
			return "", &OtherWeightsError{opts.Keras, path}
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("installing %s: %w", opts.Keras, err)
	}
	err = atomicfile.WriteFile(path, func(w io.Writer) error {
		if !ins.isH5() {
			return ins.file.Write(w)
		}
		digest, err := copyDigest(w, opts.Keras)
		if err == nil && digest != ins.SHA256 {
			err = fmt.Errorf("%s changed while it was read", opts.Keras)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return path, recordInstalled(path)
}

// recordInstalled writes down the SHA-256 of the file at path, which is as it should be.
func recordInstalled(path string) error {
	sum, err := SHA256(path)
	if err == nil {
		err = record(path, sum)
	}
	return err
}
