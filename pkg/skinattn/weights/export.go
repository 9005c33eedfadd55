package weights

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
)

// Formats of Export.
const (
	FormatH5  = "h5"  // a file of Keras's Model.save_weights
	FormatNPY = "npy" // a folder of .npy files with an index
)

// ExportOptions name the run, and the file or folder to write.
type ExportOptions struct {
	Run    string // the run folder; empty: the released model
	Out    string // the file (FormatH5) or folder (FormatNPY) to make
	Format string
	// Log, if not nil, gets lines for people.
	Log func(line string)
}

// Exported describes the file or folder that Export wrote.
type Exported struct {
	Run        string `json:"run"`
	Out        string `json:"out"`
	Format     string `json:"format"`
	SHA256     string `json:"sha256"` // for an npy folder the SHA-256 of what sha256sum prints for its files
	Backbone   string `json:"backbone"`
	Layers     int    `json:"layers"`
	Tensors    int    `json:"tensors"`
	Parameters int    `json:"parameters"`
}

// Export writes a run's best weights for Keras: the authors' network, built in
// Keras 2, takes an h5 file with load_weights. Import reads both formats back.
// A file, or a folder that holds anything, at opts.Out is an *OccupiedError. A failure
// leaves nothing behind.
func Export(opts ExportOptions) (Exported, error) {
	exported := Exported{Run: opts.Run, Out: opts.Out, Format: opts.Format}
	folder, err := models.Open(opts.Run)
	if err != nil {
		return exported, err
	}
	exported.Run = folder.Dir
	net, store, err := checkpoint.LoadWeights(folder, opts.Log)
	if err != nil {
		return exported, err
	}
	file, err := KerasFile(net, store)
	if err != nil {
		return exported, fmt.Errorf("exporting %s: %w", folder.Dir, err)
	}
	exported.Backbone, exported.Layers, exported.Tensors = net.Backbone, len(file.Layers), len(file.Tensors)
	for _, t := range file.Tensors {
		exported.Parameters += len(t.Data)
	}
	switch opts.Format {
	case FormatH5:
		err = writeH5(file, opts.Out)
	case FormatNPY:
		err = placeFolder("folder", opts.Out, ".exporting-", file.WriteFolder)
	default:
		err = fmt.Errorf("format %q is unknown; it must be %s or %s", opts.Format, FormatH5, FormatNPY)
	}
	if err != nil {
		return exported, fmt.Errorf("exporting %s: %w", folder.Dir, err)
	}
	exported.SHA256, err = fileOrFolderSHA256(opts.Out)
	return exported, err
}

func writeH5(file *keras.File, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &OccupiedError{What: "file", Path: path}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, file.Write)
}
