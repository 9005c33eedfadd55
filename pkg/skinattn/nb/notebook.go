package nb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// The environment variables that are a notebook's parameters.
const (
	EnvData  = "SKINATTN_DATA"  // a HAM10000 folder; unset: synthetic lesions
	EnvScale = "SKINATTN_SCALE" // a Scale; unset: Demo
	EnvWork  = "SKINATTN_WORK"  // folder for the work folders; unset: in the user's cache folder
)

// Scale says how much a notebook computes; the code is the same.
type Scale string

// The scales.
const (
	Demo Scale = "demo" // seconds a step, for reading along
	Full Scale = "full" // the real thing, hours
)

// scale reads $SKINATTN_SCALE.
func scale() (Scale, error) {
	switch s := Scale(os.Getenv(EnvScale)); s {
	case "":
		return Demo, nil
	case Demo, Full:
		return s, nil
	default:
		return "", fmt.Errorf("$%s is %q; it must be %s or %s", EnvScale, s, Demo, Full)
	}
}

// ByScale is demo or full, as $SKINATTN_SCALE has it.
func ByScale[T any](demo, full T) T {
	if Must(scale()) == Full {
		return full
	}
	return demo
}

// SyntheticSeed draws the synthetic lesions of all notebooks.
const SyntheticSeed = 1

// syntheticMarker is there when a notebook's synthetic set is complete: the
// generator writes it last.
const syntheticMarker = synthetic.MetadataFile

// Notebook is what the cells of one notebook share: its parameters and a work
// folder.
type Notebook struct {
	Name  string // of the file, without .ipynb
	Scale Scale
	// DataDir is the HAM10000 folder: real, or the notebook's own synthetic one.
	DataDir   string
	Synthetic bool
	// Dir is the work folder. Scales and kinds of data have one each.
	Dir string
}

// Open returns the notebook of that name. In a notebook, declare it in the first
// cell as a package variable, var book = nb.Open("01_first_run"): every later
// cell then has it. It also starts the cell's program again in the environment
// that XLA runs best in (see engine.TuneProcess).
func Open(name string) *Notebook {
	if gonbui.IsNotebook {
		engine.TuneProcess()
	}
	return Must(open(name))
}

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
	base := os.Getenv(EnvWork)
	if base == "" {
		base = filepath.Join(imaging.DefaultCacheDir(), "notebooks")
	}
	n.Dir = filepath.Join(base, name, kind+"-"+string(n.Scale))
	if n.Synthetic {
		n.DataDir = n.Path("data")
	}
	return n, nil
}

// Start shows the notebook's parameters. At demo scale it also empties the work
// folder, so that everything the page then shows was made by the code in it; at
// full scale hours of work may lie there, and stay.
func (n *Notebook) Start() {
	if n.Scale == Demo {
		Check(os.RemoveAll(n.Dir))
	}
	Check(os.MkdirAll(n.Dir, 0o755))
	data := n.DataDir
	if n.Synthetic {
		data = "synthetic lesions ($" + EnvData + " is not set)"
	}
	Table([]string{"parameter", "value"}, [][]string{
		{"data", data}, {"scale", string(n.Scale)}, {"work folder", n.Dir},
	})
}

// Path is the path of a file or folder in the work folder.
func (n *Notebook) Path(elem ...string) string {
	return filepath.Join(append([]string{n.Dir}, elem...)...)
}

// Run returns the folder of a training run, and whether to go on with a run that
// is there already. At demo scale an earlier run of the name is removed; at full
// scale it is kept, and gone on with from where it stopped.
func (n *Notebook) Run(name string) (dir string, resume bool) {
	dir = n.Path(name)
	if n.Scale == Demo {
		Check(os.RemoveAll(dir))
		return dir, false
	}
	_, err := os.Stat(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		Check(err)
	}
	return dir, err == nil
}

// Data opens the HAM10000 folder. Without a real one, it draws a set of so many
// synthetic photos with masks first, unless the notebook has done so before.
func (n *Notebook) Data(ctx context.Context, images int) *ham10000.Dataset {
	return Must(n.data(ctx, images))
}

func (n *Notebook) data(ctx context.Context, images int) (*ham10000.Dataset, error) {
	if n.Synthetic {
		_, err := os.Stat(filepath.Join(n.DataDir, syntheticMarker))
		if errors.Is(err, fs.ErrNotExist) {
			opts := synthetic.Options{Images: images, Seed: SyntheticSeed, Masks: true}
			err = synthetic.Generate(ctx, n.DataDir, opts, Progress("drawing synthetic lesions"))
		}
		if err != nil {
			return nil, err
		}
	}
	return ham10000.Open(n.DataDir)
}

// Weights says what training starts from: at full scale the file with the
// backbone's ImageNet weights, at demo scale pipeline.RandomWeights.
func (n *Notebook) Weights(backbone string) string {
	if n.Scale == Demo {
		return pipeline.RandomWeights
	}
	return Must(pipeline.WeightsPath(backbone))
}
