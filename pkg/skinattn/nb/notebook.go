package nb

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/filelock"

	"github.com/skinattn/skinattn/internal/userdir"
)

// The environment variables that are a notebook's parameters.
const (
	EnvData  = "SKINATTN_DATA"  // a HAM10000 folder; unset: synthetic lesions
	EnvScale = "SKINATTN_SCALE" // a Scale; unset: Demo
	EnvWork  = "SKINATTN_WORK"  // folder for the work folders; unset: in the user's cache folder
)

// Scale is the amount of computing in a notebook; the code is the same.
type Scale string

// The scales.
const (
	Demo Scale = "demo" // seconds for each step, for reading along
	Full Scale = "full" // the real data set and full training, hours
)

// scale reads $SKINATTN_SCALE.
func scale() (Scale, error) {
	s := Scale(cmp.Or(os.Getenv(EnvScale), string(Demo)))
	if s != Demo && s != Full {
		return "", fmt.Errorf("$%s is %q; it must be %s or %s", EnvScale, s, Demo, Full)
	}
	return s, nil
}

// ByScale returns demo or full, whichever scale $SKINATTN_SCALE names.
func ByScale[T any](demo, full T) T {
	if Must(scale()) == Full {
		return full
	}
	return demo
}

// Notebook holds the parameters and folders that the cells of a notebook share.
type Notebook struct {
	Name  string // of the file, without .ipynb
	Scale Scale
	// DataDir is the real HAM10000 folder, or the synthetic one that all notebooks
	// share.
	DataDir   string
	Synthetic bool
	// Dir is the notebook's work folder: one for each scale and kind of data.
	Dir string
	// RunDir holds the training runs of all notebooks of the scale and kind of
	// data.
	RunDir string
}

// Open returns the notebook of that name. In a notebook, declare it in the first
// cell as a package variable, var book = nb.Open("00_start"): every later cell
// then has it.
func Open(name string) *Notebook { return Must(open(name)) }

func open(name string) (*Notebook, error) {
	n := &Notebook{Name: name, DataDir: os.Getenv(EnvData)}
	var err error
	if n.Scale, err = scale(); err != nil {
		return nil, err
	}
	kind := "real"
	if n.DataDir == "" {
		n.Synthetic, kind = true, "synthetic"
	}
	base := filepath.Join(cmp.Or(os.Getenv(EnvWork), filepath.Join(userdir.Cache(), "notebooks")), kind+"-"+string(n.Scale))
	n.Dir, n.RunDir = filepath.Join(base, name), filepath.Join(base, "runs")
	if n.Synthetic {
		n.DataDir = filepath.Join(base, "data")
	}
	return n, nil
}

// Start shows the notebook's parameters and empties its work folder: every figure
// and table in the page is then made by the page's own code. Data and training runs
// lie elsewhere and stay, as other notebooks use them, too.
func (n *Notebook) Start() {
	Check(os.RemoveAll(n.Dir))
	Check(os.MkdirAll(n.Dir, 0o755))
	data := n.DataDir
	if n.Synthetic {
		data = "synthetic lesions ($" + EnvData + " is not set)"
	}
	Table([]string{"parameter", "value"}, [][]string{
		{"data", data}, {"scale", string(n.Scale)}, {"work folder", n.Dir}, {"training runs", n.RunDir},
	})
}

// Path is the path of a file or folder in the work folder.
func (n *Notebook) Path(elem ...string) string {
	return filepath.Join(append([]string{n.Dir}, elem...)...)
}

// exclusive runs f while no other process is in exclusive for the same path;
// notebooks may run side by side.
func exclusive(ctx context.Context, path string, f func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder for %s: %w", path, err)
	}
	lock, err := filelock.Acquire(ctx, path+".lock")
	if err != nil {
		return fmt.Errorf("waiting for another notebook to finish %s: %w", path, err)
	}
	defer lock.Release()
	return f()
}
