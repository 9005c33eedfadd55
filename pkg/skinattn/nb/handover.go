package nb

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// Save keeps a value for later cells, which get it from [Load]: exported fields
// of structs, slices, maps and so on, as encoding/gob takes them.
func (n *Notebook) Save(name string, value any) { Check(n.save(name, value)) }

func (n *Notebook) save(name string, value any) error {
	path := n.Path(name + ".gob")
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = atomicfile.WriteFile(path, func(w io.Writer) error { return gob.NewEncoder(w).Encode(value) })
	}
	if err != nil {
		return fmt.Errorf("keeping %s for later cells: %w", name, err)
	}
	return nil
}

// Load returns the value that an earlier cell has kept with [Notebook.Save].
func Load[T any](n *Notebook, name string) T { return Must(load[T](n, name)) }

func load[T any](n *Notebook, name string) (value T, err error) {
	file, err := os.Open(n.Path(name + ".gob"))
	if err != nil {
		return value, fmt.Errorf("%w; run the cell above that keeps %s", err, name)
	}
	defer file.Close()
	if err := gob.NewDecoder(file).Decode(&value); err != nil {
		return value, fmt.Errorf("reading %s: %w; run the cell above that keeps it again", name, err)
	}
	return value, nil
}
