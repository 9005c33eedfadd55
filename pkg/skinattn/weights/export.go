package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
)

// Formats of Export.
const (
	FormatH5     = "h5"     // a file of Keras 2's Model.save_weights
	FormatKeras3 = "keras3" // a whole model for Keras 3, a .keras file
	FormatNPY    = "npy"    // a folder of .npy files with an index
)

// ExportOptions name the run, and the file or folder to write.
type ExportOptions struct {
	Run    string // the run folder; empty: the released model
	Out    string // the file or, for FormatNPY, the folder to make
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
	// AttentionWindow says which channels Soft-Attention looks at on every backend of Keras
	// 3; nil in other formats, which hold weights alone.
	AttentionWindow *AttentionWindow `json:"attention_window,omitempty"`
}

// ErrNotKeras says that the file for FormatKeras3 has another name than Keras loads.
var ErrNotKeras = errors.New("the name does not end in .keras, and Keras loads such files only")

// Export writes a run's best weights for Keras: the authors' network, built in
// Keras 2, takes an h5 file with load_weights, and Keras 3 loads a .keras file as a
// whole model. Import reads all formats back.
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
	exported.Backbone = net.Backbone
	switch opts.Format {
	case FormatH5, FormatNPY:
		var file *keras.File
		if file, err = KerasFile(net, store); err != nil {
			break
		}
		exported.Layers, exported.Tensors = len(file.Layers), len(file.Tensors)
		for _, t := range file.Tensors {
			exported.Parameters += len(t.Data)
		}
		if opts.Format == FormatH5 {
			err = writeFile(file.Write, opts.Out)
		} else {
			err = placeFolder("folder", opts.Out, ".exporting-", file.WriteFolder)
		}
	case FormatKeras3:
		var archive *keras.Archive
		if !strings.HasSuffix(opts.Out, ".keras") {
			err = fmt.Errorf("%s: %w", opts.Out, ErrNotKeras)
			break
		}
		if archive, err = Archive(net, store); err != nil {
			break
		}
		exported.Layers, exported.AttentionWindow = len(archive.Layers), windowOf(net, true, "the file cuts them out, so every backend reads the same")
		for _, layer := range archive.Layers {
			exported.Tensors += len(layer.Variables)
			for _, t := range layer.Variables {
				exported.Parameters += len(t.Data)
			}
		}
		err = writeFile(archive.Write, opts.Out)
	default:
		err = fmt.Errorf("format %q is unknown; it must be %s, %s or %s", opts.Format, FormatH5, FormatKeras3, FormatNPY)
	}
	if err != nil {
		return exported, fmt.Errorf("exporting %s: %w", folder.Dir, err)
	}
	exported.SHA256, err = fileOrFolderSHA256(opts.Out)
	return exported, err
}

// writeFile writes a new file.
func writeFile(write func(io.Writer) error, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &OccupiedError{What: "file", Path: path}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, write)
}
